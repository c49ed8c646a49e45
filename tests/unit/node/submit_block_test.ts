import { strict as assert } from "node:assert";
import { EXIT, UserError } from "../../../lib/base/mod.ts";
import { resolveConfig } from "../../../lib/node/config.ts";
import { openNode } from "../../../lib/node/node.ts";
import { benchKey, BlockMaker, GENESIS_ID, NETWORK } from "../../../scripts/bench/payment_chain.ts";
import { withTempDir } from "../../support/moim.ts";

Deno.test("a block made elsewhere is taken in, told apart and refused with its rule", async () => {
  await withTempDir(async (dataDir) => {
    const config = resolveConfig({
      flags: { network: NETWORK.name, dataDir },
      env: { HOME: dataDir },
      readText: () => undefined,
      os: Deno.build.os,
    });
    const node = await openNode(config, { mode: "offline" });
    const maker = new BlockMaker({ id: GENESIS_ID, height: 0, timeMs: NETWORK.timeMs });
    const [first, second, third, fourth] = Array.from(
      { length: 4 },
      () => maker.next([], benchKey(0).lock).bytes,
    );
    const { kind, id, height } = await node.submitBlock(first!);
    assert.deepEqual([kind, height], ["connected", 1]);
    assert.equal(id, (await node.status()).tipId);
    assert.equal((await node.submitBlock(first!)).kind, "known");
    const waiting = await node.submitBlock(third!);
    assert.deepEqual([waiting.kind, waiting.height], ["orphan", undefined]);
    assert.equal((await node.submitBlock(second!)).kind, "connected");
    assert.equal((await node.block("2")).id, waiting.missing);
    assert.equal((await node.submitBlock(third!)).height, 3); // It may have connected by itself.
    for (const bad of [new Uint8Array(), fourth!.subarray(1), changed(fourth!)]) {
      await assert.rejects(
        node.submitBlock(bad),
        (error) => error instanceof UserError && error.exitCode === EXIT.rejected,
      );
    }
    await node.close();
  });
});

/** Another output, so that the Merkle root is wrong. */
function changed(block: Uint8Array): Uint8Array {
  const bytes = Uint8Array.from(block);
  bytes[bytes.length - 1]! ^= 1;
  return bytes;
}
