/** Which coins a payment spends. Pure. */
import { addAmounts, type Amount, ZERO } from "../primitives/amount.ts";
import type { OwnedCoin } from "../consensus/coins.ts";

/** A coinbase younger than this may yet fall out of the chain: taken after all others. */
const YOUNG_COINBASE_BLOCKS = 6;

/** A coin that a wallet may spend, and whether a block holds it already. */
export interface SpendableCoin extends OwnedCoin {
  readonly isConfirmed: boolean;
}

/** How sure it is that the coin stays: 0 is the best. */
function risk(coin: SpendableCoin, nextHeight: number): number {
  if (!coin.isConfirmed) return 2;
  const age = nextHeight - coin.height;
  return coin.isCoinbase && age < YOUNG_COINBASE_BLOCKS ? 1 : 0;
}

/** The order in which coins are taken: the surest first, then the largest, so that few are. */
export function orderForSpending(
  coins: readonly SpendableCoin[],
  nextHeight: number,
): SpendableCoin[] {
  return [...coins].sort((a, b) =>
    risk(a, nextHeight) - risk(b, nextHeight) ||
    b.amount - a.amount ||
    (a.outPoint.txId < b.outPoint.txId ? -1 : a.outPoint.txId > b.outPoint.txId ? 1 : 0) ||
    a.outPoint.index - b.outPoint.index
  );
}

/**
 * The first coins of `ordered` that together reach `target`, at most `countMax`; undefined when
 * they do not reach it.
 */
export function takeCoins(
  ordered: readonly SpendableCoin[],
  target: number,
  countMax: number,
): { coins: SpendableCoin[]; total: Amount } | undefined {
  let total = ZERO;
  const coins: SpendableCoin[] = [];
  for (const coin of ordered) {
    if (total >= target) break;
    if (coins.length === countMax) return undefined;
    coins.push(coin);
    total = addAmounts(total, coin.amount);
  }
  return total >= target ? { coins, total } : undefined;
}
