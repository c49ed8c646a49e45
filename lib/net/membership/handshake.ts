/**
 * What two peers say before their session is open, and in which order; pure. On a network with a
 * secret its proof comes first, and until it is done nothing else leaves.
 *
 *     proof ──proven──▶ version ──theirs──▶ over
 *       │                  │ ▲
 *       └─ secret differs  └─┘ getnetwork, once
 *
 * A node that comes with an invitation alone has no `version` to give yet: it asks for the
 * network's parameters in its place, and leaves with the answer.
 */
import { AssertionFailure } from "../../base/assert.ts";
import type { Message, MessageType } from "../../wire/messages.ts";
import { MAX_NETWORK_BYTES } from "../../wire/network.ts";
import type { VersionBody } from "../../wire/version.ts";
import type { MembershipProof } from "./membership.ts";

/** Messages that have no place in an open session. */
export const HANDSHAKE_TYPES: ReadonlySet<MessageType> = new Set<MessageType>([
  "version",
  "share",
  "confirm",
  "getnetwork",
  "network",
]);

/** Why two peers do not share a secret: what this side knows of it. */
export type SecretMismatch =
  | "asked" // the peer asks for a secret, this node has none
  | "unproven" // the peer does not even try to prove the secret
  | "differs"; // it tried, and its secret is another

/** What the session is to do next. */
export type HandshakeStep =
  | { kind: "say"; messages: readonly Message[] }
  | { kind: "version"; version: VersionBody }
  /** The parameters that we asked for; empty where they are too long to be sent. */
  | { kind: "network"; parameters: Uint8Array }
  | { kind: "secret"; mismatch: SecretMismatch; why: string }
  /** Too many guesses at the secret were made from there, or in all. */
  | { kind: "too-many-guesses" }
  | { kind: "out-of-order"; why: string };

/** How many guesses are left to the peer: taken with its share, given back once it is proven. */
export type Guesses = { take(): boolean; giveBack(): void };

export interface HandshakeOptions {
  /** Our `version`, made when it is sent; undefined for who asks for the parameters instead. */
  readonly version: (() => VersionBody) | undefined;
  /** Present on a network with a secret. */
  readonly proof: MembershipProof | undefined;
  readonly guesses: Guesses | undefined;
  readonly networkParameters: (() => Uint8Array | undefined) | undefined;
}

export class Handshake {
  readonly #options: HandshakeOptions;
  #state: "proof" | "version" | "network";
  #hasAnswered = false;

  constructor(options: HandshakeOptions) {
    this.#options = options;
    this.#state = options.proof === undefined ? this.#stateAfterProof() : "proof";
  }

  /** What is sent first, without waiting for anything. */
  begin(): readonly Message[] {
    return this.#options.proof?.begin() ?? [this.#afterProof()];
  }

  /** Whether the peer still owes the proof of the secret. */
  get isProving(): boolean {
    return this.#state === "proof";
  }

  /** Whether a message of this type may come now. To be asked before it is decoded. */
  expects(type: MessageType): boolean {
    if (this.#state === "proof") return type === "share" || type === "confirm";
    if (type === "version") return true;
    if (this.#state === "network") return type === "network";
    return type === "getnetwork" && !this.#hasAnswered &&
      this.#options.networkParameters !== undefined;
  }

  /** What a message that `expects` denies leads to. */
  unexpected(type: MessageType): HandshakeStep {
    if (this.#state === "proof") {
      return { kind: "secret", mismatch: "unproven", why: `${type} came before the proof` };
    }
    if (type === "share" && this.#options.proof === undefined) {
      return { kind: "secret", mismatch: "asked", why: "the peer's network asks for a secret" };
    }
    return { kind: "out-of-order", why: `${type} came before version` };
  }

  /** What a message that `expects` allows leads to; undefined for nothing. */
  take(message: Message): HandshakeStep | undefined {
    if (this.#state === "proof") return this.#prove(message);
    switch (message.type) {
      case "version":
        return this.#state === "network" ? undefined : { kind: "version", version: message };
      case "network":
        return { kind: "network", parameters: message.parameters };
      case "getnetwork":
        this.#hasAnswered = true;
        return { kind: "say", messages: [{ type: "network", parameters: this.#parameters() }] };
      default:
        throw new AssertionFailure(`The handshake does not expect ${message.type}`);
    }
  }

  #prove(message: Message): HandshakeStep {
    const { proof, guesses } = this.#options;
    // Before anything is computed.
    const isGuess = message.type === "share" && proof!.awaits === "share";
    if (isGuess && guesses?.take() === false) return { kind: "too-many-guesses" };
    const step = proof!.take(message);
    switch (step.kind) {
      case "failed":
        return { kind: "secret", mismatch: "differs", why: step.why };
      case "say":
        return { kind: "say", messages: step.messages };
      case "proven":
        guesses?.giveBack();
        this.#state = this.#stateAfterProof();
        return { kind: "say", messages: [...step.messages, this.#afterProof()] };
    }
  }

  #stateAfterProof(): "version" | "network" {
    return this.#options.version === undefined ? "network" : "version";
  }

  #afterProof(): Message {
    const { version } = this.#options;
    return version === undefined ? { type: "getnetwork" } : { type: "version", ...version() };
  }

  #parameters(): Uint8Array {
    const parameters = this.#options.networkParameters?.();
    const fits = parameters !== undefined && parameters.length <= MAX_NETWORK_BYTES;
    return fits ? parameters : new Uint8Array();
  }
}
