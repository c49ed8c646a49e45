/** The store port with a watch on how long its commits take. */
import type { Clock } from "../base/clock.ts";
import { meter } from "../base/telemetry.ts";
import type { KvEntry, KvKey, KvMutation, KvRange, KvStore } from "../store/mod.ts";

const commitSeconds = meter("kv-commit-seconds");

export class ObservedKv implements KvStore {
  readonly #kv: KvStore;
  readonly #clock: Clock;

  constructor(kv: KvStore, clock: Clock) {
    this.#kv = kv;
    this.#clock = clock;
  }

  get(key: KvKey): Promise<Uint8Array | null> {
    return this.#kv.get(key);
  }

  getMany(keys: readonly KvKey[]): Promise<(Uint8Array | null)[]> {
    return this.#kv.getMany(keys);
  }

  list(range: KvRange): AsyncIterable<KvEntry> {
    return this.#kv.list(range);
  }

  async commit(mutations: readonly KvMutation[]): Promise<void> {
    const startMs = this.#clock.monotonicMs();
    await this.#kv.commit(mutations);
    commitSeconds.tell((this.#clock.monotonicMs() - startMs) / 1_000);
  }

  close(): void {
    this.#kv.close();
  }
}
