/**
 * The n-th commit fails for n = 1, 2, 3 … until a run passes untouched; after each the chain is
 * opened again and must be what a replay from genesis gives, with all that was acknowledged.
 */
import assert from "node:assert/strict";
import type { Chain } from "../../../lib/chain/chain.ts";
import { historyIndex } from "../../../lib/chain/index_kinds.ts";
import type { CoinCacheLimits } from "../../../lib/store/coin_cache.ts";
import { IndexPages } from "../../../lib/store/index_pages.ts";
import { MAPS, prefixes } from "../../../lib/store/keys.ts";
import { PageFiles } from "../../../lib/store/page_files.ts";
import { Store } from "../../../lib/store/store.ts";
import { amount } from "../../../lib/primitives/amount.ts";
import type { Block } from "../../../lib/primitives/block.ts";
import type { BlockId } from "../../../lib/primitives/ids.ts";
import { signTransaction } from "../../../lib/primitives/transaction.ts";
import { MemoryKv } from "../../../lib/store/memory_kv.ts";
import {
  ALICE,
  assertSound,
  BlockTree,
  MINER,
  openChain,
  outputOf,
} from "../../support/chain_builder.ts";
import { CutKv, forEachKv, type KvUnderTest } from "../../support/kv_stores.ts";

/** Pages and commits so small that a flush takes several of each. */
const PAGES = { pageBytes: 1_000, cacheBytes: 5_000, commitBytes: 20_000 };
/** So few that coins go to disk after every few blocks. */
const OFTEN = { dirtyMax: 3, pages: PAGES };
/** A flush begins with block a1 and is under way while the chain moves to the other branch. */
const BESIDE = { dirtyMax: 500, pages: PAGES };

interface Play {
  readonly blocks: Block[];
  readonly tip: BlockId;
}

/**
 *  genesis -> r1 -> a1 (950 coins) -> a2 (spends 100 of them) -> a3
 *               \-> b1 -> b2 (the 950 coins again) -> b3 -> b4 -> b5
 */
function play(): Play {
  const tree = new BlockTree();
  tree.add("r1", "genesis");
  const reward = tree.reward("r1");
  const outputs = Array.from(
    { length: 950 },
    () => ({ amount: amount(1_000), lock: ALICE.lock }),
  );
  const split = signTransaction(
    {
      spends: [{ publicKey: MINER.publicKey, coins: [reward.outPoint] }],
      outputs: [...outputs, { amount: amount(reward.amount - 1_050_000), lock: MINER.lock }],
      memo: new Uint8Array(),
    },
    tree.block("genesis").id,
    () => MINER.seed,
  );
  const coins = Array.from({ length: 100 }, (_, index) => outputOf(split, index).outPoint);
  const gather = signTransaction(
    {
      spends: [{ publicKey: ALICE.publicKey, coins }],
      outputs: [{ amount: amount(50_000), lock: MINER.lock }],
      memo: new Uint8Array(),
    },
    tree.block("genesis").id,
    () => ALICE.seed,
  );
  tree.add("a1", "r1", { transactions: [split], fees: amount(100_000) });
  tree.add("a2", "a1", { transactions: [gather], fees: amount(50_000) });
  tree.add("a3", "a2");
  tree.add("b1", "r1");
  tree.add("b2", "b1", { transactions: [split], fees: amount(100_000) });
  tree.add("b3", "b2");
  tree.add("b4", "b3");
  tree.add("b5", "b4");
  const names = ["r1", "a1", "a2", "a3", "b1", "b2", "b3", "b4", "b5"];
  return { blocks: names.map((name) => tree.block(name)), tip: tree.block("b5").id };
}

/** Plays until the power is cut. Returns the blocks that were acknowledged. */
async function playUntilCut(
  kv: CutKv,
  blocks: Block[],
  coinLimits: CoinCacheLimits,
): Promise<Set<BlockId>> {
  const acknowledged = new Set<BlockId>();
  let chain: Chain | undefined;
  try {
    chain = await openChain({ kv, coinLimits, indexLimits: PAGES });
    for (const block of blocks) {
      const outcome = await chain.accept(block.bytes);
      assert.notEqual(outcome.kind, "rejected");
      acknowledged.add(block.id);
    }
    await chain.close();
  } catch (error) {
    assert.ok(kv.isCut, String(error));
    await chain?.close().catch(() => {});
  }
  return acknowledged;
}

/** Opens again without cuts: sound, nothing lost, and the play can go on to its end. */
async function checkReopened(
  under: KvUnderTest,
  acknowledged: Set<BlockId>,
  { blocks, tip }: Play,
) {
  const chain = await openChain({ kv: await under.open(), coinLimits: OFTEN, indexLimits: PAGES });
  for (const id of acknowledged) assert.ok(chain.hasBlock(id), "an acknowledged block is there");
  await assertSound(chain);
  for (const block of blocks) await chain.accept(block.bytes);
  assert.equal(chain.tip().id, tip);
  await assertSound(chain);
  // The indexes too are what they would be without any cut.
  for (const [height, block] of blocks.filter(({ id }) => chain.isOnMainChain(id)).entries()) {
    for (const [position, { id }] of block.transactions.entries()) {
      const found = await chain.transaction(id);
      assert.deepEqual([found?.height, found?.position], [height + 1, position]);
    }
  }
  const { entries } = await chain.history(ALICE.lock, { limit: 10 });
  assert.deepEqual(entries.map(({ height }) => height), [3]);
  await chain.close();
}

