/**
 * An ordered map of small records of one size, kept in pages of the key-value store: a change costs
 * its share of a page instead of a key of its own, and all changes of a write count at once. The
 * shape is a tree of three levels: leaves of sorted records, sections of the directory that tell
 * each leaf's first key, and a root that tells the sections.
 *
 *   root: sections 7, 12          read when the map is opened, written last
 *     section 7: leaves 3, 9, 4   read when the map is opened
 *       leaf 3: records           read when needed, kept in a cache of so many bytes
 *
 * Pages are copied when they change and their numbers used again only after the root that named
 * them is replaced, so the root on disk always names whole pages, whenever the power is cut.
 */
import { assert } from "../base/assert.ts";
import { compareBytes } from "../base/bytes.ts";
import type { KvMutation, KvStore } from "./kv.ts";
import { compareAt, lowerBound, recordBytes } from "./packed_records.ts";
import { PageCache } from "./page_cache.ts";
import { PageDirectory } from "./page_directory.ts";
import { PageFiles, type PagesKind } from "./page_files.ts";
import { PageFlush } from "./page_flush.ts";
import { PageNumbers } from "./page_numbers.ts";
import { loadNativeCrc32 } from "./records.ts";
import type { SortedChanges } from "./sorted_changes.ts";

export interface PageLimits {
  /** The largest size of a page, checksum not counted. */
  readonly pageBytes: number;
  /** Pages kept for reading. */
  readonly cacheBytes: number;
  /** How much a large write puts in one commit. */
  readonly commitBytes: number;
}

/**
 * Deno KV's table is a tree of SQLite that compares whole values on the way to a key: of 4.5 kB each
 * is met in two of its pages, of 8 kB in three, so that a page is read in 0.04 instead of 0.06 ms
 * among 20,000. Smaller pages cost more for each where many are written.
 */
export const PAGE_LIMITS: PageLimits = {
  pageBytes: 4_500,
  cacheBytes: 20 * 1_024 * 1_024,
  commitBytes: 600_000,
};

/** Which records: all whose key begins with `prefix`, from `start` on and before `end`. */
export interface PageRange {
  readonly prefix?: Uint8Array;
  readonly start?: Uint8Array;
  readonly end?: Uint8Array;
  readonly reverse?: boolean;
}

/** Leaves read at once: at first one, then more and more. */
const LEAVES_AT_ONCE = 64;
/** Leaves of longer readings are not kept: they would push out what is in use. */
const LEAVES_KEPT = 4;

/** From key `low` to key `high`, which itself is in unless the range is open there. */
interface Bounds {
  readonly low: Uint8Array;
  readonly high: Uint8Array;
  readonly isOpen: boolean;
}

/** Somebody who reads the map as it was at a version. */
interface Pin {
  readonly version: number;
}

export class SortedPages {
  readonly #kv: KvStore;
  readonly #files: PageFiles;
  readonly #limits: PageLimits;
  readonly #cache: PageCache;
  readonly #numbers: PageNumbers;
  readonly #pins = new Set<Pin>();
  #directory: PageDirectory;
  /** Goes up with every write. */
  #version = 0;
  #isWriting = false;
  #isNew: boolean;

  private constructor(
    kv: KvStore,
    files: PageFiles,
    limits: PageLimits,
    directory: PageDirectory | undefined,
  ) {
    this.#kv = kv;
    this.#files = files;
    this.#limits = limits;
    this.#cache = new PageCache(limits.cacheBytes);
    this.#isNew = directory === undefined;
    this.#directory = directory ?? PageDirectory.empty(files.kind.keyBytes);
    this.#numbers = new PageNumbers(this.#directory.allPages());
  }

  /** Opens the map, an empty one if it was never written. Throws `DamagedRecord`. */
  static async open(kv: KvStore, kind: PagesKind, limits = PAGE_LIMITS): Promise<SortedPages> {
    const files = new PageFiles(kv, kind);
    return new SortedPages(kv, files, limits, await files.readDirectory());
  }

