/**
 * Which page holds which keys: for each leaf its first key, its page and how many records it has, in
 * key order. On disk the directory is cut in sections, pages themselves, so that a small change
 * writes few of them; in memory it is whole, about 70 bytes a leaf. A directory never changes:
 * `DirectoryBuilder` makes the next one out of it.
 */
import { ByteReader, ByteWriter, CodecError } from "../base/bytes.ts";
import { compareAt, lowerBound } from "./packed_records.ts";

/** Bytes of a leaf in a section beside its first key: page and count. */
const ENTRY_BYTES = 8;

/** Leaves `start` to `end` are described on `page`. */
export interface Section {
  readonly page: number;
  readonly start: number;
  readonly end: number;
}

export class PageDirectory {
  /** Records of all leaves. */
  readonly size: number;

  constructor(
    readonly keyBytes: number,
    readonly firstKeys: Uint8Array,
    readonly pages: Uint32Array,
    readonly counts: Uint32Array,
    readonly sections: readonly Section[],
  ) {
    this.size = counts.reduce((sum, count) => sum + count, 0);
  }

  static empty(keyBytes: number): PageDirectory {
    const none = new Uint32Array();
    return new PageDirectory(keyBytes, new Uint8Array(), none, none, []);
  }

  get leafCount(): number {
    return this.pages.length;
  }

  /** The leaf where the key at `at` of `key` is or belongs; 0 when there is no leaf. */
  leafOf(key: Uint8Array, at: number): number {
    const { keyBytes, leafCount } = this;
    const keys = { bytes: this.firstKeys, stride: keyBytes, count: leafCount };
    const leaf = lowerBound(keys, key, at, keyBytes);
    const isFirst = leaf < leafCount &&
      compareAt(this.firstKeys, leaf * keyBytes, key, at, keyBytes) === 0;
    return isFirst ? leaf : Math.max(0, leaf - 1);
  }

  /** Every page that it refers to, its own sections included. */
  *allPages(): Generator<number> {
    yield* this.pages;
    for (const { page } of this.sections) yield page;
  }

  /** What is on the page of a section. */
  encodeSection({ start, end }: Section): Uint8Array {
    const writer = new ByteWriter((end - start) * (this.keyBytes + ENTRY_BYTES));
    for (let leaf = start; leaf < end; leaf++) {
      writer.u32(this.pages[leaf]!).u32(this.counts[leaf]!);
      writer.bytes(this.firstKeys.subarray(leaf * this.keyBytes, (leaf + 1) * this.keyBytes));
    }
    return writer.finish();
  }

  /** The directory of these sections, in order. Throws `CodecError`. */
  static decode(
    keyBytes: number,
    sections: readonly { readonly page: number; readonly bytes: Uint8Array }[],
  ): PageDirectory {
    const builder = new DirectoryBuilder(PageDirectory.empty(keyBytes), Infinity);
    const decoded: Section[] = [];
    for (const { page, bytes } of sections) {
      const start = builder.leafCount;
      const reader = new ByteReader(bytes);
      while (reader.remaining > 0) {
        const leaf = { page: reader.u32(), count: reader.u32() };
        builder.add(reader.take(keyBytes), 0, leaf.page, leaf.count);
      }
      decoded.push({ page, start, end: builder.leafCount });
    }
    if (!builder.isInOrder()) throw new CodecError("Cannot decode directory: not in order");
    return builder.directory(decoded);
  }
}

/** Makes a directory from an earlier one: leaves are kept or added in key order. */
export class DirectoryBuilder {
  readonly #old: PageDirectory;
  readonly #sectionMax: number;
  #firstKeys: Uint8Array;
  #pages: Uint32Array;
  #counts: Uint32Array;
  #count = 0;
  /** The first leaf that is in no section yet. */
  #openFrom = 0;
  /** The section of the earlier directory that is looked at. */
  #oldSection = 0;
  readonly #sections: { kept?: Section; start: number; end: number }[] = [];

  /** `sectionBytes`: how large a section may be. */
  constructor(old: PageDirectory, sectionBytes: number) {
    this.#old = old;
    this.#sectionMax = Math.max(2, Math.floor(sectionBytes / (old.keyBytes + ENTRY_BYTES)));
    const capacity = old.leafCount + 64;
    this.#firstKeys = new Uint8Array(capacity * old.keyBytes);
    this.#pages = new Uint32Array(capacity);
    this.#counts = new Uint32Array(capacity);
  }

