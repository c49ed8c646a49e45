/**
 * The proof of a network's secret: what two peers exchange before `version` on a network that has
 * one. Each shows the other that it holds the secret, and says nothing else meanwhile; whoever only
 * listens, or answers with what was said before, is no nearer to it.
 *
 *     who opened the stream     share ──────▶
 *                                     ◀────── share, confirm     the other
 *                             confirm ──────▶
 *
 *     waits for share ──their share──▶ waits for confirm ──right──▶ proven
 *            │                                │
 *            └── a bad share, a wrong tag, anything else ─────────▶ failed
 *
 * The side that was called computes nothing before a share has come: strangers who only call cost
 * nothing, and shares are counted as guesses. CPace binds in who opened the stream, together with
 * both peer ids as the encrypted connection has shown them.
 */
import { assert } from "../../base/assert.ts";
import { utf8 } from "../../base/bytes.ts";
import type { Random } from "../../base/random.ts";
import type { CpaceSide, CpaceTags } from "../../primitives/cpace.ts";
import type { Message, MessageOf } from "../../wire/messages.ts";
import { type PeerStream, PROTOCOL } from "../transport.ts";

/** CPace with its curve: loaded only where a network has a secret. */
type CpaceModule = typeof import("../../primitives/cpace.ts");

const RANDOM_BYTES = 32;

export interface ProverOptions {
  /** `GroupKeys.membership`: 32 bytes. */
  readonly password: Uint8Array;
  readonly ownPeerId: string;
  /** The machine's secure generator wherever the secret is a real one. */
  readonly random: Random;
}

/** Begins the proofs of one node. */
export class Prover {
  readonly #options: ProverOptions;
  readonly #module: CpaceModule;

  private constructor(options: ProverOptions, module: CpaceModule) {
    this.#options = options;
    this.#module = module;
  }

  static async load(options: ProverOptions): Promise<Prover> {
    return new Prover(options, await import("../../primitives/cpace.ts"));
  }

  /** A proof with the peer at the other end of a stream. */
  begin({ peerId, openedBy }: Pick<PeerStream, "peerId" | "openedBy">): MembershipProof {
    const { password, ownPeerId, random } = this.#options;
    const { Cpace, lengthAndValue } = this.#module;
    const ids = openedBy === "us" ? [ownPeerId, peerId] : [peerId, ownPeerId];
    const channel = lengthAndValue(utf8(`${PROTOCOL} membership`), ...ids.map(utf8));
    const role = openedBy === "us" ? "initiator" : "responder";
    const data = utf8(ownPeerId);
    const makeSide = () =>
      new Cpace({ password, channel }, { role, data, random: random.bytes(RANDOM_BYTES) });
    return new MembershipProof({ role, makeSide, theirData: utf8(peerId), module: this.#module });
  }
}

/** What a message of the peer led to, and what is to be said next. */
export type ProofStep =
  | { kind: "say" | "proven"; messages: readonly Message[] }
  | { kind: "failed"; why: string };

type Side = InstanceType<CpaceModule["Cpace"]>;

/** Each state holds what is valid in it only. */
type ProofState =
  | { at: "share" }
  | { at: "confirm"; tags: CpaceTags }
  | { at: "proven" }
  | { at: "failed" };

export interface MembershipProofOptions {
  readonly role: CpaceSide["role"];
  /** Draws our share: takes about 2 ms, as does every use of theirs. */
  readonly makeSide: () => Side;
  readonly theirData: Uint8Array;
  readonly module: CpaceModule;
}

/** One proof, with one peer, on one stream. */
export class MembershipProof {
  readonly #options: MembershipProofOptions;
  #side: Side | undefined;
  #state: ProofState = { at: "share" };

  constructor(options: MembershipProofOptions) {
    this.#options = options;
  }

  /** What is said without being asked: nothing by the side that was called. */
  begin(): readonly Message[] {
    return this.#options.role === "initiator" ? [this.#share()] : [];
  }

  /** What must come next. */
  get awaits(): "share" | "confirm" | undefined {
    const { at } = this.#state;
    return at === "share" || at === "confirm" ? at : undefined;
  }

  /** Takes the next message of the peer, whatever it is. Not to be called once it has ended. */
  take(message: Message): ProofStep {
    const state = this.#state;
    if (state.at === "share" && message.type === "share") return this.#takeShare(message.share);
    if (state.at === "confirm" && message.type === "confirm") {
      if (!this.#options.module.equalTags(message.tag, state.tags.theirs)) {
        return this.#fail("its tag differs");
      }
      this.#state = { at: "proven" };
      return { kind: "proven", messages: this.#isInitiator ? [confirm(state.tags)] : [] };
    }
    assert(this.awaits !== undefined, "A proof that has ended is not gone on with");
    return this.#fail(`${message.type} came before ${this.awaits}`);
  }

  get #isInitiator(): boolean {
    return this.#options.role === "initiator";
  }

  #takeShare(theirs: Uint8Array): ProofStep {
    const { theirData, module } = this.#options;
    const own = this.#share();
    try {
      const tags = this.#side!.tags(theirs, theirData);
      this.#state = { at: "confirm", tags };
      return { kind: "say", messages: this.#isInitiator ? [] : [own, confirm(tags)] };
    } catch (error) {
      if (!(error instanceof module.CpaceError)) throw error;
      return this.#fail(error.message);
    }
  }

  #share(): MessageOf<"share"> {
    this.#side ??= this.#options.makeSide();
    return { type: "share", share: this.#side.share };
  }

  #fail(why: string): ProofStep {
    this.#state = { at: "failed" };
    return { kind: "failed", why };
  }
}

function confirm({ ours }: CpaceTags): MessageOf<"confirm"> {
  return { type: "confirm", tag: ours };
}
