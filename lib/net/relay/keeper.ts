/**
 * Which relays this node keeps places at: two of the members that serve, another one when one is
 * lost. Knows nothing of how a place is taken.
 */
import type { Cancel, Clock } from "../../base/clock.ts";
import { type Random, shuffled } from "../../base/random.ts";
import { RestList } from "../rest_list.ts";

/** One may go at any time, and it takes seconds until a new address has spread. */
export const RELAYS_WANTED = 2;
/** A relay that refused, twice this the next time … */
const REST_MS = 20_000;
/** A relay that no longer serves, or whose session ended: it may be about to come back. */
export const GONE_MS = 10_000;
const LOOK_AGAIN_MS = 15_000;

export type RelayKeeperOptions = {
  clock: Clock;
  random: Random;
  /** Whether this node needs relays: nobody reaches it otherwise. */
  isWanted: () => boolean;
  /** Members that are connected directly and serve as relays. */
  candidates: () => readonly string[];
  /** Takes a place. Throws when the relay refuses. */
  reserve: (relayId: string) => Promise<void>;
  release: (relayId: string) => void;
};

export class RelayKeeper {
  readonly #options: RelayKeeperOptions;
  readonly #rests = new RestList();
  readonly #held = new Set<string>();
  readonly #asking = new Set<string>();
  readonly #goneSinceMs = new Map<string, number>();
  #cancel: Cancel = () => {};
  #hasStopped = false;

  constructor(options: RelayKeeperOptions) {
    this.#options = options;
  }

  /** The relays at which there is a place, oldest first. */
  relays(): string[] {
    return [...this.#held];
  }

  stop(): void {
    this.#hasStopped = true;
    this.#cancel();
  }

  /** The place at this relay is lost. */
  onLost(relayId: string): void {
    if (!this.#held.delete(relayId)) return;
    this.kick();
  }

  /** The network is another one: whoever could not be used before may be now. */
  onNetworkChanged(): void {
    for (const relayId of this.#options.candidates()) this.#rests.remove(relayId);
    this.kick();
  }

  /** Looks at what there is now and does what is to be done. Call it whenever something changed. */
  kick(): void {
    if (this.#hasStopped) return;
    const { clock, isWanted } = this.#options;
    this.#cancel();
    if (!isWanted()) return this.#releaseAll();
    this.#keep(clock.monotonicMs());
    // Without a place and without anybody to ask there is nothing to do until somebody comes.
    const isBusy = this.#held.size > 0 || this.#options.candidates().length > 0;
    if (isBusy) this.#cancel = clock.after(LOOK_AGAIN_MS, () => this.kick());
  }

  #keep(nowMs: number): void {
    const { candidates, random } = this.#options;
    const serving = candidates();
    this.#releaseGone(serving, nowMs);
    const missing = RELAYS_WANTED - this.#held.size - this.#asking.size;
    if (missing <= 0) return;
    const free = serving.filter((relayId) =>
      !this.#held.has(relayId) && !this.#asking.has(relayId) && !this.#rests.has(relayId, nowMs)
    );
    // At random: all newcomers would crowd at the same two otherwise.
    for (const relayId of shuffled(free, random).slice(0, missing)) void this.#ask(relayId);
  }

  #releaseAll(): void {
    for (const relayId of [...this.#held]) this.#release(relayId);
  }

  #releaseGone(serving: readonly string[], nowMs: number): void {
    for (const relayId of [...this.#held]) {
      if (serving.includes(relayId)) {
        this.#goneSinceMs.delete(relayId);
        continue;
      }
      const sinceMs = this.#goneSinceMs.get(relayId) ?? nowMs;
      this.#goneSinceMs.set(relayId, sinceMs);
      if (nowMs - sinceMs >= GONE_MS) this.#release(relayId);
    }
  }

  async #ask(relayId: string): Promise<void> {
    const { clock, reserve, release } = this.#options;
    this.#asking.add(relayId);
    try {
      await reserve(relayId);
      if (this.#hasStopped) return release(relayId);
      this.#held.add(relayId);
      this.#rests.remove(relayId);
    } catch {
      this.#rests.add(relayId, { lengthMs: REST_MS, isFirm: true }, clock.monotonicMs());
    } finally {
      this.#asking.delete(relayId);
    }
    this.kick();
  }

  #release(relayId: string): void {
    this.#held.delete(relayId);
    this.#goneSinceMs.delete(relayId);
    this.#options.release(relayId);
  }
}
