/**
 * Ed25519 with one answer on every platform.
 *
 * A signature (R, S) on a message by key A is right when
 *   1. A is a canonical encoding (y < p) and none of the small-order points,
 *   2. S < L (RFC 8032 section 5.1.7),
 *   3. the encoding of [S]B - [h]A equals R byte for byte (cofactorless, so a non-canonical R
 *      never passes), where h = SHA-512(R, A, message).
 * Verifiers of platforms differ just in 1 and 2 ("Taming the many EdDSAs", 2020), so those are
 * decided here by cheap comparisons; the platform is asked only for 3.
 */
import { Buffer } from "node:buffer";
import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as signBytes,
  verify as verifyBytes,
} from "node:crypto";
import { compareBytes, fromHex, toHex } from "../base/bytes.ts";

export const PUBLIC_KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;
export const SEED_BYTES = 32;

/** DER around a raw key, RFC 8410: AlgorithmIdentifier 1.3.101.112. */
const PUBLIC_KEY_PREFIX = fromHex("302a300506032b6570032100");
const PRIVATE_KEY_PREFIX = fromHex("302e020100300506032b657004220420");

/** p = 2^255 - 19 and L = 2^252 + 27742317777372353535851937790883648493, little endian. */
const FIELD_PRIME = fromHex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
const GROUP_ORDER = fromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");

/** The y coordinates of the eight small-order points, little endian; either sign bit is refused. */
const SMALL_ORDER_Y = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map(fromHex);

/** The public key, 32 bytes, of a 32-byte secret seed. */
export function publicKeyOf(seed: Uint8Array): Uint8Array {
  const exported = createPublicKey(privateKey(seed)).export({ format: "der", type: "spki" });
  return Uint8Array.from(exported.subarray(PUBLIC_KEY_PREFIX.length));
}

/** The 64-byte signature of `message` (RFC 8032, deterministic). */
export function sign(message: Uint8Array, seed: Uint8Array): Uint8Array {
  return Uint8Array.from(signBytes(null, message, privateKey(seed)));
}

/** Whether the signature is right by the rule above. Never throws. */
export function verify(
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  if (signature.length !== SIGNATURE_BYTES) return false;
  if (!isBelow(signature.subarray(32), GROUP_ORDER)) return false;
  try {
    const key = keyObject(publicKey);
    return key !== undefined && verifyBytes(null, message, key, signature);
  } catch {
    return false; // Some platforms refuse a key that is no curve point when it is loaded.
  }
}

/** Keys in use, each by its hex: owners sign again and again, and making one costs 13 us. */
const keyObjects = new Map<string, KeyObject>();
/** About 2 MB. */
const KEY_OBJECTS_MAX = 4_096;

/** The platform's form of a key; undefined for one that no signature is right by. */
function keyObject(publicKey: Uint8Array): KeyObject | undefined {
  const name = toHex(publicKey);
  const kept = keyObjects.get(name);
  if (kept !== undefined) return kept;
  if (!isAcceptableKey(publicKey)) return undefined;
  const made = createPublicKey({
    key: Buffer.concat([PUBLIC_KEY_PREFIX, publicKey]),
    format: "der",
    type: "spki",
  });
  if (keyObjects.size >= KEY_OBJECTS_MAX) keyObjects.clear();
  keyObjects.set(name, made);
  return made;
}

/** Whether `publicKey` is canonically encoded and not of small order. */
export function isAcceptableKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== PUBLIC_KEY_BYTES) return false;
  const y = Uint8Array.from(publicKey);
  y[31]! &= 0x7f; // The top bit is the sign of x.
  return isBelow(y, FIELD_PRIME) && !SMALL_ORDER_Y.some((small) => compareBytes(small, y) === 0);
}

function privateKey(seed: Uint8Array) {
  if (seed.length !== SEED_BYTES) throw new RangeError("Cannot use key: a seed has 32 bytes");
  return createPrivateKey({
    key: Buffer.concat([PRIVATE_KEY_PREFIX, seed]),
    format: "der",
    type: "pkcs8",
  });
}

/** Whether a < b, both little endian and of one length. */
function isBelow(a: Uint8Array, b: Uint8Array): boolean {
  for (let at = a.length - 1; at >= 0; at--) {
    if (a[at] !== b[at]) return a[at]! < b[at]!;
  }
  return false;
}
