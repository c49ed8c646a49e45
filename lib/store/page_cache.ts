/** Pages kept for reading, those last used, up to a number of bytes. */

/** What a page costs beside its bytes. */
const OVERHEAD_BYTES = 200;

export class PageCache {
  readonly #bytesMax: number;
  /** The page last used comes last. */
  readonly #pages = new Map<number, Uint8Array>();
  /** Pages that a write under way replaces: still good for readers, but the first to go. */
  readonly #replaced = new Map<number, Uint8Array>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Bytes of memory that it takes, about. */
  get bytes(): number {
    return this.#bytes;
  }

  get(page: number): Uint8Array | undefined {
    const records = this.#pages.get(page);
    if (records === undefined) return this.#replaced.get(page);
    this.#pages.delete(page);
    this.#pages.set(page, records);
    return records;
  }

  set(page: number, records: Uint8Array): void {
    this.delete(page);
    this.#pages.set(page, records);
    this.#bytes += bytesOf(records);
    for (const pages of [this.#replaced, this.#pages]) {
      for (const oldest of pages.keys()) {
        if (this.#bytes <= this.#bytesMax) return;
        this.delete(oldest);
      }
    }
  }

  /** Whether that much can be kept without letting go of other pages. */
  hasRoomFor(records: Uint8Array): boolean {
    return this.#bytes + bytesOf(records) <= this.#bytesMax;
  }

  /** As `get`, of a page that is being replaced. */
  replace(page: number): Uint8Array | undefined {
    const records = this.get(page);
    if (this.#pages.delete(page)) this.#replaced.set(page, records!);
    return records;
  }

  delete(page: number): void {
    const records = this.#pages.get(page) ?? this.#replaced.get(page);
    if (records === undefined) return;
    this.#pages.delete(page);
    this.#replaced.delete(page);
    this.#bytes -= bytesOf(records);
  }
}

function bytesOf(records: Uint8Array): number {
  return records.length + OVERHEAD_BYTES;
}
