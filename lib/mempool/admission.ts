/** Whether the mempool takes a payment: the rules that need coins, then policy. Pure. */
import { type CoinLookup, spendLock } from "../consensus/coins.ts";
import { connectTransaction } from "../consensus/connect.ts";
import type { Network } from "../consensus/network.ts";
import type { Amount } from "../primitives/amount.ts";
import type { TxId } from "../primitives/ids.ts";
import type { OutPoint, Transaction } from "../primitives/transaction.ts";
import { type MempoolLimits, PolicyError } from "./policy.ts";
import { coinsSpent, type Pool, type PoolEntry } from "./pool.ts";

const NOBODY: ReadonlySet<TxId> = new Set();

export interface Admission {
  readonly fee: Amount;
  /** The first height at which the minted coins that it spends may be spent. */
  readonly matureHeight: number;
  /** What it pushes out: rivals for its coins and all that builds on them, children first. */
  readonly replaced: readonly TxId[];
}

export interface AdmissionContext {
  readonly pool: Pool;
  /** Coins of the chain. */
  readonly lookup: CoinLookup;
  /** Of the next block. */
  readonly height: number;
  readonly network: Network;
  readonly limits: MempoolLimits;
}

/** Coins that neither the chain nor the pool has. */
export function missingCoins(
  { spends }: Transaction,
  pool: Pool,
  chainLookup: CoinLookup,
): OutPoint[] {
  const lookup = withPool(pool, chainLookup, 0);
  return spends.flatMap((spend) =>
    spend.coins.filter((outPoint) => lookup(spendLock(spend), outPoint) === undefined)
  );
}

/**
 * The terms on which `transaction`, none of whose coins is missing, is taken.
 * Throws `RuleError` or `PolicyError`. Signatures are checked apart.
 */
export function admit(transaction: Transaction, context: AdmissionContext): Admission {
  const { pool, height, network, limits } = context;
  const lookup = withPool(pool, context.lookup, height);
  const fee = connectTransaction(transaction, lookup, height, network);
  const least = transaction.bytes.length * limits.feePerByteMin;
  if (fee < least) {
    const detail = `The fee of ${fee} grains is too low: ${transaction.bytes.length} bytes ` +
      `need ${least} grains`;
    throw new PolicyError("fee-too-low", detail);
  }
  const ancestors = checkAncestors(transaction, pool, limits);
  const replaced = checkReplaced(transaction, fee, { pool, limits, ancestors });
  return { fee, replaced, matureHeight: matureHeight(transaction, lookup, network) };
}

/** The chain's coins and the pool's outputs; which of them are spent in the pool is asked apart. */
function withPool(pool: Pool, lookup: CoinLookup, height: number): CoinLookup {
  return withOutputs((id) => pool.get(id)?.transaction, lookup, height);
}

/** `lookup` with the outputs of what waits, as coins of a block at `height`. */
export function withOutputs(
  waiting: (id: TxId) => Transaction | undefined,
  lookup: CoinLookup,
  height = 0,
): CoinLookup {
  return (lock, outPoint) => {
    const parent = waiting(outPoint.txId);
    if (parent === undefined) return lookup(lock, outPoint);
    const output = parent.outputs[outPoint.index];
    if (output?.lock !== lock) return undefined;
    return { amount: output.amount, height, isCoinbase: false, lock, outPoint };
  };
}

function matureHeight(
  { spends }: Transaction,
  lookup: CoinLookup,
  { coinbaseMaturity }: Network,
): number {
  let height = 0;
  for (const spend of spends) {
    for (const outPoint of spend.coins) {
      const coin = lookup(spendLock(spend), outPoint);
      if (coin?.isCoinbase) height = Math.max(height, coin.height + coinbaseMaturity);
    }
  }
  return height;
}

function checkAncestors(
  transaction: Transaction,
  pool: Pool,
  { ancestorsMax }: MempoolLimits,
): ReadonlySet<TxId> {
  const parents = coinsSpent(transaction).map(({ txId }) => txId).filter((id) => pool.has(id));
  if (parents.length === 0) return NOBODY;
  const ancestors = pool.ancestors(parents, ancestorsMax);
  for (const id of parents) ancestors.add(id);
  if (ancestors.size > ancestorsMax) {
    const detail = `The payment builds on more than ${ancestorsMax} that wait for a block: ` +
      `send it after the next block`;
    throw new PolicyError("too-many-ancestors", detail);
  }
  return ancestors;
}

/** A rival must be outbid in fee rate, and all it takes with it in fees and for our trouble. */
function checkReplaced(
  transaction: Transaction,
  fee: Amount,
  context: { pool: Pool; limits: MempoolLimits; ancestors: ReadonlySet<TxId> },
): TxId[] {
  const { pool, limits, ancestors } = context;
  const rivals = new Set(
    coinsSpent(transaction).flatMap((outPoint) => pool.spender(outPoint) ?? []),
  );
  if (rivals.size === 0) return [];
  const descendants = pool.descendants(rivals, limits.replacedMax);
  const doomed = [...new Set([...[...descendants].reverse(), ...rivals])];
  if (doomed.length > limits.replacedMax) {
    const detail = `The payment would replace more than ${limits.replacedMax} others`;
    throw new PolicyError("too-many-replaced", detail);
  }
  if (doomed.some((id) => ancestors.has(id))) {
    const detail = "The payment would replace one that it builds on";
    throw new PolicyError("replaces-own-parent", detail);
  }
  checkBid(transaction, fee, {
    rivals: [...rivals].map((id) => pool.get(id)!),
    doomed: doomed.map((id) => pool.get(id)!),
    feePerByteMin: limits.feePerByteMin,
  });
  return doomed;
}

function checkBid(
  { bytes }: Transaction,
  fee: Amount,
  bid: { rivals: PoolEntry[]; doomed: PoolEntry[]; feePerByteMin: number },
): void {
  const feeSum = bid.doomed.reduce((sum, entry) => sum + entry.fee, 0);
  const least = feeSum + Math.max(1, bytes.length * bid.feePerByteMin);
  const isRateHigher = bid.rivals.every((rival) =>
    fee / bytes.length > rival.fee / rival.transaction.bytes.length
  );
  if (fee >= least && isRateHigher) return;
  const detail = `The payment spends coins of one that waits already: to replace it, ` +
    `pay at least ${least} grains and more a byte than it does`;
  throw new PolicyError("fee-below-replaced", detail);
}
