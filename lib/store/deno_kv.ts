/** The store port over Deno KV: the only file that knows `Deno.Kv`. */
import { EXIT, messageOf, UserError } from "../base/errors.ts";
import type { KvEntry, KvKey, KvMutation, KvRange, KvStore } from "./kv.ts";

/** Deno KV takes at most ten keys a read. */
const KEYS_PER_READ = 10;
/** Reads under way at once: enough to keep its thread busy, few enough to bound memory. */
const READS_AT_ONCE = 16;
/**
 * What Deno KV's own thread asks of its tables as soon as it is open. On damage it does not fail
 * but ends the process, so these are asked here first.
 */
const OWN_QUERIES = [
  "SELECT id FROM queue WHERE ts <= 0 ORDER BY ts",
  "SELECT id FROM queue_running WHERE deadline <= 0",
  "SELECT count(*) FROM kv WHERE expiration_ms >= 0 AND expiration_ms <= 0",
];
const DAMAGE = /malformed|not a database|corrupt/i;
/** The largest batch it lets a listing fetch at once. */
const LIST_BATCH = 500;

/**
 * Opens (or makes) the database file at `path`. A path is never left out: without one Deno may
 * keep it in memory only. Throws `UserError` "damaged" or "failed".
 */
export async function openDenoKv(path: string): Promise<KvStore> {
  try {
    await askOwnQueries(path);
    const kv = await Deno.openKv(path);
    await kv.get(["meta"]); // A file that is no database is noticed only now.
    return new DenoKv(kv, path);
  } catch (error) {
    throw damageOf(path, error) ?? new UserError(
      EXIT.failed,
      `Cannot open "${path}": ${messageOf(error)}; check that the folder can be written`,
      { cause: error },
    );
  }
}

/** Throws what SQLite says of a damaged file. */
async function askOwnQueries(path: string): Promise<void> {
  const size = await Deno.stat(path).then((file) => file.size, () => 0);
  if (size === 0) return; // It is about to be made.
  const { DatabaseSync } = await import("node:sqlite");
  const database = new DatabaseSync(path);
  try {
    for (const query of OWN_QUERIES) database.prepare(query).all();
  } catch (error) {
    // Another version of Deno KV may name its tables otherwise.
    if (!/no such (table|column)/.test(messageOf(error))) throw error;
  } finally {
    database.close();
  }
}

/** What a user reads when SQLite finds its file damaged; undefined for any other error. */
function damageOf(path: string, error: unknown): UserError | undefined {
  const why = messageOf(error);
  if (!DAMAGE.test(why)) return undefined;
  return new UserError(
    EXIT.damaged,
    `Cannot use "${path}": ${why}; move it away and start again to fetch the chain anew`,
    { cause: error },
  );
}

class DenoKv implements KvStore {
  readonly #kv: Deno.Kv;
  readonly #path: string;
  #closed = false;

  constructor(kv: Deno.Kv, path: string) {
    this.#kv = kv;
    this.#path = path;
  }

  async get(key: KvKey): Promise<Uint8Array | null> {
    return (await this.#told(this.#kv.get<Uint8Array>(key as Deno.KvKey))).value;
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
    try {
      for await (const { key, value } of entries) yield { key: key as KvKey, value };
    } catch (error) {
      throw damageOf(this.#path, error) ?? error;
    }
  }

  async commit(mutations: readonly KvMutation[]): Promise<void> {
    if (mutations.length === 0) return;
    const atomic = this.#kv.atomic();
    for (const mutation of mutations) {
      if ("delete" in mutation) atomic.delete(mutation.delete as Deno.KvKey);
      else atomic.set(mutation.set as Deno.KvKey, mutation.value);
    }
    await this.#told(atomic.commit());
  }

  close(): void {
    if (this.#closed) return; // Closing twice throws.
    this.#closed = true;
    this.#kv.close();
  }

  async #readBatch(keys: KvKey[]): Promise<(Uint8Array | null)[]> {
    const entries = await this.#told(this.#kv.getMany<Uint8Array[]>(keys as Deno.KvKey[]));
    return entries.map((entry) => entry.value);
  }

  /** Damage in the file's middle is met only when something there is read. */
  async #told<Result>(answer: Promise<Result>): Promise<Result> {
    try {
      return await answer;
    } catch (error) {
      throw damageOf(this.#path, error) ?? error;
    }
  }
}
