/** Long work on the main thread, cut so that the network and the API are served in between. */
import { type Clock, yieldToOthers } from "../base/clock.ts";

/** The main thread belongs to others after this long. */
const TURN_MS = 20;

/** Gives way to others whenever it has been called for long enough without a pause. */
export class Turns {
  readonly #clock: Clock;
  #startMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startMs = clock.monotonicMs();
  }

  /** Undefined, and not a promise to wait for, while the turn lasts: `await` takes either. */
  next(): Promise<void> | undefined {
    return this.#clock.monotonicMs() - this.#startMs < TURN_MS ? undefined : this.#giveWay();
  }

  async #giveWay(): Promise<void> {
    await yieldToOthers();
    this.#startMs = this.#clock.monotonicMs();
  }
}
