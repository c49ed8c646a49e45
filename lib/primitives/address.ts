/**
 * Locks and addresses. An address is bech32m (BIP 350) with the prefix `moim`, so that no Bitcoin
 * wallet accepts one: data = version 0, then the 20-byte lock.
 */
import { bech32m } from "@scure/base";
import { hash160Hex } from "./hash.ts";
import { asLock, idBytes, type Lock, LOCK_BYTES } from "./ids.ts";

export const ADDRESS_PREFIX = "moim";
const ADDRESS_VERSION = 0;
/** The only lock type so far: one Ed25519 key. */
export const KEY_LOCK_TYPE = 0x01;
const KEY_LOCK_TYPE_BYTES = Uint8Array.of(KEY_LOCK_TYPE);

/** A text that is not an address; the message tells what is wrong with it. */
export class AddressError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "AddressError";
  }
}

/** The lock that the owner of `publicKey` opens: RIPEMD-160(SHA-256(0x01 ‖ key)). */
export function lockOf(publicKey: Uint8Array): Lock {
  return hash160Hex(KEY_LOCK_TYPE_BYTES, publicKey) as Lock;
}

/** The address of `lock`, such as `moim1q…`. */
export function encodeAddress(lock: Lock): string {
  return bech32m.encode(ADDRESS_PREFIX, [ADDRESS_VERSION, ...bech32m.toWords(idBytes(lock))]);
}

/** Whether `text` is meant as an address, right or mistyped. */
export function looksLikeAddress(text: string): boolean {
  return text.toLowerCase().startsWith(`${ADDRESS_PREFIX}1`);
}

/** The lock that an address names. Throws `AddressError`; any typing error is caught. */
export function decodeAddress(text: string): Lock {
  const decoded = bech32m.decodeUnsafe(text as `${string}1${string}`);
  if (decoded === undefined) {
    throw new AddressError(`"${text}" is not a moim address: check it for typing errors`);
  }
  const [version, ...words] = decoded.words;
  if (decoded.prefix !== ADDRESS_PREFIX) {
    throw new AddressError(`"${text}" is not a moim address: it begins with ${decoded.prefix}1`);
  }
  if (version !== ADDRESS_VERSION) {
    throw new AddressError(`"${text}" is an address of a later version of moim: update to use it`);
  }
  const bytes = bech32m.fromWordsUnsafe(words);
  if (!bytes || bytes.length !== LOCK_BYTES) {
    throw new AddressError(`"${text}" is not a moim address: it has the wrong length`);
  }
  return asLock(bytes);
}
