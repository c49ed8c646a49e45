/**
 * The coins: a cache over the `coin` records. Changes stay in memory and are written now and then,
 * sorted by key, in a flush that overlaps with further changes:
 *
 *   dirty     changed since the last flush began
 *   flushing  being written; as good as on disk, but still read from here
 *   clean     as on disk, kept because they were asked for or just written
 *
 * The blocks are the log: whatever a power cut takes from `dirty` and `flushing` is replayed from
 * them (chain/recover.ts). A flush of more than one commit runs under a marker {from, to}.
 */
import { assert } from "../base/assert.ts";
import { SerialQueue } from "../base/serial_queue.ts";
import type { CoinName, OwnedCoin } from "../consensus/coins.ts";
import type { BlockId, Lock } from "../primitives/ids.ts";
import { outPointKey } from "../primitives/transaction.ts";
import { writeCoins } from "./coin_writer.ts";
import type { Store } from "./store.ts";

/** A coin that was made or taken away. */
export interface CoinChange {
  readonly coin: OwnedCoin;
  readonly spent: boolean;
  /** Whether the coin was there before the step that this change sums up. */
  readonly existed: boolean;
}

export interface CoinCacheLimits {
  /** A flush is due above this many changed coins. Sorting them stays far below 50 ms. */
  readonly dirtyMax: number;
  /** Coins kept for reading, about 400 bytes each. */
  readonly cleanMax: number;
}

export const COIN_CACHE_LIMITS: CoinCacheLimits = { dirtyMax: 20_000, cleanMax: 50_000 };

interface Entry {
  readonly coin: OwnedCoin;
  readonly spent: boolean;
  /** Whether its key is on disk: if not, a spent coin never has to touch the disk. */
  readonly stored: boolean;
}

export class CoinCache {
  readonly #store: Store;
  readonly #limits: CoinCacheLimits;
  #dirty = new Map<string, Entry>();
  #flushing = new Map<string, Entry>();
  readonly #clean = new Map<string, OwnedCoin>();
  readonly #flushes = new SerialQueue();
  #isFlushing = false;
  /** Goes up when a flush begins and when it ends. */
  #flushCount = 0;
  /** The block whose coins are on disk. */
  #onDisk: BlockId;

  constructor(store: Store, onDisk: BlockId, limits = COIN_CACHE_LIMITS) {
    this.#store = store;
    this.#onDisk = onDisk;
    this.#limits = limits;
  }

  /** The block whose coins are on disk. */
  get onDisk(): BlockId {
    return this.#onDisk;
  }

  get isFlushDue(): boolean {
    return this.#dirty.size > this.#limits.dirtyMax;
  }

  get isFlushing(): boolean {
    return this.#isFlushing;
  }

  /** Changed coins, for reports. */
  get dirtyCount(): number {
    return this.#dirty.size;
  }

  /**
   * The coins among `wanted` that exist, kept at hand for later. Only for the one task that changes
   * the chain: no change may come between a read here and its use. Throws `DamagedRecord`.
   */
  async load(wanted: readonly CoinName[]): Promise<OwnedCoin[]> {
    const { found, unknown } = this.#lookAside(wanted);
    if (unknown.length === 0) return found;
    const read = await this.#store.coins(unknown);
    for (const coin of read) this.#keepClean(outPointKey(coin.outPoint), coin);
    return [...found, ...read];
  }

  /** As `load`, for anyone at any time; nothing is kept. Throws `DamagedRecord`. */
  async peek(wanted: readonly CoinName[]): Promise<OwnedCoin[]> {
    for (;;) {
      const flushCount = this.#flushCount;
      const { unknown } = this.#lookAside(wanted);
      const read = unknown.length === 0 ? [] : await this.#store.coins(unknown);
      // What changed meanwhile is in memory, unless a flush has just taken it to the disk.
      if (flushCount !== this.#flushCount) continue;
      const again = this.#lookAside(wanted);
      const open = new Set(again.unknown.map(({ outPoint }) => outPointKey(outPoint)));
      return [...again.found, ...read.filter((coin) => open.has(outPointKey(coin.outPoint)))];
    }
  }

  /** All coins of `lock`. Waits for a flush under way, so that the list is of one moment. */
  coinsOf(lock: Lock): Promise<OwnedCoin[]> {
    return this.#flushes.run(async () => {
      const coins = new Map<string, OwnedCoin>();
      for await (const coin of this.#store.listCoins(lock)) {
        coins.set(outPointKey(coin.outPoint), coin);
      }
      for (const [key, { coin, spent }] of [...this.#flushing, ...this.#dirty]) {
        if (spent) coins.delete(key);
        else if (coin.lock === lock) coins.set(key, coin);
      }
      return [...coins.values()];
    });
  }

  /** Takes in what a step of the chain changed, once that step is on disk. */
  apply(changes: Iterable<CoinChange>): void {
    for (const { coin, spent, existed } of changes) {
      const key = outPointKey(coin.outPoint);
      const written = this.#flushing.get(key);
      const stored = this.#dirty.get(key)?.stored ??
        (written === undefined ? existed : !written.spent);
      this.#clean.delete(key);
      if (spent && !stored) this.#dirty.delete(key);
      else this.#dirty.set(key, { coin, spent, stored });
    }
  }

  /**
   * Writes what is changed now, which must be the coins of block `to`, whose blocks are on disk.
   * After a failure the store must not be used any more: the next opening repairs it.
   */
  flush(to: BlockId): Promise<void> {
    assert(!this.#isFlushing, "one flush at a time");
    this.#isFlushing = true;
    this.#flushing = this.#dirty;
    this.#dirty = new Map();
    this.#flushCount++;
    const entries = this.#flushing;
    return this.#flushes.run(async () => {
      await writeCoins(this.#store.kv, { from: this.#onDisk, to }, [...entries.values()]);
      this.#onDisk = to;
      this.#flushCount++;
      for (const [key, { coin, spent }] of entries) {
        if (!spent && !this.#dirty.has(key)) this.#keepClean(key, coin);
      }
      this.#flushing = new Map();
      this.#isFlushing = false;
    });
  }

  /** What memory knows of `wanted`: coins that exist, and names to ask the disk for. */
  #lookAside(wanted: readonly CoinName[]): { found: OwnedCoin[]; unknown: CoinName[] } {
    const found: OwnedCoin[] = [];
    const unknown: CoinName[] = [];
    for (const name of wanted) {
      const key = outPointKey(name.outPoint);
      const entry = this.#dirty.get(key) ?? this.#flushing.get(key);
      const coin = entry?.coin ?? this.#clean.get(key);
      if (coin === undefined) unknown.push(name);
      else if (entry?.spent !== true && coin.lock === name.lock) found.push(coin);
    }
    return { found, unknown };
  }

  #keepClean(key: string, coin: OwnedCoin): void {
    this.#clean.delete(key);
    this.#clean.set(key, coin);
    while (this.#clean.size > this.#limits.cleanMax) {
      for (const oldest of this.#clean.keys()) {
        this.#clean.delete(oldest);
        break;
      }
    }
  }
}
