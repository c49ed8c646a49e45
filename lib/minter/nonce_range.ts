/** The part of a job that one thread does: its nonces, and what it shares with the others. */
import { HeaderHasher } from "./header_hash.ts";

/** Nonces between two looks at whether they are still wanted: some 3 ms. */
const RUN_NONCES = 2 ** 14;
const LOW_NONCES = 2 ** 32;

/** Memory that all threads of a grinder see. */
export class SharedProgress {
  readonly #cells: BigInt64Array;

  constructor(memory = new SharedArrayBuffer(16)) {
    this.#cells = new BigInt64Array(memory);
  }

  /** For another thread's `SharedProgress`. */
  get memory(): SharedArrayBuffer {
    return this.#cells.buffer as SharedArrayBuffer;
  }

  /** The job that is worked on; whoever does another stops within one run. */
  get job(): number {
    return Number(Atomics.load(this.#cells, 0));
  }

  set job(job: number) {
    Atomics.store(this.#cells, 0, BigInt(job));
  }

  /** Nonces tried so far by all threads. */
  get hashes(): number {
    return Number(Atomics.load(this.#cells, 1));
  }

  addHashes(count: number): void {
    Atomics.add(this.#cells, 1, BigInt(count));
  }
}

/**
 * One thread's part of a job: the nonces `high · 2^32 + low` and above, then those of
 * `high + step`, and so on. Threads that begin at `step` neighbours of `high` never meet.
 */
export interface SearchRequest {
  job: number;
  header: Uint8Array;
  /** 32 bytes, big endian. */
  target: Uint8Array;
  high: number;
  low: number;
  step: number;
  shared: SharedArrayBuffer;
}

export interface SearchResult {
  job: number;
  nonce: bigint;
}

/** The first good nonce of the part; undefined when another job was begun before. */
export function searchWhileWanted(request: SearchRequest): bigint | undefined {
  const shared = new SharedProgress(request.shared);
  const hasher = new HeaderHasher(request.header, request.target);
  let { high, low } = request;
  while (shared.job === request.job) {
    const count = Math.min(RUN_NONCES, LOW_NONCES - low);
    const found = hasher.search(high, low, count);
    shared.addHashes(found < 0 ? count : found - low + 1);
    if (found >= 0) return nonceOf(high, found);
    low += count;
    if (low === LOW_NONCES) [high, low] = [(high + request.step) >>> 0, 0];
  }
  return undefined;
}

/** The 64-bit nonce of two halves. */
export function nonceOf(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}
