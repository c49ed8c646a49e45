/**
 * Peers that sent something invalid are not wanted for a while. Only the peer id is marked, never
 * an address: a class shares one address, and in a private range it may be anybody's tomorrow.
 */
export const DISCOURAGE_FIRST_MS = 10 * 60_000;
export const DISCOURAGE_MAX_MS = 24 * 3_600_000;
/** Ids cost a stranger nothing, so only so many are remembered: the oldest go first. */
export const MAX_DISCOURAGED = 1_000;

interface Mark {
  readonly times: number;
  readonly untilMs: number;
}

export class Discouragement {
  readonly #marks = new Map<string, Mark>();

  /** Marks the peer: 10 minutes, doubling to a day with every further fault. Returns the end. */
  add(peerId: string, nowMs: number): number {
    const earlier = this.#marks.get(peerId);
    // Good conduct for a day after the last mark wipes the slate.
    const isRecent = earlier !== undefined && nowMs - earlier.untilMs < DISCOURAGE_MAX_MS;
    const times = isRecent ? earlier.times + 1 : 1;
    const lengthMs = Math.min(
      DISCOURAGE_MAX_MS,
      DISCOURAGE_FIRST_MS * 2 ** Math.min(times - 1, 20),
    );
    this.#marks.delete(peerId);
    this.#marks.set(peerId, { times, untilMs: nowMs + lengthMs });
    if (this.#marks.size > MAX_DISCOURAGED) this.#marks.delete(this.#marks.keys().next().value!);
    return nowMs + lengthMs;
  }

  has(peerId: string, nowMs: number): boolean {
    const mark = this.#marks.get(peerId);
    // A clock set back must not lengthen a mark beyond the longest there is.
    return mark !== undefined && nowMs < mark.untilMs && mark.untilMs - nowMs <= DISCOURAGE_MAX_MS;
  }

  /** How many peers are marked now. */
  count(nowMs: number): number {
    return [...this.#marks.keys()].filter((peerId) => this.has(peerId, nowMs)).length;
  }
}
