/**
 * Peers that speak our protocol and are not of our network: what they and the user are told of it,
 * and that the peer book does not keep them.
 */
import { Signal } from "../base/signals.ts";
import type { PeerBook } from "../peers/peer_book.ts";
import type { VersionBody } from "../wire/version.ts";
import type { SecretMismatch } from "./membership/handshake.ts";
import type { SecretGuard } from "./membership/secret_guard.ts";
import type { LocalVersion, Session } from "./session.ts";

const NOTICES_MAX = 100;

export interface StrangersOptions {
  readonly book: PeerBook;
  readonly guard: SecretGuard;
  /** What `version` says of us. */
  readonly local: () => LocalVersion;
  /** Drawn once a run: meeting one's own is meeting oneself. */
  readonly nonce: bigint;
}

export class Strangers {
  /** Lines for the user: one a peer. */
  readonly notices = new Signal<string>();
  readonly #options: StrangersOptions;
  readonly #noticed = new Set<string>();

  constructor(options: StrangersOptions) {
    this.#options = options;
  }

  /** The peer is of another network, or this node itself: ends the session. */
  onForeign(session: Session, remote: VersionBody): void {
    const { book, nonce } = this.#options;
    if (remote.nonce === nonce) {
      book.remove(session.peerId);
      return session.close("other", "this is the same node");
    }
    this.#forget(session.peerId);
    const theirs = networkLabel(remote);
    const ours = networkLabel(this.#options.local());
    this.#notice(session.peerId, `peer ${session.peerId} is of network ${theirs}, ours is ${ours}`);
    session.close("network", `this node is of network ${ours}, yours is ${theirs}`);
  }

  /** The peer does not share our secret. */
  onSecretMismatch(session: Session, mismatch: SecretMismatch): void {
    this.#forget(session.peerId);
    const line = this.#options.guard.lineOf(session, mismatch);
    if (line !== undefined) this.#notice(session.peerId, line);
  }

  /** Whoever was once of our network stays in the book. */
  #forget(peerId: string): void {
    const { book } = this.#options;
    const isProven = (book.get(peerId)?.lastSuccessMs ?? 0) > 0;
    if (!isProven) book.remove(peerId);
  }

  #notice(peerId: string, text: string): void {
    if (this.#noticed.has(peerId) || this.#noticed.size >= NOTICES_MAX) return;
    this.#noticed.add(peerId);
    this.notices.emit(text);
  }
}

/** Such as `"tuto" (genesis 0123456789ab…)`. */
function networkLabel(version: Pick<VersionBody, "networkName" | "genesisId">): string {
  return `"${version.networkName}" (genesis ${version.genesisId.slice(0, 12)}…)`;
}
