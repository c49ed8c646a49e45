/**
 * Which side opens the stream when a direct connection has come up to a peer whose session goes
 * through a relay: the one with the smaller id. The other does it later, should the first not.
 */
import type { Cancel, Clock } from "../base/clock.ts";

/** Who dialled opens a stream by himself, mostly before this. */
const FIRST_MS = 150;
const SECOND_MS = 3_000;

export type DirectTurnOptions = {
  clock: Clock;
  ownId: string;
  /** Whether the peer has a session that goes through a relay, and no better one is under way. */
  isRelayed: (peerId: string) => boolean;
  open: (peerId: string) => void;
};

export class DirectTurn {
  readonly #options: DirectTurnOptions;
  readonly #waiting = new Map<string, Cancel>();

  constructor(options: DirectTurnOptions) {
    this.#options = options;
  }

  /** A direct connection to the peer is there. */
  onDirect(peerId: string): void {
    const { clock, ownId, isRelayed, open } = this.#options;
    if (!isRelayed(peerId) || this.#waiting.has(peerId)) return;
    const waitMs = ownId < peerId ? FIRST_MS : SECOND_MS;
    const cancel = clock.after(waitMs, () => {
      this.#waiting.delete(peerId);
      if (isRelayed(peerId)) open(peerId);
    });
    this.#waiting.set(peerId, cancel);
  }

  stop(): void {
    for (const cancel of this.#waiting.values()) cancel();
    this.#waiting.clear();
  }
}
