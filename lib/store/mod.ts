/**
 * The disk: one key-value store a network, its schema on one page (`keys.ts`), and the data folder
 * around it. What takes more than one commit counts by the last of them: whatever moment the
 * power is cut at, the next opening finds or rebuilds a whole state.
 * @module
 */
export { COIN_CACHE_LIMITS, type CoinCacheLimits } from "./coin_cache.ts";
export { openDenoKv } from "./deno_kv.ts";
export { DataFolder, type NetworkFolder } from "./folder.ts";
export type * from "./kv.ts";
export { MemoryKv, PowerCut } from "./memory_kv.ts";
export type { EventRecord } from "./event_log.ts";
export { DamagedRecord } from "./records.ts";
export { Store } from "./store.ts";
