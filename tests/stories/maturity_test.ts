/** Minted coins ripen; a reorganisation may take them back, or take their ripeness. */
import assert from "node:assert/strict";
import { amount } from "../../lib/primitives/amount.ts";
import { ALICE, BOB, outputOf } from "../support/chain_builder.ts";
import { EASY_NETWORK } from "../support/easy_chain.ts";
import { storyOnBoth } from "./both_stores.ts";
import { story } from "./story.ts";

const FEE = { fees: amount(1_000) };
const TEN = { ...EASY_NETWORK, coinbaseMaturity: 10 };

const names = (prefix: string, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => `${prefix}${from + at}`);

storyOnBoth("a minted coin is refused before its tenth block and taken in it", async (stage) => {
  const { tree, mempool } = stage;
  //  genesis -> r1 … -> r9 -> r10 -> r11 (spends r1)
  //                       \-> early (spends r1)
  tree.branch("r", "genesis", 10);
  const payment = tree.pay(tree.reward("r1"));
  tree.add("early", "r9", { transactions: [payment], ...FEE });
  tree.add("r11", "r10", { transactions: [payment], ...FEE });
  await stage.each(names("r", 1, 9), "connected");
  const outcome = await stage.pay(payment);
  assert.ok(outcome.kind === "rejected" && outcome.reason === "immature-coin");
  assert.equal(outcome.fault, "too-early", "an honest peer may be a block ahead of us");
  await stage.each(["early"], "block-immature-coin");
  await stage.each(["r10"], "connected");
  await stage.accepted(payment);
  assert.equal(mempool.select().length, 1);
  await stage.each(["r11"], "connected");
  await stage.waiting([]);
}, TEN);

storyOnBoth(
  "payments of a coin whose block is lost go, with all that builds on them",
  async (stage) => {
    const { tree, chain } = stage;
    //  genesis -> r1 -> a2 … -> a12 (spends a2) -> a13 ; more of a2 and a3 waits
    //               \-> b1 … -> b13
    tree.add("r1", "genesis");
    const a = names("a", 2, 13);
    for (const [at, name] of a.entries()) {
      if (name === "a12") break;
      tree.add(name, at === 0 ? "r1" : a[at - 1]!);
    }
    const mined = tree.pay(tree.reward("a2"));
    tree.add("a12", "a11", { transactions: [mined], ...FEE });
    tree.add("a13", "a12");
    tree.branch("b", "r1", 13);
    const child = tree.pay(outputOf(mined, 0), { from: ALICE, to: BOB.lock, pays: 5 });
    const grandchild = tree.pay(outputOf(child, 0), { from: BOB, pays: 1, fee: 1 });
    const waiting = tree.pay(tree.reward("a3"));
    const safe = tree.pay(tree.reward("r1"));
    await stage.each(["r1", ...a], "connected");
    for (const payment of [child, waiting, safe]) await stage.accepted(payment);
    const poor = await stage.pay(grandchild);
    assert.ok(poor.kind === "rejected", "a fee of one grain is too low, whatever it builds on");
    await chain.acceptMany(names("b", 1, 13).map((name) => tree.block(name)));
    stage.tipIs("b13");
    await stage.waiting([safe]);
    for (const payment of [mined, child, waiting]) {
      assert.equal(stage.removal(payment), "lost-coin");
    }
    const told = stage.changes.flatMap(({ removed }) => removed?.transaction.id ?? []);
    assert.equal(new Set(told).size, told.length, "each is told of once");
    assert.equal(stage.mempool.select().length, 1);
  },
  TEN,
);

const FORTY = { ...EASY_NETWORK, coinbaseMaturity: 40 };

story("on a shorter chain with more work a ripe coin may be unripe again", async (stage) => {
  const { tree, chain, mempool } = stage;
  //  genesis -> r1 -> r2 -> a3 … -> a43 (spends r1) -> a44 -> a45     one every 15 s: easy ones
  //                     \-> b1 … -> b33 -> c36 … -> c41             all at once: each is harder
  tree.branch("r", "genesis", 2);
  const a = names("a", 3, 45);
  const mined = tree.pay(tree.reward("r1"));
  for (const [at, name] of a.entries()) {
    const transactions = name === "a43" ? [mined] : [];
    tree.add(name, at === 0 ? "r2" : a[at - 1]!, { transactions, ...(name === "a43" && FEE) });
  }
  tree.branch("b", "r2", 33, { gapMs: 0 });
  assert.ok(tree.context("b33").totalWork > tree.context("a45").totalWork, "the story's premise");
  await chain.acceptMany(["r1", "r2", ...a].map((name) => tree.block(name)));
  const waiting = tree.pay(tree.reward("r2"));
  const child = tree.pay(outputOf(waiting, 1), { pays: 3 });
  for (const payment of [waiting, child]) await stage.accepted(payment);
  await chain.acceptMany(names("b", 1, 33).map((name) => tree.block(name)));
  stage.tipIs("b33");
  // Both coins are still there, and will be ripe again: their payments wait, out of templates.
  await stage.waiting([mined, waiting, child]);
  assert.deepEqual(mempool.select(), []);
  const c = names("c", 36, 40);
  for (const [at, name] of c.entries()) {
    tree.add(name, at === 0 ? "b33" : c[at - 1]!);
    await stage.each([name], "connected");
  }
  // The next is block 41: one of the two coins is ripe.
  assert.deepEqual(mempool.select().map(({ id }) => id), [mined.id]);
  tree.add("c41", "c40", { transactions: mempool.select(), ...FEE });
  await stage.each(["c41"], "connected");
  assert.deepEqual(mempool.select().map(({ id }) => id), [waiting.id, child.id]);
}, FORTY);
