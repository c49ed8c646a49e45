import assert from "node:assert/strict";
import { amount } from "../../lib/primitives/amount.ts";
import { MAX_BLOCK_BYTES } from "../../lib/consensus/limits.ts";
import { ALICE, BOB, MINER, outputOf } from "../support/chain_builder.ts";
import { EASY_NETWORK } from "../support/easy_chain.ts";
import { story } from "./story.ts";

const FEE = { fees: amount(1_000) };

story("a coin spent twice on two branches is spent once on the chain", async (stage) => {
  const { tree, chain } = stage;
  //  genesis -> r1 -> a1 (to Alice) -> a2 (Alice pays Bob with it)
  //               \-> b1 (to Bob)   -> b2 -> b3
  tree.add("r1", "genesis");
  const toAlice = tree.pay(tree.reward("r1"));
  const toBob = tree.pay(tree.reward("r1"), { to: BOB.lock });
  const onward = tree.pay(outputOf(toAlice, 0), { from: ALICE, to: BOB.lock, pays: 10 });
  tree.add("a1", "r1", { transactions: [toAlice], ...FEE });
  tree.add("a2", "a1", { transactions: [onward], ...FEE });
  tree.add("b1", "r1", { transactions: [toBob], ...FEE });
  tree.add("b2", "b1");
  tree.add("b3", "b2");
  for (const name of ["r1", "a1", "a2", "b1", "b2", "b3"]) await stage.feed(name);
  stage.tipIs("b3");
  await stage.waiting([]);
  assert.equal(stage.removal(toAlice), "conflict");
  assert.equal(stage.removal(onward), "lost-coin");
  assert.deepEqual(await chain.coinsOf(ALICE.lock), []);
  const [coin] = await chain.coinsOf(BOB.lock);
  assert.equal(coin?.amount, 1_000_000);
});

story(
  "a block drops what waits and spends the same coin, with all that builds on it",
  async (stage) => {
    const { tree } = stage;
    tree.add("r1", "genesis");
    await stage.feed("r1");
    const toAlice = tree.pay(tree.reward("r1"));
    const onward = tree.pay(outputOf(toAlice, 0), { from: ALICE, to: BOB.lock, pays: 10 });
    await stage.accepted(toAlice);
    await stage.accepted(onward);
    const rival = tree.pay(tree.reward("r1"), { to: BOB.lock });
    tree.add("a1", "r1", { transactions: [rival], ...FEE });
    await stage.feed("a1");
    await stage.waiting([]);
    assert.equal(stage.removal(toAlice), "conflict");
    assert.equal(stage.removal(onward), "conflict");
  },
);

story("payments built on a lost coinbase are dropped with their descendants", async (stage) => {
  const { tree } = stage;
  //  genesis -> a1
  //         \-> b1 -> b2
  tree.add("a1", "genesis");
  tree.branch("b", "genesis", 2);
  await stage.feed("a1");
  const payment = tree.pay(tree.reward("a1"));
  const onward = tree.pay(outputOf(payment, 0), { from: ALICE, to: BOB.lock, pays: 10 });
  await stage.accepted(payment);
  await stage.accepted(onward);
  for (const name of ["b1", "b2"]) await stage.feed(name);
  stage.tipIs("b2");
  await stage.waiting([]);
  assert.equal(stage.removal(payment), "lost-coin");
  assert.equal(stage.removal(onward), "lost-coin");
});

story("orphan blocks wait for their parent and connect by themselves", async (stage) => {
  const { tree } = stage;
  tree.branch("a", "genesis", 5);
  await stage.each(["a5", "a3", "a4", "a2"], "orphan");
  stage.tipIs("genesis");
  await stage.each(["a1"], "connected");
  await stage.chain.flush();
  stage.tipIs("a5");
  await stage.each(["a3"], "known");
});

