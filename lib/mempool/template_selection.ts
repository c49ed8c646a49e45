/**
 * Which transactions a block should hold: by the fee rate of a transaction together with all the
 * unconfirmed ones it needs, so that a child pays for its parent; parents first.
 */
import type { TxId } from "../primitives/ids.ts";
import type { Transaction } from "../primitives/transaction.ts";
import { coinsSpent, type Pool, type PoolEntry } from "./pool.ts";

export interface SelectLimits {
  /** Bytes of transactions: header and coinbase come on top. */
  readonly bytesMax: number;
  readonly signaturesMax: number;
  readonly coinsMax: number;
}

interface Package {
  readonly id: TxId;
  /** Grains a byte. */
  readonly rate: number;
  /** Goes up when an ancestor was taken, which makes older versions void. */
  readonly version: number;
}

/** A package that does not fit is passed over; after this many the block is as good as full. */
const MISSES_MAX = 200;

export function selectTransactions(
  pool: Pool,
  limits: SelectLimits,
  mayTake: (entry: PoolEntry) => boolean,
): Transaction[] {
  const selection = new Selection(pool, limits);
  const excluded = new Set<TxId>();
  for (const entry of pool.entries()) {
    if (!mayTake(entry)) excluded.add(entry.transaction.id);
  }
  for (const id of pool.descendants(excluded)) excluded.add(id);
  return selection.run(excluded);
}

class Selection {
  readonly #pool: Pool;
  readonly #limits: SelectLimits;
  readonly #taken = new Set<TxId>();
  readonly #versions = new Map<TxId, number>();
  readonly #heap = new MaxHeap<Package>(isBetter);
  readonly #chosen: Transaction[] = [];
  #bytes = 0;
  #signatures = 0;
  #coins = 0;

  constructor(pool: Pool, limits: SelectLimits) {
    this.#pool = pool;
    this.#limits = limits;
  }

  run(excluded: ReadonlySet<TxId>): Transaction[] {
    for (const entry of this.#pool.entries()) {
      if (!excluded.has(entry.transaction.id)) this.#offer(entry.transaction.id);
    }
    let misses = 0;
    for (let best = this.#heap.pop(); best !== undefined; best = this.#heap.pop()) {
      const isVoid = this.#taken.has(best.id) || best.version !== this.#version(best.id);
      if (isVoid) continue;
      if (!this.#take(best.id) && ++misses >= MISSES_MAX) break;
    }
    return this.#chosen;
  }

  /** Enters the transaction with what it still needs, as things stand now. */
  #offer(id: TxId): void {
    let fee = 0;
    let bytes = 0;
    for (const each of this.#missing(id)) {
      fee += each.fee;
      bytes += each.transaction.bytes.length;
    }
    this.#heap.push({ id, rate: fee / bytes, version: this.#version(id) });
  }

  /** The transaction and its ancestors that were not taken yet, parents first. */
  #missing(id: TxId): PoolEntry[] {
    const entry = this.#pool.get(id)!;
    if (entry.parents.size === 0) return [entry];
    const missing: PoolEntry[] = [];
    const seen = new Set<TxId>();
    const visit = (at: TxId) => {
      if (seen.has(at) || this.#taken.has(at)) return;
      seen.add(at);
      const each = this.#pool.get(at)!;
      for (const parent of each.parents) visit(parent); // At most 25 deep, by policy.
      missing.push(each);
    };
    visit(id);
    return missing;
  }

  #take(id: TxId): boolean {
    const missing = this.#missing(id);
    let bytes = this.#bytes;
    let signatures = this.#signatures;
    let coins = this.#coins;
    for (const { transaction } of missing) {
      bytes += transaction.bytes.length;
      signatures += transaction.spends.length;
      coins += [...coinsSpent(transaction)].length;
    }
    const { bytesMax, signaturesMax, coinsMax } = this.#limits;
    if (bytes > bytesMax || signatures > signaturesMax || coins > coinsMax) return false;
    this.#bytes = bytes;
    this.#signatures = signatures;
    this.#coins = coins;
    for (const { transaction } of missing) {
      this.#taken.add(transaction.id);
      this.#chosen.push(transaction);
    }
    this.#offerAgain(missing);
    return true;
  }

  /** What builds on those just taken needs less now, and may be worth more. */
  #offerAgain(taken: readonly PoolEntry[]): void {
    const ids = taken.filter(({ children }) => children.size > 0)
      .map(({ transaction }) => transaction.id);
    for (const id of this.#pool.descendants(ids)) {
      if (this.#taken.has(id) || !this.#heap.hasSeen(id)) continue;
      this.#versions.set(id, this.#version(id) + 1);
      this.#offer(id);
    }
  }

  #version(id: TxId): number {
    return this.#versions.get(id) ?? 0;
  }
}

/** By fee rate; ties by id, so that the order is one. */
function isBetter(a: Package, b: Package): boolean {
  return a.rate !== b.rate ? a.rate > b.rate : a.id < b.id;
}

class MaxHeap<Item extends { readonly id: TxId }> {
  readonly #items: Item[] = [];
  readonly #seen = new Set<TxId>();
  readonly #isBetter: (a: Item, b: Item) => boolean;

  constructor(isBetter: (a: Item, b: Item) => boolean) {
    this.#isBetter = isBetter;
  }

  /** Whether an item of that id was ever pushed. */
  hasSeen(id: TxId): boolean {
    return this.#seen.has(id);
  }

  push(item: Item): void {
    this.#seen.add(item.id);
    const items = this.#items;
    items.push(item);
    for (let at = items.length - 1; at > 0;) {
      const parent = (at - 1) >>> 1;
      if (!this.#isBetter(items[at]!, items[parent]!)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): Item | undefined {
    const items = this.#items;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || items.length === 0) return top;
    items[0] = last!;
    for (let at = 0;;) {
      let best = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < items.length && this.#isBetter(items[child]!, items[best]!)) best = child;
      }
      if (best === at) return top;
      this.#swap(at, best);
      at = best;
    }
  }

  #swap(a: number, b: number): void {
    [this.#items[a], this.#items[b]] = [this.#items[b]!, this.#items[a]!];
  }
}
