/**
 * The chain: which blocks are known, which of them count, and the coins they leave. One queue owns
 * every change; a block goes load (its coins) -> decide (pure rules) -> commit (one write) and
 * ends in a named outcome. Reads never wait for that queue.
 * @module
 */
export { Chain, type ChainOptions } from "./chain.ts";
export type * from "./outcome.ts";
export { CheckingPool } from "./checking_pool.ts";
export type { Checking } from "./signature_checker.ts";
