/**
 * The coins: changes in memory over the sorted pages on disk. They are written now and then, all at
 * once, in a flush that overlaps with further changes:
 *
 *   dirty     changed since the last flush began
 *   flushing  being written; as good as on disk, but still read from here
 *   pages     the coins on disk, with a cache of the pages last used
 *
 * The blocks are the log: whatever a power cut takes from `dirty` and `flushing` is replayed from
 * them (chain/recover.ts).
 */
import { assert } from "../base/assert.ts";
import type { CoinName, OwnedCoin } from "../consensus/coins.ts";
import type { BlockId, Lock } from "../primitives/ids.ts";
import { outPointKey } from "../primitives/transaction.ts";
import type { CoinPages } from "./coin_pages.ts";
import { CoinRecord } from "./coin_record.ts";
import { CoinTable } from "./coin_table.ts";
import { PAGE_LIMITS, type PageLimits } from "./sorted_pages.ts";

/** What a step of the chain changed in sum. */
export interface CoinChanges {
  /** Coins that were there before the step. */
  readonly spent: readonly OwnedCoin[];
  /** Coins that are there after it and were not before, or were spent in it first. */
  readonly created: readonly OwnedCoin[];
}

export interface CoinCacheLimits {
  /** A flush is due above this many changed coins, about 90 bytes each. */
  readonly dirtyMax: number;
  /**
   * Where more coins lie on disk a flush touches more pages, so it comes later: above an eighth of
   * their number, up to this one. None: always above `dirtyMax`.
   */
  readonly dirtyMaxOfMany?: number;
  readonly pages: PageLimits;
}

/** At most as many changes as are replayed in about two seconds after a kill. */
export const COIN_CACHE_LIMITS: CoinCacheLimits = {
  dirtyMax: 40_000,
  dirtyMaxOfMany: 80_000,
  pages: PAGE_LIMITS,
};

export class CoinCache {
  readonly #pages: CoinPages;
  readonly #limits: CoinCacheLimits;
  readonly #record = new CoinRecord();
  #dirty = new CoinTable();
  #flushing = new CoinTable();
  #isFlushing = false;
  /** Goes up when a flush ends. */
  #flushCount = 0;
  #onDisk: BlockId;

  /** `onDisk`: the block whose coins `pages` holds. */
  constructor(pages: CoinPages, onDisk: BlockId, limits = COIN_CACHE_LIMITS) {
    this.#pages = pages;
    this.#onDisk = onDisk;
    this.#limits = limits;
  }

  /** The block whose coins are on disk. */
  get onDisk(): BlockId {
    return this.#onDisk;
  }

  get isFlushDue(): boolean {
    const { dirtyMax, dirtyMaxOfMany = dirtyMax } = this.#limits;
    return this.#dirty.size > Math.max(dirtyMax, Math.min(dirtyMaxOfMany, this.#pages.size / 8));
  }

  get isFlushing(): boolean {
    return this.#isFlushing;
  }

  /** Changed coins, for reports. */
  get dirtyCount(): number {
    return this.#dirty.size;
  }

