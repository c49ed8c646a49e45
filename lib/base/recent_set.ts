/** A set of at most `limit` items that forgets the oldest first. */
export class RecentSet<Item> {
  readonly #items = new Set<Item>();
  /**
   * Stands before the oldest. One for good: a new one would walk over the gaps that all deletions
   * left at the front, 16 µs a time at 50,000 items.
   */
  #oldest = this.#items.values();

  constructor(readonly limit: number) {}

  get size(): number {
    return this.#items.size;
  }

  has(item: Item): boolean {
    return this.#items.has(item);
  }

  /** Adds `item` as the newest. Says whether it was new. */
  add(item: Item): boolean {
    const isNew = !this.#items.delete(item);
    this.#items.add(item);
    if (this.#items.size > this.limit) this.#forgetOldest();
    return isNew;
  }

  delete(item: Item): void {
    this.#items.delete(item);
  }

  clear(): void {
    this.#items.clear();
  }

  #forgetOldest(): void {
    let next = this.#oldest.next();
    if (next.done) {
      // It came to the end once, when all that was left had been taken out otherwise.
      this.#oldest = this.#items.values();
      next = this.#oldest.next();
    }
    if (!next.done) this.#items.delete(next.value);
  }
}
