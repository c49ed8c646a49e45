/** Blocks and payments that come before what they build on: kept, bounded, and judged in the end. */
import assert from "node:assert/strict";
import { seededRandom, shuffled } from "../../lib/base/random.ts";
import { amount } from "../../lib/primitives/amount.ts";
import type { Transaction } from "../../lib/primitives/transaction.ts";
import { ALICE, type BlockTree, BOB, outputOf } from "../support/chain_builder.ts";
import { payment } from "../support/easy_payment.ts";
import { fundedNetwork, fundsOf } from "../support/funded_network.ts";
import { storyOnBoth } from "./both_stores.ts";
import { type Story, story } from "./story.ts";

/** Retyped: a changed limit should be noticed. */
const ORPHAN_BLOCKS_MAX = 600;
const ORPHAN_TRANSACTIONS_MAX = 100;

const names = (prefix: string, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => `${prefix}${from + at}`);

for (const seed of [1, 2, 3]) {
  storyOnBoth(`two branches shuffled together end on the better one (${seed})`, async (stage) => {
    const { tree, chain } = stage;
    //  genesis -> a1 … -> a20 -> a21 … -> a30
    //                        \-> b1 … -> b11
    tree.branch("a", "genesis", 30);
    tree.branch("b", "a20", 11);
    const all = [...names("a", 1, 30), ...names("b", 1, 11)];
    const order = shuffled(all, seededRandom(seed));
    await chain.acceptMany(order.map((name) => tree.block(name).bytes));
    await chain.flush(); // Behind the orphans that were freed.
    stage.tipIs("b11");
    for (const name of all) assert.ok(chain.hasBlock(tree.block(name).id), name);
    await stage.each(all, "known");
  });
}

story("of too many orphan blocks the oldest are let go", async (stage) => {
  const { tree, chain } = stage;
  const extra = 20;
  const last = 1 + ORPHAN_BLOCKS_MAX + extra;
  tree.branch("a", "genesis", last);
  await chain.acceptMany(names("a", 2, last).map((name) => tree.block(name)));
  await stage.each(["a1"], "connected");
  stage.tipIs("a1");
  // a2 … a21 were the oldest; once they are here again all the others follow by themselves.
  await chain.acceptMany(names("a", 2, 1 + extra).map((name) => tree.block(name)));
  await chain.flush();
  stage.tipIs(`a${last}`);
});

story("an orphan block must have done some work and be of one piece", async (stage) => {
  const { tree, chain } = stage;
  tree.branch("a", "genesis", 2);
  const lazy = tree.block("a2").bytes.slice();
  // Bytes of the header: 80 its bits, 84 its nonce. A target of one: nobody meets that.
  new DataView(lazy.buffer).setUint32(80, 0x0101_0000, true);
  const noWork = await chain.accept(lazy);
  assert.ok(noWork.kind === "rejected" && noWork.rule === "insufficient-work");
  const easier = tree.block("a2").bytes.slice();
  new DataView(easier.buffer).setUint32(80, 0x2100_ffff, true);
  const tooEasy = await chain.accept(easier);
  assert.ok(tooEasy.kind === "rejected" && tooEasy.rule === "insufficient-work");
  const cut = await chain.accept(tree.block("a2").bytes.subarray(0, -1));
  assert.ok(cut.kind === "rejected" && cut.rule === "bad-body" && cut.senderOnly);
  await stage.each(["a1"], "connected");
  stage.tipIs("a1");
  await stage.each(["a2"], "connected");
});

story("an orphan of a block that proves bad goes with it", async (stage) => {
  const { tree } = stage;
  //  genesis -> a1 -> a2 (mints too much) -> a3 -> a4
  //               \-> b2
  tree.add("a1", "genesis");
  tree.add("a2", "a1", { fees: amount(1) });
  tree.branch("x", "a2", 2);
  tree.add("b2", "a1");
  await stage.each(["x2", "x1"], "orphan");
  await stage.each(["a1"], "connected");
  await stage.each(["a2", "x1", "x2"], "coinbase-too-high");
  await stage.each(["b2"], "connected");
});

