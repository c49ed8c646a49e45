/** Nonce grinding: the first few nonces at once, the others in worker threads. */
import { type Cancel, type Clock, systemClock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import { compactToTarget } from "../consensus/compact.ts";
import { workOf } from "../consensus/work.ts";
import { type Block, blockOf } from "../primitives/block.ts";
import { asHash, idBytes } from "../primitives/ids.ts";
import { HeaderHasher } from "./header_hash.ts";
import { nonceOf, type SearchRequest, type SearchResult, SharedProgress } from "./nonce_range.ts";

/** Tried on the calling thread, in 1 ms: an easy target (`--network dev`) needs no worker. */
const FIRST_NONCES = 2 ** 12;
/** Expected nonces that are worth another worker, whose start takes as long as 2^18 of them. */
const NONCES_A_WORKER = 2n ** 20n;
/** Workers that nobody needs for so long are ended: each takes 10 MB. */
const IDLE_MS = 60_000;

/** Looks for a nonce; undefined when `signal` came first, or the end of the workers. */
export type Grind = (template: Block, signal: AbortSignal) => Promise<Block | undefined>;

/** A pool of workers that starts with the first job that needs it and is kept for the next. */
export class Grinder {
  readonly #threads: number;
  readonly #random: Random;
  readonly #clock: Clock;
  readonly #shared = new SharedProgress();
  readonly #workers: Worker[] = [];
  /** Ends the wait for the job under way. */
  #giveUp: () => void = () => {};
  #cancelIdle: Cancel = () => {};
  #isClosed = false;

  /** `threads` workers, from 1 to 64. */
  constructor(
    { threads, random, clock = systemClock }: { threads: number; random: Random; clock?: Clock },
  ) {
    this.#threads = threads;
    this.#random = random;
    this.#clock = clock;
  }

  /** Nonces tried so far, for a rate. */
  get hashes(): number {
    return this.#shared.hashes;
  }

  /** Workers that live now. */
  get workers(): number {
    return this.#workers.length;
  }

  /**
   * `template` with a nonce that meets its own bits; undefined when `signal`, another call or
   * `close()` came first. Throws Error if a worker fails.
   */
  async grind(template: Block, signal: AbortSignal): Promise<Block | undefined> {
    if (this.#isClosed || signal.aborted) return undefined;
    const job = this.#newJob();
    const { bytes: header, bits } = template.header;
    const target = targetBytes(bits);
    // Minters of one key build the same template: each begins at a place of its own.
    const high = (new DataView(this.#random.bytes(4).buffer).getUint32(0) & ~0xff) >>> 0;
    const low = new HeaderHasher(header, target).search(high, 0, FIRST_NONCES);
    this.#shared.addHashes(low < 0 ? FIRST_NONCES : low + 1);
    if (low < 0) this.#startWorkers(bits);
    const nonce = low >= 0
      ? nonceOf(high, low)
      : await this.#searchInWorkers({ job, header, target, high }, signal);
    if (nonce === undefined) return undefined;
    return blockOf({ ...template, header: { ...template.header, nonce } });
  }

  /** Ends the worker threads for good; what they look for is given up. */
  close(): void {
    this.#isClosed = true;
    this.#newJob();
    this.#endWorkers();
  }

  /** Stops whatever is under way, in all threads. */
  #newJob(): number {
    this.#cancelIdle();
    this.#giveUp();
    return ++this.#shared.job;
  }

  /** As many as the work is worth; those that live go on. */
  #startWorkers(bits: number): void {
    const worth = Number(workOf(bits) / NONCES_A_WORKER) + 1;
    const count = Math.min(worth, this.#threads);
    while (this.#workers.length < count) this.#workers.push(newWorker());
  }

  async #searchInWorkers(
    job: Pick<SearchRequest, "job" | "header" | "target" | "high">,
    signal: AbortSignal,
  ): Promise<bigint | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<bigint | undefined>();
    const giveUp = () => resolve(undefined);
    this.#giveUp = giveUp;
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      this.#workers.forEach((worker, number) => {
        worker.onmessage = ({ data }: MessageEvent<SearchResult>) => {
          if (data.job === job.job) resolve(data.nonce);
        };
        worker.onerror = (event) => {
          event.preventDefault();
          reject(new Error(`A minting worker failed: ${event.message}`));
        };
        // The first worker's first nonces were tried already.
        const part = { high: job.high + number, low: number === 0 ? FIRST_NONCES : 0 };
        const shared = this.#shared.memory;
        worker.postMessage(
          { ...job, ...part, step: this.#threads, shared } satisfies SearchRequest,
        );
      });
      return await promise;
    } catch (error) {
      this.#endWorkers();
      throw error;
    } finally {
      signal.removeEventListener("abort", giveUp);
      if (this.#shared.job === job.job) this.#rest();
    }
  }

  /** Nothing to do: the threads stop at once, and end if it stays so. */
  #rest(): void {
    this.#newJob();
    this.#cancelIdle = this.#clock.after(IDLE_MS, () => this.#endWorkers());
  }

  #endWorkers(): void {
    for (const worker of this.#workers.splice(0)) worker.terminate();
  }
}

/** The target that `bits` stands for, 32 bytes, big endian. */
export function targetBytes(bits: number): Uint8Array {
  return idBytes(asHash(compactToTarget(bits).toString(16).padStart(64, "0")));
}

function newWorker(): Worker {
  return new Worker(new URL("./nonce_worker.ts", import.meta.url), { type: "module" });
}
