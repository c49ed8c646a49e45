/**
 * How many guesses at a network's secret strangers may make. Each failed proof is one guess, and
 * nothing else tells them anything; so guessing is as slow as this list says, while members get in:
 * a proof that succeeds costs nothing, and whoever has proven itself before is not counted at all.
 */
import type { Quota } from "../../wire/codec.ts";

/**
 * A peer whose user mistyped the secret comes again with the right one; until then it must not use
 * up what its neighbours behind the same router may need.
 */
const PER_PEER: Quota = { count: 4, everyMs: 4 * 60_000 };
/** A class behind one router: half of it may mistype at once. */
const PER_PLACE: Quota = { count: 16, everyMs: 16 * 60_000 };
/** 5,760 guesses a day from everywhere: 2 million a year. */
const IN_ALL: Quota = { count: 64, everyMs: 16 * 60_000 };
/** Places and ids cost a stranger little: the oldest is forgotten, the sum above holds. */
const KEYS_MAX = 2_000;

/** Whose proof it would be. */
export interface Guesser {
  readonly peerId: string;
  /** Multiaddr of the connection. */
  readonly address: string;
  /** Peers that we dialled have a sum of their own: nobody can use up both. */
  readonly direction: "outbound" | "inbound";
}

export class GuessLimit {
  /** When each allowance is whole again, as in `RateLimiter`. */
  readonly #wholeAtMs = new Map<string, number>();

  /** Takes one guess; false, and nothing taken, when there is none left. */
  take(guesser: Guesser, monotonicMs: number): boolean {
    if (!this.allows(guesser, monotonicMs)) return false;
    for (const [key, quota] of allowancesOf(guesser)) {
      const wholeAtMs = Math.max(this.#wholeAtMs.get(key) ?? 0, monotonicMs);
      this.#set(key, wholeAtMs + quota.everyMs / quota.count);
    }
    return true;
  }

  /** Whether `take` would be true. */
  allows(guesser: Guesser, monotonicMs: number): boolean {
    return allowancesOf(guesser).every(([key, { count, everyMs }]) => {
      const wholeAtMs = Math.max(this.#wholeAtMs.get(key) ?? 0, monotonicMs);
      return wholeAtMs + everyMs / count - monotonicMs <= everyMs + 0.001;
    });
  }

  /** It was no guess: the peer has proven the secret. */
  giveBack(guesser: Guesser): void {
    for (const [key, quota] of allowancesOf(guesser)) {
      const wholeAtMs = this.#wholeAtMs.get(key);
      if (wholeAtMs !== undefined) this.#set(key, wholeAtMs - quota.everyMs / quota.count);
    }
  }

  #set(key: string, wholeAtMs: number): void {
    this.#wholeAtMs.delete(key);
    this.#wholeAtMs.set(key, wholeAtMs);
    if (this.#wholeAtMs.size > KEYS_MAX) {
      this.#wholeAtMs.delete(this.#wholeAtMs.keys().next().value!);
    }
  }
}

function allowancesOf({ peerId, address, direction }: Guesser): [key: string, quota: Quota][] {
  return [
    [`peer ${peerId}`, PER_PEER],
    [`place ${placeOf(address)}`, PER_PLACE],
    [direction, IN_ALL],
  ];
}

/** The host of an address; of IPv6 the network, within which one machine may take any address. */
function placeOf(address: string): string {
  const [, kind, host = ""] = address.split("/");
  return kind === "ip6" ? host.split(":").slice(0, 4).join(":") : host;
}
