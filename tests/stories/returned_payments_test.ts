/** What a reorganisation takes off comes back to wait, and is mined again on the other branch. */
import assert from "node:assert/strict";
import { type Amount, amount } from "../../lib/primitives/amount.ts";
import type { Lock } from "../../lib/primitives/ids.ts";
import { ALICE, BOB, MINER, outputOf } from "../support/chain_builder.ts";
import { fundedNetwork, fundsOf } from "../support/funded_network.ts";
import { storyOnBoth } from "./both_stores.ts";
import { type Story, story } from "./story.ts";

const FEE = 1_000;

async function balance({ chain }: Story, lock: Lock): Promise<number> {
  return (await chain.coinsOf(lock)).reduce((sum, coin) => sum + coin.amount, 0);
}

function feesOf(count: number): { fees: Amount } {
  return { fees: amount(count * FEE) };
}

for (const depth of [1, 5, 100]) {
  const network = fundedNetwork(depth);
  storyOnBoth(`payments of ${depth} blocks come back and are mined again`, async (stage) => {
    const { tree, chain, mempool } = stage;
    //  genesis -> a1 (p1) -> a2 (p2) … -> aN (pN)
    //         \-> b1 -> b2 … -> bN -> bN+1 -> c (p1 … pN)
    const payments = fundsOf(network).map((coin) => tree.pay(coin));
    for (const [at, payment] of payments.entries()) {
      const parent = at === 0 ? "genesis" : `a${at}`;
      tree.add(`a${at + 1}`, parent, { transactions: [payment], ...feesOf(1) });
    }
    tree.branch("b", "genesis", depth + 1);
    const names = (prefix: string, count: number) =>
      Array.from({ length: count }, (_, at) => tree.block(`${prefix}${at + 1}`).bytes);
    await chain.acceptMany(names("a", depth));
    stage.tipIs(`a${depth}`);
    assert.equal(await balance(stage, ALICE.lock), depth * 1_000_000);

    await chain.acceptMany(names("b", depth + 1));
    stage.tipIs(`b${depth + 1}`);
    await stage.waiting(payments);
    assert.equal(await balance(stage, ALICE.lock), 0);
    assert.equal(mempool.select().length, depth);

    tree.add("c", `b${depth + 1}`, { transactions: mempool.select(), ...feesOf(depth) });
    await stage.each(["c"], "connected");
    await stage.waiting([]);
    assert.equal(await balance(stage, ALICE.lock), depth * 1_000_000);
    // The funds less what Alice got; the fees come back in the reward of c.
    const rewards = (depth + 2) * network.reward;
    const funds = depth * (network.reward - 1_000_000);
    assert.equal(await balance(stage, MINER.lock), rewards + funds);
    for (const payment of payments) assert.equal(stage.removal(payment), "mined");
  }, network);
}

const TWO = fundedNetwork(2);

storyOnBoth("a payment on both branches is never lost and never counted twice", async (stage) => {
  const { tree, chain } = stage;
  //  genesis -> a1 (p) -> a2 (q) ------------------> a3 -> a4 -> a5
  //         \-> b1 -> b2 (p) -> b3 (child of p) -> b4
  const [one, two] = fundsOf(TWO);
  const p = tree.pay(one!);
  const q = tree.pay(two!, { to: BOB.lock });
  const child = tree.pay(outputOf(p, 0), { from: ALICE, to: BOB.lock, pays: 7 });
  tree.add("a1", "genesis", { transactions: [p], ...feesOf(1) });
  tree.add("a2", "a1", { transactions: [q], ...feesOf(1) });
  tree.add("b1", "genesis");
  tree.add("b2", "b1", { transactions: [p], ...feesOf(1) });
  tree.add("b3", "b2", { transactions: [child], ...feesOf(1) });
  tree.add("b4", "b3");
  for (const name of ["a1", "a2", "b1", "b2", "b3", "b4"]) await stage.feed(name);
  stage.tipIs("b4");
  await stage.waiting([q]);
  assert.equal(stage.removal(p), undefined, "p was never off the chain");
  assert.equal(await balance(stage, ALICE.lock), 1_000_000 - 7 - FEE);

  tree.add("a3", "a2");
  tree.add("a4", "a3");
  tree.add("a5", "a4");
  await chain.flush();
  for (const name of ["a3", "a4", "a5"]) await stage.feed(name);
  stage.tipIs("a5");
  await stage.waiting([child]);
  assert.equal(await balance(stage, ALICE.lock), 1_000_000);
  assert.equal(await balance(stage, BOB.lock), 1_000_000);
}, TWO);

