/** Taking away what can be made again from the blocks. */
import { commitInChunks } from "./chunks.ts";
import { keys, MAPS, META, prefixes } from "./keys.ts";
import type { KvKey, KvMutation, KvStore } from "./kv.ts";

/** Keys deleted at once. */
const SLICE = 500;

/** Deletes all coins and indexes, and says first that none are there. For rebuilding. */
export async function clearCoinsAndIndexes(kv: KvStore): Promise<void> {
  await kv.commit([{ delete: keys.meta(META.coinsTip) }]);
  await clearPrefix(kv, prefixes.indexes);
  for (const map of Object.values(MAPS)) await clearPages(kv, map);
}

/** Deletes a map of sorted pages, its root first. */
export async function clearPages(kv: KvStore, map: string): Promise<void> {
  await clearPrefix(kv, prefixes.pageRoots(map));
  await clearPrefix(kv, prefixes.pages(map));
}

async function clearPrefix(kv: KvStore, prefix: KvKey): Promise<void> {
  let doomed: KvMutation[] = [];
  for await (const { key } of kv.list({ prefix })) {
    doomed.push({ delete: key });
    if (doomed.length < SLICE) continue;
    await commitInChunks(kv, doomed);
    doomed = [];
  }
  await commitInChunks(kv, doomed);
}