  get leafCount(): number {
    return this.#count;
  }

  /** Adds a leaf whose first key stands at `at` of `key`. */
  add(key: Uint8Array, at: number, page: number, count: number): void {
    this.#grow(1);
    const { keyBytes } = this.#old;
    this.#firstKeys.set(key.subarray(at, at + keyBytes), this.#count * keyBytes);
    this.#pages[this.#count] = page;
    this.#counts[this.#count] = count;
    this.#count++;
  }

  /** Keeps leaves `from` to `to` of the earlier directory, with their sections if whole. */
  keep(from: number, to: number): void {
    const { sections } = this.#old;
    let at = from;
    while (at < to) {
      while (sections[this.#oldSection]!.end <= at) this.#oldSection++;
      const section = sections[this.#oldSection]!;
      const end = Math.min(to, section.end);
      // A short rest takes the next section in, so that sections do not become ever shorter.
      const rest = this.#count - this.#openFrom;
      const isKept = at === section.start && end === section.end &&
        (rest === 0 || rest >= this.#sectionMax / 4);
      if (isKept) this.#closeSections();
      this.#copy(at, end);
      if (isKept) {
        this.#sections.push({ kept: section, start: this.#openFrom, end: this.#count });
        this.#openFrom = this.#count;
      }
      at = end;
    }
  }

  /** The new directory, which of its sections are new, and the pages of those that are gone. */
  finish(takePage: () => number): { directory: PageDirectory; fresh: Section[]; gone: number[] } {
    this.#closeSections();
    const fresh: Section[] = [];
    const kept = new Set<number>();
    const sections = this.#sections.map((section) => {
      const { start, end } = section;
      const page = section.kept?.page ?? takePage();
      if (section.kept === undefined) fresh.push({ page, start, end });
      else kept.add(page);
      return { page, start, end };
    });
    const gone = this.#old.sections.map(({ page }) => page).filter((page) => !kept.has(page));
    return { directory: this.directory(sections), fresh, gone };
  }

  directory(sections: readonly Section[]): PageDirectory {
    const { keyBytes } = this.#old;
    return new PageDirectory(
      keyBytes,
      this.#firstKeys.slice(0, this.#count * keyBytes),
      this.#pages.slice(0, this.#count),
      this.#counts.slice(0, this.#count),
      sections,
    );
  }

  isInOrder(): boolean {
    const { keyBytes } = this.#old;
    for (let leaf = 1; leaf < this.#count; leaf++) {
      const at = leaf * keyBytes;
      if (compareAt(this.#firstKeys, at - keyBytes, this.#firstKeys, at, keyBytes) >= 0) {
        return false;
      }
    }
    return true;
  }

  /** Cuts the leaves that are in no section into sections of like size. */
  #closeSections(): void {
    const rest = this.#count - this.#openFrom;
    const pieces = Math.ceil(rest / this.#sectionMax);
    const first = this.#openFrom;
    for (let piece = 1; piece <= pieces; piece++) {
      const end = first + Math.floor(rest * piece / pieces);
      this.#sections.push({ start: this.#openFrom, end });
      this.#openFrom = end;
    }
  }

  #copy(from: number, to: number): void {
    this.#grow(to - from);
    const { keyBytes, firstKeys, pages, counts } = this.#old;
    const keys = firstKeys.subarray(from * keyBytes, to * keyBytes);
    this.#firstKeys.set(keys, this.#count * keyBytes);
    this.#pages.set(pages.subarray(from, to), this.#count);
    this.#counts.set(counts.subarray(from, to), this.#count);
    this.#count += to - from;
  }

  #grow(extra: number): void {
    const needed = this.#count + extra;
    if (needed <= this.#pages.length) return;
    const capacity = Math.max(needed, this.#pages.length * 2);
    this.#firstKeys = grown(this.#firstKeys, new Uint8Array(capacity * this.#old.keyBytes));
    this.#pages = grown(this.#pages, new Uint32Array(capacity));
    this.#counts = grown(this.#counts, new Uint32Array(capacity));
  }
}

function grown<List extends Uint8Array | Uint32Array>(from: List, to: List): List {
  to.set(from);
  return to;
}
