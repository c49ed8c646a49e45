/** Coins: outputs that were not spent, each filed under its owner's lock. */
import type { Amount } from "../primitives/amount.ts";
import type { Lock, TxId } from "../primitives/ids.ts";
import {
  isCoinbase,
  lockOfSpend,
  type OutPoint,
  type Spend,
  type Transaction,
} from "../primitives/transaction.ts";

export interface Coin {
  readonly amount: Amount;
  /** Height of the block that made it. */
  readonly height: number;
  readonly isCoinbase: boolean;
}

export interface OwnedCoin extends Coin {
  readonly lock: Lock;
  readonly outPoint: OutPoint;
}

/** The coin at `outPoint` if `lock` owns it: under another owner's lock there is none. */
export type CoinLookup = (lock: Lock, outPoint: OutPoint) => OwnedCoin | undefined;

/** What a coin is looked up by. */
export interface CoinName {
  readonly lock: Lock;
  readonly outPoint: OutPoint;
}

/** Hashing a key costs more than all else that connecting does, and it is asked for twice. */
const locks = new WeakMap<Spend, Lock>();

/** The lock that `spend` opens, hashed once for each `spend`. */
export function spendLock(spend: Spend): Lock {
  if (spend.lock !== undefined) return spend.lock;
  let lock = locks.get(spend);
  if (lock === undefined) {
    lock = lockOfSpend(spend);
    locks.set(spend, lock);
  }
  return lock;
}

/** The coins that `transactions` spend and that none of `inside` makes, in order. */
export function coinsWanted(
  transactions: readonly Transaction[],
  inside: ReadonlySet<TxId> = new Set(transactions.map(({ id }) => id)),
): CoinName[] {
  const wanted: CoinName[] = [];
  for (const transaction of transactions) {
    for (const spend of transaction.spends) {
      const lock = spendLock(spend);
      for (const outPoint of spend.coins) {
        if (!inside.has(outPoint.txId)) wanted.push({ lock, outPoint });
      }
    }
  }
  return wanted;
}

/** The coins that `transaction` makes in a block at `height`. */
export function createdCoins(transaction: Transaction, height: number): OwnedCoin[] {
  const coinbase = isCoinbase(transaction);
  return transaction.outputs.map((output, index) => ({
    amount: output.amount,
    height,
    isCoinbase: coinbase,
    lock: output.lock,
    outPoint: { txId: transaction.id, index },
  }));
}

/** Whether a block at `height` may spend `coin`: minted ones need `coinbaseMaturity` blocks. */
export function isMature(coin: Coin, height: number, coinbaseMaturity: number): boolean {
  return !coin.isCoinbase || height - coin.height >= coinbaseMaturity;
}
