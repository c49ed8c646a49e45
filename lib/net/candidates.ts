/**
 * Whom the discovery sources name, and who connected by other means: noted in the peer book or heard
 * by the dial loop, and tried at once if it is wanted.
 */
import type { Clock } from "../base/clock.ts";
import type { PeerBook } from "../peers/peer_book.ts";
import type { DialLoop } from "./dial_loop.ts";
import type { Session } from "./session.ts";
import type { Candidate } from "./transport.ts";

/**
 * Both sides of a connection made by other means may open a stream; one waits, so that one does.
 */
const OPEN_FIRST_MS = 100;
const OPEN_SECOND_MS = 400;

export interface CandidatesOptions {
  readonly ownId: string;
  readonly book: PeerBook;
  readonly clock: Clock;
  readonly loop: DialLoop;
  /** The session with a peer, where there is one. */
  readonly sessionOf: (peerId: string) => Session | undefined;
}

export class Candidates {
  readonly #options: CandidatesOptions;

  constructor(options: CandidatesOptions) {
    this.#options = options;
  }

  /** Takes a candidate from any discovery source. */
  found(candidate: Candidate): void {
    const { peerId, addresses, source, toldBy } = candidate;
    const { book, clock, loop, ownId, sessionOf } = this.#options;
    if (peerId === undefined) {
      if (source === "peer") loop.addWanted({ addresses });
      return; // Nobody else may make us dial an address without saying who must answer there.
    }
    if (peerId === ownId) return;
    if (toldBy !== undefined && sessionOf(peerId) === undefined) {
      loop.hear({ peerId, addresses, source, toldBy });
      // What strangers say enters the book with the peer's first session.
      if (book.get(peerId) === undefined || addresses.length === 0) return;
    }
    const before = book.get(peerId)?.addresses ?? [];
    const record = book.note(peerId, { kind: "heard", addresses, source }, clock.nowMs());
    const isNew = record?.addresses.some((known) =>
      !before.some((earlier) => earlier.address === known.address)
    );
    if (isNew || source === "lan") loop.wake(peerId);
    const session = sessionOf(peerId);
    if (session === undefined && addresses.length === 0) return loop.tryPeer(peerId, []);
    if (session === undefined || session.isRelayed) loop.kick();
    if (session === undefined) return;
    if (session.found === "inbound") session.found = book.sourceOf(peerId) ?? "inbound";
    if (record?.lastSuccessMs === 0) book.note(peerId, { kind: "success" }, clock.nowMs());
  }

  /** A connection was made by whatever means; the side that wants the peer opens the stream. */
  connected(peerId: string, addresses: string[]): void {
    const { book, clock, loop, ownId } = this.#options;
    if (peerId === ownId) return;
    const source = loop.sourceOf(peerId) ?? "inbound";
    book.note(peerId, { kind: "heard", addresses, source }, clock.nowMs());
    loop.wake(peerId);
    clock.after(ownId < peerId ? OPEN_FIRST_MS : OPEN_SECOND_MS, () => {
      loop.tryPeer(peerId, addresses);
    });
  }
}
