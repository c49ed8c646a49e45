/** A real `moim start` between its first line and `ready`. */
import { strict as assert } from "node:assert";
import { join } from "node:path";
import { moimJson, MoimNode, withTempDir } from "../support/moim.ts";

const START = ["start", "--rendezvous", "start test", "--port", "0"];

Deno.test("Ctrl-C during the start ends it cleanly", () =>
  withTempDir(async (dir) => {
    const node = MoimNode.spawn(START, { dataDir: dir });
    await node.waitFor(/^chain {2}/m);
    assert.equal(await node.interrupt(), 0);
    assert.match(node.output, /^stopping …$/m);
    assert.match(node.output, /^stopped$/m);
    assert.equal(node.stderr, "");
    await assert.rejects(Deno.stat(join(dir, "api.json")), Deno.errors.NotFound);
  }));

Deno.test("a command reaches a node that has just opened its chain, and can end it", () =>
  withTempDir(async (dir) => {
    const node = MoimNode.spawn(START, { dataDir: dir });
    await node.waitFor(/^chain {2}/m);
    const status = await moimJson(["status"], { dataDir: dir });
    assert.equal(status.running, true);
    assert.ok(["starting", "idle"].includes(status.sync.phase));
    assert.equal(await node.interrupt(), 0);
  }));
