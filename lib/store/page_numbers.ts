/**
 * Numbers for pages. A page is never written over while the root on disk, or anybody who still
 * reads an earlier one, refers to it.
 */

export class PageNumbers {
  /** Not referred to by anything, largest first. */
  #free: number[];
  #next: number;
  /** What a root no longer refers to, by that root's version. */
  #retired: { version: number; pages: readonly number[] }[] = [];

  /** `used`: the pages that the root on disk refers to. Whatever else is there is free. */
  constructor(used: Iterable<number>) {
    const taken = new Set(used);
    this.#next = 0;
    for (const page of taken) this.#next = Math.max(this.#next, page + 1);
    this.#free = [];
    for (let page = this.#next - 1; page >= 0; page--) if (!taken.has(page)) this.#free.push(page);
  }

  /** A page that may be written. */
  take(): number {
    return this.#free.pop() ?? this.#next++;
  }

  /** Says that the root of `version` does not refer to `pages` any more. */
  retire(version: number, pages: readonly number[]): void {
    this.#retired.push({ version, pages });
  }

  /** Frees what was retired by roots up to `version`: nobody reads an older one. */
  release(version: number): void {
    const due = this.#retired.filter((entry) => entry.version <= version);
    if (due.length === 0) return;
    this.#retired = this.#retired.filter((entry) => entry.version > version);
    this.#free = [...this.#free, ...due.flatMap(({ pages }) => pages)].sort((a, b) => b - a);
  }
}
