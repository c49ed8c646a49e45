/** How often each kind of message may come: the generic cell rate algorithm, one number a kind. */
import type { Quota } from "../wire/codec.ts";

/**
 * GCRA (ITU-T I.371): a kind may come `count` times at once and `count` times in any `everyMs`
 * after. Keeps for each kind the moment at which its allowance would be whole again.
 */
export class RateLimiter<Kind> {
  readonly #quotaOf: (kind: Kind) => Quota;
  readonly #wholeAtMs = new Map<Kind, number>();

  constructor(quotaOf: (kind: Kind) => Quota) {
    this.#quotaOf = quotaOf;
  }

  /** Takes one from the allowance of `kind`; false, and nothing taken, when it is used up. */
  take(kind: Kind, monotonicMs: number): boolean {
    const { count, everyMs } = this.#quotaOf(kind);
    const wholeAtMs = Math.max(this.#wholeAtMs.get(kind) ?? 0, monotonicMs);
    const afterMs = wholeAtMs + everyMs / count;
    // Sums of fractions drift: a thousandth of a millisecond is no fault.
    if (afterMs - monotonicMs > everyMs + 0.001) return false;
    this.#wholeAtMs.set(kind, afterMs);
    return true;
  }
}
