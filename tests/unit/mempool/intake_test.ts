/** Payments handed in together come out as they would one after the other. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Amount, amount } from "../../../lib/primitives/amount.ts";
import {
  encodeTransaction,
  type OutPoint,
  type Transaction,
} from "../../../lib/primitives/transaction.ts";
import type { MempoolOutcome } from "../../../lib/mempool/policy.ts";
import { BOB, MINER, outputOf } from "../../support/chain_builder.ts";
import { payment } from "../../support/easy_payment.ts";
import { MempoolStage } from "./mempool_stage.ts";

const FUNDS = 6;
/** Room for about a dozen payments. */
const BYTES_MAX = 2_500;

interface Plan {
  /** Which coins it spends, of all that there are or will be: spent ones too. */
  readonly coins: readonly number[];
  readonly fee: number;
  readonly flaw: "none" | "forged" | "twice";
}

const plans = fc.array(
  fc.record<Plan>({
    coins: fc.array(fc.nat(40), { minLength: 1, maxLength: 3 }),
    fee: fc.oneof(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 400, max: 9_000 })),
    flaw: fc.constantFrom("none", "none", "none", "none", "forged", "twice"),
  }),
  { minLength: 2, maxLength: 24 },
);

const limits = fc.record({
  bytesMax: fc.constantFrom(BYTES_MAX, 1e6),
  ancestorsMax: fc.constantFrom(2, 25),
  replacedMax: fc.constantFrom(2, 100),
  orphansMax: fc.constantFrom(2, 100),
});

function forged(transaction: Transaction): Transaction {
  const signatures = transaction.signatures.map((each) => each.map((byte) => byte ^ 1));
  return encodeTransaction({ ...transaction, signatures });
}

/** Payments of the miner to itself: each may spend funds, and outputs of all before it. */
function paymentsOf(stage: MempoolStage, plans: readonly Plan[]): Transaction[] {
  const coins: { amount: Amount; outPoint: OutPoint }[] = [...stage.funds];
  return plans.flatMap(({ coins: picks, fee, flaw }) => {
    const transaction = payment({
      key: MINER,
      coins: [...new Set(picks.map((pick) => coins[pick % coins.length]!))],
      to: MINER.lock,
      pays: amount(100_000),
      fee: amount(fee),
      genesisId: stage.chain.genesisId,
    });
    const sent = flaw === "forged" ? forged(transaction) : transaction;
    const change = outputOf(sent, sent.outputs.length - 1);
    if (change.amount > 400_000) coins.push(change);
    return flaw === "twice" ? [sent, sent] : [sent];
  });
}

interface Scene {
  readonly plans: readonly Plan[];
  /** Of the first of them what can be is mined before any is handed in. */
  readonly minedCount: number;
  readonly order: readonly number[];
}

/** Hands in everything at once. Returns all that can be seen afterwards. */
async function run(
  options: Parameters<typeof MempoolStage.open>[1],
  { plans, minedCount, order }: Scene,
) {
  const stage = await MempoolStage.open(FUNDS, options);
  const payments = paymentsOf(stage, plans);
  for (const each of payments.slice(0, minedCount)) await stage.accept(each);
  if (minedCount > 0) await stage.mine("a1", "genesis", stage.mempool.select());
  const mixed = payments.map((each, at) => ({ each, key: order[at % order.length]! }))
    .sort((a, b) => a.key - b.key);
  const outcomes: MempoolOutcome[] = await Promise.all(
    mixed.map(({ each }, at) => stage.mempool.accept(each, { local: at % 3 === 0 })),
  );
  // What orphans started goes on at the end.
  for (let round = 0; round < 4; round++) await stage.mempool.idle();
  const entries = stage.mempool.entries().map(({ transaction, fee, local, parents, children }) => ({
    id: transaction.id,
    fee,
    local,
    parents: [...parents].sort(),
    children: [...children].sort(),
  }));
  const chosen = stage.mempool.select().map(({ id }) => id);
  const told = [...stage.told];
  await stage.close();
  return { outcomes, entries, chosen, told };
}

Deno.test("many payments at once: the same outcomes, news and pool as one by one", async () => {
  await fc.assert(
    fc.asyncProperty(
      plans,
      limits,
      fc.array(fc.nat(1_000), { minLength: 1, maxLength: 24 }),
      fc.nat(6),
      fc.constantFrom(3, 256),
      async (plans, limits, order, minedCount, batchSignatures) => {
        const scene = { plans, order, minedCount };
        const oneByOne = await run({ limits, batchSignatures: 1 }, scene);
        assert.deepEqual(await run({ limits, batchSignatures }, scene), oneByOne);
      },
    ),
    { numRuns: 150 },
  );
});

