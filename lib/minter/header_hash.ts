/**
 * sha256d of a 92-byte header over many nonces: the inner loop of minting.
 *
 * A header is two SHA-256 blocks and only the second holds the nonce, so the state after the first
 * (the midstate) is kept (FIPS 180-4). The loop itself is WebAssembly that tries four nonces at a
 * time: `scripts/wasm/assembly/nonces.ts`.
 */
import { compareBytes } from "../base/bytes.ts";
import { HEADER_BYTES, NONCE_OFFSET } from "../primitives/block.ts";
import { HASH_BYTES } from "../primitives/ids.ts";
import { midstate, sha256d } from "../primitives/hash.ts";
import { WASM } from "./nonces_wasm.ts";

const BLOCK_BYTES = 64;

/** What the module exports. Addresses are bytes of `memory`. */
interface Exports {
  memory: WebAssembly.Memory;
  MIDSTATE: WebAssembly.Global;
  TAIL: WebAssembly.Global;
  TARGET: WebAssembly.Global;
  search(low: number, count: number): number;
}

/** One instance a thread; null on a processor without 128-bit lanes (x86 of before 2008). */
let lanes: Exports | null | undefined;

function loadLanes(): Exports | null {
  const wasm = Uint8Array.fromBase64(WASM);
  if (!WebAssembly.validate(wasm)) return null;
  return new WebAssembly.Instance(new WebAssembly.Module(wasm)).exports as unknown as Exports;
}

/** Looks for the nonce of one header. `target` is 32 bytes, big endian. */
export class HeaderHasher {
  readonly #header: Uint8Array;
  readonly #target: Uint8Array;
  readonly #midstate: Uint8Array;
  readonly #lanes: Exports | null;

  /** `oneByOne` does without lanes even where there are some. Throws `RangeError`. */
  constructor(header: Uint8Array, target: Uint8Array, { oneByOne = false } = {}) {
    if (header.length !== HEADER_BYTES) throw new RangeError("A header has 92 bytes");
    if (target.length !== HASH_BYTES) throw new RangeError("A target has 32 bytes");
    this.#header = Uint8Array.from(header);
    this.#target = target;
    this.#midstate = midstate(this.#header.subarray(0, BLOCK_BYTES));
    if (lanes === undefined) lanes = loadLanes();
    this.#lanes = oneByOne ? null : lanes;
  }

  /**
   * Tries the nonces `high · 2^32 + low` for `count` values of `low`, which must not pass 2^32.
   * Returns the `low` that meets the target, or -1.
   */
  search(high: number, low: number, count: number): number {
    const view = new DataView(this.#header.buffer);
    view.setUint32(NONCE_OFFSET + 4, high, true);
    if (this.#lanes !== null) return this.#searchLanes(this.#lanes, low, count);
    for (let tried = low; tried < low + count; tried++) {
      view.setUint32(NONCE_OFFSET, tried, true);
      if (compareBytes(sha256d(this.#header), this.#target) <= 0) return tried;
    }
    return -1;
  }

  #searchLanes(lanes: Exports, low: number, count: number): number {
    const memory = new Uint8Array(lanes.memory.buffer);
    memory.set(this.#midstate, lanes.MIDSTATE.value);
    memory.set(this.#header.subarray(BLOCK_BYTES), lanes.TAIL.value);
    memory.set(this.#target, lanes.TARGET.value);
    const before = lanes.search(low, count);
    return before < 0 ? -1 : low + before;
  }
}
