/**
 * Headers of stored blocks. One record holds a run of them, each on the one before, as they were
 * committed together, and is filed under its last: what a peer asks for is one range read.
 */
import { type ByteReader, ByteWriter, fromUtf8, utf8 } from "../base/bytes.ts";
import { getLogger } from "../base/log.ts";
import type { Rule } from "../consensus/rules.ts";
import { type BlockHeader, HEADER_BYTES, readHeader } from "../primitives/block.ts";
import { asBlockId, type BlockId } from "../primitives/ids.ts";
import { partMutations, readParts } from "./chunks.ts";
import { keys, META, prefixes } from "./keys.ts";
import type { KvMutation, KvStore } from "./kv.ts";
import { DamagedRecord, decodeRecord, type HeaderRecord, sealed } from "./records.ts";

/** Headers of one record: 56 kB, below the limit of a value. */
export const HEADERS_PER_RECORD = 500;
/** Headers of one page of `HeaderIndex`. */
export const HEADERS_PER_PAGE = 4_096;
/** Nobody can do 2^128 hashes, so a chain's work takes two numbers of 64 bits. */
const LOW_WORK = (1n << 64n) - 1n;
const log = getLogger("store");

/** A record that cannot be read: it held up to `HEADERS_PER_RECORD` headers, the last this high. */
export interface DamagedHeaders {
  readonly damagedTo: number;
}

export class HeaderLog {
  /** Whether the header pages hold every header. */
  #hasPages = false;

  constructor(private readonly kv: KvStore) {}

  async open(): Promise<void> {
    this.#hasPages = await this.kv.get(keys.meta(META.headerPages)) !== null;
  }

