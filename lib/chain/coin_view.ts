/**
 * Coins as they would be after some blocks more, or fewer: a view in memory over what was loaded.
 * Nothing outside changes until the whole step has proved good and is on disk.
 */
import {
  type CoinLookup,
  type CoinName,
  createdCoins,
  type OwnedCoin,
} from "../consensus/coins.ts";
import type { BlockDelta } from "../consensus/connect.ts";
import type { Block } from "../primitives/block.ts";
import type { TxId } from "../primitives/ids.ts";
import { OutPointMap } from "../primitives/out_point_map.ts";
import type { CoinChanges } from "../store/coin_cache.ts";

export class CoinView {
  /** What the store has, as far as it was loaded; null for what the step takes away from there. */
  readonly #before = new OutPointMap<OwnedCoin | null>();
  readonly #spent: OwnedCoin[] = [];
  /** Made in the step and still there. */
  readonly #created = new OutPointMap<OwnedCoin>();

  readonly lookup: CoinLookup = (lock, outPoint) => {
    const coin = this.#created.get(outPoint) ?? this.#before.get(outPoint);
    return coin?.lock === lock ? coin : undefined;
  };

  /** Those of `wanted` that must be loaded before `lookup` can answer for them. */
  unknown(wanted: readonly CoinName[]): CoinName[] {
    return wanted.filter(({ outPoint }) =>
      !this.#created.has(outPoint) && !this.#before.has(outPoint)
    );
  }

  addLoaded(coins: readonly OwnedCoin[]): void {
    for (const coin of coins) this.#before.set(coin.outPoint, coin);
  }

  /** Takes over what `delta` holds. */
  connect(delta: Pick<BlockDelta, "spent" | "created">): void {
    for (const coin of delta.spent) this.#spend(coin);
    this.#created.takeOver(delta.created);
  }

  /** `undo`: the coins that the block spent. */
  disconnect(block: Block, undo: readonly OwnedCoin[]): void {
    for (const coin of coinsAfter(block)) this.#spend(coin);
    for (const coin of undo) this.#created.set(coin.outPoint, coin);
  }

  /** What changed in sum. Coins both made and spent in between are left out. */
  changes(): CoinChanges {
    return { spent: this.#spent, created: this.#created.values() };
  }

  #spend(coin: OwnedCoin): void {
    if (this.#created.delete(coin.outPoint)) return;
    this.#before.set(coin.outPoint, null);
    this.#spent.push(coin);
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