const NETWORK = fundedNetwork(ORPHAN_TRANSACTIONS_MAX + 5);
const FUNDS = fundsOf(NETWORK);

/** An orphan that is taken in frees the next one: `generations` times. */
async function adopted({ mempool }: Story, generations: number): Promise<void> {
  for (let at = 0; at <= generations; at++) await mempool.idle();
}

/** Payments each of which spends the change of the one before it. */
function chainOf(tree: BlockTree, length: number): Transaction[] {
  const payments = [tree.pay(FUNDS[0]!)];
  while (payments.length < length) {
    payments.push(tree.pay(outputOf(payments.at(-1)!, 1), { pays: payments.length }));
  }
  return payments;
}

story("a chain of five payments that comes in reverse is taken in whole", async (stage) => {
  const { tree, mempool } = stage;
  const payments = chainOf(tree, 5);
  const added: string[] = [];
  mempool.subscribe((change) => change.added && added.push(change.added.id));
  for (const each of payments.toReversed()) {
    await stage.waiting([]);
    const outcome = await stage.pay(each);
    assert.equal(outcome.kind, each === payments[0] ? "accepted" : "orphan");
  }
  await adopted(stage, payments.length);
  await stage.waiting(payments);
  const ids = payments.map(({ id }) => id);
  assert.deepEqual(added, ids, "parents are told of before their children");
  assert.deepEqual(mempool.select().map(({ id }) => id), ids);
}, NETWORK);

story("a block frees the payments that waited for those in it", async (stage) => {
  const { tree } = stage;
  const payments = chainOf(tree, 4);
  for (const each of payments.slice(2)) assert.equal((await stage.pay(each)).kind, "orphan");
  const mined = payments.slice(0, 2);
  tree.add("a1", "genesis", { transactions: mined, fees: amount(2_000) });
  await stage.each(["a1"], "connected");
  await adopted(stage, 2);
  await stage.waiting(payments.slice(2));
}, NETWORK);

story("an orphan with two missing parents waits for both", async (stage) => {
  const { tree } = stage;
  const one = tree.pay(FUNDS[0]!);
  const two = tree.pay(FUNDS[1]!);
  const child = payment({
    key: ALICE,
    coins: [outputOf(one, 0), outputOf(two, 0)],
    to: BOB.lock,
    pays: amount(1_500_000),
    genesisId: stage.chain.genesisId,
  });
  assert.equal((await stage.pay(child)).kind, "orphan");
  await stage.accepted(two);
  await stage.waiting([two]);
  await stage.accepted(one);
  await stage.waiting([one, two, child]);
}, NETWORK);

story("of too many orphan payments the oldest are let go", async (stage) => {
  const { tree } = stage;
  const parents = FUNDS.map((coin) => tree.pay(coin));
  const children = parents.map((parent) =>
    tree.pay(outputOf(parent, 0), { from: ALICE, to: BOB.lock, pays: 9 })
  );
  for (const child of children) assert.equal((await stage.pay(child)).kind, "orphan");
  for (const parent of parents) await stage.accepted(parent);
  await stage.waiting([...parents, ...children.slice(-ORPHAN_TRANSACTIONS_MAX)]);
}, NETWORK);

story("an orphan payment that proves bad is not taken in", async (stage) => {
  const { tree } = stage;
  const parent = tree.pay(FUNDS[0]!);
  const tooMuch = tree.pay(outputOf(parent, 0), { from: ALICE, pays: 1_000_001, fee: 0 });
  const stolen = tree.pay(outputOf(parent, 0), { from: BOB, pays: 5 });
  const free = tree.pay(outputOf(parent, 0), { from: ALICE, pays: 5, fee: 0 });
  for (const child of [tooMuch, stolen, free]) {
    assert.equal((await stage.pay(child)).kind, "orphan");
  }
  await stage.accepted(parent);
  await stage.waiting([parent]);
}, NETWORK);
