/**
 * What we keep for others as a server of a DHT: provider records, bounded, since a stranger may send
 * any number of them. Members' records stay and are told first, so that strangers who fill the list
 * of a phrase hide nobody whom we have met.
 */
import { type Random, randomBelow, shuffled } from "../../base/random.ts";

/** Providers of one phrase. */
export const PROVIDERS_PER_KEY_MAX = 100;
/** Of those, named in one answer: kad-dht's servers keep and ask for 20. */
export const PROVIDERS_PER_ANSWER_MAX = 40;
/** Phrases that a stranger may advertise under; a node has one. */
export const KEYS_PER_STRANGER_MAX = 4;
export const RECORDS_MAX = 2_000;

/** A datastore key as kad-dht makes it: `/PREFIX/provider/KEY/PEER` for a provider record. */
type StoreKey = { toString(): string };
type Entry = { key: StoreKey; value: Uint8Array; record: string; peerId: string };

const PROVIDER_KEY = /^(.*\/provider\/[^/]+)\/([^/]+)$/;

/** The part of a datastore (interface-datastore) that kad-dht uses. */
export class DhtStore {
  readonly #entries = new Map<string, Entry>();
  readonly #random: Random;
  readonly #isTrusted: (peerId: string) => boolean;

  /** `isTrusted`: ourselves, and whoever has proven to be of our network. */
  constructor(random: Random, isTrusted: (peerId: string) => boolean) {
    this.#random = random;
    this.#isTrusted = isTrusted;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Keeps a provider record where there is room for it; other values are of no use to us. */
  put(key: StoreKey, value: Uint8Array): Promise<StoreKey> {
    const match = PROVIDER_KEY.exec(key.toString());
    if (match !== null) this.#keep({ key, value, record: match[1]!, peerId: match[2]! });
    return Promise.resolve(key);
  }

  /** Rejects with a `NotFoundError` when there is none, as libp2p expects. */
  get(key: StoreKey): Promise<Uint8Array> {
    const entry = this.#entries.get(key.toString());
    if (entry !== undefined) return Promise.resolve(entry.value);
    const error = new Error("Not found");
    error.name = "NotFoundError";
    return Promise.reject(error);
  }

  has(key: StoreKey): Promise<boolean> {
    return Promise.resolve(this.#entries.has(key.toString()));
  }

  delete(key: StoreKey): Promise<void> {
    this.#entries.delete(key.toString());
    return Promise.resolve();
  }

  /** The records below `prefix`: all of them, or what an answer about one key may name. */
  async *query(
    { prefix }: { prefix: string },
  ): AsyncGenerator<{ key: StoreKey; value: Uint8Array }> {
    const ofKey = this.#of(prefix);
    if (ofKey.length === 0) {
      const below = [...this.#entries].filter(([name]) => name.startsWith(prefix));
      for (const [, entry] of below) yield entry;
      return;
    }
    const trusted = ofKey.filter((entry) => this.#isTrusted(entry.peerId));
    const strangers = shuffled(ofKey.filter((entry) => !trusted.includes(entry)), this.#random);
    yield* [...trusted, ...strangers].slice(0, PROVIDERS_PER_ANSWER_MAX);
  }

  #of(record: string): Entry[] {
    return [...this.#entries.values()].filter((entry) => entry.record === record);
  }

  #keep(entry: Entry): void {
    const name = entry.key.toString();
    if (!this.#entries.has(name) && !this.#makeRoom(entry)) return;
    this.#entries.delete(name);
    this.#entries.set(name, entry);
  }

  #makeRoom(entry: Entry): boolean {
    const isTrusted = this.#isTrusted(entry.peerId);
    const all = [...this.#entries.values()];
    const own = all.filter((other) => other.peerId === entry.peerId);
    if (!isTrusted && own.length >= KEYS_PER_STRANGER_MAX) return false;
    const ofKey = all.filter((other) => other.record === entry.record);
    if (ofKey.length >= PROVIDERS_PER_KEY_MAX) return this.#evict(ofKey, isTrusted);
    return all.length < RECORDS_MAX || this.#evict(all, isTrusted);
  }

  /** A stranger that chance picks goes, so that the newest flood does not push out all before it. */
  #evict(entries: readonly Entry[], isForTrusted: boolean): boolean {
    const strangers = entries.filter((entry) => !this.#isTrusted(entry.peerId));
    const victim = strangers[randomBelow(this.#random, strangers.length)] ??
      (isForTrusted ? entries[0] : undefined);
    if (victim === undefined) return false;
    this.#entries.delete(victim.key.toString());
    return true;
  }
}
