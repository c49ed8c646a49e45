/**
 * What becomes of a peer by what its sessions were like: who is a member, who is not wanted for now,
 * what the peer book keeps of it, and when it may be tried again.
 */
import type { Clock } from "../base/clock.ts";
import { Discouragement } from "../peers/discouragement.ts";
import type { PeerBook } from "../peers/peer_book.ts";
import { Members } from "./members.ts";
import type { Session, SessionEnd } from "./session.ts";
import { endCode, restMs, RETRY_MS } from "./session_end.ts";

export const ANCHORS = 2;
/** A session of this length wipes out earlier short ones. */
const STEADY_MS = 60_000;

/** When a peer is tried again. */
export interface Rest {
  readonly lengthMs: number;
  /** Whether nothing but its end ends it. */
  readonly isFirm: boolean;
  /** Whether the session was long enough to forget earlier rests. */
  readonly wasSteady: boolean;
}

export class PeerStanding {
  readonly #book: PeerBook;
  readonly #clock: Clock;
  readonly #discouragement = new Discouragement();
  readonly #members = new Members();

  constructor({ book, clock }: { readonly book: PeerBook; readonly clock: Clock }) {
    this.#book = book;
    this.#clock = clock;
  }

  /** Whether the peer had a session within the last hour. */
  isMember(peerId: string): boolean {
    return this.#members.has(peerId, this.#clock.monotonicMs());
  }

  /** The peer has proven itself, or its session has just ended. */
  noteMember(peerId: string): void {
    this.#members.note(peerId, this.#clock.monotonicMs());
  }

  /** Whether the peer is not wanted for now because of something invalid. */
  isDiscouraged(peerId: string): boolean {
    return this.#discouragement.has(peerId, this.#clock.nowMs());
  }

  /** How many peers are not wanted for now. */
  discouragedCount(): number {
    return this.#discouragement.count(this.#clock.nowMs());
  }

  /** The peer answered; `dialled` are the addresses that were tried for the session. */
  onSuccess(session: Session, dialled: readonly string[]): void {
    const event = dialled.includes(session.address) ? { address: session.address } : {};
    this.#book.note(session.peerId, { kind: "success", ...event }, this.#clock.nowMs());
  }

  /** The peer sent what no honest one sends. */
  onInvalid(peerId: string): void {
    this.#discouragement.add(peerId, this.#clock.nowMs());
    this.#members.remove(peerId);
    this.#book.note(peerId, { kind: "fault" }, this.#clock.nowMs());
  }

  /** The end of an admitted session: its peer stays a member for a while, if it behaved. */
  onParting(peerId: string): void {
    if (!this.isDiscouraged(peerId)) this.noteMember(peerId);
  }

  /**
   * Decides when the peer is tried again after the end of a session or of a handshake, for which
   * `dialled` was tried.
   */
  onEnd(
    session: Session,
    end: SessionEnd,
    { wasAdmitted, dialled }: { wasAdmitted: boolean; dialled: readonly string[] },
  ): Rest {
    const { peerId } = session;
    const nowMs = this.#clock.nowMs();
    const code = endCode(end);
    if (code === "duplicate") return { lengthMs: RETRY_MS, isFirm: false, wasSteady: false };
    if (wasAdmitted) {
      this.#book.note(peerId, { kind: "session-end" }, nowMs);
    } else if (code === undefined && dialled.length > 0) {
      this.#book.note(peerId, { kind: "failure", addresses: dialled }, nowMs);
    }
    const lengthMs = restMs(code);
    const wasSteady = wasAdmitted && nowMs - session.connectedAtMs >= STEADY_MS;
    return { lengthMs, isFirm: lengthMs > RETRY_MS, wasSteady };
  }

  /** The oldest outbound sessions; an anchor that is away stays one until it is replaced. */
  updateAnchors(outbound: readonly Session[]): void {
    const oldest = outbound.map((session) => session.peerId);
    const earlier = this.#book.anchors().map((record) => record.peerId);
    const anchors = [...new Set([...oldest, ...earlier])].slice(0, ANCHORS);
    this.#book.setAnchors(anchors, this.#clock.nowMs());
  }
}
