/** One action run again and again, each run saying when the next is due. */
import type { Cancel, Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { getLogger } from "../../base/log.ts";

/** Should an action fail where it promised not to, it is tried again after this. */
const AFTER_BUG_MS = 60_000;

/**
 * Never runs twice at once. `due` brings the next run forward; during a run it is remembered.
 * The action returns the milliseconds until the next run, or `undefined` to wait for `due`.
 */
export class Rounds {
  readonly #clock: Clock;
  readonly #action: (signal: AbortSignal) => Promise<number | undefined>;
  readonly #stopped = new AbortController();
  #cancel: Cancel = () => {};
  #dueAtMs = Infinity;
  #isRunning = false;

  constructor(clock: Clock, action: (signal: AbortSignal) => Promise<number | undefined>) {
    this.#clock = clock;
    this.#action = action;
  }

  /** Makes the next run happen at most `delayMs` from now. */
  due(delayMs = 0): void {
    const atMs = this.#clock.monotonicMs() + delayMs;
    if (this.#stopped.signal.aborted || atMs >= this.#dueAtMs) return;
    this.#dueAtMs = atMs;
    if (!this.#isRunning) this.#schedule();
  }

  stop(): void {
    this.#stopped.abort();
    this.#cancel();
  }

  #schedule(): void {
    this.#cancel();
    if (this.#dueAtMs === Infinity) return;
    const delayMs = this.#dueAtMs - this.#clock.monotonicMs();
    this.#cancel = this.#clock.after(delayMs, () => void this.#run());
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    this.#dueAtMs = Infinity;
    let nextMs: number | undefined = AFTER_BUG_MS;
    try {
      nextMs = await this.#action(this.#stopped.signal);
    } catch (error) {
      getLogger("net").error("A round failed: {reason}", { reason: messageOf(error) });
    }
    this.#isRunning = false;
    if (this.#stopped.signal.aborted) return;
    if (nextMs !== undefined) this.due(nextMs);
    this.#schedule();
  }
}
