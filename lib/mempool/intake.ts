/**
 * The one queue of all that changes the pool over time. Payments handed in while others are being
 * judged gather into batches, whose coins and signatures are asked for together, some batches ahead
 * of the judge; a task handed in between two payments runs between them.
 */
import type { Clock } from "../base/clock.ts";
import { SerialQueue } from "../base/serial_queue.ts";
import { Turns } from "../chain/turns.ts";
import type { Transaction } from "../primitives/transaction.ts";
import type { LookAhead } from "./look_ahead.ts";
import type { MempoolOutcome } from "./policy.ts";

/** A payment that somebody waits to hear of. */
export interface Request {
  readonly transaction: Transaction;
  readonly local: boolean;
  readonly resolve: (outcome: MempoolOutcome) => void;
  readonly reject: (error: unknown) => void;
}

export interface IntakeParts {
  readonly clock: Clock;
  readonly batchSignatures: number;
  /** Begins to fetch what judging `batch` will need. Never rejects. */
  readonly lookAhead: (batch: readonly Request[]) => Promise<LookAhead>;
  /** Judges a batch in order, and gives way to others by `turns`. */
  readonly take: (batch: readonly Request[], ahead: LookAhead, turns: Turns) => Promise<void>;
}

/** Signatures of one batch: 16 ms of work on one core. */
export const BATCH_SIGNATURES = 256;
/**
 * A batch ends here, or at its limit of signatures. What waits behind it is bounded by those who
 * hand in: `sync` by its limits, a caller of the API by waiting for its answer.
 */
const BYTES_MAX = 1024 * 1024;
/** From this many signatures on, threads and look-ups have enough to do at once. */
const WORTH_WHILE = 64;
/**
 * Steps of the promise queue without another payment after which no more is at hand: from one
 * message of a peer to the next it is half as many.
 */
const QUIET_STEPS = 40;
/** Batches looked ahead for at a time: one is judged while threads have two to check. */
const AHEAD_MAX = 3;

export class Intake {
  readonly #parts: IntakeParts;
  readonly #queue = new SerialQueue();
  /** Batches that nobody looks ahead for yet, in order. */
  readonly #line: Batch[] = [];
  /** Runs last of all in the queue: more payments may join it, as long as it is in line. */
  #gathering: Batch | undefined;
  #aheadCount = 0;
  #turns: Turns;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
    this.#turns = new Turns(parts.clock);
  }

  /** Hands in a payment. Rejects as the judge does. */
  add(transaction: Transaction, local: boolean): Promise<MempoolOutcome> {
    const { promise, resolve, reject } = Promise.withResolvers<MempoolOutcome>();
    this.#openBatch().add({ transaction, local, resolve, reject });
    this.#lookAhead();
    return promise;
  }

  /** Runs `task` after all payments that were handed in, and before all to come. */
  run<Result>(task: (turns: Turns) => Promise<Result>): Promise<Result> {
    this.#gathering = undefined;
    return this.#enqueue(task);
  }

  /** Resolves when everything handed in so far is done. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  #openBatch(): Batch {
    if (this.#gathering?.isOpen) return this.#gathering;
    const batch = new Batch(this.#parts.batchSignatures);
    const isFirst = this.#queue.length === 0;
    this.#gathering = batch;
    this.#line.push(batch);
    this.#enqueue(async (turns) => {
      // A payment by itself is judged at once. In a flood the next message is already here.
      if (!isFirst) await gather(batch);
      this.#start(batch);
      await this.#parts.take(batch.requests, await batch.ahead!, turns);
      this.#aheadCount--;
      this.#lookAhead();
    });
    return batch;
  }

  /** Looks ahead for the next batches in line that are large enough. */
  #lookAhead(): void {
    while (this.#aheadCount < AHEAD_MAX && this.#line[0]?.isWorthWhile) this.#start(this.#line[0]);
  }

  #start(batch: Batch): void {
    if (batch.ahead !== undefined) return;
    // The first in line: those before it were judged, or are looked ahead for.
    this.#line.shift();
    if (this.#gathering === batch) this.#gathering = undefined;
    this.#aheadCount++;
    batch.ahead = this.#parts.lookAhead(batch.requests);
  }

  #enqueue<Result>(task: (turns: Turns) => Promise<Result>): Promise<Result> {
    // Work in a row counts as one stretch, however many tasks it is.
    if (this.#queue.length === 0) this.#turns = new Turns(this.#parts.clock);
    return this.#queue.run(() => task(this.#turns));
  }
}

/** Lets a small batch wait for what the messages that have arrived already bring. */
async function gather(batch: Batch): Promise<void> {
  for (let quietSteps = 0; quietSteps < QUIET_STEPS; quietSteps++) {
    if (batch.ahead !== undefined || batch.isWorthWhile) return;
    const { length } = batch.requests;
    await Promise.resolve();
    if (batch.requests.length > length) quietSteps = 0;
  }
}

class Batch {
  readonly requests: Request[] = [];
  ahead: Promise<LookAhead> | undefined;
  readonly #signaturesMax: number;
  #signatures = 0;
  #bytes = 0;

  constructor(signaturesMax: number) {
    this.#signaturesMax = signaturesMax;
  }

  get isOpen(): boolean {
    return this.#signatures < this.#signaturesMax && this.#bytes < BYTES_MAX;
  }

  get isWorthWhile(): boolean {
    return this.#signatures >= Math.min(WORTH_WHILE, this.#signaturesMax) ||
      this.#bytes >= BYTES_MAX;
  }

  add(request: Request): void {
    this.requests.push(request);
    this.#signatures += Math.max(1, request.transaction.spends.length);
    this.#bytes += request.transaction.bytes.length;
  }
}
