/**
 * Guards a network's secret: how often strangers may guess at it, and what the user is told when a
 * peer has another one. Two nodes with different secrets cannot know which of them is wrong, or
 * whether they are of two groups; whom nobody accepts may have mistyped it, or has founded a group
 * and called a stranger. Where nodes meet tells nothing of it: that follows from the secret too.
 */
import type { Clock } from "../../base/clock.ts";
import { GuessLimit } from "./guess_limit.ts";
import type { Guesses, SecretMismatch } from "./handshake.ts";
import type { Prover } from "./membership.ts";
import type { PeerStream } from "../transport.ts";

/**
 * Refusals by different peers, and no acceptance, after which our own secret is doubted. Whoever
 * came to somebody else's door doubts at once, unless it has known members before.
 */
const DOUBT_AFTER = { known: 3, visited: 2, visiting: 1 };
/** Peers counted: beyond the doubt their number says nothing more. */
const REFUSERS_MAX = 100;

export interface SecretGuardOptions {
  readonly clock: Clock;
  /** Absent on a network without a secret. */
  readonly prover: Prover | undefined;
  /** Whether the peer has proven the secret in this run; its id is proven by the connection. */
  readonly isTrusted: (peerId: string) => boolean;
  /** Whether this node has known members, in this run or before. */
  readonly hasKnownMembers: () => boolean;
}

/** Whose secret it is about. */
export type Refuser = {
  readonly peerId: string;
  readonly direction: "outbound" | "inbound";
};

export class SecretGuard {
  readonly #options: SecretGuardOptions;
  readonly #limit = new GuessLimit();
  readonly #refusers = new Set<string>();
  #isAccepted = false;
  #isDoubted = false;

  constructor(options: SecretGuardOptions) {
    this.#options = options;
  }

  /** Whether the peer may try to prove the secret now. */
  admits(stream: PeerStream): boolean {
    if (this.#isUncounted(stream.peerId)) return true;
    return this.#limit.allows(guesserOf(stream), this.#options.clock.monotonicMs());
  }

  /** The guesses that the other end of a stream has. */
  guesses(stream: PeerStream): Guesses {
    if (this.#isUncounted(stream.peerId)) return { take: () => true, giveBack: () => {} };
    const guesser = guesserOf(stream);
    return {
      take: () => this.#limit.take(guesser, this.#options.clock.monotonicMs()),
      giveBack: () => this.#limit.giveBack(guesser),
    };
  }

  /** A peer has the same secret. */
  onAccepted(): void {
    this.#isAccepted = true;
  }

  /** What the user is told of a peer that does not share the secret; undefined for nothing new. */
  lineOf({ peerId, direction }: Refuser, mismatch: SecretMismatch): string | undefined {
    if (this.#options.prover === undefined || mismatch === "asked") {
      return `peer ${peerId} asks for a secret that this node does not have: give it with --secret`;
    }
    if (this.#refusers.size < REFUSERS_MAX) this.#refusers.add(peerId);
    const isOurs = this.#isOurs(direction) && mismatch === "differs";
    if (!isOurs) return `peer ${peerId} does not know this network's secret`;
    if (this.#isDoubted) return undefined;
    this.#isDoubted = true;
    return `peer ${peerId} has another secret: is this one typed right? ` +
      "(if so, that peer is of another group)";
  }

  #isOurs(direction: "outbound" | "inbound"): boolean {
    if (this.#isAccepted) return false;
    const { known, visited, visiting } = DOUBT_AFTER;
    const isVisiting = direction === "outbound";
    const after = this.#options.hasKnownMembers() ? known : isVisiting ? visiting : visited;
    return this.#refusers.size >= after;
  }

  #isUncounted(peerId: string): boolean {
    return this.#options.prover === undefined || this.#options.isTrusted(peerId);
  }
}

function guesserOf({ peerId, remoteAddress, openedBy }: PeerStream) {
  const direction = openedBy === "us" ? "outbound" as const : "inbound" as const;
  return { peerId, address: remoteAddress, direction };
}
