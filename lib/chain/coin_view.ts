/**
 * Coins as they would be after some blocks more, or fewer: a view in memory over what was loaded.
 * Nothing outside changes until the whole step has proved good and is on disk.
 */
import type { CoinLookup, CoinName, OwnedCoin } from "../consensus/coins.ts";
import { createdCoins } from "../consensus/coins.ts";
import type { Block } from "../primitives/block.ts";
import type { TxId } from "../primitives/ids.ts";
import { OutPointMap } from "../primitives/out_point_map.ts";
import type { CoinChange } from "../store/coin_cache.ts";

export class CoinView {
  readonly #loaded = new OutPointMap<OwnedCoin>();
  readonly #changes = new OutPointMap<CoinChange>();

  readonly lookup: CoinLookup = (lock, outPoint) => {
    const change = this.#changes.get(outPoint);
    if (change?.spent === true) return undefined;
    const coin = change?.coin ?? this.#loaded.get(outPoint);
    return coin?.lock === lock ? coin : undefined;
  };

  /** Those of `wanted` that must be loaded before `lookup` can answer for them. */
  unknown(wanted: readonly CoinName[]): CoinName[] {
    return wanted.filter(({ outPoint }) =>
      !this.#changes.has(outPoint) && !this.#loaded.has(outPoint)
    );
  }

  addLoaded(coins: readonly OwnedCoin[]): void {
    for (const coin of coins) this.#loaded.set(coin.outPoint, coin);
  }

  connect(delta: { spent: readonly OwnedCoin[]; created: readonly OwnedCoin[] }): void {
    for (const coin of delta.spent) this.#change(coin, true);
    for (const coin of delta.created) this.#change(coin, false);
  }

  /** `undo`: the coins that the block spent. */
  disconnect(block: Block, undo: readonly OwnedCoin[]): void {
    for (const coin of coinsAfter(block)) this.#change(coin, true);
    for (const coin of undo) this.#change(coin, false);
  }

  /** What changed in sum. Coins both made and spent in between are left out. */
  changes(): CoinChange[] {
    return this.#changes.values().filter((change) => change.existed || !change.spent);
  }

  #change(coin: OwnedCoin, spent: boolean): void {
    // What is taken away before it is made here was there before.
    const existed = this.#changes.get(coin.outPoint)?.existed ?? spent;
    this.#changes.set(coin.outPoint, { coin, spent, existed });
  }
}

/** The coins that connecting `block` left behind: made in it, and not spent in it again. */
export function coinsAfter(block: Block): OwnedCoin[] {
  const inside = new Set<TxId>(block.transactions.map(({ id }) => id));
  const spentInside = new OutPointMap<true>();
  for (const { spends } of block.transactions) {
    for (const { coins } of spends) {
      for (const outPoint of coins) if (inside.has(outPoint.txId)) spentInside.set(outPoint, true);
    }
  }
  return block.transactions
    .flatMap((transaction) => createdCoins(transaction, block.header.height))
    .filter((coin) => !spentInside.has(coin.outPoint));
}
