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

  async next(): Promise<void> {
    if (this.#clock.monotonicMs() - this.#startMs < TURN_MS) return;
    await yieldToOthers();
    this.#startMs = this.#clock.monotonicMs();
  }
}
