/** Any tree of blocks, in any order of arrival, ends on its best valid tip with that branch's coins. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { seededRandom, shuffled } from "../../lib/base/random.ts";
import { createdCoins, type OwnedCoin } from "../../lib/consensus/coins.ts";
import { isBetterTip } from "../../lib/consensus/fork_choice.ts";
import { amount, sumAmounts } from "../../lib/primitives/amount.ts";
import { outPointKey, type Transaction } from "../../lib/primitives/transaction.ts";
import { MemoryKv } from "../../lib/store/memory_kv.ts";
import { ALICE, BlockTree, BOB, MINER } from "../support/chain_builder.ts";
import { fundedNetwork } from "../support/funded_network.ts";
import { Story } from "./story.ts";

const NETWORK = fundedNetwork(4);
const OWNERS = [MINER, ALICE, BOB];
const FEE = 1_000;

interface Plan {
  /** Which of the blocks before it this one builds on. */
  readonly parent: number;
  /** Which of the branch's coins its payments spend, one after the other. */
  readonly spends: readonly number[];
  /** Whom they pay. */
  readonly to: number;
  readonly isSpoiled: boolean;
  readonly isFast: boolean;
}

interface Grown {
  readonly name: string;
  readonly coins: Map<string, OwnedCoin>;
  readonly isValid: boolean;
}

const plans = fc.array(
  fc.record<Plan>({
    parent: fc.nat(20),
    spends: fc.array(fc.nat(30), { maxLength: 3 }),
    to: fc.nat(2),
    isSpoiled: fc.nat(9).map((dice) => dice === 0),
    isFast: fc.boolean(),
  }),
  { minLength: 2, maxLength: 14 },
);

/** A coin of the branch paid on by half, or nothing if it is too small. */
function pay(tree: BlockTree, coin: OwnedCoin, to: number): Transaction | undefined {
  if (coin.amount < 10 * FEE) return undefined;
  const from = OWNERS.find(({ lock }) => lock === coin.lock);
  if (from === undefined) return undefined; // Nobody's.
  return tree.pay(coin, {
    from,
    to: OWNERS[to]!.lock,
    pays: Math.floor(coin.amount / 2),
    fee: FEE,
  });
}

function connect(coins: Map<string, OwnedCoin>, transaction: Transaction, height: number): void {
  for (const spend of transaction.spends) {
    for (const outPoint of spend.coins) coins.delete(outPointKey(outPoint));
  }
  for (const coin of createdCoins(transaction, height)) {
    coins.set(outPointKey(coin.outPoint), coin);
  }
}

/** Grows one block of the plan and the coins as they are after it: the model. */
function grow(tree: BlockTree, parent: Grown, plan: Plan, name: string): Grown {
  const height = tree.block(parent.name).header.height + 1;
  const coins = new Map(parent.coins);
  const transactions: Transaction[] = [];
  for (const pick of plan.spends) {
    const choice = [...coins.values()];
    const transaction = pay(tree, choice[pick % choice.length]!, plan.to);
    if (transaction === undefined) continue;
    transactions.push(transaction);
    connect(coins, transaction, height);
  }
  const block = tree.add(name, parent.name, {
    transactions,
    fees: amount(transactions.length * FEE + (plan.isSpoiled ? 1 : 0)),
    ...(plan.isFast && { gapMs: 0 }),
  });
  connect(coins, block.transactions[0]!, height);
  return { name, coins, isValid: parent.isValid && !plan.isSpoiled };
}

function growAll(tree: BlockTree, plans: readonly Plan[]): Grown[] {
  const coins = new Map<string, OwnedCoin>();
  connect(coins, tree.block("genesis").transactions[0]!, 0);
  const grown: Grown[] = [{ name: "genesis", coins, isValid: true }];
  for (const [at, plan] of plans.entries()) {
    // Counted from the last, so that branches grow long.
    const parent = grown[grown.length - 1 - plan.parent % Math.min(grown.length, 4)]!;
    grown.push(grow(tree, parent, plan, `x${at}`));
  }
  return grown;
}

/** What waits is mined, block by block, until nothing is left: all of it must fit the chain. */
async function mineAll({ chain, mempool }: Story, tree: BlockTree, tip: string): Promise<void> {
  for (let at = 0; mempool.size > 0; at++) {
    const transactions = mempool.select();
    assert.ok(transactions.length > 0, "all coins are ripe");
    const fees = sumAmounts(transactions.map(({ id }) => mempool.get(id)!.fee));
    const outcome = await chain.accept(tree.add(`m${at}`, tip, { transactions, fees }));
    assert.equal(outcome.kind, "connected", JSON.stringify(outcome));
    tip = `m${at}`;
    await mempool.idle();
  }
}

Deno.test("story: any tree of blocks in any order ends on its best valid tip", async () => {
  await fc.assert(
    fc.asyncProperty(plans, fc.nat(), fc.boolean(), async (plans, seed, restarts) => {
      const kv = new MemoryKv();
      let stage = await Story.open(NETWORK, kv);
      const { tree } = stage;
      const grown = growAll(tree, plans);
      const [best] = grown.filter(({ isValid }) => isValid)
        .toSorted((a, b) => isBetterTip(tree.context(a.name), tree.context(b.name)) ? -1 : 1);
      const order = shuffled(grown, seededRandom(seed)).map(({ name }) => tree.block(name));
      if (restarts) {
        const half = order.slice(0, order.length / 2);
        for (const block of half) await stage.chain.accept(block);
        await stage.end();
        stage = await Story.open(NETWORK, kv.reopen());
      }
      for (const block of order) await stage.chain.accept(block);
      await stage.chain.flush(); // Behind the orphans that were freed.
      assert.equal(tree.name(stage.chain.tip().id), best!.name);
      for (const { lock } of OWNERS) {
        const expected = [...best!.coins.values()].filter((coin) => coin.lock === lock);
        assert.deepEqual(sorted(await stage.chain.coinsOf(lock)), sorted(expected));
      }
      await stage.mempool.idle();
      await mineAll(stage, tree, best!.name);
      await stage.end();
    }),
    { numRuns: 40 },
  );
});

function sorted(coins: readonly OwnedCoin[]): OwnedCoin[] {
  const order = (coin: OwnedCoin) => outPointKey(coin.outPoint);
  return [...coins].sort((a, b) => order(a) < order(b) ? -1 : 1);
}
