/**
 * Payments that wait for a block, and the policy of keeping them: what this node relays and mines,
 * never what it believes.
 * @module
 */
export { Mempool } from "./mempool.ts";
export { MEMPOOL_LIMITS, type MempoolLimits, type PolicyCode, PolicyError } from "./policy.ts";
export type { MempoolChange, MempoolEntry, MempoolOutcome, RemovalReason } from "./policy.ts";
export type { SelectLimits } from "./template_selection.ts";
