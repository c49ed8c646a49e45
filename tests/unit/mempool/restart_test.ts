/** What waits is kept over a restart: each with its age, its relations and whose it is. */
import assert from "node:assert/strict";
import { amount } from "../../../lib/primitives/amount.ts";
import type { Transaction } from "../../../lib/primitives/transaction.ts";
import { ALICE, LATE_MS, outputOf } from "../../support/chain_builder.ts";
import { MempoolStage } from "./mempool_stage.ts";

function chainOf({ tree, funds }: MempoolStage, length: number): Transaction[] {
  const payments = [tree.pay(funds[0]!)];
  while (payments.length < length) payments.push(tree.pay(outputOf(payments.at(-1)!, 1)));
  return payments;
}

/** All that an entry is, but for its transaction's bytes. */
function entriesOf({ mempool }: MempoolStage) {
  return mempool.entries()
    .map(({ transaction, fee, addedMs, local, parents, children }) => ({
      id: transaction.id,
      fee,
      addedMs,
      local,
      parents: [...parents],
      children: [...children],
    }))
    .sort((a, b) => a.id < b.id ? -1 : 1);
}

Deno.test("a whole chain that came in one millisecond is kept as it was", async () => {
  const stage = await MempoolStage.open(2);
  for (const payment of chainOf(stage, 15)) {
    assert.equal(await stage.accept(payment, { local: true }), "accepted");
  }
  await stage.accept(stage.tree.pay(stage.funds[1]!));
  const before = entriesOf(stage);
  await stage.restart();
  assert.deepEqual(entriesOf(stage), before);
  await stage.restart();
  assert.deepEqual(entriesOf(stage), before);
  await stage.close();
});

Deno.test("a parent that came back later than its child came is loaded before it", async () => {
  const stage = await MempoolStage.open(1);
  const { tree, clock } = stage;
  //  genesis -> a1 (parent) ; the child waits
  //         \-> b1 -> b2
  const [parent, child] = chainOf(stage, 2);
  await stage.accept(parent!);
  assert.equal(await stage.mine("a1", "genesis", [parent!]), "connected");
  await stage.accept(child!, { local: true });
  clock.set(LATE_MS + 60_000);
  tree.branch("b", "genesis", 2);
  for (const name of ["b1", "b2"]) await stage.chain.accept(tree.block(name));
  await stage.mempool.idle();
  const before = entriesOf(stage);
  assert.equal(before.length, 2);
  assert.ok(
    stage.mempool.get(child!.id)!.addedMs < stage.mempool.get(parent!.id)!.addedMs,
    "the premise",
  );
  await stage.restart();
  assert.deepEqual(entriesOf(stage), before);
  await stage.close();
});

Deno.test("what a reorganisation returned below the least fee is kept too", async () => {
  const stage = await MempoolStage.open(1);
  const { tree, funds, mempool } = stage;
  const free = tree.pay(funds[0]!, { fee: 0 });
  assert.equal(await stage.accept(free), "fee-too-low");
  tree.add("a1", "genesis", { transactions: [free] });
  tree.branch("b", "genesis", 2);
  for (const name of ["a1", "b1", "b2"]) await stage.chain.accept(tree.block(name));
  await mempool.idle();
  assert.deepEqual(stage.ids(), [free.id]);
  await stage.restart();
  assert.deepEqual(stage.ids(), [free.id]);
  await stage.close();
});

Deno.test("a child whose parent was mined meanwhile is kept", async () => {
  const stage = await MempoolStage.open(1);
  const [parent, child] = chainOf(stage, 2);
  for (const payment of [parent!, child!]) await stage.accept(payment);
  await stage.mempool.save();
  stage.mempool.close();
  stage.tree.add("a1", "genesis", { transactions: [parent!], fees: amount(1_000) });
  await stage.chain.accept(stage.tree.block("a1"));
  await stage.reopen();
  assert.deepEqual(stage.ids(), [child!.id]);
  assert.equal(stage.mempool.get(child!.id)!.parents.size, 0);
  await stage.close();
});

Deno.test("what lost its coin while nothing ran is left out, with what builds on it", async () => {
  const stage = await MempoolStage.open(1);
  const { tree, funds, mempool } = stage;
  const [parent, child] = chainOf(stage, 2);
  for (const payment of [parent!, child!]) await stage.accept(payment);
  await mempool.save();
  const rival = tree.pay(funds[0]!, { to: ALICE.lock, pays: 77 });
  tree.add("a1", "genesis", { transactions: [rival], fees: amount(1_000) });
  // Nobody listens: the records on disk are older than the block.
  mempool.close();
  await stage.chain.accept(tree.block("a1"));
  const records = await stage.chain.store.loadMempool();
  assert.equal(records.size, 2);
  await stage.reopen();
  assert.deepEqual(stage.ids(), []);
  await stage.close();
});

Deno.test("saving again forgets what has left", async () => {
  const stage = await MempoolStage.open(2);
  const payments = stage.funds.map((coin) => stage.tree.pay(coin));
  for (const payment of payments) await stage.accept(payment);
  await stage.mempool.save();
  assert.equal(await stage.mine("a1", "genesis", [payments[0]!]), "connected");
  await stage.mempool.save();
  const records = await stage.chain.store.loadMempool();
  assert.deepEqual([...records.keys()], [payments[1]!.id]);
  await stage.close();
});

Deno.test("a record that cannot be read is left out, and the others are kept", async () => {
  const stage = await MempoolStage.open(2);
  const payments = stage.funds.map((coin) => stage.tree.pay(coin));
  await stage.accept(payments[0]!);
  await stage.mempool.save();
  const records = await stage.chain.store.loadMempool();
  await stage.chain.store.saveMempool(
    new Map([...records, [payments[1]!.id, new Uint8Array([0xff, 0xff, 1])]]),
  );
  await stage.reopen();
  assert.deepEqual(stage.ids(), [payments[0]!.id]);
  await stage.close();
});
