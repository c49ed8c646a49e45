/** Sizes and counts that are rules: changing one is a hard fork. */

/** A block, header and all. Small enough to cross a slow Wi-Fi well within one spacing. */
export const MAX_BLOCK_BYTES = 524_288;
/**
 * Checks of one block take under a second on one slow core (about 8,000 a second). One spend and
 * its signature take 131 bytes at least, so no block within the size limit has more; the rule
 * stands for itself, so that either limit may change.
 */
export const MAX_BLOCK_SIGNATURES = 4_000;
/** Coins spent by one block: bounds the reads it causes and its undo data. */
export const MAX_BLOCK_COINS = 8_000;
export const MAX_TRANSACTION_BYTES = 100_000;
export { MAX_MEMO_BYTES } from "../primitives/transaction.ts";

export const BLOCK_VERSION = 1;

/** A block may be stamped this many spacings ahead of our clock; later ones are held back. */
export const FUTURE_SPACINGS = 2;