  /** Sets that keep `records`, in any order, after what makes the header pages count no more. */
  mutations(records: readonly HeaderRecord[]): KvMutation[] {
    if (records.length === 0) return [];
    const mutations: KvMutation[] = [];
    if (this.#hasPages) mutations.push({ delete: keys.meta(META.headerPages) });
    this.#hasPages = false;
    let run: HeaderRecord[] = [];
    for (const record of records) {
      const last = run.at(-1);
      const isNext = last === undefined || record.header.previous === last.header.id;
      if (!isNext || run.length >= HEADERS_PER_RECORD) {
        mutations.push(runMutation(run));
        run = [];
      }
      run.push(record);
    }
    return [...mutations, runMutation(run)];
  }

  /** All records, in no useful order; of one that cannot be read, up to which height it went. */
  async *all(): AsyncGenerator<HeaderRecord[] | DamagedHeaders> {
    for await (const { key, value } of this.kv.list({ prefix: prefixes.headers })) {
      try {
        yield decodeRun(key[1] as number, key[2] as Uint8Array, value);
      } catch (error) {
        if (!(error instanceof DamagedRecord)) throw error;
        yield { damagedTo: key[1] as number };
      }
    }
  }

  /** The headers of `ids`, which begin at `height` and go up; those of damaged records left out. */
  async find(ids: readonly BlockId[], height: number): Promise<Map<BlockId, BlockHeader>> {
    const wanted = new Set(ids);
    const found = new Map<BlockId, BlockHeader>();
    const range = { prefix: prefixes.headers, start: keys.headersTo(height) };
    const highest = height + ids.length + HEADERS_PER_RECORD;
    for await (const { key, value } of this.kv.list(range)) {
      if (found.size === wanted.size || (key[1] as number) > highest) break;
      try {
        for (const { header } of decodeRun(key[1] as number, key[2] as Uint8Array, value, height)) {
          if (wanted.has(header.id)) found.set(header.id, header);
        }
      } catch (error) {
        if (!(error instanceof DamagedRecord)) throw error;
        log.warn("{why}", { why: error.message });
      }
    }
    return found;
  }

  /** Deletes every record, for writing them anew. */
  async clear(): Promise<KvMutation[]> {
    const mutations: KvMutation[] = [];
    for await (const { key } of this.kv.list({ prefix: prefixes.headers })) {
      mutations.push({ delete: key });
    }
    for await (const { key } of this.kv.list({ prefix: prefixes.invalids })) {
      mutations.push({ delete: key });
    }
    return mutations;
  }

  /** Says which rule a stored block breaks. */
  async markInvalid(id: BlockId, rule: Rule): Promise<void> {
    await this.kv.commit([{ set: keys.invalid(id), value: sealed(utf8(rule)) }]);
  }

  /** The stored blocks that are known to break a rule. A damaged mark is left out: judged anew. */
  async invalids(): Promise<Map<BlockId, string>> {
    const marks = new Map<BlockId, string>();
    for await (const { key, value } of this.kv.list({ prefix: prefixes.invalids })) {
      const id = asBlockId(key[1] as Uint8Array);
      try {
        const readText = (reader: ByteReader) => fromUtf8(reader.take(reader.remaining));
        marks.set(id, decodeRecord(value, `invalid ${id}`, readText));
      } catch (error) {
        if (!(error instanceof DamagedRecord)) throw error;
      }
    }
    return marks;
  }

  /**
   * The header pages as they were saved, or undefined: reading a long chain's records takes many
   * times as long.
   */
  async loadPages(): Promise<{ count: number; pages: Uint8Array[] } | undefined> {
    const value = await this.kv.get(keys.meta(META.headerPages));
    if (value === null) return undefined;
    try {
      const count = decodeRecord(value, "meta header-pages", (reader) => reader.varint());
      const pages: Uint8Array[] = [];
      for (let page = 0; page * HEADERS_PER_PAGE < count; page++) {
        const name = `header-page ${page}`;
        const bytes = await readParts(this.kv, name, (part) => keys.headerPage(page, part));
        if (bytes === undefined) throw new DamagedRecord(name);
        pages.push(bytes);
      }
      return { count, pages };
    } catch (error) {
      if (!(error instanceof DamagedRecord)) throw error;
      log.warn("{why}: reading the headers one by one", { why: error.message });
      return undefined;
    }
  }

  /**
   * Saves the pages that have changed; with those saved before they hold all `count` headers.
   * `commit` writes any number of mutations.
   */
  async savePages(
    count: number,
    changed: ReadonlyMap<number, Uint8Array>,
    commit: (mutations: readonly KvMutation[]) => Promise<void>,
  ): Promise<void> {
    if (this.#hasPages && changed.size === 0) return;
    await commit(
      [...changed].flatMap(([page, bytes]) =>
        partMutations(bytes, (part) => keys.headerPage(page, part))
      ),
    );
    const value = sealed(new ByteWriter(8).varint(count).finish());
    await this.kv.commit([{ set: keys.meta(META.headerPages), value }]);
    this.#hasPages = true;
  }
}

function runMutation(run: readonly HeaderRecord[]): KvMutation {
  const writer = new ByteWriter(8 + run.length * (HEADER_BYTES + 20)).varint(run.length);
  for (const { header, context } of run) {
    const { childScheduledBits, totalWork } = context;
    writer.bytes(header.bytes).u32(childScheduledBits).u64(totalWork & LOW_WORK)
      .u64(totalWork >> 64n);
  }
  const { height, id } = run.at(-1)!.header;
  return { set: keys.headers(height, id), value: sealed(writer.finish()) };
}

/** The headers of a record, those below `fromHeight` left out. Throws `DamagedRecord`. */
function decodeRun(
  lastHeight: number,
  lastId: Uint8Array,
  value: Uint8Array,
  fromHeight = 0,
): HeaderRecord[] {
  const name = `headers ${lastHeight} ${asBlockId(lastId)}`;
  const records = decodeRecord(value, name, (reader) => readRun(reader, lastHeight, fromHeight));
  if (records.at(-1)?.header.id !== asBlockId(lastId)) throw new DamagedRecord(name);
  return records;
}

function readRun(reader: ByteReader, lastHeight: number, fromHeight: number): HeaderRecord[] {
  const count = reader.varint();
  const records: HeaderRecord[] = [];
  for (let height = lastHeight - count + 1; height <= lastHeight; height++) {
    const header = readHeader(reader);
    const childScheduledBits = reader.u32();
    const totalWork = reader.u64() | (reader.u64() << 64n);
    if (height < fromHeight) continue;
    const { id, previous, timeMs, bits } = header;
    const context = { id, previous, height, timeMs, bits, childScheduledBits, totalWork };
    records.push({ header, context });
  }
  return records;
}
