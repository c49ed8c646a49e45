/** What mostly waits: one test, so that all of it waits side by side. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { EXIT } from "../../lib/base/mod.ts";
import { type Finished, freePort, moim, withTempDir } from "../support/moim.ts";

const DEV = { MOIM_NETWORK: "dev" };

Deno.test("a held folder is exit 8, an unreachable peer exit 4; the demo tells its story", () =>
  withTempDir(async (dir) => {
    const all = [
      heldFolder(join(dir, "held")),
      noPeer(join(dir, "alone")),
      demo(join(dir, "demo")),
    ];
    const failed = (await Promise.allSettled(all)).filter(({ status }) => status === "rejected");
    assert.deepEqual(failed, []);
  }));

/** Found by DHT, mints alone, remembered, pays; exit 0, its folder removed. */
async function demo(dataDir: string): Promise<void> {
  await Deno.mkdir(dataDir);
  const options = { dataDir, env: { TMPDIR: dataDir } };
  const { code, stdout, stderr } = await moim(["demo", "--fast"], options);
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /through the DHT/);
  assert.match(stdout, /remembers its peers/);
  assert.match(stdout, /the same balances/);
  assert.match(stdout, /\d s {2}The end\. Your turn: moim start\n$/);
  assert.doesNotMatch(stdout, /the second node says/);
  assert.deepEqual([...Deno.readDirSync(dataDir)], []);
}

/** The lock is held, and api.json names a port that another program has taken over. */
async function heldFolder(dataDir: string): Promise<void> {
  await Deno.mkdir(dataDir);
  using lock = await Deno.open(join(dataDir, "lock"), { write: true, create: true });
  await lock.lock(true);
  const asked: Headers[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    asked.push(request.headers);
    return Response.json({ instanceId: "somebody else" });
  });
  const { port } = server.addr;
  const entry = { host: "127.0.0.1", port, token: "secret", instanceId: "ours" };
  await Deno.writeTextFile(join(dataDir, "api.json"), JSON.stringify(entry));
  refused(await moim(["balance"], { dataDir, env: DEV }), EXIT.inUse, /another program holds it/);
  await server.shutdown();
  assert.ok(asked.length > 0, "api.json was not looked at");
  assert.ok(asked.every((headers) => !headers.has("authorization")), "the token was sent");
}

async function noPeer(dataDir: string): Promise<void> {
  const options = { dataDir, env: DEV };
  for (const args of [["wallet", "new", "w1"], ["mint", "w1", "--count", "2"]]) {
    assert.equal((await moim(args, options)).code, EXIT.ok);
  }
  const send = ["send", "-from", "w1", "-to", "w1", "-amount", "1"];
  const named = await moim([...send, "-peer", `127.0.0.1:${freePort()}`], options);
  refused(named, EXIT.unreachable, /nothing was sent/);
}

function refused({ code, stdout, stderr }: Finished, wanted: number, line: RegExp): void {
  assert.equal(code, wanted, stderr);
  assert.equal(stdout, "");
  assert.match(stderr, line);
  assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
}
