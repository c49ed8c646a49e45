/**
 * The entries of an index over the main chain, in sorted pages that are at every moment those of all
 * blocks up to one.
 */
import type { Block } from "../primitives/block.ts";
import type { BlockId } from "../primitives/ids.ts";
import { keys } from "./keys.ts";
import type { KvStore } from "./kv.ts";
import { recordBytes } from "./packed_records.ts";
import type { PagesKind } from "./page_files.ts";
import { DamagedRecord, decodeRecord, encodeBlockId, readBlockId } from "./records.ts";
import { SortedChanges } from "./sorted_changes.ts";
import { PAGE_LIMITS, type PageLimits, SortedPages } from "./sorted_pages.ts";

/** One index: its records, and which of them a block adds. */
export interface IndexKind extends PagesKind {
  addEntries(batch: IndexBatch, block: Block): void;
}

/** Less than coins get: an index holds nothing up when it has to read. */
const INDEX_LIMITS: PageLimits = { ...PAGE_LIMITS, cacheBytes: 8 * 1_024 * 1_024 };
const CAPACITY_FIRST = 256;

/** Entries to be put into an index, or taken out of it. */
export class IndexBatch {
  readonly #stride: number;
  readonly #keyBytes: number;
  #bytes: Uint8Array;
  #view: DataView;
  #count = 0;

  constructor(kind: PagesKind, private readonly isRemoval: boolean) {
    this.#stride = recordBytes(kind);
    this.#keyBytes = kind.keyBytes;
    this.#bytes = new Uint8Array(CAPACITY_FIRST * this.#stride);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get count(): number {
    return this.#count;
  }

  /** Adds an entry: `fill` writes it into `bytes` or `view` from `at` on. */
  add(fill: (bytes: Uint8Array, view: DataView, at: number) => void): void {
    const at = this.#count * this.#stride;
    if (at === this.#bytes.length) {
      const larger = new Uint8Array(2 * at);
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    fill(this.#bytes, this.#view, at);
    this.#count++;
  }

  sorted(): Promise<SortedChanges> {
    return SortedChanges.of({
      bytes: this.#bytes,
      stride: this.#stride,
      keyBytes: this.#keyBytes,
      slots: Uint32Array.from({ length: this.#count }, (_, slot) => slot),
      isDeleted: () => this.isRemoval,
    });
  }
}

export class IndexPages {
  readonly #pages: SortedPages;
  #tip: BlockId | undefined;

  private constructor(readonly kind: IndexKind, pages: SortedPages, tip: BlockId | undefined) {
    this.#pages = pages;
    this.#tip = tip;
  }

  /** Throws `DamagedRecord`. */
  static async open(kv: KvStore, kind: IndexKind, limits = INDEX_LIMITS): Promise<IndexPages> {
    const [value, pages] = await Promise.all([
      kv.get(keys.index(kind.name)),
      SortedPages.open(kv, kind, limits),
    ]);
    const tip = value === null ? undefined : decodeRecord(value, `index ${kind.name}`, readBlockId);
    if (tip !== undefined && pages.isNew) throw new DamagedRecord(`page-root ${kind.name}`);
    return new IndexPages(kind, pages, tip);
  }

  /** The last block whose entries are in; undefined before the first. */
  get tip(): BlockId | undefined {
    return this.#tip;
  }

  /** Entries in the index. */
  get size(): number {
    return this.#pages.size;
  }

  /** Makes the entries those up to block `tip`, all at once or not at all. */
  async write(batch: IndexBatch, tip: BlockId): Promise<void> {
    const mark = { set: keys.index(this.kind.name), value: encodeBlockId(tip) };
    await this.#pages.write(await batch.sorted(), [mark]);
    this.#tip = tip;
  }

  /** The value under `key`. Throws `DamagedRecord`. */
  async get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return (await this.#pages.getMany(key))[0];
  }

  /** Up to `limit` records under `prefix`, the last before `end` first. Throws `DamagedRecord`. */
  lastBefore(
    prefix: Uint8Array,
    end: Uint8Array | undefined,
    limit: number,
  ): Promise<Uint8Array[]> {
    return this.#pages.list({ prefix, ...(end !== undefined && { end }), limit, reverse: true });
  }
}
