/** From a stream to a session: whose streams are taken at all, and what a peer that answered is. */
import type { Clock } from "../base/clock.ts";
import { getLogger } from "../base/log.ts";
import type { PeerBook } from "../peers/peer_book.ts";
import type { PeerSource } from "../peers/peer_record.ts";
import { encodeFrame } from "../wire/frame.ts";
import type { GoodbyeCode } from "../wire/goodbye.ts";
import type { Dialled } from "./dial.ts";
import type { DialLoop } from "./dial_loop.ts";
import type { Prover } from "./membership/membership.ts";
import type { SecretGuard } from "./membership/secret_guard.ts";
import { type LocalVersion, Session, type SessionHooks, TOO_MANY_GUESSES } from "./session.ts";
import type { SessionTable } from "./session_table.ts";
import type { PeerStream, Transport } from "./transport.ts";

export interface SessionOpeningOptions {
  readonly transport: Transport;
  readonly book: PeerBook;
  readonly clock: Clock;
  /** What `version` says of us, asked anew for every session. */
  readonly local: () => LocalVersion;
  readonly nonce: bigint;
  /** Proves the network's secret, where it has one. */
  readonly membership?: Prover | undefined;
  /** See `SessionOptions`. */
  readonly networkParameters?: () => Uint8Array | undefined;
  readonly guard: SecretGuard;
  readonly table: SessionTable;
  readonly loop: DialLoop;
  readonly isDiscouraged: (peerId: string) => boolean;
  readonly hooks: SessionHooks;
}

const logger = getLogger("net", "peers");

export class SessionOpening {
  readonly #options: SessionOpeningOptions;

  constructor(options: SessionOpeningOptions) {
    this.#options = options;
  }

  /** A peer has opened a stream. */
  onStream(stream: PeerStream): void {
    const { transport, book, guard, table, loop, isDiscouraged } = this.#options;
    const { peerId } = stream;
    if (peerId === transport.peerId || table.isBesieged) return stream.reset();
    if (isDiscouraged(peerId)) {
      return turnAway(stream, "discouraged", "you sent something invalid; come back later");
    }
    if (!guard.admits(stream)) return turnAway(stream, "full", TOO_MANY_GUESSES);
    this.#begin(stream, book.sourceOf(peerId) ?? loop.sourceOf(peerId) ?? "inbound");
  }

  /** The dial loop has opened a stream. */
  onDialled(dialled: Dialled): void {
    const { stream } = dialled;
    const { book, clock, isDiscouraged } = this.#options;
    if (isDiscouraged(stream.peerId)) return stream.reset();
    const source = dialled.kind === "wanted" ? "peer" : dialled.source ?? "inbound";
    const heard = { kind: "heard", addresses: dialled.addresses, source } as const;
    // Only now is it known which peer the user's address belongs to, or that strangers were right.
    const isNews = dialled.kind === "wanted" || dialled.kind === "probe";
    if (isNews) book.note(stream.peerId, heard, clock.nowMs());
    this.#begin(stream, book.sourceOf(stream.peerId) ?? source, dialled);
    logger.debug("Opened a stream to {peerId}", { peerId: stream.peerId });
  }

  #begin(stream: PeerStream, found: PeerSource, dialled?: Dialled): void {
    const { clock, local, nonce, guard, table, hooks } = this.#options;
    const { membership, networkParameters } = this.#options;
    const session = new Session({
      stream,
      found,
      clock,
      local: local(),
      nonce,
      guesses: guard.guesses(stream),
      ...(membership && { membership }),
      ...(networkParameters && { networkParameters }),
      hooks,
    });
    table.begin(session, dialled);
    session.start();
  }
}

function turnAway(stream: PeerStream, code: GoodbyeCode, text: string): void {
  stream.send(encodeFrame({ type: "goodbye", code, text }));
  stream.close().catch(() => stream.reset());
}
