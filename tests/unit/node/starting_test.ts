import assert from "node:assert/strict";
import { join } from "node:path";
import { EXIT, UserError } from "../../../lib/base/errors.ts";
import { type Flags, type NodeConfig, resolveConfig, startNode } from "../../../lib/node/mod.ts";
import { portAfter } from "../../../lib/node/p2p_port.ts";
import { withTempDir } from "../../support/moim.ts";

/** Libp2p leaves timers and sockets to the garbage collector; the process is what frees them. */
const REAL = { sanitizeOps: false, sanitizeResources: false };

/** A node that no other can find. */
function configOf(dataDir: string, flags: Flags = {}): NodeConfig {
  return resolveConfig({
    flags: { dataDir, rendezvous: "starting", port: "0", lan: "off", dht: "off", ...flags },
    env: {},
    readText: () => undefined,
    os: Deno.build.os,
  });
}

const start = (config: NodeConfig) => startNode(config, { mode: "online" });

const isError = (exitCode: number, message?: RegExp) => (error: unknown) =>
  error instanceof UserError && error.exitCode === exitCode &&
  (message?.test(error.message) ?? true);

const listenOn = (port: number) => Deno.listen({ hostname: "0.0.0.0", port });

Deno.test(
  "a node answers while its network is still to come, and says so",
  REAL,
  () =>
    withTempDir(async (dir) => {
      const node = await start(configOf(dir));
      const before = await node.status();
      assert.equal(before.running, true);
      assert.deepEqual(before.sync, { phase: "starting", height: 0, targetHeight: 0 });
      assert.deepEqual([before.peers, before.addresses, before.peerId], [0, [], undefined]);
      assert.deepEqual(await node.peers(), []);
      assert.equal((await node.chain({ limit: 1 })).height, 0);

      await node.goOnline();
      const after = await node.status();
      assert.equal(after.sync.phase, "idle");
      assert.ok(after.addresses.some((address) => address.includes(`/tcp/${node.p2pPort}/`)));
      await node.close();
    }),
);

Deno.test("a call that needs the network waits for it", REAL, () =>
  withTempDir(async (dir) => {
    const node = await start(configOf(dir));
    const { state } = await node.addPeer("127.0.0.1:9");
    assert.equal(state, "trying");
    assert.ok((await node.status()).addresses.length > 0);
    await node.goOnline();
    await node.close();
  }));

Deno.test("a minter begins when the network is up", REAL, () =>
  withTempDir(async (dir) => {
    const wallet = await start(configOf(dir));
    await wallet.walletNew("w1");
    await wallet.close();
    const node = await start(configOf(dir, { minter: "w1" }));
    assert.equal((await node.status()).minter, undefined);
    await node.goOnline();
    assert.equal((await node.status()).minter?.state, "waiting for payments");
    await node.close();
  }));

Deno.test(
  "a node that is closed while its network comes up leaves the folder free",
  REAL,
  () =>
    withTempDir(async (dir) => {
      const node = await start(configOf(dir));
      const interrupted = assert.rejects(node.goOnline(), isError(EXIT.interrupted));
      const waiting = assert.rejects(node.addPeer("127.0.0.1:9"), isError(EXIT.interrupted));
      await Promise.all([node.close(), interrupted, waiting]);
      listenOn(node.p2pPort).close(); // Nobody listens there any more.

      const next = await start(configOf(dir));
      await next.close();
      await assert.rejects(next.goOnline(), isError(EXIT.interrupted));
    }),
);

Deno.test("a P2P port that is busy is told before anything is made", () =>
  withTempDir(async (dir) => {
    const other = listenOn(0);
    const port = String(other.addr.port);
    const busy = isError(EXIT.failed, new RegExp(`^Cannot listen on port ${port}: it is in use`));
    const data = join(dir, "data");
    await assert.rejects(start(configOf(data, { port })), busy);
    await assert.rejects(Deno.stat(data), Deno.errors.NotFound);
    other.close();
  }));

Deno.test(
  "a P2P port that is taken meanwhile is told all the same",
  REAL,
  () =>
    withTempDir(async (dir) => {
      const free = listenOn(0);
      free.close();
      const node = await start(configOf(dir, { port: String(free.addr.port) }));
      assert.equal(node.p2pPort, free.addr.port);
      const other = listenOn(node.p2pPort);
      await assert.rejects(node.goOnline(), isError(EXIT.failed, /^Cannot listen on port \d+: /));
      await assert.rejects(node.addPeer("127.0.0.1:9"), isError(EXIT.failed, /in use/));
      await node.close();
      other.close();
    }),
);

Deno.test(
  "a free P2P port that is taken meanwhile is replaced by another",
  REAL,
  () =>
    withTempDir(async (dir) => {
      const node = await start(configOf(dir, { port: "0" }));
      const other = listenOn(node.p2pPort);
      await node.goOnline();
      const { addresses } = await node.status();
      assert.ok(addresses.length > 0);
      assert.ok(!addresses.some((address) => address.includes(`/tcp/${node.p2pPort}/`)));
      await node.close();
      other.close();
    }),
);

Deno.test("only a port that nobody asked for moves on, and not for ever", () => {
  const config = (port: number, portRequested: boolean) => ({
    ...configOf("/nowhere"),
    port,
    portRequested,
  });
  assert.equal(portAfter(config(3000, false), 3000), 3001);
  assert.equal(portAfter(config(3000, false), 3099), 3100);
  assert.throws(() => portAfter(config(3000, false), 3100), isError(EXIT.failed));
  assert.throws(() => portAfter(config(65535, false), 65535), isError(EXIT.failed));
  assert.throws(() => portAfter(config(3000, true), 3000), isError(EXIT.failed));
  assert.equal(portAfter(config(0, true), 40_000), 0);
});
