/** Damaged records: made again, or one clear line that names `moim reindex`, which then helps. */
import assert from "node:assert/strict";
import type { Chain } from "../../../lib/chain/chain.ts";
import { historyIndex } from "../../../lib/chain/index_kinds.ts";
import { UserError } from "../../../lib/base/errors.ts";
import { amount } from "../../../lib/primitives/amount.ts";
import type { Block } from "../../../lib/primitives/block.ts";
import { keys, MAPS, META, type PlacedId } from "../../../lib/store/keys.ts";
import type { KvKey } from "../../../lib/store/kv.ts";
import { PageFiles, type PagesKind } from "../../../lib/store/page_files.ts";
import { COINS } from "../../../lib/store/coin_record.ts";
import { MemoryKv } from "../../../lib/store/memory_kv.ts";
import { ALICE, assertSound, BlockTree, openChain, short } from "../../support/chain_builder.ts";
import { forEachKv, type KvUnderTest } from "../../support/kv_stores.ts";

/** genesis -> a1 -> a2 (pays Alice) -> a3 -> a4, and b3 -> b4 beside it. */
function blocks(): BlockTree {
  const tree = new BlockTree();
  tree.add("a1", "genesis");
  const payment = tree.pay(tree.reward("a1"));
  tree.add("a2", "a1", { transactions: [payment], fees: amount(1_000) });
  tree.add("a3", "a2");
  tree.add("a4", "a3");
  tree.add("b3", "a2");
  return tree;
}

async function grow(under: KvUnderTest, tree: BlockTree): Promise<void> {
  const chain = await openChain({ kv: await under.open() });
  for (const name of ["a1", "a2", "a3", "a4", "b3"]) await chain.accept(tree.block(name));
  await chain.history(ALICE.lock, { limit: 1 });
  await chain.close();
}

/** Turns one bit of a record. */
async function damage(under: KvUnderTest, key: KvKey): Promise<void> {
  const kv = await under.open();
  const value = Uint8Array.from((await kv.get(key))!);
  value[value.length >> 1]! ^= 4;
  await kv.commit([{ set: key, value }]);
}

function placeOf({ id, header: { height } }: Block): PlacedId {
  return { id, height };
}

/** The pages of a map but for those that opening reads. */
async function leavesOf(under: KvUnderTest, kind: PagesKind): Promise<KvKey[]> {
  const directory = await new PageFiles(await under.open(), kind).readDirectory();
  return [...directory!.pages].map((page) => keys.page(kind.name, page));
}

function isDamage(error: unknown): boolean {
  assert.ok(error instanceof UserError, String(error));
  assert.equal(error.exitCode, 7);
  assert.match(error.message, /^Record ".*" is damaged or missing: run "moim reindex"[^\n]*$/);
  return true;
}

async function rebuilt(under: KvUnderTest): Promise<Chain> {
  return await openChain({ kv: await under.open(), rebuild: true });
}

forEachKv("a damaged header is made again from its block", async (under) => {
  const tree = blocks();
  await grow(under, tree);
  for (const name of ["a2", "a4", "b3", "genesis"]) {
    const { height, id } = tree.block(name).header;
    await damage(under, keys.headers(height, id));
  }
  const chain = await openChain({ kv: await under.open() });
  assert.equal(chain.tip().id, tree.block("a4").id);
  assert.equal((await chain.headersAfter([], undefined, 9)).length, 4);
  await assertSound(chain);
  await chain.close();
  const again = await openChain({ kv: await under.open() });
  assert.equal(short(await again.accept(tree.block("b3"))), "known");
  await again.close();
});

const HARMED: [string, (tree: BlockTree) => KvKey][] = [
  ["tip", () => keys.meta(META.tip)],
  ["coins tip", () => keys.meta(META.coinsTip)],
  ["root of the coins", () => keys.pageRoot(COINS.name, 0)],
  ["index", () => keys.index("history")],
  ["root of an index", () => keys.pageRoot(MAPS.history, 0)],
];

for (const [what, keyOf] of HARMED) {
  forEachKv(`a damaged ${what} is told, and reindex repairs it`, async (under) => {
    const tree = blocks();
    await grow(under, tree);
    await damage(under, keyOf(tree));
    await assert.rejects(async () => openChain({ kv: await under.open() }), isDamage);
    const chain = await rebuilt(under);
    assert.equal(chain.tip().id, tree.block("a4").id);
    assert.equal((await chain.history(ALICE.lock, { limit: 5 })).entries.length, 1);
    await assertSound(chain);
    await chain.close();
  });
}

