/** Names of things: branded lower-case hex, in byte order. Bytes appear only at wire and disk. */
import { CodecError, fromHex, toHex, trustedHex } from "../base/bytes.ts";

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** Any 32-byte digest. */
export type Hash = Branded<"Hash">;
/** sha256d of a block's header. */
export type BlockId = Branded<"BlockId">;
/** sha256d of a whole transaction. */
export type TxId = Branded<"TxId">;
/** 20 bytes that say who may spend a coin. */
export type Lock = Branded<"Lock">;

export const HASH_BYTES = 32;
export const LOCK_BYTES = 20;

const HASH_HEX = /^[0-9a-f]{64}$/;

/** Whether `text` is written as a block or transaction id is. */
export function isHashHex(text: string): boolean {
  return HASH_HEX.test(text);
}

/** The hex of exactly `length` bytes. Throws `CodecError` for another length. */
function named(source: Uint8Array | string, length: number): string {
  const hex = typeof source === "string" ? toHex(fromHex(source)) : toHex(source);
  if (hex.length !== 2 * length) {
    throw new CodecError(`Cannot read id: expected ${length} bytes, got ${hex.length / 2}`);
  }
  return hex;
}

export const asHash = (source: Uint8Array | string) => named(source, HASH_BYTES) as Hash;
export const asBlockId = (source: Uint8Array | string) => named(source, HASH_BYTES) as BlockId;
export const asTxId = (source: Uint8Array | string) => named(source, HASH_BYTES) as TxId;
export const asLock = (source: Uint8Array | string) => named(source, LOCK_BYTES) as Lock;

/** The bytes that an id or lock names. */
export function idBytes(id: Hash | BlockId | TxId | Lock): Uint8Array<ArrayBuffer> {
  return trustedHex(id);
}
