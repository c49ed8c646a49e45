/**
 * Keys, and what is done with them: the keystore of named keys (BIP39 words, SLIP-0010), which
 * coins a payment takes, its fee and change, and what an owner's coins come to. Everything but the
 * keystore's file is pure.
 * @module
 */
export * from "./balance.ts";
export * from "./coin_selection.ts";
export * from "./derivation.ts";
export * from "./keystore.ts";
export * from "./payment.ts";
