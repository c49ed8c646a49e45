/** The demo tells its story to the end, and leaves nothing behind. */
import assert from "node:assert/strict";
import { moim, withTempDir } from "../support/moim.ts";

Deno.test("demo: found by DHT, mints alone, remembered, pays; exit 0, folder removed", () =>
  withTempDir(async (dir) => {
    const { code, stdout, stderr } = await moim(["demo", "--fast"], { dataDir: dir, env: { TMPDIR: dir } });
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /through the DHT/);
    assert.match(stdout, /remembers its peers/);
    assert.match(stdout, /the same balances/);
    assert.match(stdout, /\d s  The end\. Your turn: moim start\n$/);
    assert.doesNotMatch(stdout, /the second node says/);
    assert.deepEqual([...Deno.readDirSync(dir)], []);
  }));
