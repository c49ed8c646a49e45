/**
 * sha256d of an 92-byte header over many nonces: the inner loop of minting.
 *
 * A header is two SHA-256 blocks and only the second holds the nonce, so the state after the first
 * (the midstate) is kept; each nonce then takes two compressions instead of three (FIPS 180-4).
 */
import { HEADER_BYTES } from "../primitives/block.ts";

const BLOCK_BYTES = 64;
/** Words of the second block that hold the nonce's low and high half. */
const NONCE_LOW_WORD = 5;
const NONCE_HIGH_WORD = 6;
const END_MARK = 0x80000000 | 0;

/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const ROUND_CONSTANTS = Int32Array.from(firstPrimes(64), (prime) => fractionBits(Math.cbrt(prime)));
/** The same of the square roots of the first 8. */
const INITIAL_STATE = Int32Array.from(firstPrimes(8), (prime) => fractionBits(Math.sqrt(prime)));

/** Looks for the nonce of one header. `target` is 32 bytes, big endian. */
export class HeaderHasher {
  readonly #midstate = new Int32Array(8);
  readonly #tail = new Int32Array(64);
  readonly #inner = new Int32Array(64);
  readonly #state = new Int32Array(8);
  readonly #target: Int32Array;

  constructor(header: Uint8Array, target: Uint8Array) {
    if (header.length !== HEADER_BYTES) throw new RangeError("A header has 92 bytes");
    const words = new Int32Array(64);
    words.set(bigEndianWords(header.subarray(0, BLOCK_BYTES)));
    this.#midstate.set(INITIAL_STATE);
    compress(this.#midstate, words, this.#midstate);
    this.#tail.set(bigEndianWords(header.subarray(BLOCK_BYTES)));
    this.#tail[7] = END_MARK;
    this.#tail[15] = HEADER_BYTES * 8;
    this.#inner[8] = END_MARK;
    this.#inner[15] = 32 * 8;
    this.#target = bigEndianWords(target);
  }

  /**
   * Tries the nonces `high · 2^32 + low` for `count` values of `low`, which must not pass 2^32.
   * Returns the `low` that meets the target, or -1.
   */
  search(high: number, low: number, count: number): number {
    this.#tail[NONCE_HIGH_WORD] = swapBytes(high);
    for (let tried = 0; tried < count; tried++) {
      this.#tail[NONCE_LOW_WORD] = swapBytes(low + tried);
      compress(this.#midstate, this.#tail, this.#inner);
      compress(INITIAL_STATE, this.#inner, this.#state);
      if (this.#meetsTarget()) return low + tried;
    }
    return -1;
  }

  #meetsTarget(): boolean {
    for (let word = 0; word < 8; word++) {
      const hash = this.#state[word]! >>> 0;
      const target = this.#target[word]! >>> 0;
      if (hash !== target) return hash < target;
    }
    return true;
  }
}

/** One SHA-256 compression: 16 words of `words` (which is 64 long) into `result`. */
function compress(state: Int32Array, words: Int32Array, result: Int32Array): void {
  for (let at = 16; at < 64; at++) {
    const w15 = words[at - 15]!;
    const w2 = words[at - 2]!;
    const s0 = ((w15 >>> 7) | (w15 << 25)) ^ ((w15 >>> 18) | (w15 << 14)) ^ (w15 >>> 3);
    const s1 = ((w2 >>> 17) | (w2 << 15)) ^ ((w2 >>> 19) | (w2 << 13)) ^ (w2 >>> 10);
    words[at] = (words[at - 16]! + s0 + words[at - 7]! + s1) | 0;
  }
  let a = state[0]!, b = state[1]!, c = state[2]!, d = state[3]!;
  let e = state[4]!, f = state[5]!, g = state[6]!, h = state[7]!;
  for (let at = 0; at < 64; at++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const choice = g ^ (e & (f ^ g));
    const t1 = (h + s1 + choice + ROUND_CONSTANTS[at]! + words[at]!) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const majority = (a & b) | (c & (a | b));
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + s0 + majority) | 0;
  }
  result[0] = state[0]! + a;
  result[1] = state[1]! + b;
  result[2] = state[2]! + c;
  result[3] = state[3]! + d;
  result[4] = state[4]! + e;
  result[5] = state[5]! + f;
  result[6] = state[6]! + g;
  result[7] = state[7]! + h;
}

function bigEndianWords(bytes: Uint8Array): Int32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Int32Array.from({ length: bytes.length / 4 }, (_, word) => view.getInt32(4 * word));
}

/** The nonce is little endian, SHA-256's words are big endian. */
function swapBytes(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

function fractionBits(root: number): number {
  return Math.floor((root - Math.floor(root)) * 2 ** 32) | 0;
}

function firstPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let candidate = 2; primes.length < count; candidate++) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  }
  return primes;
}
