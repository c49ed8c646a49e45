/** A set of at most `limit` items that forgets the oldest first. */
export class RecentSet<Item> {
  readonly #items = new Set<Item>();

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
    if (this.#items.size > this.limit) {
      for (const oldest of this.#items) {
        this.#items.delete(oldest);
        break;
      }
    }
    return isNew;
  }

  delete(item: Item): void {
    this.#items.delete(item);
  }

  clear(): void {
    this.#items.clear();
  }
}
