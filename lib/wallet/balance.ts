/** What an owner's coins come to. Pure. */
import { type Amount, amount, sumAmounts } from "../primitives/amount.ts";
import type { OutPoint } from "../primitives/transaction.ts";
import type { Coin, OwnedCoin } from "../consensus/coins.ts";
import type { SpendableCoin } from "./coin_selection.ts";

/** An owner's coins as the chain and the mempool see them. */
export interface OwnerCoins {
  /** In the chain. */
  confirmed: readonly OwnedCoin[];
  /** Made by transactions that no block holds yet. */
  pending: readonly OwnedCoin[];
  /** Whether a transaction of the mempool spends the coin. */
  isSpent: (outPoint: OutPoint) => boolean;
  /** Whether the next block may spend a confirmed coin. */
  isMature: (coin: Coin) => boolean;
}

export interface BalanceParts {
  /** In the chain and old enough to spend. */
  confirmed: Amount;
  /** In the chain, minted too lately to spend. */
  maturing: Amount;
  /** On its way here, change included. */
  pendingIn: Amount;
  /** Of the confirmed, on its way out. */
  pendingOut: Amount;
  /** What is left when all that is pending is done. */
  total: Amount;
}

export function balanceOf(coins: OwnerCoins): BalanceParts {
  const sum = (some: readonly OwnedCoin[]) => sumAmounts(some.map((coin) => coin.amount));
  const confirmed = sum(coins.confirmed.filter(coins.isMature));
  const maturing = sum(coins.confirmed.filter((coin) => !coins.isMature(coin)));
  const pendingIn = sum(coins.pending.filter((coin) => !coins.isSpent(coin.outPoint)));
  const pendingOut = sum(coins.confirmed.filter((coin) => coins.isSpent(coin.outPoint)));
  const total = amount(confirmed + maturing + pendingIn - pendingOut);
  return { confirmed, maturing, pendingIn, pendingOut, total };
}

/** The coins that a new payment may spend: ripe ones, and pending change of one's own. */
export function spendableCoins(
  coins: OwnerCoins,
  isOwnPayment: (coin: OwnedCoin) => boolean,
): SpendableCoin[] {
  const unspent = (coin: OwnedCoin) => !coins.isSpent(coin.outPoint);
  return [
    ...coins.confirmed.filter((coin) => unspent(coin) && coins.isMature(coin))
      .map((coin) => ({ ...coin, isConfirmed: true })),
    ...coins.pending.filter((coin) => unspent(coin) && isOwnPayment(coin))
      .map((coin) => ({ ...coin, isConfirmed: false })),
  ];
}
