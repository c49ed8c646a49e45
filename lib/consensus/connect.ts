/** Transactions and blocks against the coins they spend. */
import { type Amount, ZERO } from "../primitives/amount.ts";
import type { Block } from "../primitives/block.ts";
import type { TxId } from "../primitives/ids.ts";
import { OutPointMap } from "../primitives/out_point_map.ts";
import { isCoinbase, outPointKey, type Transaction } from "../primitives/transaction.ts";
import { type CoinLookup, createdCoins, isMature, type OwnedCoin, spendLock } from "./coins.ts";
import type { Network } from "./network.ts";
import { rewardAt } from "./reward.ts";
import { enforce, type Rule, RuleError } from "./rules.ts";

/**
 * What a block changes. Connecting deletes `spent` and adds `created`; disconnecting deletes
 * `created` and adds `spent`, which gives back exactly the coins of before: a coin made and spent
 * inside the block is in neither.
 */
export interface BlockDelta {
  /** Coins from before the block, in the order it spends them: the undo data. */
  readonly spent: readonly OwnedCoin[];
  /** Coins that are there after the block. */
  readonly created: OutPointMap<OwnedCoin>;
  readonly fees: Amount;
}

/** Which rules a coin breaks that is absent or not ripe: inside a block it is the block's fault. */
type CoinRules = { readonly missing: Rule; readonly immature: Rule };
const LOOSE: CoinRules = { missing: "missing-coin", immature: "immature-coin" };
const IN_BLOCK: CoinRules = { missing: "block-missing-coin", immature: "block-immature-coin" };

/**
 * Checks a payment against the coins it spends, as if in a block at `height`, and returns its fee.
 * Call `checkTransaction` before. Throws `RuleError`; a missing coin is "incomplete" here.
 */
export function connectTransaction(
  transaction: Transaction,
  lookup: CoinLookup,
  height: number,
  network: Network,
): Amount {
  enforce(
    !isCoinbase(transaction),
    "loose-coinbase",
    () => `Transaction "${transaction.id}" makes new coins outside a block`,
  );
  return feeOf(transaction, coinsSpent(transaction, { lookup, height, network, rules: LOOSE }));
}

/**
 * Checks a block against the coins from before it and returns what it changes.
 * Call `checkBlock` and `checkHeader` before; signatures are checked apart (`signatures.ts`).
 * Takes time linear in the block. Throws `RuleError`.
 */
export function connectBlock(block: Block, lookup: CoinLookup, network: Network): BlockDelta {
  const { height } = block.header;
  const view = new BlockView(lookup);
  const context = { lookup: view.lookup, height, network, rules: IN_BLOCK };
  const fees: Amount[] = [];
  for (const transaction of block.transactions) {
    if (!isCoinbase(transaction)) {
      const coins = coinsSpent(transaction, context);
      fees.push(feeOf(transaction, coins));
      for (const coin of coins) view.spend(coin);
    }
    view.create(transaction.id, createdCoins(transaction, height));
  }
  const feeSum = checkCoinbaseAmount(block, fees, network);
  return { ...view.changes(), fees: feeSum };
}

/** The coins from before a block under what the block has changed so far. */
class BlockView {
  readonly #before: CoinLookup;
  readonly #spent: OwnedCoin[] = [];
  readonly #isSpent = new OutPointMap<true>();
  readonly #created = new OutPointMap<OwnedCoin>();

  constructor(before: CoinLookup) {
    this.#before = before;
  }

  readonly lookup: CoinLookup = (lock, outPoint) => {
    const created = this.#created.get(outPoint);
    if (created !== undefined) return created.lock === lock ? created : undefined;
    return this.#isSpent.has(outPoint) ? undefined : this.#before(lock, outPoint);
  };

  spend(coin: OwnedCoin): void {
    if (this.#created.delete(coin.outPoint)) return;
    this.#isSpent.set(coin.outPoint, true);
    this.#spent.push(coin);
  }

  /** `coins`: those of all outputs, in order. */
  create(id: TxId, coins: OwnedCoin[]): void {
    this.#created.setAll(id, coins);
  }

  changes(): Pick<BlockDelta, "spent" | "created"> {
    return { spent: this.#spent, created: this.#created };
  }
}

interface SpendContext {
  readonly lookup: CoinLookup;
  readonly height: number;
  readonly network: Network;
  readonly rules: CoinRules;
}

/** The coins that a payment spends. Throws `RuleError`. */
function coinsSpent({ id, spends }: Transaction, context: SpendContext): OwnedCoin[] {
  const { height, lookup, network: { coinbaseMaturity }, rules } = context;
  let count = 0;
  for (const spend of spends) count += spend.coins.length;
  const coins = new Array<OwnedCoin>(count);
  let at = 0;
  for (const spend of spends) {
    const lock = spendLock(spend);
    for (const outPoint of spend.coins) {
      const coin = lookup(lock, outPoint);
      if (coin === undefined) {
        throw new RuleError(
          rules.missing,
          `Transaction "${id}" spends ${outPointKey(outPoint)}, ` +
            `which is spent, unknown or not its owner's`,
        );
      }
      if (!isMature(coin, height, coinbaseMaturity)) {
        throw new RuleError(
          rules.immature,
          `Transaction "${id}" spends minted coins after ${height - coin.height} blocks, ` +
            `not ${coinbaseMaturity}`,
        );
      }
      coins[at++] = coin;
    }
  }
  return coins;
}

/** Inputs less outputs. Every sum is at most 2^53-1. */
function feeOf(transaction: Transaction, coins: readonly OwnedCoin[]): Amount {
  const inputs = sum(coins, "input-sum-too-high", transaction);
  const outputs = sum(transaction.outputs, "output-sum-too-high", transaction);
  if (outputs > inputs) {
    throw new RuleError(
      "overspend",
      `Transaction "${transaction.id}" spends ${inputs} grains and pays out ${outputs}`,
    );
  }
  return (inputs - outputs) as Amount;
}

/** Checks coinbase outputs <= reward + fees, and returns the fees. */
function checkCoinbaseAmount(
  block: Block,
  fees: readonly Amount[],
  network: Network,
): Amount {
  let feeSum = ZERO;
  for (const fee of fees) feeSum = add(feeSum, fee, "fee-sum-too-high", block);
  const reward = rewardAt(block.header.height, network);
  const allowed = add(reward, feeSum, "fee-sum-too-high", block);
  // `checkBlock` has found the coinbase to be the first, and no other.
  const minted = sum(block.transactions[0]!.outputs, "output-sum-too-high", block);
  enforce(
    minted <= allowed,
    "coinbase-too-high",
    () => `Block "${block.id}" mints ${minted} grains, ${allowed} are allowed`,
  );
  return feeSum;
}

/** Every payment of a first sync comes through here, so nothing is made that may not be needed. */
function sum(
  parts: readonly { readonly amount: Amount }[],
  rule: Rule,
  of: Transaction | Block,
): Amount {
  let total = ZERO;
  for (const { amount } of parts) total = add(total, amount, rule, of);
  return total;
}

function add(a: Amount, b: Amount, rule: Rule, of: Transaction | Block): Amount {
  const total = a + b;
  if (total <= Number.MAX_SAFE_INTEGER) return total as Amount;
  const name = "header" in of ? "Block" : "Transaction";
  throw new RuleError(rule, `${name} "${of.id}" has a sum of more than 2^53-1 grains`);
}
