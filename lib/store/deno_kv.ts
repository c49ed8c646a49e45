/** The store port over Deno KV: the only file that knows `Deno.Kv`. */
import { EXIT, messageOf, UserError } from "../base/errors.ts";
import type { KvEntry, KvKey, KvMutation, KvRange, KvStore } from "./kv.ts";

/** Deno KV takes at most ten keys a read. */
const KEYS_PER_READ = 10;
/** Reads under way at once: enough to keep its thread busy, few enough to bound memory. */
const READS_AT_ONCE = 16;
/** The largest batch it lets a listing fetch at once. */
const LIST_BATCH = 500;

/**
 * Opens (or makes) the database file at `path`. A path is never left out: without one Deno may
 * keep it in memory only. Throws `UserError` "damaged" or "failed".
 */
export async function openDenoKv(path: string): Promise<KvStore> {
  let kv: Deno.Kv;
  try {
    kv = await Deno.openKv(path);
    await kv.get(["meta"]); // A file that is no database is noticed only now.
  } catch (error) {
    const why = messageOf(error);
    const damaged = /malformed|not a database|corrupt/i.test(why);
    throw new UserError(
      damaged ? EXIT.damaged : EXIT.failed,
      damaged
        ? `Cannot open "${path}": ${why}; move it away and start again to fetch the chain anew`
        : `Cannot open "${path}": ${why}; check that the folder can be written`,
      { cause: error },
    );
  }
  return new DenoKv(kv);
}

class DenoKv implements KvStore {
  readonly #kv: Deno.Kv;
  #closed = false;

  constructor(kv: Deno.Kv) {
    this.#kv = kv;
  }

  async get(key: KvKey): Promise<Uint8Array | null> {
    return (await this.#kv.get<Uint8Array>(key as Deno.KvKey)).value;
  }

  async getMany(keys: readonly KvKey[]): Promise<(Uint8Array | null)[]> {
    const values: (Uint8Array | null)[] = [];
    const stride = KEYS_PER_READ * READS_AT_ONCE;
    for (let start = 0; start < keys.length; start += stride) {
      const end = Math.min(start + stride, keys.length);
      const reads: Promise<(Uint8Array | null)[]>[] = [];
      for (let at = start; at < end; at += KEYS_PER_READ) {
        reads.push(this.#readBatch(keys.slice(at, Math.min(at + KEYS_PER_READ, end))));
      }
      for (const batch of await Promise.all(reads)) values.push(...batch);
    }
    return values;
  }

  async *list(range: KvRange): AsyncIterable<KvEntry> {
    const { prefix, start, end, limit, reverse = false } = range;
    const selector = {
      prefix,
      ...(start !== undefined && { start }),
      ...(end !== undefined && { end }),
    } as Deno.KvListSelector;
    const entries = this.#kv.list<Uint8Array>(selector, {
      reverse,
      batchSize: Math.min(limit ?? LIST_BATCH, LIST_BATCH),
      ...(limit !== undefined && { limit }),
    });
    for await (const { key, value } of entries) yield { key: key as KvKey, value };
  }

  async commit(mutations: readonly KvMutation[]): Promise<void> {
    if (mutations.length === 0) return;
    const atomic = this.#kv.atomic();
    for (const mutation of mutations) {
      if ("delete" in mutation) atomic.delete(mutation.delete as Deno.KvKey);
      else atomic.set(mutation.set as Deno.KvKey, mutation.value);
    }
    await atomic.commit();
  }

  close(): void {
    if (this.#closed) return; // Closing twice throws.
    this.#closed = true;
    this.#kv.close();
  }

  async #readBatch(keys: KvKey[]): Promise<(Uint8Array | null)[]> {
    const entries = await this.#kv.getMany<Uint8Array[]>(keys as Deno.KvKey[]);
    return entries.map((entry) => entry.value);
  }
}
