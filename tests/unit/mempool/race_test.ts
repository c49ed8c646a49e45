/** A block may connect at any moment of judging a payment: the pool still fits the tip afterwards. */
import assert from "node:assert/strict";
import { amount } from "../../../lib/primitives/amount.ts";
import { BOB, outputOf } from "../../support/chain_builder.ts";
import { MempoolStage } from "./mempool_stage.ts";

/** Turns of the promise queue by which one of the two begins later: well past the length of both. */
const TURNS_MAX = 60;

async function after(turns: number, action: () => Promise<unknown>): Promise<void> {
  for (let at = 0; at < turns; at++) await Promise.resolve();
  await action();
}

for (const first of ["payment", "block"] as const) {
  Deno.test(`a block that takes the parent's coin finds no gap (${first} first)`, async () => {
    for (let turns = 0; turns < TURNS_MAX; turns++) {
      const stage = await MempoolStage.open(1);
      const { tree, funds, chain, mempool } = stage;
      const parent = tree.pay(funds[0]!, { to: BOB.lock });
      const child = tree.pay(outputOf(parent, 0), { from: BOB, to: BOB.lock, pays: 5 });
      const rival = tree.pay(funds[0]!, { pays: 77 });
      tree.add("a1", "genesis", { transactions: [rival], fees: amount(1_000) });
      await stage.accept(parent);
      const [late, early] = first === "payment" ? [turns, 0] : [0, turns];
      await Promise.all([
        after(early, () => mempool.accept(child)),
        after(late, () => chain.accept(tree.block("a1"))),
      ]);
      await mempool.idle();
      assert.deepEqual(stage.ids(), [], `after ${turns} turns`);
      await stage.close();
    }
  });

  Deno.test(`an orphan whose parent is mined meanwhile is not missed (${first} first)`, async () => {
    for (let turns = 0; turns < TURNS_MAX; turns++) {
      const stage = await MempoolStage.open(1);
      const { tree, funds, chain, mempool } = stage;
      const parent = tree.pay(funds[0]!, { to: BOB.lock });
      const child = tree.pay(outputOf(parent, 0), { from: BOB, to: BOB.lock, pays: 5 });
      tree.add("a1", "genesis", { transactions: [parent], fees: amount(1_000) });
      const [late, early] = first === "payment" ? [turns, 0] : [0, turns];
      await Promise.all([
        after(early, () => mempool.accept(child)),
        after(late, () => chain.accept(tree.block("a1"))),
      ]);
      for (let at = 0; at < 2; at++) await mempool.idle();
      assert.deepEqual(stage.ids(), [child.id], `after ${turns} turns`);
      await stage.close();
    }
  });
}

for (const first of ["payments", "block"] as const) {
  Deno.test(`a block that comes while many are judged finds no gap (${first} first)`, async () => {
    for (let turns = 0; turns < TURNS_MAX; turns += 2) {
      const stage = await MempoolStage.open(3);
      const { tree, funds, chain, mempool } = stage;
      const [parent, other, mined] = funds.map((coin) => tree.pay(coin, { to: BOB.lock }));
      const child = tree.pay(outputOf(parent!, 0), { from: BOB, to: BOB.lock, pays: 5 });
      const heir = tree.pay(outputOf(mined!, 0), { from: BOB, to: BOB.lock, pays: 5 });
      const rival = tree.pay(funds[0]!, { pays: 77 });
      tree.add("a1", "genesis", { transactions: [rival, mined!], fees: amount(2_000) });
      const [late, early] = first === "payments" ? [turns, 0] : [0, turns];
      const all = [parent!, child, other!, mined!, heir];
      await Promise.all([
        after(early, () => Promise.all(all.map((each) => mempool.accept(each)))),
        after(late, () => chain.accept(tree.block("a1"))),
      ]);
      for (let at = 0; at < 3; at++) await mempool.idle();
      assert.deepEqual(stage.ids(), [other!.id, heir.id].sort(), `after ${turns} turns`);
      await stage.close();
    }
  });
}
