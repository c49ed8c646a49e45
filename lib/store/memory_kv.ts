/** The store port in memory, with the limits of the real one and with power cuts on demand. */
import { encodedKeyLength, encodeKey, mutationBytes } from "./encoded_key.ts";
import {
  KV_LIMITS,
  type KvEntry,
  type KvKey,
  type KvMutation,
  type KvRange,
  type KvStore,
} from "./kv.ts";

/** The store "lost power": whatever comes after fails too, as in a process that is gone. */
export class PowerCut extends Error {
  constructor() {
    super("Cannot use the store: its power is cut");
    this.name = "PowerCut";
  }
}

interface Content {
  readonly entries: Map<string, KvEntry>;
  /** Encoded keys in order. */
  sorted: string[];
}

export class MemoryKv implements KvStore {
  readonly #content: Content;
  #commitsUntilCut = Infinity;
  #isDown = false;
  /** Commits that succeeded. */
  commits = 0;

  constructor(content: Content = { entries: new Map(), sorted: [] }) {
    this.#content = content;
  }

  get size(): number {
    return this.#content.entries.size;
  }

  /** The `n`-th commit from now (1 = the next) and everything after it throws `PowerCut`. */
  failAtCommit(n: number): void {
    this.#commitsUntilCut = n;
  }

  /** A new store over what was committed, as after a restart; this one is closed. */
  reopen(): MemoryKv {
    this.close();
    return new MemoryKv(this.#content);
  }

  get(key: KvKey): Promise<Uint8Array | null> {
    return this.#answer(() => this.#content.entries.get(encodeKey(key))?.value ?? null);
  }

  getMany(keys: readonly KvKey[]): Promise<(Uint8Array | null)[]> {
    return this.#answer(() =>
      keys.map((key) => this.#content.entries.get(encodeKey(key))?.value ?? null)
    );
  }

  async *list(range: KvRange): AsyncIterable<KvEntry> {
    const found = await this.#answer(() => this.#select(range));
    for (const entry of found) {
      if (this.#isDown) throw new PowerCut();
      yield entry;
    }
  }

  commit(mutations: readonly KvMutation[]): Promise<void> {
    return this.#answer(() => {
      checkLimits(mutations);
      if (--this.#commitsUntilCut <= 0) this.#isDown = true;
      if (this.#isDown) throw new PowerCut();
      for (const mutation of mutations) this.#apply(mutation);
      this.commits++;
    });
  }

  close(): void {
    this.#isDown = true;
  }

  /** Answers later, as a disk does, so that callers cannot come to rely on an answer at once. */
  async #answer<Value>(read: () => Value): Promise<Value> {
    await Promise.resolve();
    if (this.#isDown) throw new PowerCut();
    return read();
  }

  #apply(mutation: KvMutation): void {
    const { entries, sorted } = this.#content;
    if ("delete" in mutation) {
      const encoded = encodeKey(mutation.delete);
      if (entries.delete(encoded)) sorted.splice(positionOf(sorted, encoded), 1);
      return;
    }
    const encoded = encodeKey(mutation.set);
    if (!entries.has(encoded)) sorted.splice(positionOf(sorted, encoded), 0, encoded);
    entries.set(encoded, { key: mutation.set, value: mutation.value.slice() });
  }

  #select(range: KvRange): KvEntry[] {
    if (range.start && range.end) throw new TypeError("Cannot list: give start or end, not both");
    const { sorted, entries } = this.#content;
    const prefix = encodeKey(range.prefix);
    const from = range.start ? encodeKey(range.start) : prefix;
    const to = range.end ? encodeKey(range.end) : undefined;
    const found: string[] = [];
    for (let at = positionOf(sorted, from); at < sorted.length; at++) {
      const encoded = sorted[at]!;
      if (!encoded.startsWith(prefix) || (to !== undefined && encoded >= to)) break;
      if (encoded !== prefix) found.push(encoded);
    }
    if (range.reverse) found.reverse();
    return found.slice(0, range.limit).map((encoded) => entries.get(encoded)!);
  }
}

/** Where `encoded` stands or belongs in the sorted list. */
function positionOf(sorted: readonly string[], encoded: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < encoded) low = middle + 1;
    else high = middle;
  }
  return low;
}

function checkLimits(mutations: readonly KvMutation[]): void {
  let keysBytes = 0;
  let allBytes = 0;
  for (const mutation of mutations) {
    const bytes = mutationBytes(mutation);
    keysBytes += bytes.key;
    allBytes += bytes.all;
    const key = "delete" in mutation ? mutation.delete : mutation.set;
    refuseAbove(encodedKeyLength(key), KV_LIMITS.keyBytes, "key bytes");
    if ("set" in mutation) refuseAbove(mutation.value.length, KV_LIMITS.valueBytes, "value bytes");
  }
  refuseAbove(mutations.length, KV_LIMITS.mutations, "mutations");
  refuseAbove(keysBytes, KV_LIMITS.allKeysBytes, "bytes of keys");
  refuseAbove(allBytes, KV_LIMITS.allBytes, "bytes");
}

function refuseAbove(value: number, limit: number, what: string): void {
  if (value > limit) throw new TypeError(`Cannot commit: ${value} ${what}, more than ${limit}`);
}
