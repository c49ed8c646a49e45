/**
 * The store port: ordered keys, small values, one atomic write. `deno_kv.ts` is the real one,
 * `memory_kv.ts` its twin for tests. Both keep to the limits below and refuse what passes them.
 */

/** Parts order as Deno KV orders them: bytes < string < number < bigint < boolean. */
export type KvKeyPart = Uint8Array | string | number | bigint | boolean;
export type KvKey = readonly KvKeyPart[];

export type KvMutation =
  | { readonly set: KvKey; readonly value: Uint8Array }
  | { readonly delete: KvKey };

export interface KvEntry {
  readonly key: KvKey;
  readonly value: Uint8Array;
}

/**
 * Keys under `prefix`, from `start` on (inclusive) or before `end` (exclusive), in key order.
 * Deno KV takes one of the two, not both.
 */
export interface KvRange {
  readonly prefix: KvKey;
  readonly start?: KvKey;
  readonly end?: KvKey;
  readonly limit?: number;
  readonly reverse?: boolean;
}

export interface KvStore {
  get(key: KvKey): Promise<Uint8Array | null>;
  /** Values in the order of `keys`, null where there is none. Any number of keys. */
  getMany(keys: readonly KvKey[]): Promise<(Uint8Array | null)[]>;
  list(range: KvRange): AsyncIterable<KvEntry>;
  /** All of it or nothing, and on disk once resolved. Throws when it passes `KV_LIMITS`. */
  commit(mutations: readonly KvMutation[]): Promise<void>;
  close(): void;
}

/** What Deno KV takes in one commit. Keys count as encoded (`encoded_key.ts`). */
export const KV_LIMITS = {
  mutations: 1_000,
  keyBytes: 2_048,
  valueBytes: 65_536,
  allKeysBytes: 81_920,
  allBytes: 819_200,
} as const;