  /**
   * The coins among `wanted` that exist. Only for the one task that changes the chain: no change
   * may come between a read here and its use. Throws `DamagedRecord`.
   */
  async load(wanted: readonly CoinName[]): Promise<OwnedCoin[]> {
    const { found, unknown } = this.#lookAside(wanted);
    if (unknown.length === 0) return found;
    // A flush that ends meanwhile writes nothing that was not in memory.
    return [...found, ...await this.#pages.coins(unknown)];
  }

  /** As `load`, for anyone at any time. Throws `DamagedRecord`. */
  async peek(wanted: readonly CoinName[]): Promise<OwnedCoin[]> {
    for (;;) {
      const flushCount = this.#flushCount;
      const { found, unknown } = this.#lookAside(wanted);
      if (unknown.length === 0) return found;
      const read = await this.#pages.coins(unknown);
      // What changed meanwhile is in memory, unless a flush has just taken it to the disk.
      if (flushCount !== this.#flushCount) continue;
      const again = this.#lookAside(wanted);
      const open = new Set(again.unknown.map(({ outPoint }) => outPointKey(outPoint)));
      return [...again.found, ...read.filter((coin) => open.has(outPointKey(coin.outPoint)))];
    }
  }

  /** All coins of `lock`, as they are when called. Throws `DamagedRecord`. */
  async coinsOf(lock: Lock): Promise<OwnedCoin[]> {
    const coins = new Map<string, OwnedCoin>();
    const stored = this.#pages.list(lock);
    const changed = this.#changedOf(lock);
    for await (const some of stored) {
      for (const coin of some) coins.set(outPointKey(coin.outPoint), coin);
    }
    for (const { coin, spent } of changed) {
      if (spent) coins.delete(outPointKey(coin.outPoint));
      else coins.set(outPointKey(coin.outPoint), coin);
    }
    return [...coins.values()];
  }

  /** The coins on disk, which are those of block `onDisk`, some at a time. */
  stored(): AsyncGenerator<OwnedCoin[]> {
    return this.#pages.list();
  }

  /** Takes in what a step of the chain changed, once that step is on disk. */
  apply({ spent, created }: CoinChanges): void {
    for (const coin of spent) {
      this.#record.setCoin(coin);
      const slot = this.#dirty.find(this.#record);
      if (this.#isStored(slot, true)) this.#dirty.setSpent(this.#record, slot);
      else this.#dirty.delete(this.#record);
    }
    for (const coin of created) {
      this.#record.setCoin(coin);
      const slot = this.#dirty.find(this.#record);
      this.#dirty.setMade(this.#record, this.#isStored(slot, false), slot);
    }
  }

  /**
   * Takes in coins of a block that is replayed, as made or as spent, whatever of that is on disk
   * already: they are written over or deleted by the next flush in any case.
   */
  replay(coins: Iterable<OwnedCoin>, spent: boolean): void {
    for (const coin of coins) {
      this.#record.setCoin(coin);
      if (spent) this.#dirty.setSpent(this.#record);
      else this.#dirty.setMade(this.#record, true);
    }
  }

  /**
   * Writes what is changed now, which must be the coins of block `to`, whose blocks are on disk.
   * After a failure the store must not be used any more: the next opening repairs it.
   */
  async flush(to: BlockId): Promise<void> {
    assert(!this.#isFlushing, "one flush at a time");
    this.#isFlushing = true;
    [this.#flushing, this.#dirty] = [this.#dirty, this.#flushing];
    await this.#pages.write(this.#flushing, to);
    this.#onDisk = to;
    this.#flushCount++;
    this.#flushing.clear();
    this.#isFlushing = false;
  }

  /**
   * Whether the coin of the record at hand, which is at `slot` of `dirty` or not there, is on disk or
   * will be when the flush ends.
   */
  #isStored(slot: number, existed: boolean): boolean {
    if (slot >= 0) return this.#dirty.isStored(slot);
    const flushing = this.#flushing.find(this.#record);
    return flushing < 0 ? existed : !this.#flushing.isSpent(flushing);
  }

  #changedOf(lock: Lock): { coin: OwnedCoin; spent: boolean }[] {
    this.#record.setLock(lock);
    const tables = [this.#flushing, this.#dirty];
    return tables.flatMap((table) => [...table.ofLock(this.#record, lock)]);
  }

  /** What memory knows of `wanted`: coins that exist, and names to ask the disk for. */
  #lookAside(wanted: readonly CoinName[]): { found: OwnedCoin[]; unknown: CoinName[] } {
    const found: OwnedCoin[] = [];
    const unknown: CoinName[] = [];
    for (const name of wanted) {
      if (!this.#record.setName(name)) continue;
      let table = this.#dirty;
      let slot = table.find(this.#record);
      if (slot < 0) {
        table = this.#flushing;
        slot = table.find(this.#record);
      }
      if (slot < 0) unknown.push(name);
      else if (!table.isSpent(slot) && table.hasLock(slot, this.#record)) {
        found.push(table.coin(slot, name));
      }
    }
    return { found, unknown };
  }
}
