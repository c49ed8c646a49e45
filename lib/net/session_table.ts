/**
 * The sessions of a node and those still shaking hands: one session for each peer, so many slots for
 * each direction, and which of two streams to one peer stays.
 */
import { chooseEviction } from "../peers/eviction.ts";
import type { PeerBook } from "../peers/peer_book.ts";
import type { Dialled } from "./dial.ts";
import type { Session } from "./session.ts";

/** Streams that have not said `version` yet. */
const HANDSHAKES_MAX = 64;

export interface SessionTableOptions {
  readonly ownId: string;
  readonly book: PeerBook;
  readonly outboundTarget: number;
  readonly inboundMax: number;
  /** Whether the user named the peer: it needs no slot. */
  readonly isWanted: (peerId: string) => boolean;
}

export class SessionTable {
  readonly #options: SessionTableOptions;
  readonly #sessions = new Map<string, Session>();
  readonly #handshakes = new Set<Session>();
  /** Sessions whose beginning was told and whose end was not. */
  readonly #admitted = new WeakSet<Session>();
  /** What was dialled for a session that we opened. */
  readonly #dialled = new WeakMap<Session, Dialled>();
  readonly #endedBytes = { in: 0, out: 0 };

  constructor(options: SessionTableOptions) {
    this.#options = options;
  }

  /** Open sessions, oldest first. */
  all(): readonly Session[] {
    return [...this.#sessions.values()];
  }

  get size(): number {
    return this.#sessions.size;
  }

  get(peerId: string): Session | undefined {
    return this.#sessions.get(peerId);
  }

  has(peerId: string): boolean {
    return this.#sessions.has(peerId);
  }

  /** Sessions that have not begun yet. */
  handshakes(): readonly Session[] {
    return [...this.#handshakes];
  }

  /** Whether no further stream may begin for now. */
  get isBesieged(): boolean {
    return this.#handshakes.size >= HANDSHAKES_MAX;
  }

  outbound(): Session[] {
    return this.all().filter(isOutbound);
  }

  inbound(): Session[] {
    return this.all().filter((session) => !isOutbound(session));
  }

  /** Addresses of what we opened, handshakes included. */
  outboundAddresses(): string[] {
    return [...this.outbound(), ...this.#handshakes].filter(isOutbound).map(({ address }) =>
      address
    );
  }

  /** Peers whose session goes through a relay. */
  relayedPeers(): string[] {
    return this.all().filter((session) => session.isRelayed).map(({ peerId }) => peerId);
  }

  /** Outbound sessions still wanted; handshakes count as sessions. */
  freeSlots(): number {
    const handshakes = this.handshakes().filter((session) =>
      ["slot", "probe"].includes(this.dialledFor(session)?.kind ?? "")
    );
    return this.#options.outboundTarget - this.outbound().length - handshakes.length;
  }

  /** Whether there is a session or a handshake with the peer. */
  isConnected(peerId: string): boolean {
    return this.#sessions.has(peerId) || this.#isBeginning(peerId);
  }

  /** Whether the peer's session goes through a relay, and no other is about to begin. */
  isRelayed(peerId: string): boolean {
    return this.#sessions.get(peerId)?.isRelayed === true && !this.#isBeginning(peerId);
  }

  #isBeginning(peerId: string): boolean {
    return this.handshakes().some((session) => session.peerId === peerId);
  }

  /** What was dialled for a session, if we opened it. */
  dialledFor(session: Session): Dialled | undefined {
    return this.#dialled.get(session);
  }

  /** A stream was opened by either side. */
  begin(session: Session, dialled: Dialled | undefined): void {
    this.#handshakes.add(session);
    if (dialled !== undefined) this.#dialled.set(session, dialled);
  }

  /** The handshake is over, whatever it led to. */
  endHandshake(session: Session): void {
    this.#handshakes.delete(session);
  }

  /**
   * Gives the session its place, if need be another's; else closes it. Whether it was admitted: then
   * its end will be told.
   */
  admit(session: Session): boolean {
    const rival = this.#sessions.get(session.peerId);
    if (rival !== undefined && !this.#prevails(session, rival)) {
      session.close("duplicate", "there is another stream between us");
      return false;
    }
    if (rival === undefined && !this.#makeRoom(session)) return false;
    this.#sessions.set(session.peerId, session);
    this.#admitted.add(session);
    rival?.close("duplicate", "a better stream between us was opened");
    return true;
  }

  /** Whether the session's beginning was told and its end was not. */
  isAdmitted(session: Session): boolean {
    return this.#admitted.has(session);
  }

  /** The session has ended; whether that must be told. */
  remove(session: Session): boolean {
    if (!this.#admitted.delete(session)) return false;
    if (this.#sessions.get(session.peerId) === session) this.#sessions.delete(session.peerId);
    return true;
  }

  /** Counts what a session that has ended carried. */
  countBytes(session: Session): void {
    this.#endedBytes.in += session.bytesIn;
    this.#endedBytes.out += session.bytesOut;
  }

  /** Bytes of all sessions, ended ones included. */
  bytes(): { in: number; out: number } {
    const sum = { ...this.#endedBytes };
    for (const { bytesIn, bytesOut } of this.#sessions.values()) {
      sum.in += bytesIn;
      sum.out += bytesOut;
    }
    return sum;
  }

  /**
   * Which of two streams to one peer stays. Another nonce means that the peer began anew, so that
   * the older stream is dead. Else both sides must decide alike: the direct one, if the other goes
   * through a relay; the one opened by the smaller peer id; of two opened by the same side the newer,
   * since nobody opens a second while the first lives.
   */
  #prevails(newer: Session, older: Session): boolean {
    if (newer.remote.nonce !== older.remote.nonce) return true;
    if (newer.isRelayed !== older.isRelayed) return older.isRelayed;
    if (newer.direction === older.direction) return true;
    return isOutbound(newer) === (this.#options.ownId < newer.peerId);
  }

  /** Whether there is a slot for the session, made free if need be; else it is closed. */
  #makeRoom(session: Session): boolean {
    const { outboundTarget, inboundMax, isWanted, book } = this.#options;
    if (isOutbound(session)) {
      const isForUser = this.dialledFor(session)?.kind === "wanted";
      if (isForUser || this.outbound().length < outboundTarget) return true;
      session.close("probe", "only seeing whether you are there");
      return false;
    }
    const inbound = this.inbound();
    if (inbound.length < inboundMax || isWanted(session.peerId)) return true;
    const views = inbound.filter((other) => !isWanted(other.peerId)).map((other) => ({
      session: other,
      peerId: other.peerId,
      address: other.address,
      connectedAtMs: other.connectedAtMs,
      latencyMs: other.latencyMs,
      lastUsefulMs: other.lastUsefulMs,
      score: book.get(other.peerId)?.score ?? 0,
    }));
    const evicted = chooseEviction(views)?.session;
    evicted?.close("full", "no slot is free: others were here longer");
    if (evicted === undefined) session.close("full", "no slot is free");
    return evicted !== undefined;
  }
}

function isOutbound({ direction }: Session): boolean {
  return direction === "outbound";
}
