import assert from "node:assert/strict";
import { meter } from "../../../lib/base/mod.ts";
import { resolveConfig } from "../../../lib/node/config.ts";
import { openNode } from "../../../lib/node/node.ts";
import { DEV_NETWORK } from "../../../lib/consensus/network.ts";
import { BlockTree } from "../../support/chain_builder.ts";
import { withTempDir } from "../../support/moim.ts";

/** What happens to a node while `run` does something with it, by meter. */
async function measured(names: string[], run: () => Promise<void>): Promise<number[][]> {
  const values = names.map((): number[] => []);
  const stops = names.map((name, at) => meter(name).observe((value) => values[at]!.push(value)));
  try {
    await run();
    return values;
  } finally {
    for (const stop of stops) stop();
  }
}

Deno.test("blocks, reorganisations, checks and writes are told to who measures", () =>
  withTempDir(async (dataDir) => {
    const config = resolveConfig({
      flags: { network: DEV_NETWORK.name, dataDir },
      env: { HOME: dataDir },
      readText: () => undefined,
      os: Deno.build.os,
    });
    const node = await openNode(config, { mode: "offline" });
    //  genesis -> a1
    //         \-> b1 -> b2
    const tree = new BlockTree(DEV_NETWORK);
    tree.add("a1", "genesis");
    tree.branch("b", "genesis", 2);
    const [connected, reorganized, checks, writes] = await measured([
      "blocks-connected",
      "reorganizations",
      "block-validation-seconds",
      "kv-commit-seconds",
    ], async () => {
      for (const name of ["a1", "b1", "b2"]) await node.submitBlock(tree.block(name).bytes);
    });
    assert.equal(connected!.reduce((sum, count) => sum + count, 0), 3);
    assert.deepEqual(reorganized, [1]);
    assert.equal(checks!.length, 3);
    assert.ok(writes!.length >= 3);
    assert.ok([...checks!, ...writes!].every((seconds) => seconds >= 0 && seconds < 10));
    const seen = checks!.length;
    await node.mint({ to: (await node.walletNew("w1")).key.address });
    assert.equal(checks!.length, seen); // Nobody listens any more.
    assert.ok(meter("minter-hashes").total > 0);

    const { next } = await node.events({ since: 0, limit: 1 });
    await node.reindex();
    const { events } = await node.events({ since: next, limit: 100 });
    assert.deepEqual(events.map(({ kind, height }) => [kind, height]), [
      ["connected", 0],
      ["connected", 1],
      ["connected", 2],
      ["connected", 3],
    ]);
    await node.close();
  }));
