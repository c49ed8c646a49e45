/** Nonce grinding in worker threads. */
import { asHash, idBytes } from "../primitives/ids.ts";
import { type Block, encodeBlock } from "../primitives/block.ts";
import { compactToTarget } from "../consensus/compact.ts";
import type { Random } from "../base/random.ts";
import type { RunRequest, RunResult } from "./nonce_worker.ts";

/** A run lasts some tens of milliseconds: long enough to cost nothing, short enough to stop. */
const RUN_NONCES = 2 ** 15;
const LOW_NONCES = 2 ** 32;

/** Looks for a nonce; undefined when `signal` came first, or the end of the workers. */
export type Grind = (template: Block, signal: AbortSignal) => Promise<Block | undefined>;

/** A pool of workers that starts with the first job and is kept for the next. */
export class Grinder {
  readonly #workers: Worker[] = [];
  readonly #threads: number;
  readonly #random: Random;
  /** Each ends the wait for a run under way: a worker that was ended answers nothing any more. */
  readonly #giveUps = new Set<() => void>();
  #job = 0;
  #hashes = 0;
  #isClosed = false;

  constructor({ threads, random }: { threads: number; random: Random }) {
    this.#threads = threads;
    this.#random = random;
  }

  /** Nonces tried so far, for a rate. */
  get hashes(): number {
    return this.#hashes;
  }

  /**
   * `template` with a nonce that meets its own bits; undefined when `signal` or `close()` came
   * first.
   */
  async grind(template: Block, signal: AbortSignal): Promise<Block | undefined> {
    if (this.#isClosed) return undefined;
    const job = ++this.#job;
    while (this.#workers.length < this.#threads) this.#workers.push(newWorker());
    const found = new AbortController();
    const ended = AbortSignal.any([signal, found.signal]);
    // Minters of one key build the same template: each begins at a place of its own.
    const start = new DataView(this.#random.bytes(4).buffer).getUint32(0) & ~0xff;
    const searches = this.#workers.map(async (worker, number) => {
      const nonce = await this.#search(worker, { job, high: start + number, template }, ended);
      if (nonce !== undefined) found.abort();
      return nonce;
    });
    const nonce = (await Promise.all(searches)).find((each) => each !== undefined);
    if (nonce === undefined) return undefined;
    return encodeBlock({ ...template, header: { ...template.header, nonce } });
  }

  /** Ends the worker threads for good; what they look for is given up. */
  close(): void {
    this.#isClosed = true;
    for (const worker of this.#workers.splice(0)) worker.terminate();
    for (const giveUp of this.#giveUps) giveUp();
  }

  async #search(
    worker: Worker,
    { job, high, template }: { job: number; high: number; template: Block },
    signal: AbortSignal,
  ): Promise<bigint | undefined> {
    const target = targetBytes(template.header.bits);
    let request: RunRequest = { job, high, low: 0, count: RUN_NONCES };
    request = { ...request, header: template.header.bytes, target };
    while (!signal.aborted) {
      const result = await this.#run(worker, request);
      if (result === undefined) return undefined;
      this.#hashes += RUN_NONCES;
      const { low } = result;
      if (low >= 0) return (BigInt(request.high) << 32n) | BigInt(low);
      const next = request.low + RUN_NONCES;
      request = next < LOW_NONCES
        ? { job, high: request.high, low: next, count: RUN_NONCES }
        : { job, high: (request.high + this.#threads) >>> 0, low: 0, count: RUN_NONCES };
    }
    return undefined;
  }

  /** What `worker` answers; undefined when the grinder is closed before. */
  #run(worker: Worker, request: RunRequest): Promise<RunResult | undefined> {
    const { promise, resolve, reject } = Promise.withResolvers<RunResult | undefined>();
    const giveUp = () => resolve(undefined);
    this.#giveUps.add(giveUp);
    worker.onmessage = ({ data }: MessageEvent<RunResult>) => {
      if (data.job === request.job) resolve(data);
    };
    worker.onerror = (event) => reject(new Error(`A minting worker failed: ${event.message}`));
    worker.postMessage(request);
    return promise.finally(() => this.#giveUps.delete(giveUp));
  }
}

/** The target that `bits` stands for, 32 bytes, big endian. */
export function targetBytes(bits: number): Uint8Array {
  return idBytes(asHash(compactToTarget(bits).toString(16).padStart(64, "0")));
}

function newWorker(): Worker {
  return new Worker(new URL("./nonce_worker.ts", import.meta.url), { type: "module" });
}
