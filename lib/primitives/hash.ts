/**
 * The hash functions of the rules. Bytes in, bytes out. Short inputs are hashed by a WebAssembly
 * module, in which a hash costs less than the mere call of `node:crypto`.
 */
import { createHash } from "node:crypto";
import { toHex } from "../base/bytes.ts";
import { WASM } from "./hashing_wasm.ts";

/** What `scripts/wasm/assembly/hashing.ts` exports. Addresses are bytes of `memory`. */
interface Exports {
  memory: WebAssembly.Memory;
  INPUT: WebAssembly.Global;
  INPUT_BYTES: WebAssembly.Global;
  OUTPUT: WebAssembly.Global;
  sha256(length: number): void;
  sha256d(length: number): void;
  hash160(length: number): void;
  ripemd160OfDigest(digest: number): void;
  merkleRoot(count: number): void;
  midstate(): void;
}

const DIGEST_BYTES = 32;
const HASH160_BYTES = 20;
const BLOCK_BYTES = 64;

/**
 * From here on `node:crypto` is faster: it uses the processor's own instructions, but a call costs
 * about 3 µs (measured: both take 3 µs for 600 bytes).
 */
const LONG_BYTES = 640;

/** One instance of the module a thread, made when first needed: in 1 ms. */
class Hashing {
  readonly exports: Exports;
  readonly #memory: Uint8Array;
  readonly #input: number;
  readonly #output: number;
  readonly #digest: Uint8Array;
  readonly #hash160: Uint8Array;

  constructor() {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(Uint8Array.fromBase64(WASM)));
    this.exports = instance.exports as unknown as Exports;
    this.#memory = new Uint8Array(this.exports.memory.buffer);
    this.#input = this.exports.INPUT.value;
    this.#output = this.exports.OUTPUT.value;
    this.#digest = this.#memory.subarray(this.#output, this.#output + DIGEST_BYTES);
    this.#hash160 = this.#digest.subarray(0, HASH160_BYTES);
  }

  /** Puts `parts` one behind the other; returns how many bytes. A long input is not put. */
  put(parts: readonly Uint8Array[]): number {
    let at = this.#input;
    const end = at + LONG_BYTES;
    for (const part of parts) {
      if (at + part.length > end) return lengthOf(parts);
      this.#memory.set(part, at);
      at += part.length;
    }
    return at - this.#input;
  }

  /** The result of `sha256` or `sha256d`: overwritten by the next. */
  digest(parts: readonly Uint8Array[], hash: "sha256" | "sha256d"): Uint8Array {
    const length = this.put(parts);
    if (length <= LONG_BYTES) this.exports[hash](length);
    else if (hash === "sha256") this.#digest.set(platformSha256(parts));
    else this.exports.sha256(this.put([platformSha256(parts)]));
    return this.#digest;
  }

  /** The result of `hash160`: overwritten by the next. */
  hash160(parts: readonly Uint8Array[]): Uint8Array {
    const length = this.put(parts);
    if (length <= LONG_BYTES) {
      this.exports.hash160(length);
    } else {
      this.#digest.set(platformSha256(parts));
      this.exports.ripemd160OfDigest(this.#output);
    }
    return this.#hash160;
  }

  /** The result of `treeHash`, overwritten by the next; undefined for more than there is room. */
  treeHash(ids: readonly string[]): Uint8Array | undefined {
    const length = ids.length * DIGEST_BYTES;
    if (length > this.exports.INPUT_BYTES.value) return undefined;
    this.#memory.subarray(this.#input, this.#input + length).setFromHex(ids.join(""));
    this.exports.merkleRoot(ids.length);
    return this.#digest;
  }

  midstate(block: Uint8Array): Uint8Array {
    this.#memory.set(block, this.#input);
    this.exports.midstate();
    return this.#digest;
  }
}

let hashing: Hashing | undefined;

/** SHA-256 (FIPS 180-4). */
export function sha256(...parts: Uint8Array[]): Uint8Array {
  hashing ??= new Hashing();
  return new Uint8Array(hashing.digest(parts, "sha256"));
}

/** SHA-256 of SHA-256. */
export function sha256d(...parts: Uint8Array[]): Uint8Array {
  hashing ??= new Hashing();
  return new Uint8Array(hashing.digest(parts, "sha256d"));
}

/** `sha256d` in hex: where an id is wanted this is faster, for it makes no array. */
export function sha256dHex(...parts: Uint8Array[]): string {
  hashing ??= new Hashing();
  return toHex(hashing.digest(parts, "sha256d"));
}

/** RIPEMD-160 of SHA-256: 20 bytes. */
export function hash160(...parts: Uint8Array[]): Uint8Array {
  hashing ??= new Hashing();
  return new Uint8Array(hashing.hash160(parts));
}

/** `hash160` in hex. */
export function hash160Hex(...parts: Uint8Array[]): string {
  hashing ??= new Hashing();
  return toHex(hashing.hash160(parts));
}

/**
 * The RFC 6962 (section 2.1) Merkle tree hash over leaves of 32 bytes each, given in hex, at least
 * one, in one call; undefined if they are too many for that (16,000 or so).
 */
export function treeHash(ids: readonly string[]): Uint8Array | undefined {
  hashing ??= new Hashing();
  const root = hashing.treeHash(ids);
  return root && new Uint8Array(root);
}

/** SHA-256's state, 32 bytes, big endian, after the first 64-byte block of a longer message. */
export function midstate(block: Uint8Array): Uint8Array {
  if (block.length !== BLOCK_BYTES) throw new RangeError("A block of SHA-256 has 64 bytes");
  hashing ??= new Hashing();
  return new Uint8Array(hashing.midstate(block));
}

function lengthOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((length, part) => length + part.length, 0);
}

function platformSha256(parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}
