/** Lets members through, and gives a peer that has just come a moment to prove itself. */
import { type Clock, delay } from "../../base/clock.ts";

const POLL_MS = 50;
/** Strangers kept waiting at a time; more are refused at once. */
const WAITING_MAX = 64;

export class MemberGate {
  readonly #clock: Clock;
  readonly #isMember: (peerId: string) => boolean;
  #waiting = 0;

  constructor(clock: Clock, isMember: (peerId: string) => boolean) {
    this.#clock = clock;
    this.#isMember = isMember;
  }

  isMember(peerId: string): boolean {
    return this.#isMember(peerId);
  }

  /** Whether the peer is a member, or becomes one within `waitMs`; `signal` ends the wait. */
  async admits(peerId: string, waitMs: number, signal?: AbortSignal): Promise<boolean> {
    if (this.#isMember(peerId)) return true;
    if (this.#waiting >= WAITING_MAX) return false;
    this.#waiting++;
    const endMs = this.#clock.monotonicMs() + waitMs;
    while (!this.#isMember(peerId) && this.#clock.monotonicMs() < endMs && !signal?.aborted) {
      await delay(this.#clock, POLL_MS, signal);
    }
    this.#waiting--;
    return this.#isMember(peerId);
  }
}
