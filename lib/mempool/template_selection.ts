/**
 * Which transactions a block should hold: by the fee rate of a transaction together with all the
 * unconfirmed ones it needs, so that a child pays for its parent; parents first.
 *
 * The pool's order is walked from the best rate down, as far as the block has room: what needs
 * nothing that is not chosen yet is taken as it comes, the rest is set aside at the rate of its
 * package, and taken when nothing that is left in the order pays more.
 */
import type { TxId } from "../primitives/ids.ts";
import type { Transaction } from "../primitives/transaction.ts";
import type { Pool, PoolEntry } from "./pool.ts";
import { isBetter, type Rated } from "./rate_order.ts";

export interface SelectLimits {
  /** Bytes of transactions: header and coinbase come on top. */
  readonly bytesMax: number;
  readonly signaturesMax: number;
  readonly coinsMax: number;
}

/** A transaction that was set aside, with what it still needs. */
interface Package extends Rated {
  readonly entry: PoolEntry;
  /** Goes up when it is set aside again, which makes older versions void. */
  readonly version: number;
}

/** A package that does not fit is passed over; after this many the block is as good as full. */
const MISSES_MAX = 200;
/**
 * Looks at relatives of transactions: some milliseconds. After that only what builds on nothing is
 * taken, beside what was set aside: so a pool full of long chains may cost its miner a few fees, and
 * never a stop of everything else.
 */
const LOOKS_MAX = 20_000;

/** `excluded` and what builds on it is left out. Takes time by the block, not by the pool. */
export function selectTransactions(
  pool: Pool,
  limits: SelectLimits,
  excluded: ReadonlySet<TxId>,
): Transaction[] {
  return new Selection(pool, limits).run(excluded);
}

/** Each has a number, by which it marks what it takes: faster than a set of 100,000 ids. */
let selections = 0;

class Selection {
  readonly #pool: Pool;
  readonly #limits: SelectLimits;
  readonly #number = ++selections;
  readonly #aside = new PackageHeap();
  /** The present version of each that was set aside. */
  readonly #versions = new Map<TxId, number>();
  readonly #chosen: Transaction[] = [];
  #bytes = 0;
  #signatures = 0;
  #coins = 0;
  #misses = 0;
  #looks = 0;

  constructor(pool: Pool, limits: SelectLimits) {
    this.#pool = pool;
    this.#limits = limits;
  }

  run(excluded: ReadonlySet<TxId>): Transaction[] {
    this.#pool.bestFirst((entry) => {
      if (excluded.has(entry.id)) return true;
      this.#takeAside(entry);
      if (this.#isFull) return false;
      if (this.#isTaken(entry)) return true;
      if (entry.parents.size === 0) this.#take([entry]);
      else this.#offer(entry);
      return true;
    });
    this.#takeAside();
    return this.#chosen;
  }

  get #isFull(): boolean {
    return this.#misses >= MISSES_MAX;
  }

  /** Takes the packages that pay more than `next`, the best of what is left. */
  #takeAside(next?: Rated): void {
    while (!this.#isFull) {
      const best = this.#aside.top;
      if (best === undefined || (next !== undefined && !isBetter(best, next))) return;
      this.#aside.pop();
      const isVoid = this.#isTaken(best.entry) || best.version !== this.#versions.get(best.id);
      if (!isVoid) this.#take(this.#missing(best.entry));
    }
  }

  /** Sets the transaction aside with what it still needs, or takes it if it needs nothing. */
  #offer(entry: PoolEntry): void {
    if (this.#looks >= LOOKS_MAX) return;
    const missing = this.#missing(entry);
    if (missing.length === 1) this.#take(missing);
    else this.#setAside(entry, missing);
  }

  #setAside(entry: PoolEntry, missing: readonly PoolEntry[]): void {
    let fee = 0;
    let bytes = 0;
    for (const each of missing) {
      fee += each.fee;
      bytes += each.transaction.bytes.length;
    }
    const { id } = entry;
    const version = (this.#versions.get(id) ?? 0) + 1;
    this.#versions.set(id, version);
    this.#aside.push({ id, entry, rate: fee / bytes, version });
  }

  /** The transaction and its ancestors that were not taken yet, parents first. */
  #missing(entry: PoolEntry): PoolEntry[] {
    const line = [entry];
    // Most have one parent at the most: no set is needed to meet nobody twice.
    for (let at = entry; at.parents.size > 0;) {
      if (at.parents.size > 1) return this.#missingOfMany(entry);
      this.#looks++;
      const parent: PoolEntry = this.#pool.get(at.parents.values().next().value!)!;
      if (this.#isTaken(parent)) break;
      line.push(parent);
      at = parent;
    }
    return line.reverse();
  }

  #missingOfMany(entry: PoolEntry): PoolEntry[] {
    const missing: PoolEntry[] = [];
    const seen = new Set<TxId>();
    const visit = (each: PoolEntry) => {
      this.#looks++;
      seen.add(each.id);
      for (const id of each.parents) {
        const parent = this.#pool.get(id)!;
        // At most 25 deep, by policy.
        if (!seen.has(id) && !this.#isTaken(parent)) visit(parent);
      }
      missing.push(each);
    };
    visit(entry);
    return missing;
  }

  #isTaken({ takenBy }: PoolEntry): boolean {
    return takenBy === this.#number;
  }

  /** Takes all of `missing`, parents first, or nothing if they do not fit. */
  #take(missing: readonly PoolEntry[]): void {
    let bytes = this.#bytes;
    let signatures = this.#signatures;
    let coins = this.#coins;
    for (const { transaction, coinCount } of missing) {
      bytes += transaction.bytes.length;
      signatures += transaction.spends.length;
      coins += coinCount;
    }
    const { bytesMax, signaturesMax, coinsMax } = this.#limits;
    if (bytes > bytesMax || signatures > signaturesMax || coins > coinsMax) {
      this.#misses++;
      return;
    }
    this.#bytes = bytes;
    this.#signatures = signatures;
    this.#coins = coins;
    for (const entry of missing) {
      entry.takenBy = this.#number;
      this.#chosen.push(entry.transaction);
    }
    this.#offerAgain(missing);
  }

  /** What was set aside and builds on those just taken needs less now, and may be worth more. */
  #offerAgain(taken: readonly PoolEntry[]): void {
    if (this.#versions.size === 0) return;
    const seen = new Set<TxId>();
    const open = [...taken];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const id of next.children) {
        if (this.#looks >= LOOKS_MAX) return;
        this.#looks++;
        const entry = this.#pool.get(id)!;
        if (seen.has(id) || this.#isTaken(entry)) continue;
        seen.add(id);
        open.push(entry);
        if (this.#versions.has(id)) this.#setAside(entry, this.#missing(entry));
      }
    }
  }
}

/** The best package on top. */
class PackageHeap {
  readonly #items: Package[] = [];

  get top(): Package | undefined {
    return this.#items[0];
  }

  push(item: Package): void {
    const items = this.#items;
    items.push(item);
    for (let at = items.length - 1; at > 0;) {
      const parent = (at - 1) >>> 1;
      if (!isBetter(items[at]!, items[parent]!)) break;
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): void {
    const items = this.#items;
    const last = items.pop();
    if (last === undefined || items.length === 0) return;
    items[0] = last;
    for (let at = 0;;) {
      let best = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < items.length && isBetter(items[child]!, items[best]!)) best = child;
      }
      if (best === at) return;
      this.#swap(at, best);
      at = best;
    }
  }

  #swap(a: number, b: number): void {
    [this.#items[a], this.#items[b]] = [this.#items[b]!, this.#items[a]!];
  }
}
