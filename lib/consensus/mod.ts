/**
 * The rules that every node must agree on: pure and synchronous, bytes in, verdict out; the clock's
 * reading and the network's parameters are passed in. What a check is called says what it needs:
 * `checkTransaction` and `checkBlock` the bytes alone, `checkHeader` the parent, `connectBlock`
 * the coins. A broken rule is a `RuleError` with its code from the one table in `rules.ts`.
 * A change here is a hard fork.
 * @module
 */
export * from "./block_digest.ts";
export * from "./check_block.ts";
export * from "./check_header.ts";
export * from "./check_transaction.ts";
export * from "./coins.ts";
export * from "./compact.ts";
export * from "./connect.ts";
export * from "./difficulty.ts";
export * from "./fork_choice.ts";
export * from "./genesis.ts";
export * from "./header_context.ts";
export * from "./limits.ts";
export * from "./network.ts";
export * from "./network_json.ts";
export * from "./reward.ts";
export * from "./rules.ts";
export * from "./settled.ts";
export * from "./signatures.ts";
export * from "./work.ts";
