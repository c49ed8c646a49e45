/** Whatever waits, what is selected is a valid block within its limits, and as full as can be. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Amount, amount } from "../../../lib/primitives/amount.ts";
import type { TxId } from "../../../lib/primitives/ids.ts";
import type { MempoolEntry } from "../../../lib/mempool/policy.ts";
import type { OwnedCoin } from "../../../lib/consensus/coins.ts";
import {
  type OutPoint,
  signTransaction,
  type Transaction,
} from "../../../lib/primitives/transaction.ts";
import { ALICE, MINER, outputOf } from "../../support/chain_builder.ts";
import { payment } from "../../support/easy_payment.ts";
import { MempoolStage } from "./mempool_stage.ts";

const FUNDS = 12;

interface Plan {
  /** Which of the coins that are left it spends. */
  readonly coins: readonly number[];
  readonly fee: number;
}

interface Limits {
  readonly bytesMax: number;
  readonly signaturesMax: number;
  readonly coinsMax: number;
}

const plans = fc.array(
  fc.record<Plan>({
    coins: fc.array(fc.nat(40), { minLength: 1, maxLength: 3 }),
    fee: fc.integer({ min: 500, max: 9_000 }),
  }),
  { minLength: 1, maxLength: 24 },
);

const limits = fc.record<Limits>({
  bytesMax: fc.integer({ min: 150, max: 6_000 }),
  signaturesMax: fc.integer({ min: 1, max: 25 }),
  coinsMax: fc.integer({ min: 1, max: 40 }),
});

/** Fills the mempool: payments to the miner itself, which spend funds and each other's outputs. */
async function fill(stage: MempoolStage, plans: readonly Plan[]): Promise<void> {
  const left: { amount: Amount; outPoint: OutPoint }[] = [...stage.funds];
  for (const plan of plans) {
    const coins = new Set(plan.coins.map((pick) => left[pick % left.length]!));
    for (const coin of coins) left.splice(left.indexOf(coin), 1);
    const transaction = payment({
      key: MINER,
      coins: [...coins],
      to: MINER.lock,
      pays: amount(100_000),
      fee: amount(plan.fee),
      genesisId: stage.chain.genesisId,
    });
    assert.equal(await stage.accept(transaction), "accepted");
    for (const index of transaction.outputs.keys()) {
      const output = outputOf(transaction, index);
      if (output.amount > 200_000) left.push(output);
    }
    if (left.length === 0) break;
  }
}

function sizeOf(transactions: readonly Transaction[]): Limits {
  return {
    bytesMax: transactions.reduce((sum, { bytes }) => sum + bytes.length, 0),
    signaturesMax: transactions.reduce((sum, { spends }) => sum + spends.length, 0),
    coinsMax: transactions.flatMap(({ spends }) => spends.flatMap(({ coins }) => coins)).length,
  };
}

function fits(transactions: readonly Transaction[], within: Limits): boolean {
  const size = sizeOf(transactions);
  return size.bytesMax <= within.bytesMax && size.signaturesMax <= within.signaturesMax &&
    size.coinsMax <= within.coinsMax;
}

Deno.test("any selection is a valid block, within limits and as full as can be", async () => {
  await fc.assert(
    fc.asyncProperty(plans, limits, async (plans, limits) => {
      const stage = await MempoolStage.open(FUNDS);
      const { mempool } = stage;
      await fill(stage, plans);
      const chosen = mempool.select(limits.bytesMax, limits);
      assert.ok(fits(chosen, limits));
      const ids = new Set<TxId>(chosen.map(({ id }) => id));
      assert.equal(ids.size, chosen.length);
      for (const { transaction, parents } of mempool.entries()) {
        if (ids.has(transaction.id) || ![...parents].every((id) => ids.has(id))) continue;
        assert.ok(!fits([...chosen, transaction], limits), "nothing more would have fitted");
      }
      assert.deepEqual(
        mempool.select(limits.bytesMax, limits),
        chosen,
        "selecting changes nothing",
      );
      // The rules are the judge of all the rest: parents first, no coin twice, fees as claimed.
      assert.equal(await stage.mine("a1", "genesis", chosen), "connected");
      // And of what stayed behind.
      assert.equal(await stage.mine("a2", "a1", mempool.select()), "connected");
      assert.equal(mempool.size, 0);
      await stage.close();
    }),
    { numRuns: 40 },
  );
});

