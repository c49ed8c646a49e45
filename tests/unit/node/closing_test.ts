import assert from "node:assert/strict";
import { yieldToOthers } from "../../../lib/base/clock.ts";
import { EXIT, UserError } from "../../../lib/base/errors.ts";
import { type OpenMode, openNode, resolveConfig } from "../../../lib/node/mod.ts";
import { withTempDir } from "../../support/moim.ts";

/** Libp2p leaves timers and sockets to the garbage collector; the process is what frees them. */
const REAL = { sanitizeOps: false, sanitizeResources: false };

/** Opens a node that no other can find. */
function open(dataDir: string, mode: OpenMode) {
  const config = resolveConfig({
    flags: { dataDir, rendezvous: "closing", port: "0", lan: "off", dht: "off" },
    env: {},
    readText: () => undefined,
    os: Deno.build.os,
  });
  return openNode(config, { mode });
}

for (const mode of ["offline", "online"] as const) {
  Deno.test(
    `a node that closes (${mode}) answers who waits for its blocks`,
    REAL,
    () =>
      withTempDir(async (dir) => {
        const node = await open(dir, mode);
        await node.walletNew("w1");
        const interrupted = assert.rejects(
          node.mint({ to: "w1", count: 10_000 }),
          (error) => error instanceof UserError && error.exitCode === EXIT.interrupted,
        );
        await yieldToOthers(); // The worker has its first task and is still starting.
        await Promise.all([node.close(), interrupted]);
      }),
  );
}
