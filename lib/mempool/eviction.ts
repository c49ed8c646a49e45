/** What has to go when the pool is too large. Pure. */
import type { Pool, PoolEntry } from "./pool.ts";
import { isBetter } from "./rate_order.ts";

/**
 * The lowest fee rates, of at least `bytes` bytes in sum, in the order of going: none before what
 * builds on it has gone, so a parent that pays little is held by a child that pays well.
 */
export function lowestPaying(pool: Pool, bytes: number): PoolEntry[] {
  const search = new Search(pool, bytes);
  pool.lowestFirst((entry) => {
    search.pass(entry);
    return !search.isDone;
  });
  return search.doomed;
}

class Search {
  readonly doomed: PoolEntry[] = [];
  readonly #pool: Pool;
  #bytesLeft: number;
  /** How many children of a transaction are doomed. */
  readonly #childrenGone = new Map<PoolEntry, number>();

  constructor(pool: Pool, bytes: number) {
    this.#pool = pool;
    this.#bytesLeft = bytes;
  }

  get isDone(): boolean {
    return this.#bytesLeft <= 0;
  }

  /** Looks at the next in the order of rates. */
  pass(entry: PoolEntry): void {
    if (this.isDone || !this.#isFree(entry)) return;
    // Then at those that it held and that pay less than all that are left, the lowest first.
    const open = [entry];
    for (let next = open.pop(); next !== undefined && !this.isDone; next = open.pop()) {
      this.doomed.push(next);
      this.#bytesLeft -= next.transaction.bytes.length;
      for (const id of next.parents) {
        const parent = this.#pool.get(id)!;
        this.#childrenGone.set(parent, 1 + (this.#childrenGone.get(parent) ?? 0));
        if (this.#isFree(parent) && isBetter(entry, parent)) open.push(parent);
      }
      open.sort((a, b) => isBetter(a, b) ? -1 : 1);
    }
  }

  /** Whether nothing is left that builds on it. */
  #isFree(entry: PoolEntry): boolean {
    const { size } = entry.children;
    return size === 0 || size === this.#childrenGone.get(entry);
  }
}