forEachKv("a damaged coin is told where it is read, and reindex repairs it", async (under) => {
  const tree = blocks();
  await grow(under, tree);
  const { id } = tree.block("a2").transactions[1]!;
  for (const key of await leavesOf(under, COINS)) await damage(under, key);
  const chain = await openChain({ kv: await under.open() });
  await assert.rejects(chain.coinsOf(ALICE.lock), isDamage);
  await assert.rejects(chain.coin(ALICE.lock, { txId: id, index: 0 }), isDamage);
  await assert.rejects(chain.verify(), isDamage);
  await chain.reindex();
  assert.equal((await chain.coinsOf(ALICE.lock)).length, 1);
  await assertSound(chain);
  await chain.close();
});

forEachKv("a damaged page of one index leaves the other one whole", async (under) => {
  const tree = blocks();
  await grow(under, tree);
  for (const key of await leavesOf(under, historyIndex)) await damage(under, key);
  const chain = await openChain({ kv: await under.open() });
  await assert.rejects(chain.history(ALICE.lock, { limit: 1 }), isDamage);
  const block = tree.add("a5", "a4");
  await chain.accept(block);
  const id = block.transactions[0]!.id;
  assert.equal((await chain.transaction(id))?.height, 5);
  assert.ok(!chain.indexesReady());
  await assert.rejects(chain.history(ALICE.lock, { limit: 1 }), isDamage);
  await chain.reindex();
  assert.equal((await chain.history(ALICE.lock, { limit: 5 })).entries.length, 1);
  assert.ok(chain.indexesReady());
  await chain.close();
});

forEachKv("damaged undo data is told when it is needed, and reindex repairs it", async (under) => {
  const tree = blocks();
  await grow(under, tree);
  await damage(under, keys.undo(placeOf(tree.block("a2")), 0));
  const chain = await openChain({ kv: await under.open() });
  assert.match((await chain.verify()).problems[0]!, /undo .* is damaged/);
  const branch = tree.branch("c", "a1", 4);
  await assert.rejects(async () => {
    for (const block of branch) await chain.accept(block);
  }, isDamage);
  assert.equal(chain.tip().id, tree.block("a4").id);
  await chain.reindex();
  await assertSound(chain);
  await chain.acceptMany(branch);
  assert.equal(chain.tip().id, tree.block("c4").id);
  await assertSound(chain);
  await chain.close();
});

forEachKv(
  "above a damaged block reindex cuts the chain, and it is fetched again",
  async (under) => {
    const tree = blocks();
    await grow(under, tree);
    await damage(under, keys.block(placeOf(tree.block("a3")), 0));
    const chain = await rebuilt(under);
    // b3 stands at the height of the lost a3.
    assert.equal(chain.tip().id, tree.block("b3").id);
    await assertSound(chain);
    assert.equal(short(await chain.accept(tree.block("a4"))), "orphan");
    await chain.accept(tree.block("a3"));
    await chain.flush();
    assert.equal(chain.tip().id, tree.block("a4").id);
    await assertSound(chain);
    await chain.close();
    const again = await openChain({ kv: await under.open() });
    await assertSound(again);
    await again.close();
  },
);

forEachKv("what comes after a rebuild is there after a kill", async (under) => {
  const tree = blocks();
  await grow(under, tree);
  const chain = await rebuilt(under);
  await chain.accept(tree.add("a5", "a4"));
  // Neither flushed nor closed: the next opening finds it as a kill leaves it.
  const again = await openChain({ kv: await under.open() });
  assert.equal(again.tip().id, tree.block("a5").id);
  await assertSound(again);
  await again.close();
});

Deno.test("a rebuild that is cut off at any commit is done anew", async () => {
  const tree = blocks();
  let memory = new MemoryKv();
  await grow({ open: () => Promise.resolve(memory) }, tree);
  memory = memory.reopen();
  for (let cutAt = 1;; cutAt++) {
    memory.failAtCommit(cutAt);
    let isDone = true;
    try {
      await (await openChain({ kv: memory, rebuild: true })).close();
    } catch {
      isDone = false;
    }
    memory = memory.reopen();
    const chain = await openChain({ kv: memory });
    assert.equal(chain.tip().id, tree.block("a4").id);
    await assertSound(chain);
    await chain.close();
    memory = memory.reopen();
    if (isDone) break;
  }
});

Deno.test("blocks given while reindex runs are connected after it", async () => {
  const tree = blocks();
  const chain = await openChain();
  await chain.accept(tree.block("a1"));
  const done = chain.reindex();
  const outcomes = chain.acceptMany(["a2", "a3"].map((name) => tree.block(name)));
  await done;
  assert.deepEqual((await outcomes).map(short), ["connected", "connected"]);
  await assertSound(chain);
  await chain.close();
});
