/** Outbidding: more a byte than each rival, and more in all than everything that is pushed out. */
import assert from "node:assert/strict";
import type { OwnedCoin } from "../../../lib/consensus/coins.ts";
import { amount } from "../../../lib/primitives/amount.ts";
import type { Transaction } from "../../../lib/primitives/transaction.ts";
import { BOB, MINER, outputOf } from "../../support/chain_builder.ts";
import { payment } from "../../support/easy_payment.ts";
import { MempoolStage } from "./mempool_stage.ts";

type SomeCoin = Pick<OwnedCoin, "amount" | "outPoint">;

function pay(stage: MempoolStage, coins: readonly SomeCoin[], fee: number): Transaction {
  return payment({
    key: MINER,
    coins,
    to: BOB.lock,
    pays: amount(1_000),
    fee: amount(fee),
    genesisId: stage.chain.genesisId,
  });
}

Deno.test("a higher fee at a lower rate does not replace", async () => {
  const stage = await MempoolStage.open(8);
  const [coin, ...others] = stage.funds;
  const small = pay(stage, [coin!], 1_000);
  await stage.accept(small);
  // Seven coins more make it more than twice as long.
  const large = pay(stage, [coin!, ...others], 1_800);
  assert.ok(1_800 / large.bytes.length < 1_000 / small.bytes.length, "the premise");
  assert.ok(1_800 > 1_000 + large.bytes.length, "the premise");
  assert.equal(await stage.accept(large), "fee-below-replaced");
  assert.deepEqual(stage.ids(), [small.id]);
  assert.equal(await stage.accept(pay(stage, [coin!, ...others], 4_000)), "accepted");
  await stage.close();
});

Deno.test("a higher rate with less than all fees of what goes does not replace", async () => {
  const stage = await MempoolStage.open(3);
  const rivals = stage.funds.map((coin) => pay(stage, [coin], 1_000));
  const child = pay(stage, [outputOf(rivals[0]!, 1)], 20_000);
  for (const each of [...rivals, child]) await stage.accept(each);
  const { length } = pay(stage, stage.funds, 23_500).bytes;
  const least = 23_000 + length;
  assert.equal(await stage.accept(pay(stage, stage.funds, least - 1)), "fee-below-replaced");
  assert.equal(stage.mempool.size, 4);
  const winner = pay(stage, stage.funds, least);
  const outcome = await stage.mempool.accept(winner);
  assert.ok(outcome.kind === "accepted");
  assert.equal(outcome.replaced.length, 4);
  assert.ok(
    outcome.replaced.indexOf(child.id) < outcome.replaced.indexOf(rivals[0]!.id),
    "children go before their parents",
  );
  assert.deepEqual(stage.ids(), [winner.id]);
  await stage.close();
});

Deno.test("one payment may push out a hundred and no more", async () => {
  const stage = await MempoolStage.open(5);
  // Four chains of 25 and one coin more.
  for (const fund of stage.funds.slice(0, 4)) {
    let coin: SomeCoin = fund;
    for (let at = 0; at < 25; at++) {
      const next = pay(stage, [coin], 400);
      assert.equal(await stage.accept(next), "accepted");
      coin = outputOf(next, 1);
    }
  }
  const extra = pay(stage, [stage.funds[4]!], 400);
  await stage.accept(extra);
  assert.equal(stage.mempool.size, 101);
  assert.equal(await stage.accept(pay(stage, stage.funds, 900_000)), "too-many-replaced");
  assert.equal(stage.mempool.size, 101);
  assert.equal(await stage.accept(pay(stage, stage.funds.slice(0, 4), 900_000)), "accepted");
  assert.equal(stage.mempool.size, 2);
  await stage.close();
});

Deno.test("ancestors are counted over all branches, each once", async () => {
  const stage = await MempoolStage.open(4, { limits: { ancestorsMax: 4 } });
  const [one, two, three] = stage.funds;
  const a = pay(stage, [one!], 1_000);
  const b = pay(stage, [outputOf(a, 1)], 1_000);
  const c = pay(stage, [two!], 1_000);
  const d = pay(stage, [outputOf(b, 1), outputOf(c, 1)], 1_000);
  const e = pay(stage, [outputOf(d, 1)], 1_000);
  for (const each of [a, b, c, d, e]) assert.equal(await stage.accept(each), "accepted");
  // a, b, c, d are four; with e they are five.
  assert.equal(await stage.accept(pay(stage, [outputOf(e, 1)], 1_000)), "too-many-ancestors");
  assert.equal(await stage.accept(pay(stage, [three!], 1_000)), "accepted");
  // After a block there is room again.
  assert.equal(await stage.mine("a1", "genesis", [a]), "connected");
  assert.equal(await stage.accept(pay(stage, [outputOf(e, 1)], 1_000)), "accepted");
  await stage.close();
});

Deno.test("one that outbids its rival and finds no room leaves everything as it was", async () => {
  const stage = await MempoolStage.open(12, { limits: { bytesMax: 980 } });
  const [coin, ...others] = stage.funds;
  const rival = pay(stage, [coin!], 400);
  const child = pay(stage, [outputOf(rival, 1)], 400);
  for (const each of [rival, child]) await stage.accept(each, { local: true });
  const rich = others.slice(0, 3).map((other) => pay(stage, [other], 5_000));
  for (const each of rich) assert.equal(await stage.accept(each), "accepted");
  const told = stage.told.length;
  const before = stage.ids();
  // More a byte than its rivals, far less than the rich, and too long to stay beside them.
  const newcomer = pay(stage, [coin!, ...others.slice(3)], 1_600);
  assert.ok(newcomer.bytes.length + 3 * rich[0]!.bytes.length > 980, "the premise");
  assert.equal(await stage.accept(newcomer), "mempool-full");
  assert.deepEqual(stage.ids(), before);
  assert.deepEqual([...stage.mempool.get(rival.id)!.children], [child.id]);
  assert.ok(stage.mempool.get(child.id)!.local);
  assert.equal(stage.mempool.spender(coin!.outPoint), rival.id);
  assert.equal(stage.told.length, told, "nobody hears of what did not happen");
  await stage.close();
});