storyOnBoth("a coin spent differently on two branches follows the chain", async (stage) => {
  const { tree } = stage;
  //  genesis -> a1 (to Alice) -> a2 --------------> a3 -> a4
  //         \-> b1 (to Bob)   -> b2 (Bob on) -> b3
  const [coin] = fundsOf(TWO);
  const toAlice = tree.pay(coin!);
  const toBob = tree.pay(coin!, { to: BOB.lock });
  const onward = tree.pay(outputOf(toBob, 0), { from: BOB, to: ALICE.lock, pays: 3 });
  tree.add("a1", "genesis", { transactions: [toAlice], ...feesOf(1) });
  tree.add("a2", "a1");
  tree.add("b1", "genesis", { transactions: [toBob], ...feesOf(1) });
  tree.add("b2", "b1", { transactions: [onward], ...feesOf(1) });
  tree.add("b3", "b2");
  for (const name of ["a1", "a2", "b1", "b2", "b3"]) await stage.feed(name);
  stage.tipIs("b3");
  await stage.waiting([]);
  assert.equal(stage.removal(toAlice), "conflict");
  assert.equal(await balance(stage, ALICE.lock), 3);
  // Neither loose nor in a block can it be spent once more.
  const again = await stage.pay(toAlice);
  assert.equal(again.kind, "orphan");
  tree.add("b4", "b3", { transactions: [toAlice], ...feesOf(1) });
  await stage.each(["b4"], "block-missing-coin");

  tree.add("a3", "a2");
  tree.add("a4", "a3");
  for (const name of ["a3", "a4"]) await stage.feed(name);
  stage.tipIs("a4");
  await stage.waiting([]);
  assert.equal(stage.removal(toBob), "conflict");
  assert.notEqual(stage.removal(onward), undefined);
  assert.equal(await balance(stage, ALICE.lock), 1_000_000);
  assert.equal(await balance(stage, BOB.lock), 0);
}, TWO);

story("what waited on a payment that was taken off waits on", async (stage) => {
  const { tree, mempool } = stage;
  //  genesis -> a1 (p) ; the child of p and its child wait
  //         \-> b1 -> b2
  const [coin, other] = fundsOf(TWO);
  const p = tree.pay(coin!);
  const child = tree.pay(outputOf(p, 1), { pays: 5 });
  const grandchild = tree.pay(outputOf(child, 1), { pays: 6 });
  const stranger = tree.pay(other!);
  tree.add("a1", "genesis", { transactions: [p], ...feesOf(1) });
  tree.branch("b", "genesis", 2);
  await stage.feed("a1");
  await mempool.accept(child, { local: true });
  for (const payment of [grandchild, stranger]) await stage.accepted(payment);
  for (const name of ["b1", "b2"]) await stage.feed(name);
  await stage.waiting([p, child, grandchild, stranger]);
  const entry = mempool.get(child.id)!;
  assert.deepEqual([...entry.parents], [p.id]);
  assert.deepEqual([...entry.children], [grandchild.id]);
  assert.ok(entry.local, "what this node made stays its own");
  assert.deepEqual([...mempool.get(stranger.id)!.parents], []);
  for (const payment of [child, grandchild, stranger]) {
    assert.equal(stage.removal(payment), undefined, "nobody hears of a loss");
  }
}, TWO);
