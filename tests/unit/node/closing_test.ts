import assert from "node:assert/strict";
import { EXIT, UserError } from "../../../lib/base/errors.ts";
import { type OpenMode, openNode, resolveConfig } from "../../../lib/node/mod.ts";
import { withTempDir } from "../../support/moim.ts";

/** Libp2p leaves timers and sockets to the garbage collector; the process is what frees them. */
const REAL = { sanitizeOps: false, sanitizeResources: false };

/** Opens a node of the easiest network that no other node can find. */
function open(dataDir: string, mode: OpenMode) {
  const config = resolveConfig({
    flags: { dataDir, network: "dev", port: "0", lan: "off", dht: "off" },
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
        const begun = Promise.withResolvers<void>();
        const minting = node.mint({ to: "w1", count: 10_000 }, () => begun.resolve());
        const interrupted = assert.rejects(
          minting,
          (error) => error instanceof UserError && error.exitCode === EXIT.interrupted,
        );
        await begun.promise;
        await Promise.all([node.close(), interrupted]);
      }),
  );
}
