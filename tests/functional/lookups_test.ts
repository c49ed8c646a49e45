/** Look-ups read as much of a long chain as of a short one; pages come newest first. */
import assert from "node:assert/strict";
import { makeChainFolder } from "../../scripts/bench/chain_folder.ts";
import { moim, moimJson, withTempDir } from "../support/moim.ts";

const LENGTH = 230;
const BLOCKS_OF_W1 = 10;

Deno.test("a chain of some hundred blocks: newest page at once, all of it on demand", () =>
  withTempDir(async (dataDir) => {
    const txId = await makeChainFolder(dataDir, LENGTH);
    const options = { dataDir, env: { MOIM_NETWORK: "dev" } };
    const page = await moim(["chain"], options);
    assert.equal(page.code, 0, page.stderr);
    assert.deepEqual(heightsOf(page.stdout), range(LENGTH, LENGTH - 9));
    assert.match(page.stderr, new RegExp(`moim chain --from ${LENGTH - 10}`));
    const next = await moim(["chain", "--from", String(LENGTH - 10), "--limit", "3"], options);
    assert.deepEqual(heightsOf(next.stdout), range(LENGTH - 10, LENGTH - 12));
    const all = await moim(["printchain"], options);
    assert.deepEqual(heightsOf(all.stdout), range(LENGTH, 0));
    assert.equal(all.stdout.match(/proof of work: valid, signatures: valid/g)?.length, LENGTH + 1);

    const balances: { total: number }[] = await moimJson(["balance"], options);
    const totals = balances.map(({ total }) => total / 20_000_000);
    assert.deepEqual(totals, [BLOCKS_OF_W1, LENGTH - BLOCKS_OF_W1]);
    const tx = await moimJson(["tx", txId], options);
    assert.deepEqual([tx.height, tx.confirmations, tx.kind], [LENGTH, 1, "coinbase"]);
    const byId = await moimJson(["chain", "--from", tx.blockId, "--limit", "1"], options);
    assert.equal(byId[0].height, LENGTH);
    const history = await moimJson(["history", "w2", "--limit", "150"], options);
    assert.equal(history.entries.length, 150);
    const more = ["history", "w2", "--limit", "150", "--before", history.next];
    const older = await moimJson(more, options);
    assert.equal(older.entries.length, LENGTH - BLOCKS_OF_W1 - 150);
  }));

function heightsOf(output: string): number[] {
  return [...output.matchAll(/^block (\d+) /gm)].map((match) => Number(match[1]));
}

function range(from: number, to: number): number[] {
  return Array.from({ length: from - to + 1 }, (_, at) => from - at);
}