  /** Whether nothing was ever written. */
  get isNew(): boolean {
    return this.#isNew;
  }

  /** Records in the map. */
  get size(): number {
    return this.#directory.size;
  }

  /** Bytes of memory that its cached pages take. */
  get cachedBytes(): number {
    return this.#cache.bytes;
  }

  /**
   * Values of `keys`, which are packed one after the other; undefined for a key that is not there.
   * What they were when called, whatever is written meanwhile. Throws `DamagedRecord`.
   */
  async getMany(keys: Uint8Array): Promise<(Uint8Array | undefined)[]> {
    const { keyBytes } = this.#files.kind;
    const values = new Array<Uint8Array | undefined>(keys.length / keyBytes).fill(undefined);
    const directory = this.#directory;
    const missing = new Map<number, number[]>();
    for (let number = 0; number < values.length && directory.leafCount > 0; number++) {
      const leaf = directory.leafOf(keys, number * keyBytes);
      const records = this.#cache.get(directory.pages[leaf]!);
      if (records !== undefined) values[number] = this.#valueIn(records, keys, number);
      else if (missing.has(leaf)) missing.get(leaf)!.push(number);
      else missing.set(leaf, [number]);
    }
    if (missing.size === 0) return values;
    if (missing.size > LEAVES_AT_ONCE) void loadNativeCrc32();
    const pin = this.#pin(directory);
    try {
      const numbersOfLeaves = missing.values();
      for await (const some of this.#inTurn(directory, [...missing.keys()])) {
        for (const records of some) {
          for (const number of numbersOfLeaves.next().value!) {
            values[number] = this.#valueIn(records, keys, number);
          }
        }
      }
    } finally {
      this.#pins.delete(pin);
    }
    return values;
  }

