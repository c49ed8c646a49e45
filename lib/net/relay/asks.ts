/**
 * How often one connection may ask this relay for a place or a way. An answer, a refusal too, makes
 * whoever wants everything ask again at once; silence makes it wait. So whoever asks too often is
 * left without an answer, and in the end without a connection: a new one costs it a handshake.
 */
import type { Connection, Stream } from "@libp2p/interface";
import type { Clock } from "../../base/clock.ts";
import type { Quota } from "../../wire/codec.ts";
import { RateLimiter } from "../rate_limit.ts";

/**
 * A node behind a router asks for a place once an hour, and tries four ways at a time: a new one
 * that knows half a class, most of it gone, tries each of them once within some seconds.
 */
export const ASKS: Quota = { count: 16, everyMs: 8_000 };
/** Longer than anybody waits for an answer. */
export const SILENCE_MS = 15_000;
/** More asks beyond the quota than a program makes that waits for answers. */
export const UNANSWERED_MAX = 200;

type Asker = { limiter: RateLimiter<"ask">; unanswered: number };

export class Asks {
  readonly #clock: Clock;
  readonly #askers = new WeakMap<Connection, Asker>();
  /** Asks that got no answer. */
  unansweredCount = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether to answer; what is not to be answered is looked after from now on. */
  admits(stream: Stream, connection: Connection): boolean {
    const asker = this.#askers.get(connection) ??
      { limiter: new RateLimiter<"ask">(() => ASKS), unanswered: 0 };
    this.#askers.set(connection, asker);
    if (asker.limiter.take("ask", this.#clock.monotonicMs())) return true;
    this.unansweredCount++;
    const error = new Error("This peer asks a relay for too much");
    if (++asker.unanswered > UNANSWERED_MAX) connection.abort(error);
    else this.#leaveWaiting(stream, error);
    return false;
  }

  /** Nothing that still comes on the stream is kept. */
  #leaveWaiting(stream: Stream, error: Error): void {
    stream.closeRead().catch(() => stream.abort(error));
    const cancel = this.#clock.after(SILENCE_MS, () => stream.abort(error));
    stream.addEventListener("close", cancel, { once: true });
  }
}
