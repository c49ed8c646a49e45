/** Both key-value stores, for tests that must hold for either. */
import { join } from "node:path";
import { openDenoKv } from "../../lib/store/deno_kv.ts";
import type { KvStore } from "../../lib/store/kv.ts";
import type { KvEntry, KvKey, KvMutation, KvRange } from "../../lib/store/kv.ts";
import { MemoryKv, PowerCut } from "../../lib/store/memory_kv.ts";

/** A store and its successor over the same content, as after a restart. */
export interface KvUnderTest {
  open(): Promise<KvStore>;
}

/** Runs `test` once with each store, in a folder of its own. */
export function forEachKv(name: string, test: (kv: KvUnderTest) => Promise<void>): void {
  Deno.test(`${name} (memory)`, async () => {
    let kv: MemoryKv | undefined;
    await test({
      open() {
        kv = kv === undefined ? new MemoryKv() : kv.reopen();
        return Promise.resolve(kv);
      },
    });
  });
  Deno.test(`${name} (Deno KV)`, async () => {
    const folder = await Deno.makeTempDir();
    let kv: KvStore | undefined;
    try {
      await test({
        async open() {
          kv?.close();
          kv = await openDenoKv(join(folder, "node.kv"));
          return kv;
        },
      });
    } finally {
      kv?.close();
      await Deno.remove(folder, { recursive: true });
    }
  });
}

/** Any store whose power can be cut at its `n`-th commit; then nothing works any more. */
export class CutKv implements KvStore {
  readonly #kv: KvStore;
  readonly #cutAt: number;
  commits = 0;

  constructor(kv: KvStore, cutAt: number) {
    this.#kv = kv;
    this.#cutAt = cutAt;
  }

  get isCut(): boolean {
    return this.commits >= this.#cutAt;
  }

  get(key: KvKey): Promise<Uint8Array | null> {
    return this.#answer(() => this.#kv.get(key));
  }

  getMany(keys: readonly KvKey[]): Promise<(Uint8Array | null)[]> {
    return this.#answer(() => this.#kv.getMany(keys));
  }

  async *list(range: KvRange): AsyncIterable<KvEntry> {
    for await (const entry of this.#kv.list(range)) {
      if (this.isCut) throw new PowerCut();
      yield entry;
    }
  }

  commit(mutations: readonly KvMutation[]): Promise<void> {
    if (!this.isCut) this.commits++;
    return this.#answer(() => this.#kv.commit(mutations));
  }

  close(): void {
    this.#kv.close();
  }

  async #answer<Value>(ask: () => Promise<Value>): Promise<Value> {
    if (this.isCut) throw new PowerCut();
    return await ask();
  }
}