  /**
   * Packed records in pieces of a leaf each, the last piece first if reversed; what they were when
   * the first was asked for. Throws `DamagedRecord`.
   */
  async *pieces(range: PageRange = {}): AsyncGenerator<Uint8Array> {
    const bounds = this.#bounds(range);
    const directory = this.#directory;
    if (directory.leafCount === 0) return;
    const first = directory.leafOf(bounds.low, 0);
    const last = directory.leafOf(bounds.high, 0);
    const leaves = Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => first + at);
    if (range.reverse) leaves.reverse();
    const pin = this.#pin(directory);
    try {
      for (let at = 0, atOnce = 1; at < leaves.length; at += atOnce, atOnce *= 2) {
        atOnce = Math.min(atOnce, LEAVES_AT_ONCE);
        const some = leaves.slice(at, at + atOnce);
        for (const records of await this.#read(directory, some, atOnce <= LEAVES_KEPT)) {
          const piece = this.#cut(records, bounds);
          if (piece.length > 0) yield piece;
        }
      }
    } finally {
      this.#pins.delete(pin);
    }
  }

  /** Up to `limit` records one by one, in order or reversed. Throws `DamagedRecord`. */
  async list(range: PageRange & { readonly limit: number }): Promise<Uint8Array[]> {
    const stride = recordBytes(this.#files.kind);
    const found: Uint8Array[] = [];
    for await (const piece of this.pieces(range)) {
      const count = piece.length / stride;
      for (let number = 0; number < count && found.length < range.limit; number++) {
        const at = (range.reverse ? count - 1 - number : number) * stride;
        found.push(piece.subarray(at, at + stride));
      }
      if (found.length >= range.limit) break;
    }
    return found;
  }

  /**
   * Makes `changes`, whatever is there already, and commits `also` with them. One write at a time.
   * After a failure nothing may be written any more: only opening again tells what counts.
   */
  async write(changes: SortedChanges, also: readonly KvMutation[]): Promise<void> {
    assert(!this.#isWriting, "one write at a time");
    this.#isWriting = true;
    const oldest = [...this.#pins].map(({ version }) => version);
    this.#numbers.release(Math.min(this.#version, ...oldest));
    const flush = new PageFlush(
      {
        kv: this.#kv,
        files: this.#files,
        numbers: this.#numbers,
        ...this.#limits,
        cache: this.#cache,
      },
      this.#directory,
      changes,
    );
    const { directory, gone } = await flush.run(also);
    this.#directory = directory;
    this.#version++;
    this.#numbers.retire(this.#version, gone);
    for (const page of gone) this.#cache.delete(page);
    this.#isNew = false;
    this.#isWriting = false;
  }

  /** Keeps the pages that `directory` refers to from being written over until it is let go. */
  #pin(directory: PageDirectory): Pin {
    assert(directory === this.#directory, "only what counts now can be kept");
    const pin = { version: this.#version };
    this.#pins.add(pin);
    return pin;
  }

  /** The records of `leaves`, some at a time: the next ones are read while those are looked at. */
  async *#inTurn(
    directory: PageDirectory,
    leaves: readonly number[],
  ): AsyncGenerator<Uint8Array[]> {
    const readFrom = (at: number) => {
      const reading = this.#read(directory, leaves.slice(at, at + LEAVES_AT_ONCE), true);
      reading.catch(() => {}); // It is awaited below.
      return reading;
    };
    let next = readFrom(0);
    try {
      for (let at = 0; at < leaves.length; at += LEAVES_AT_ONCE) {
        const reading = next;
        next = readFrom(at + LEAVES_AT_ONCE);
        yield await reading;
      }
    } finally {
      // Until it ends the pages must not be written over.
      await next.catch(() => {});
    }
  }

  /** The records of some leaves, from memory where they are there; others are kept if `keep`. */
  async #read(
    directory: PageDirectory,
    leaves: readonly number[],
    keep: boolean,
  ): Promise<Uint8Array[]> {
    const found = leaves.map((leaf) => this.#cache.get(directory.pages[leaf]!));
    const missing = leaves.filter((_, at) => found[at] === undefined);
    if (missing.length === 0) return found as Uint8Array[];
    const read = await this.#files.readLeaves(directory, missing);
    if (keep) {
      for (const [at, records] of read.entries()) {
        this.#cache.set(directory.pages[missing[at]!]!, records);
      }
    }
    let next = 0;
    return found.map((records) => records ?? read[next++]!);
  }

  #bounds({ prefix = new Uint8Array(), start, end }: PageRange): Bounds {
    const padded = (byte: number) => {
      const key = new Uint8Array(this.#files.kind.keyBytes).fill(byte);
      key.set(prefix);
      return key;
    };
    const first = padded(0);
    const last = padded(0xff);
    const low = start !== undefined && compareBytes(start, first) > 0 ? start : first;
    const isOpen = end !== undefined && compareBytes(end, last) <= 0;
    return { low, high: isOpen ? end : last, isOpen };
  }

  #cut(records: Uint8Array, { low, high, isOpen }: Bounds): Uint8Array {
    const { keyBytes } = this.#files.kind;
    const stride = recordBytes(this.#files.kind);
    const list = { bytes: records, stride, count: records.length / stride };
    const from = lowerBound(list, low, 0, keyBytes);
    let to = lowerBound(list, high, 0, keyBytes, from);
    const isHigh = to < list.count &&
      compareAt(records, to * stride, high, 0, keyBytes) === 0;
    if (isHigh && !isOpen) to++;
    return records.subarray(from * stride, to * stride);
  }

  /** The value of key `number` of the packed `keys`. */
  #valueIn(records: Uint8Array, keys: Uint8Array, number: number): Uint8Array | undefined {
    const { keyBytes } = this.#files.kind;
    const stride = recordBytes(this.#files.kind);
    const list = { bytes: records, stride, count: records.length / stride };
    const at = lowerBound(list, keys, number * keyBytes, keyBytes);
    const isThere = at < list.count &&
      compareAt(records, at * stride, keys, number * keyBytes, keyBytes) === 0;
    return isThere ? records.subarray(at * stride + keyBytes, (at + 1) * stride) : undefined;
  }
}
