/** The hash functions of the rules. Bytes in, bytes out. */
import { createHash } from "node:crypto";
import { ripemd160 } from "@noble/hashes/legacy.js";

/** SHA-256 (FIPS 180-4). */
export function sha256(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return plain(hash.digest());
}

/** SHA-256 of SHA-256. */
export function sha256d(...parts: Uint8Array[]): Uint8Array {
  return sha256(sha256(...parts));
}

/** RIPEMD-160 of SHA-256: 20 bytes. */
export function hash160(bytes: Uint8Array): Uint8Array {
  return ripemd160(sha256(bytes));
}

/** A view without the habits of `Buffer`, whose `slice` does not copy. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
