/**
 * One write of changes to a map of sorted pages, copy on write: the touched leaves are read, merged
 * with the changes and written to pages that nothing refers to; the last commit replaces the
 * root. A power cut before it leaves the former root and all its pages as they were.
 */
import { CHUNK_LIMITS, cutChunks } from "./chunks.ts";
import type { KvMutation, KvStore } from "./kv.ts";
import { LeafStream } from "./leaf_stream.ts";
import { lowerBound, recordBytes } from "./packed_records.ts";
import type { PageCache } from "./page_cache.ts";
import { DirectoryBuilder, type PageDirectory } from "./page_directory.ts";
import type { PageFiles } from "./page_files.ts";
import type { PageNumbers } from "./page_numbers.ts";
import { loadNativeCrc32 } from "./records.ts";
import type { SortedChanges } from "./sorted_changes.ts";

/** Leaves read at once; the next ones are read while these are merged. */
const LEAVES_AT_ONCE = 64;
/** Changes merged in one go, which takes below a millisecond. */
const CHANGES_AT_ONCE = 2_000;

export interface FlushParts {
  readonly kv: KvStore;
  readonly files: PageFiles;
  readonly numbers: PageNumbers;
  /** A leaf's or a section's largest size. */
  readonly pageBytes: number;
  /** How much is written in one commit, the last excepted. */
  readonly commitBytes: number;
  readonly cache: PageCache;
}

/** A leaf and the changes that fall into it. */
interface Touched {
  readonly leaf: number;
  readonly from: number;
  readonly to: number;
}

interface OldLeaf {
  readonly records: Uint8Array;
  readonly isHot: boolean;
}

const NO_LEAF: OldLeaf = { records: new Uint8Array(), isHot: false };

export class PageFlush {
  readonly #parts: FlushParts;
  readonly #old: PageDirectory;
  readonly #changes: SortedChanges;
  readonly #builder: DirectoryBuilder;
  readonly #stream: LeafStream;
  readonly #gone: number[] = [];
  #mutations: KvMutation[] = [];
  #mutationsBytes = 0;
  #commit: Promise<void> = Promise.resolve();
  /** The first leaf that is neither kept nor merged yet. */
  #next = 0;
  /** Whether the leaf before that was in the cache: then what replaces it belongs there too. */
  #isHot = false;

