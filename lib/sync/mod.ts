/**
 * Keeps chain and mempool in step with the peers: headers first from the peer that claims the most
 * work, then blocks from several peers at once over a moving window, then news as it comes.
 *
 * `sync.ts` hands each message to its part: `header_sync.ts` (with the pure `header_branch.ts`),
 * `block_sync.ts` (with the pure `block_download.ts`), `compact_sync.ts` (with the pure
 * `compact_block.ts`), `transaction_sync.ts` (with `inventory.ts`), `serving.ts` for what others ask,
 * `relay.ts` for what others want to know. Nothing here reads a clock, the network or the disk but through the ports, and no rule of consensus is decided here.
 * @module
 */
export type { SyncPhase, SyncState } from "./progress.ts";
export { Sync, type SyncOptions } from "./sync.ts";
export { SYNC_LIMITS, type SyncLimits } from "./limits.ts";