/** Notes what the mempool asks of its chain. */
function watch({ chain }: MempoolStage): { checked: string[]; lookups: number } {
  const seen = { checked: [] as string[], lookups: 0 };
  const checkSignatures = chain.checkSignatures.bind(chain);
  const lookup = chain.lookup.bind(chain);
  chain.checkSignatures = (transaction) => {
    seen.checked.push(transaction.id);
    return checkSignatures(transaction);
  };
  chain.lookup = (wanted) => {
    seen.lookups++;
    return lookup(wanted);
  };
  return seen;
}

Deno.test("payments at once cost one look-up, and each signature is checked once", async () => {
  const stage = await MempoolStage.open(8);
  const payments = stage.funds.map((coin) => stage.tree.pay(coin, { to: BOB.lock }));
  const child = stage.tree.pay(outputOf(payments[0]!, 0), { from: BOB, pays: 5 });
  const seen = watch(stage);
  const all = [...payments, child];
  const outcomes = await Promise.all(all.map((each) => stage.accept(each)));
  assert.deepEqual(new Set(outcomes), new Set(["accepted"]));
  assert.equal(seen.lookups, 1);
  assert.deepEqual(seen.checked, all.map(({ id }) => id));
  await stage.close();
});

Deno.test("what cannot be taken costs no signature", async () => {
  const stage = await MempoolStage.open(4);
  const { tree, funds } = stage;
  const first = tree.pay(funds[0]!, { fee: 5_000 });
  const cheap = tree.pay(funds[1]!, { fee: 1 });
  const cheapChild = tree.pay(outputOf(first, 1), { fee: 1 });
  const lateRival = tree.pay(funds[0]!, { to: BOB.lock, fee: 5_000 });
  const homeless = tree.pay(outputOf(cheap, 1));
  const good = tree.pay(funds[2]!);
  const seen = watch(stage);
  const all = [first, cheap, cheapChild, lateRival, homeless, good];
  assert.deepEqual(await Promise.all(all.map((each) => stage.accept(each))), [
    "accepted",
    "fee-too-low",
    "fee-too-low",
    "fee-below-replaced",
    "orphan",
    "accepted",
  ]);
  assert.deepEqual(seen.checked, [first.id, good.id]);
  await stage.close();
});

Deno.test("a forged payment condemns itself alone", async () => {
  const stage = await MempoolStage.open(4);
  const { tree, funds } = stage;
  const payments = funds.map((coin) => tree.pay(coin, { to: BOB.lock }));
  const bad = forged(payments[1]!);
  const child = tree.pay(outputOf(bad, 0), { from: BOB, pays: 5 });
  const all = [payments[0]!, bad, child, payments[1]!, payments[2]!];
  assert.deepEqual(await Promise.all(all.map((each) => stage.accept(each))), [
    "accepted",
    "bad-signature",
    "orphan",
    "accepted",
    "accepted",
  ]);
  await stage.close();
});

Deno.test("a child comes together with its parent, which has been mined meanwhile", async () => {
  const stage = await MempoolStage.open(2);
  const { tree, funds } = stage;
  const parent = tree.pay(funds[0]!, { to: BOB.lock });
  const child = tree.pay(outputOf(parent, 0), { from: BOB, pays: 5 });
  await stage.accept(parent);
  await stage.mine("a1", "genesis", [parent]);
  const all = [parent, child, tree.pay(funds[1]!)];
  assert.deepEqual(await Promise.all(all.map((each) => stage.accept(each))), [
    "known",
    "accepted",
    "accepted",
  ]);
  await stage.close();
});

Deno.test("what is saved between two payments is what was there between them", async () => {
  const stage = await MempoolStage.open(4);
  const [first, second, third] = stage.funds.map((coin) => stage.tree.pay(coin));
  const taken = [stage.accept(first!), stage.accept(second!)];
  const saved = stage.mempool.save();
  taken.push(stage.accept(third!));
  await Promise.all([...taken, saved]);
  await stage.reopen();
  assert.deepEqual(stage.ids(), [first!.id, second!.id].sort());
  await stage.close();
});

Deno.test("a store that fails is heard of by each, and harms no later one", async () => {
  const stage = await MempoolStage.open(3);
  const lookup = stage.chain.lookup.bind(stage.chain);
  stage.chain.lookup = () => Promise.reject(new Error("on purpose"));
  const payments = stage.funds.map((coin) => stage.tree.pay(coin));
  const results = await Promise.allSettled(payments.map((each) => stage.accept(each)));
  assert.deepEqual(results.map(({ status }) => status), ["rejected", "rejected", "rejected"]);
  stage.chain.lookup = lookup;
  assert.equal(await stage.accept(payments[0]!), "accepted");
  await stage.close();
});
