/**
 * SHA-256, its double, and RIPEMD-160 of it, of bytes that lie in this module's memory.
 * AssemblyScript; `./unrolled` is written by `../unrolled.ts`.
 */
import { compress, ripemd160OfDigest } from "./unrolled";

const BLOCK_BYTES: usize = 64;
const DIGEST_BYTES: usize = 32;
/** The padding's mark and bit count. */
const PADDING_BYTES: usize = 9;

/** The state between two blocks, as words. */
const STATE: usize = 0;
/** Where every result lies, as bytes. */
export const OUTPUT: usize = 32;
/** What is hashed that the caller has not put there: a digest, or a node of a Merkle tree. */
const NODE: usize = 64;
/** Where the caller puts what is to be hashed. */
export const INPUT: usize = 256;
/** Bytes that the caller may put there, which leaves room for the padding. */
export const INPUT_BYTES: usize = 8 * 0x10000 - INPUT - 2 * BLOCK_BYTES;

/** SHA-256 of the first `length` bytes of the input. */
export function sha256(length: usize): void {
  hash(INPUT, length);
  storeDigest(OUTPUT);
}

/** SHA-256 of SHA-256. */
export function sha256d(length: usize): void {
  hash(INPUT, length);
  storeDigest(NODE);
  hash(NODE, DIGEST_BYTES);
  storeDigest(OUTPUT);
}

/** RIPEMD-160 of SHA-256: 20 bytes. */
export function hash160(length: usize): void {
  sha256(length);
  ripemd160OfDigest(OUTPUT);
}

export { ripemd160OfDigest };

/** The root (RFC 6962) over `count` leaves of 32 bytes, at least one; overwrites the input. */
export function merkleRoot(count: usize): void {
  for (let at: usize = 0; at < count; at++) hashLeaf(INPUT + at * DIGEST_BYTES);
  for (let left = count; left > 1; left = (left + 1) >> 1) {
    const pairs = left >> 1;
    for (let at: usize = 0; at < pairs; at++) hashPair(at);
    if (left & 1) copyDigest(INPUT + pairs * DIGEST_BYTES, INPUT + (left - 1) * DIGEST_BYTES);
  }
  copyDigest(OUTPUT, INPUT);
}

/** The state after the first block of the input, big endian: the same for every nonce. */
export function midstate(): void {
  initialize();
  compress(STATE, INPUT);
  storeDigest(OUTPUT);
}

function hashLeaf(leaf: usize): void {
  store<u8>(NODE, 0);
  copyDigest(NODE + 1, leaf);
  hash(NODE, 1 + DIGEST_BYTES);
  storeDigest(leaf);
}

/** Puts the hash of two neighbours of a level where the level above has it. */
function hashPair(at: usize): void {
  store<u8>(NODE, 1);
  copyDigest(NODE + 1, INPUT + 2 * at * DIGEST_BYTES);
  copyDigest(NODE + 1 + DIGEST_BYTES, INPUT + (2 * at + 1) * DIGEST_BYTES);
  hash(NODE, 1 + 2 * DIGEST_BYTES);
  storeDigest(INPUT + at * DIGEST_BYTES);
}

/** Leaves the digest in the state. Writes the padding behind the message. */
function hash(message: usize, length: usize): void {
  const end = message + ((length + PADDING_BYTES + BLOCK_BYTES - 1) & ~(BLOCK_BYTES - 1));
  let at = message + length;
  store<u64>(at, 0x80);
  for (at += 8; at < end - 8; at += 8) store<u64>(at, 0);
  store<u64>(end - 8, bswap<u64>((<u64> length) << 3));
  initialize();
  for (let block = message; block < end; block += BLOCK_BYTES) compress(STATE, block);
}

function initialize(): void {
  store<u64>(STATE, 0xbb67ae856a09e667);
  store<u64>(STATE, 0xa54ff53a3c6ef372, 8);
  store<u64>(STATE, 0x9b05688c510e527f, 16);
  store<u64>(STATE, 0x5be0cd191f83d9ab, 24);
}

function storeDigest(to: usize): void {
  for (let word: usize = 0; word < DIGEST_BYTES; word += 4) {
    store<u32>(to + word, bswap<u32>(load<u32>(STATE + word)));
  }
}

function copyDigest(to: usize, from: usize): void {
  for (let at: usize = 0; at < DIGEST_BYTES; at += 8) store<u64>(to + at, load<u64>(from + at));
}
