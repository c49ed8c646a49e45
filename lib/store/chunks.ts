/** Cutting what is too large for one value into parts, and for one commit into chunks. */
import { ByteReader, ByteWriter, concatBytes } from "../base/bytes.ts";
import { mutationBytes } from "./encoded_key.ts";
import type { KvKey, KvMutation, KvStore } from "./kv.ts";
import { DamagedRecord, opened, sealed } from "./records.ts";

/** Below Deno KV's limit of a value, with room for length and checksum. */
const PART_BYTES = 60_000;

/**
 * Below the limits of one commit (`KV_LIMITS`), with room for the few records of the tip that
 * share a commit with the last chunk.
 */
export const CHUNK_LIMITS = { mutations: 900, keysBytes: 70 * 1_024, allBytes: 700 * 1_024 };

/** Sets that store `bytes` under `key(0)`, `key(1)` …; the first part tells the length. */
export function partMutations(bytes: Uint8Array, key: (part: number) => KvKey): KvMutation[] {
  const length = new ByteWriter(8).varint(bytes.length).finish();
  const whole = concatBytes(length, bytes);
  const mutations: KvMutation[] = [];
  for (let at = 0; at < whole.length; at += PART_BYTES) {
    const value = sealed(whole.subarray(at, at + PART_BYTES));
    mutations.push({ set: key(mutations.length), value });
  }
  return mutations;
}

/**
 * What `partMutations` stored, or undefined when there is no first part.
 * Throws `DamagedRecord` naming `record`.
 */
export async function readParts(
  kv: KvStore,
  record: string,
  key: (part: number) => KvKey,
): Promise<Uint8Array | undefined> {
  const value = await kv.get(key(0));
  return value === null ? undefined : await wholeOf(kv, { record, key }, value);
}

/** Something stored in parts, and its name in an error. */
export interface PartsName {
  readonly record: string;
  readonly key: (part: number) => KvKey;
}

/** As `readParts` for each of `names`, with as few reads as possible. */
export async function readPartsMany(
  kv: KvStore,
  names: readonly PartsName[],
): Promise<(Uint8Array | undefined)[]> {
  const values = await kv.getMany(names.map(({ key }) => key(0)));
  const found: (Uint8Array | undefined)[] = [];
  for (const [at, name] of names.entries()) {
    const value = values[at] ?? null;
    found.push(value === null ? undefined : await wholeOf(kv, name, value));
  }
  return found;
}

/** The whole that begins with the first part `value`. */
async function wholeOf(
  kv: KvStore,
  { record, key }: PartsName,
  value: Uint8Array,
): Promise<Uint8Array> {
  const first = opened(value, record);
  const { length, start } = readLength(first, record);
  const partCount = Math.max(1, Math.ceil((start + length) / PART_BYTES));
  if (partCount === 1) {
    if (first.length !== start + length) throw new DamagedRecord(record);
    return first.subarray(start);
  }
  const rest = await kv.getMany(Array.from({ length: partCount - 1 }, (_, at) => key(at + 1)));
  const whole = concatBytes(first, ...rest.map((part) => opened(part, record)));
  if (whole.length !== start + length) throw new DamagedRecord(record);
  return whole.subarray(start);
}

function readLength(first: Uint8Array, record: string): { length: number; start: number } {
  const reader = new ByteReader(first);
  try {
    return { length: reader.varint(), start: reader.offset };
  } catch (error) {
    throw new DamagedRecord(record, { cause: error });
  }
}

/** `mutations` in order, cut where a commit would be too large by count or by encoded size. */
export function cutChunks(mutations: readonly KvMutation[]): KvMutation[][] {
  const chunks: KvMutation[][] = [];
  let chunk: KvMutation[] = [];
  let keysBytes = 0;
  let allBytes = 0;
  for (const mutation of mutations) {
    const bytes = mutationBytes(mutation);
    const isFull = chunk.length >= CHUNK_LIMITS.mutations ||
      keysBytes + bytes.key > CHUNK_LIMITS.keysBytes ||
      allBytes + bytes.all > CHUNK_LIMITS.allBytes;
    if (isFull && chunk.length > 0) {
      chunks.push(chunk);
      chunk = [];
      keysBytes = 0;
      allBytes = 0;
    }
    chunk.push(mutation);
    keysBytes += bytes.key;
    allBytes += bytes.all;
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}

/** Commits chunk after chunk. Not atomic: for what is idempotent, or under a marker. */
export async function commitInChunks(
  kv: KvStore,
  mutations: readonly KvMutation[],
): Promise<void> {
  for (const chunk of cutChunks(mutations)) await kv.commit(chunk);
}
