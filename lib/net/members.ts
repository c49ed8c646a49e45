/**
 * Who has proven itself a member: exchanged `version` of our network, and the secret where there is
 * one. Only members are relayed, so that a relay serves its chain and nobody else.
 */

/** A member that is away is still one for this long: it comes back, and finds its relay as it was. */
export const MEMBER_MS = 3_600_000;
/** Ids cost a stranger nothing: beyond this many the one seen longest ago is forgotten. */
export const MEMBERS_MAX = 1_000;

export class Members {
  /** Until when each is one; in the order in which they were last seen. */
  readonly #untilMs = new Map<string, number>();

  /** The peer has proven itself, or its session has just ended. */
  note(peerId: string, monotonicMs: number): void {
    this.#untilMs.delete(peerId);
    this.#untilMs.set(peerId, monotonicMs + MEMBER_MS);
    if (this.#untilMs.size > MEMBERS_MAX) {
      this.#untilMs.delete(this.#untilMs.keys().next().value!);
    }
  }

  has(peerId: string, monotonicMs: number): boolean {
    return monotonicMs < (this.#untilMs.get(peerId) ?? 0);
  }

  /** The peer is not wanted any more. */
  remove(peerId: string): void {
    this.#untilMs.delete(peerId);
  }
}
