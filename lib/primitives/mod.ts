/**
 * The things that a ledger is made of, each a type with its one canonical codec: ids, amounts,
 * signatures, addresses, the Merkle tree, transactions and blocks. Pure and synchronous.
 * Whether a thing is allowed is decided in `consensus`; here only its form is.
 * @module
 */
export * from "./address.ts";
export * from "./amount.ts";
export * from "./block.ts";
export * from "./hash.ts";
export * from "./ids.ts";
export * from "./merkle.ts";
export * from "./signature.ts";
export * from "./transaction.ts";