for (const [name, coinLimits] of Object.entries({ OFTEN, BESIDE })) {
  Deno.test(`a power cut at any commit loses nothing (${name})`, async () => {
    const script = play();
    for (let cutAt = 1;; cutAt++) {
      let memory = new MemoryKv();
      const kv = new CutKv(memory, cutAt);
      const acknowledged = await playUntilCut(kv, script.blocks, coinLimits);
      const open = () => Promise.resolve(memory = memory.reopen());
      await checkReopened({ open }, acknowledged, script);
      if (!kv.isCut) break;
      assert.ok(cutAt < 500, "the play ends");
    }
  });
}

forEachKv("a power cut at commits of all kinds loses nothing", async (under) => {
  // One store throughout: each cut finds what the one before left.
  const script = play();
  for (const cutAt of [2, 5, 9, 14, 20, 27]) {
    const acknowledged = await playUntilCut(
      new CutKv(await under.open(), cutAt),
      script.blocks,
      OFTEN,
    );
    const chain = await openChain({
      kv: await under.open(),
      coinLimits: OFTEN,
      indexLimits: PAGES,
    });
    for (const id of acknowledged) assert.ok(chain.hasBlock(id));
    await assertSound(chain);
    await chain.close();
  }
  await checkReopened(under, new Set(), script);
});

Deno.test("a power cut within a reorganisation too large for one commit is completed", async () => {
  const tree = new BlockTree();
  const a = tree.branch("a", "genesis", 305);
  const b = tree.branch("b", "genesis", 306);
  for (let cut = 1;; cut++) {
    let memory = new MemoryKv();
    const first = await openChain({ kv: memory });
    await first.acceptMany(a);
    await first.acceptHeaders(b.map(({ header }) => header));
    await first.acceptMany(b.slice(0, -2));
    await first.close();
    const kv = new CutKv(memory = memory.reopen(), cut);
    try {
      const chain = await openChain({ kv });
      // The first of the two ties with the other branch and may or may not win.
      await chain.acceptMany(b.slice(-2));
      await chain.close();
    } catch (error) {
      assert.ok(kv.isCut, String(error));
    }
    const chain = await openChain({ kv: memory.reopen() });
    await assertSound(chain);
    assert.ok(chain.tip().height >= 305);
    await chain.acceptMany(b.slice(-2));
    assert.equal(chain.tip().id, b.at(-1)!.id);
    const events = await chain.store.events.since(0, 10_000);
    const height = events.reduce((at, { event }) => {
      assert.equal(event.height, event.kind === "connected" ? at + 1 : at);
      return event.height - (event.kind === "connected" ? 0 : 1);
    }, -1);
    assert.equal(height, 306);
    await chain.close();
    if (!kv.isCut) break;
  }
});

/** Pages of the history that its root does not name. */
async function strayPages(kv: MemoryKv): Promise<number> {
  const directory = await new PageFiles(kv, historyIndex).readDirectory();
  const named = new Set(directory?.allPages() ?? []);
  let strays = 0;
  for await (const { key } of kv.list({ prefix: prefixes.pages(MAPS.history) })) {
    if (!named.has(key[2] as number)) strays++;
  }
  return strays;
}

Deno.test("an index half written for a block that is then taken off leaves nothing behind", async () => {
  const tree = new BlockTree();
  tree.add("r1", "genesis");
  let payment = tree.pay(tree.reward("r1"), { pays: 1, fee: 300 });
  const transactions = [payment];
  // Two entries each: more than one of these commits takes.
  while (transactions.length < 500) {
    payment = tree.pay(outputOf(payment, 1), { pays: 1, fee: 300 });
    transactions.push(payment);
  }
  tree.add("a2", "r1", { transactions, fees: amount(150_000) });
  tree.branch("b", "r1", 2);
  let halves = 0;
  for (let cutAt = 6;; cutAt++) {
    let memory = new MemoryKv();
    const kv = new CutKv(memory, cutAt);
    try {
      const chain = await openChain({ kv, indexLimits: PAGES });
      await chain.acceptMany([tree.block("r1"), tree.block("a2")]);
      await chain.history(ALICE.lock, { limit: 1 });
      await chain.close();
    } catch (error) {
      assert.ok(kv.isCut, String(error));
    }
    // The power failed when the better branch was stored and not yet followed.
    const store = await Store.open(memory = memory.reopen(), tree.block("genesis").id);
    await store.putBlocks(["r1", "b1", "b2"].map((name) => {
      const block = tree.block(name);
      return {
        block,
        record: { header: block.header, context: tree.context(name) },
        isStored: false,
      };
    }));
    halves += await strayPages(memory);
    const chain = await openChain({ kv: memory, indexLimits: PAGES });
    assert.equal(chain.tip().id, tree.block("b2").id);
    assert.deepEqual(await chain.history(ALICE.lock, { limit: 1 }), { entries: [] });
    assert.equal(await chain.transaction(transactions[0]!.id), undefined);
    await chain.close();
    const { size } = await IndexPages.open(memory, historyIndex);
    assert.equal(size, 4, "genesis and the three rewards");
    if (!kv.isCut) break;
  }
  assert.ok(halves > 0);
});
