/** Both key-value stores, for tests that must hold for either. */
import { join } from "node:path";
import { openDenoKv } from "../../lib/store/deno_kv.ts";
import type { KvStore } from "../../lib/store/kv.ts";
import { MemoryKv } from "../../lib/store/memory_kv.ts";

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