/** The best package of all, again and again, each weighed anew: what a selection must come to. */
function byTheBook({ mempool }: MempoolStage, bytesMax: number): TxId[] {
  const chosen = new Set<TxId>();
  let bytes = 0;
  const left = () => mempool.entries().filter(({ transaction }) => !chosen.has(transaction.id));
  const missing = (entry: MempoolEntry): MempoolEntry[] =>
    [...entry.parents].filter((id) => !chosen.has(id))
      .flatMap((id) => missing(mempool.get(id)!)).concat(entry);
  const sum = (entries: MempoolEntry[], of: (entry: MempoolEntry) => number) =>
    entries.reduce((total, entry) => total + of(entry), 0);
  const sizeOf = (entries: MempoolEntry[]) => sum(entries, (each) => each.transaction.bytes.length);
  for (;;) {
    const packages = left().map((entry) => ({ id: entry.transaction.id, all: missing(entry) }))
      .filter(({ all }) => bytes + sizeOf(all) <= bytesMax)
      .map(({ id, all }) => ({ id, all, rate: sum(all, ({ fee }) => fee) / sizeOf(all) }));
    if (packages.length === 0) return [...chosen];
    packages.sort((a, b) => a.rate !== b.rate ? b.rate - a.rate : a.id < b.id ? -1 : 1);
    const [best] = packages;
    bytes += sizeOf(best!.all);
    for (const { transaction } of best!.all) chosen.add(transaction.id);
  }
}

Deno.test("with one parent at the most the best package comes first, weighed anew each time", async () => {
  const single = plans.map((all) =>
    all.map((plan) => ({ ...plan, coins: plan.coins.slice(0, 1) }))
  );
  await fc.assert(
    fc.asyncProperty(single, fc.integer({ min: 150, max: 6_000 }), async (plans, bytesMax) => {
      const stage = await MempoolStage.open(4);
      await fill(stage, plans);
      const chosen = stage.mempool.select(bytesMax).map(({ id }) => id);
      assert.deepEqual(chosen, byTheBook(stage, bytesMax));
      await stage.close();
    }),
    { numRuns: 60 },
  );
});

/** A payment of about 25 kB: change first, then a thousand small outputs. */
function wide(stage: MempoolStage, coin: Pick<OwnedCoin, "amount" | "outPoint">): Transaction {
  const small = Array.from({ length: 1_150 }, () => ({ amount: amount(1), lock: ALICE.lock }));
  const change = { amount: amount(coin.amount - small.length - 30_000), lock: MINER.lock };
  return signTransaction(
    {
      spends: [{ publicKey: MINER.publicKey, coins: [coin.outPoint] }],
      outputs: [change, ...small],
      memo: new Uint8Array(),
    },
    stage.chain.genesisId,
    () => MINER.seed,
  );
}

Deno.test("without limits of its own a selection leaves room for header and coinbase", async () => {
  const stage = await MempoolStage.open(1);
  const { tree, mempool } = stage;
  // Payments of 25 kB each, 22 of which pass the size of a block.
  let coin: Pick<OwnedCoin, "amount" | "outPoint"> = stage.funds[0]!;
  for (let at = 0; at < 22; at++) {
    const transaction = wide(stage, coin);
    assert.equal(await stage.accept(transaction), "accepted");
    coin = outputOf(transaction, 0);
  }
  const chosen = mempool.select();
  assert.ok(mempool.bytes > 524_288, "the premise");
  assert.equal(await stage.mine("a1", "genesis", chosen), "connected");
  const { bytes } = tree.block("a1");
  assert.ok(bytes.length > 490_000 && bytes.length <= 524_288, `${bytes.length} bytes`);
  await stage.close();
});