  constructor(parts: FlushParts, old: PageDirectory, changes: SortedChanges) {
    this.#parts = parts;
    this.#old = old;
    this.#changes = changes;
    this.#builder = new DirectoryBuilder(old, parts.pageBytes);
    this.#stream = new LeafStream(
      parts.files.kind,
      parts.pageBytes,
      (records) => this.#writeLeaf(records),
    );
  }

  /**
   * Commits the changes and, in the last commit, `also`. Returns the directory that now counts, and
   * the pages that it does not refer to any more.
   */
  async run(also: readonly KvMutation[]): Promise<{ directory: PageDirectory; gone: number[] }> {
    const touched = this.#touched();
    if (touched.length > LEAVES_AT_ONCE) await loadNativeCrc32();
    let reading = this.#read(touched, 0);
    for (let at = 0; at < touched.length; at += LEAVES_AT_ONCE) {
      const leaves = await reading;
      reading = this.#read(touched, at + LEAVES_AT_ONCE);
      for (const [number, records] of leaves.entries()) {
        await this.#mergeLeaf(touched[at + number]!, records);
      }
    }
    await this.#endRun(this.#old.leafCount);
    return await this.#finish(also);
  }

  /** Which leaves change. An empty map has one leaf that is not there yet. */
  #touched(): Touched[] {
    const { leafCount, firstKeys, keyBytes } = this.#old;
    const { count, bytes } = this.#changes;
    const touched: Touched[] = [];
    for (let from = 0; from < count;) {
      const leaf = this.#old.leafOf(bytes, this.#changes.offset(from));
      const isLast = leaf + 1 >= leafCount;
      const to = isLast
        ? count
        : this.#changes.lowerBound(firstKeys, (leaf + 1) * keyBytes, from + 1);
      touched.push({ leaf, from, to });
      from = to;
    }
    return touched;
  }

  #read(touched: readonly Touched[], from: number): Promise<OldLeaf[]> {
    const leaves = touched.slice(from, from + LEAVES_AT_ONCE).map(({ leaf }) => leaf);
    const reading = this.#readLeaves(leaves);
    reading.catch(() => {}); // It is awaited later, or not at all after a failure.
    return reading;
  }

  async #readLeaves(leaves: readonly number[]): Promise<OldLeaf[]> {
    const { cache, files } = this.#parts;
    if (this.#old.leafCount === 0) return leaves.map(() => NO_LEAF);
    const cached = leaves.map((leaf) => cache.replace(this.#old.pages[leaf]!));
    const missing = leaves.filter((_, at) => cached[at] === undefined);
    const read = missing.length === 0 ? [] : await files.readLeaves(this.#old, missing);
    let next = 0;
    return cached.map((records) => ({
      records: records ?? read[next++]!,
      isHot: records !== undefined,
    }));
  }

  async #mergeLeaf({ leaf, from, to }: Touched, { records, isHot }: OldLeaf): Promise<void> {
    if (this.#next < leaf) await this.#endRun(leaf);
    this.#isHot = isHot;
    const stride = recordBytes(this.#parts.files.kind);
    const { keyBytes } = this.#old;
    const list = { bytes: records, stride, count: records.length / stride };
    let start = 0;
    for (let at = from; at < to; at += CHANGES_AT_ONCE) {
      const until = Math.min(to, at + CHANGES_AT_ONCE);
      const end = until === to ? list.count : lowerBound(
        list,
        this.#changes.bytes,
        this.#changes.offset(until),
        keyBytes,
        start,
      );
      const part = records.subarray(start * stride, end * stride);
      this.#stream.merge(part, this.#changes, at, until);
      start = end;
      await this.#commitIfFull();
    }
    this.#leave(leaf);
  }

  /** Ends a run of changed leaves, and keeps those before leaf `until`. */
  async #endRun(until: number): Promise<void> {
    while (this.#stream.wantsMore && this.#next < until) {
      const [leaf] = await this.#readLeaves([this.#next]);
      this.#stream.push(leaf!.records, 0, leaf!.records.length);
      this.#leave(this.#next);
    }
    this.#stream.finish();
    this.#builder.keep(this.#next, until);
    this.#next = until;
    await this.#commitIfFull();
  }

  /** Leaf `leaf` is copied: its page is gone. */
  #leave(leaf: number): void {
    if (leaf < this.#old.leafCount) this.#gone.push(this.#old.pages[leaf]!);
    this.#next = leaf + 1;
  }

  #writeLeaf(records: Uint8Array): void {
    const { numbers, files, cache } = this.#parts;
    const page = numbers.take();
    const mutation = files.pageMutation(page, records);
    this.#add(mutation);
    const kept = mutation.value.subarray(0, records.length);
    if (this.#isHot || cache.hasRoomFor(kept)) cache.set(page, kept);
    else cache.delete(page);
    this.#builder.add(records, 0, page, records.length / recordBytes(files.kind));
  }

  async #finish(
    also: readonly KvMutation[],
  ): Promise<{ directory: PageDirectory; gone: number[] }> {
    const { kv, files, numbers } = this.#parts;
    const { directory, fresh, gone } = this.#builder.finish(() => numbers.take());
    for (const section of fresh) {
      this.#add(files.pageMutation(section.page, directory.encodeSection(section)));
    }
    const last = [...files.rootMutations(directory), ...also];
    await this.#commit;
    const chunks = cutChunks([...this.#mutations, ...last]);
    if (chunks.length === 1) {
      await kv.commit(chunks[0]!);
    } else {
      for (const chunk of cutChunks(this.#mutations)) await kv.commit(chunk);
      await kv.commit(last);
    }
    return { directory, gone: [...this.#gone, ...gone] };
  }

  #add(mutation: KvMutation & { readonly value: Uint8Array }): void {
    this.#mutations.push(mutation);
    this.#mutationsBytes += mutation.value.length;
  }

  /** Commits what has come together, beside the merging of what follows. */
  async #commitIfFull(): Promise<void> {
    const { kv, commitBytes } = this.#parts;
    if (this.#mutationsBytes < Math.min(commitBytes, CHUNK_LIMITS.allBytes)) return;
    await this.#commit;
    const chunks = cutChunks(this.#mutations);
    this.#mutations = [];
    this.#mutationsBytes = 0;
    const last = chunks.pop()!;
    for (const chunk of chunks) await kv.commit(chunk);
    this.#commit = kv.commit(last);
    this.#commit.catch(() => {}); // It is awaited with the next one.
  }
}
