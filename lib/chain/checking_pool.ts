/**
 * Threads that check blocks and signatures beside the main one. They are started by the first work
 * and ended when there was none for a while, because each costs memory. What a worker finds right
 * counts as checked; what it does not is judged again on the main thread, which names the reason:
 * so there is one judge, and a broken worker costs time and no more.
 */
import type { Cancel, Clock } from "../base/clock.ts";
import { concatBytes } from "../base/bytes.ts";
import { getLogger } from "../base/log.ts";
import { packSignatureChecks, type SignatureCheck } from "../consensus/signatures.ts";
import type { BlockId } from "../primitives/ids.ts";
import type { CheckAnswer, CheckRequest } from "./checking_worker.ts";

/** Work of one message: some milliseconds, so that a message costs little and all have work. */
const BATCH_BLOCKS = 16;
const BATCH_BYTES = 24 * 1_024;
const BATCH_SIGNATURES = 64;
/** Messages given to a worker ahead, so that it need not wait for the main thread. */
const BATCHES_PER_WORKER = 2;
/** Without work for so long the workers are ended. */
const IDLE_MS = 10_000;
/**
 * Connecting blocks takes a third of the time that checking them takes (2.1 s against 6.3 s for
 * 100,000 payments), so more would wait for the thread that connects; and each takes 30 MB.
 */
const THREADS_MAX = 3;
const log = getLogger("chain", "checking");

interface Batch {
  readonly request: () => { request: CheckRequest; transfer: Transferable[] };
  /** Undefined when the workers have failed. */
  readonly settle: (answer: CheckAnswer | undefined) => void;
}

interface WaitingBlock {
  readonly bytes: Uint8Array;
  readonly settle: (digest: Uint8Array | undefined) => void;
}

interface Thread {
  readonly worker: Worker;
  /** Sent and not answered yet, oldest first. */
  readonly batches: Batch[];
}

export class CheckingPool {
  readonly #genesisId: BlockId;
  readonly #clock: Clock;
  readonly #threadCount: number;
  readonly #threads: Thread[] = [];
  readonly #blocks: WaitingBlock[] = [];
  readonly #signatures: Batch[] = [];
  #cancelIdle: Cancel = () => {};
  #isScheduled = false;
  /** Closed, or its workers cannot work: everything is then checked by whoever asks. */
  #isOver = false;

  constructor(options: { genesisId: BlockId; clock: Clock; threads: number }) {
    this.#genesisId = options.genesisId;
    this.#clock = options.clock;
    this.#threadCount = Math.max(1, Math.min(THREADS_MAX, options.threads));
  }

  /** The digest of the block (`digestBlock`), or undefined when it is not right or cannot be told. */
  digest(bytes: Uint8Array): Promise<Uint8Array | undefined> {
    if (this.#isOver) return Promise.resolve(undefined);
    return new Promise((settle) => {
      this.#blocks.push({ bytes, settle });
      this.#schedule();
    });
  }

  /** Whether each signature is right; undefined when it cannot be told here. */
  async signatures(checks: readonly SignatureCheck[]): Promise<boolean[] | undefined> {
    const parts: Promise<CheckAnswer | undefined>[] = [];
    for (let at = 0; at < checks.length && !this.#isOver; at += BATCH_SIGNATURES) {
      const part = checks.slice(at, at + BATCH_SIGNATURES);
      parts.push(new Promise((settle) => this.#signatures.push({ request: packed(part), settle })));
    }
    this.#schedule();
    const right: boolean[] = [];
    for (const answer of await Promise.all(parts)) {
      if (answer?.kind !== "signatures") return undefined;
      for (const byte of answer.right) right.push(byte === 1);
    }
    return right.length === checks.length ? right : undefined;
  }

  /** Much work will come in a moment: starts the workers, which takes a quarter of a second. */
  prepare(): void {
    while (!this.#isOver && this.#threads.length < this.#threadCount) this.#start();
    this.#watchIdleness();
  }

  /** Ends the workers; whoever waits gets no answer from them. */
  close(): void {
    this.#isOver = true;
    this.#end();
  }

  /** Once in a turn, so that what is asked for in it can share a message. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#dispatch();
    });
  }

  #dispatch(): void {
    while (!this.#isOver && this.#signatures.length + this.#blocks.length > 0) {
      const thread = this.#freeThread();
      if (thread === undefined) break;
      const batch = this.#signatures.shift() ?? this.#blockBatch();
      const { request, transfer } = batch.request();
      thread.batches.push(batch);
      thread.worker.postMessage(request, transfer);
    }
    this.#watchIdleness();
  }

  #freeThread(): Thread | undefined {
    let best: Thread | undefined;
    for (const thread of this.#threads) {
      if (thread.batches.length >= BATCHES_PER_WORKER) continue;
      if (best === undefined || thread.batches.length < best.batches.length) best = thread;
    }
    const isIdle = best?.batches.length === 0;
    if (isIdle || this.#threads.length >= this.#threadCount) return best;
    return this.#start();
  }

  #start(): Thread {
    const thread: Thread = { worker: newWorker(), batches: [] };
    thread.worker.onmessage = ({ data }: MessageEvent<CheckAnswer>) => {
      thread.batches.shift()?.settle(data);
      this.#dispatch();
    };
    thread.worker.onerror = (event) => {
      event.preventDefault();
      log.error("A checking thread failed, the main thread checks: {why}", { why: event.message });
      this.close();
    };
    this.#threads.push(thread);
    return thread;
  }

  /** The next blocks that wait, as one message. */
  #blockBatch(): Batch {
    const taken: WaitingBlock[] = [];
    let bytes = 0;
    while (taken.length < BATCH_BLOCKS && bytes < BATCH_BYTES && this.#blocks.length > 0) {
      const block = this.#blocks.shift()!;
      bytes += block.bytes.length;
      taken.push(block);
    }
    return {
      request: () => {
        const joined = concatBytes(...taken.map((block) => block.bytes));
        const lengths = taken.map((block) => block.bytes.length);
        const genesisId = this.#genesisId;
        const request: CheckRequest = { kind: "blocks", genesisId, bytes: joined, lengths };
        return { request, transfer: [joined.buffer] };
      },
      settle: (answer) => {
        const digests = answer?.kind === "blocks" ? answer.digests : [];
        taken.forEach(({ settle }, at) => settle(digests[at]));
      },
    };
  }

  #watchIdleness(): void {
    this.#cancelIdle();
    const isIdle = this.#threads.every(({ batches }) => batches.length === 0);
    if (!isIdle || this.#threads.length === 0) return;
    this.#cancelIdle = this.#clock.after(IDLE_MS, () => this.#end());
  }

  #end(): void {
    this.#cancelIdle();
    for (const { worker, batches } of this.#threads.splice(0)) {
      worker.terminate();
      for (const batch of batches) batch.settle(undefined);
    }
    for (const batch of this.#signatures.splice(0)) batch.settle(undefined);
    for (const block of this.#blocks.splice(0)) block.settle(undefined);
  }
}

function packed(checks: readonly SignatureCheck[]): Batch["request"] {
  return () => {
    const bytes = packSignatureChecks(checks);
    return { request: { kind: "signatures", packed: bytes }, transfer: [bytes.buffer] };
  };
}

function newWorker(): Worker {
  return new Worker(new URL("./checking_worker.ts", import.meta.url), { type: "module" });
}
