/** Peers to leave alone for a while, for reasons that are no failure to reach them. */

const REST_MAX_MS = 10 * 60_000;
/** Ids cost a stranger nothing: beyond this many the oldest rest is forgotten. */
const RESTS_MAX = 1_000;

interface Rest {
  readonly times: number;
  readonly untilMs: number;
  readonly isFirm: boolean;
}

export class RestList {
  readonly #rests = new Map<string, Rest>();

  /** Begins a rest of `lengthMs`, doubled for each one before it in a row, at most ten minutes. */
  add(peerId: string, rest: { lengthMs: number; isFirm: boolean }, nowMs: number): void {
    const { lengthMs, isFirm } = rest;
    const earlier = this.#rests.get(peerId);
    const isRow = earlier !== undefined && nowMs - earlier.untilMs < REST_MAX_MS;
    const times = isRow ? earlier.times + 1 : 0;
    const untilMs = nowMs + Math.min(REST_MAX_MS, lengthMs * 2 ** Math.min(times, 20));
    this.#rests.delete(peerId);
    this.#rests.set(peerId, { times, untilMs, isFirm });
    if (this.#rests.size > RESTS_MAX) this.#rests.delete(this.#rests.keys().next().value!);
  }

  has(peerId: string, nowMs: number): boolean {
    const rest = this.#rests.get(peerId);
    return rest !== undefined && nowMs < rest.untilMs && rest.untilMs - nowMs <= REST_MAX_MS;
  }

  /** Ends a rest that is not firm; the count of rests in a row stays. */
  wake(peerId: string, nowMs: number): void {
    const rest = this.#rests.get(peerId);
    if (rest === undefined || rest.isFirm) return;
    this.#rests.set(peerId, { ...rest, untilMs: Math.min(rest.untilMs, nowMs) });
  }

  /** Ends all rests that are not firm. */
  wakeAll(nowMs: number): void {
    for (const peerId of this.#rests.keys()) this.wake(peerId, nowMs);
  }

  remove(peerId: string): void {
    this.#rests.delete(peerId);
  }

  /** When the next rest ends; undefined when nobody rests. */
  nextEndMs(nowMs: number): number | undefined {
    const ends = [...this.#rests.values()].map((rest) => rest.untilMs);
    const coming = ends.filter((untilMs) => untilMs > nowMs);
    return coming.length === 0 ? undefined : Math.min(...coming);
  }
}