story("orphan transactions wait for their parent and are taken in by themselves", async (stage) => {
  const { tree } = stage;
  tree.add("r1", "genesis");
  await stage.feed("r1");
  const parent = tree.pay(tree.reward("r1"));
  const child = tree.pay(outputOf(parent, 0), { from: ALICE, to: BOB.lock, pays: 10 });
  const outcome = await stage.pay(child);
  assert.deepEqual(outcome, { kind: "orphan", missing: [{ txId: parent.id, index: 0 }] });
  await stage.waiting([]);
  await stage.accepted(parent);
  await stage.waiting([parent, child]);
  assert.deepEqual(stage.mempool.select().map(({ id }) => id), [parent.id, child.id]);
});

story("an orphan transaction is taken in when its parent comes in a block", async (stage) => {
  const { tree } = stage;
  tree.add("r1", "genesis");
  await stage.feed("r1");
  const parent = tree.pay(tree.reward("r1"));
  const child = tree.pay(outputOf(parent, 0), { from: ALICE, to: BOB.lock, pays: 10 });
  assert.equal((await stage.pay(child)).kind, "orphan");
  tree.add("r2", "r1", { transactions: [parent], ...FEE });
  await stage.feed("r2");
  await stage.waiting([child]);
  assert.deepEqual(await stage.pay(parent), { kind: "known" });
});

story("a minted coin can be spent only at its maturity", async (stage) => {
  const { tree } = stage;
  //  genesis -> r1 -> r2 -> r3 (spends r1: too young) ; maturity 3: r4 may spend it
  tree.branch("r", "genesis", 2);
  const payment = tree.pay(tree.reward("r1"));
  tree.add("early", "r2", { transactions: [payment], ...FEE });
  tree.add("r3", "r2");
  tree.add("r4", "r3", { transactions: [payment], ...FEE });
  await stage.each(["r1", "r2"], "connected");
  const early = await stage.pay(payment);
  assert.ok(early.kind === "rejected" && early.reason === "immature-coin");
  assert.equal(early.fault, "too-early");
  await stage.each(["early"], "block-immature-coin");
  await stage.each(["r3"], "connected");
  await stage.accepted(payment);
  await stage.each(["r4"], "connected");
  assert.equal((await stage.chain.coinsOf(ALICE.lock)).length, 1);
}, { ...EASY_NETWORK, coinbaseMaturity: 3 });

story("a full block of payments connects, and comes off again coin by coin", async (stage) => {
  const { tree, chain } = stage;
  tree.add("r1", "genesis");
  await stage.feed("r1");
  const payments = [];
  let coin = { amount: tree.reward("r1").amount, outPoint: tree.reward("r1").outPoint };
  for (let bytes = 0; bytes < 60_000;) {
    const payment = tree.pay(coin, { pays: 1, fee: 300 });
    payments.push(payment);
    bytes += payment.bytes.length;
    coin = outputOf(payment, 1);
  }
  const fees = amount(300 * payments.length);
  tree.add("full", "r1", { transactions: payments, fees });
  tree.branch("b", "r1", 2);
  const before = await chain.coinsOf(MINER.lock);
  await stage.each(["full"], "connected");
  assert.ok(tree.block("full").bytes.length < MAX_BLOCK_BYTES);
  assert.equal((await chain.coinsOf(ALICE.lock)).length, payments.length);
  for (const name of ["b1", "b2"]) await stage.feed(name);
  stage.tipIs("b2");
  assert.deepEqual(await chain.coinsOf(ALICE.lock), []);
  assert.equal((await chain.coinsOf(MINER.lock)).length, before.length + 2);
});

story("a block from the future is held back and connects when its time comes", async (stage) => {
  const { tree, clock, chain } = stage;
  const { timeMs, spacingMs } = EASY_NETWORK;
  clock.set(timeMs);
  tree.add("a1", "genesis", { gapMs: 2 * spacingMs + 1 });
  tree.add("a2", "a1");
  const outcome = await chain.accept(tree.block("a1"));
  assert.ok(outcome.kind === "rejected" && outcome.fault === "too-early");
  assert.equal(await stage.feed("a2"), "orphan");
  stage.tipIs("genesis");
  clock.set(timeMs + 1);
  await chain.flush();
  stage.tipIs("a1");
  // Its child had waited for it, and then for its own time.
  clock.set(timeMs + 2 * spacingMs);
  await chain.flush();
  stage.tipIs("a2");
});
