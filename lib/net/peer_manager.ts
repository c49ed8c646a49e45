/**
 * Keeps sessions: takes candidates from every source, lets the dial loop dial, admits streams as
 * sessions of our network, keeps one for each peer, and hands messages on. Policy lies in `peers`.
 */
import { type Cancel, type Clock, delay, every } from "../base/clock.ts";
import { getLogger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { Signal, type Unsubscribe } from "../base/signals.ts";
import { Discouragement } from "../peers/discouragement.ts";
import { chooseEviction } from "../peers/eviction.ts";
import type { PeerBook } from "../peers/peer_book.ts";
import type { PeerSource } from "../peers/peer_record.ts";
import { encodeFrame } from "../wire/frame.ts";
import type { GoodbyeCode } from "../wire/goodbye.ts";
import type { Message } from "../wire/messages.ts";
import type { VersionBody } from "../wire/version.ts";
import type { Dialled } from "./dial.ts";
import { DialLoop } from "./dial_loop.ts";
import { DirectTurn } from "./direct_turn.ts";
import { Gossip } from "./gossip.ts";
import { Members } from "./members.ts";
import type { Prover } from "./membership/membership.ts";
import { type MessageListener, MessageListeners } from "./message_listeners.ts";
import { SecretGuard } from "./membership/secret_guard.ts";
import {
  type LocalVersion,
  type Refusal,
  Session,
  type SessionEnd,
  TOO_MANY_GUESSES,
} from "./session.ts";
import { Witness } from "./witness.ts";
import { describeEnd, endCode, restMs, RETRY_MS } from "./session_end.ts";
import { Strangers } from "./strangers.ts";
import type { Candidate, DialTarget, PeerStream, Transport } from "./transport.ts";

export const OUTBOUND_TARGET = 8;
export const INBOUND_MAX = 32;
export const ANCHORS = 2;
/** Streams that have not said `version` yet. */
const HANDSHAKES_MAX = 64;
/** A session of this length wipes out earlier short ones. */
const STEADY_MS = 60_000;
/** A node with fewer sessions than it wants asks for more addresses this often. */
const ASK_EVERY_MS = 15_000;
const FORGET_EVERY_MS = 10 * 60_000;
/**
 * Both sides of a connection made by other means may open a stream; one waits, so that one does.
 */
const OPEN_FIRST_MS = 100;
const OPEN_SECOND_MS = 400;
/** How long `stop` waits for farewells to leave. */
const STOP_MS = 700;

export interface PeerManagerOptions {
  readonly transport: Transport;
  readonly book: PeerBook;
  readonly clock: Clock;
  readonly random: Random;
  /** What `version` says of us, asked anew for every session. */
  readonly local: () => LocalVersion;
  /** The user's `--peer` addresses. */
  readonly wanted?: readonly DialTarget[];
  readonly outboundTarget?: number;
  readonly inboundMax?: number;
  /** Whether addresses are exchanged with peers; true unless said. */
  readonly gossip?: boolean;
  /** Proves the network's secret, where it has one. */
  readonly membership?: Prover | undefined;
  /** See `SessionOptions`. */
  readonly networkParameters?: () => Uint8Array | undefined;
}

export interface PeerStats {
  readonly outbound: number;
  readonly inbound: number;
  readonly handshakes: number;
  readonly dialing: number;
  readonly known: number;
  readonly discouraged: number;
  /** Messages and sessions refused since the start, by reason. */
  readonly refused: Readonly<Partial<Record<Refusal, number>>>;
  /** Bytes of ended sessions included. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

const logger = getLogger("net", "peers");

export class PeerManager {
  readonly #options: PeerManagerOptions;
  readonly #nonce: bigint;
  readonly #sessions = new Map<string, Session>();
  readonly #handshakes = new Set<Session>();
  /** Sessions whose beginning was told and whose end was not. */
  readonly #admitted = new WeakSet<Session>();
  /** What was dialled for a session that we opened. */
  readonly #dialled = new WeakMap<Session, Dialled>();
  readonly #discouragement = new Discouragement();
  readonly #members = new Members();
  /** What peers said of the time and of other networks. */
  readonly witness = new Witness();
  readonly #guard: SecretGuard;
  readonly #loop: DialLoop;
  readonly #directTurn: DirectTurn;
  readonly #gossip: Gossip | undefined;
  readonly #began = new Signal<Session>();
  readonly #ended = new Signal<{ session: Session; reason: string }>();
  readonly #strangers: Strangers;
  readonly #listeners = new MessageListeners();
  readonly #refused = new Map<Refusal, number>();
  #endedBytes = { in: 0, out: 0 };
  #timers: Cancel[] = [];
  #state: "new" | "running" | "stopped" = "new";

  constructor(options: PeerManagerOptions) {
    this.#options = options;
    const { transport, book, clock, random } = options;
    this.#nonce = new DataView(random.bytes(8).buffer).getBigUint64(0);
    this.#guard = new SecretGuard({
      clock,
      prover: options.membership,
      isTrusted: (peerId) => this.isMember(peerId),
      hasKnownMembers: () => book.best(clock.nowMs()).length > 0,
    });
    const { local } = options;
    this.#strangers = new Strangers({ book, guard: this.#guard, local, nonce: this.#nonce });
    this.#loop = new DialLoop({
      transport,
      book,
      clock,
      random,
      wanted: options.wanted ?? [],
      freeSlots: () => this.#freeSlots(),
      sessionCount: () => this.#sessions.size,
      isConnected: (peerId) => this.#isConnected(peerId),
      isDiscouraged: (peerId) => this.discouraged(peerId),
      outboundAddresses: () =>
        [...this.#outbound(), ...this.#handshakes].filter(isOutbound).map(({ address }) => address),
      relayedPeers: () =>
        this.sessions().filter((session) => session.isRelayed).map(({ peerId }) => peerId),
      onDialled: (dialled) => this.#onDialled(dialled),
    });
    this.#directTurn = new DirectTurn({
      clock,
      ownId: transport.peerId,
      isRelayed: (peerId) => this.#isRelayed(peerId),
      open: (peerId) => this.#loop.openDirectly(peerId),
    });
    this.#gossip = options.gossip === false ? undefined : new Gossip({
      transport,
      clock,
      random,
      sessions: () => this.sessions(),
      onFound: (candidate) => this.found(candidate),
    });
  }

  /** Listens for streams and begins to dial. */
  start(): void {
    const { transport, book, clock } = this.#options;
    this.#state = "running";
    book.forget(clock.nowMs());
    transport.onStream((stream) => this.#onStream(stream));
    transport.onDirect((peerId) => this.#directTurn.onDirect(peerId));
    transport.onProtocolPeer((peerId, addresses) => this.#onProtocolPeer(peerId, addresses));
    this.#timers = [
      every(clock, ASK_EVERY_MS, () => this.#askForMore()),
      every(clock, FORGET_EVERY_MS, () => book.forget(clock.nowMs())),
    ];
    this.#loop.start();
  }

  /** Says goodbye to everyone and closes; takes less than a second. */
  async stop(): Promise<void> {
    this.#state = "stopped";
    this.#loop.stop();
    this.#directTurn.stop();
    this.#gossip?.stop();
    for (const cancel of this.#timers) cancel();
    const sessions = [...this.#sessions.values(), ...this.#handshakes];
    const farewells = sessions.map((session) =>
      session.closeAndWait("stopping", "this node stops").catch(() => {})
    );
    const enough = new AbortController();
    await Promise.race([
      Promise.all(farewells),
      delay(this.#options.clock, STOP_MS, enough.signal),
    ]);
    enough.abort();
  }

  /** Open sessions, oldest first. */
  sessions(): readonly Session[] {
    return [...this.#sessions.values()];
  }

  /** A session of our network has begun. */
  onSession(listener: (session: Session) => void): Unsubscribe {
    return this.#began.subscribe(listener);
  }

  /** A session has ended; `reason` says why in a few words. */
  onSessionEnd(listener: (session: Session, reason: string) => void): Unsubscribe {
    return this.#ended.subscribe(({ session, reason }) => listener(session, reason));
  }

  /** See `SessionHub.onMessage`. */
  onMessage(listener: MessageListener): Unsubscribe {
    return this.#listeners.add(listener);
  }

  /** Lines for the user, such as a peer of another network. */
  onNotice(listener: (text: string) => void): Unsubscribe {
    return this.#strangers.notices.subscribe(listener);
  }

  /** Takes a candidate from any discovery source, and dials it at once if it is wanted. */
  found(candidate: Candidate): void {
    const { peerId, addresses, source } = candidate;
    if (peerId === undefined) {
      if (source === "peer") this.addPeer({ addresses });
      return; // Nobody else may make us dial an address without saying who must answer there.
    }
    if (peerId === this.#options.transport.peerId) return;
    const { book, clock } = this.#options;
    const { toldBy } = candidate;
    if (toldBy !== undefined && !this.#sessions.has(peerId)) {
      this.#loop.hear({ peerId, addresses, source, toldBy });
      // What strangers say enters the book with the peer's first session.
      if (book.get(peerId) === undefined || addresses.length === 0) return;
    }
    const before = book.get(peerId)?.addresses ?? [];
    const record = book.note(peerId, { kind: "heard", addresses, source }, clock.nowMs());
    const isNew = record?.addresses.some((known) =>
      !before.some((earlier) => earlier.address === known.address)
    );
    if (isNew || source === "lan") this.#loop.wake(peerId);
    const session = this.#sessions.get(peerId);
    if (session === undefined && addresses.length === 0) return this.#loop.tryPeer(peerId, []);
    if (session === undefined || session.isRelayed) this.#loop.kick();
    if (session === undefined) return;
    if (session.found === "inbound") session.found = book.sourceOf(peerId) ?? "inbound";
    if (record?.lastSuccessMs === 0) book.note(peerId, { kind: "success" }, clock.nowMs());
  }

  /** A peer that the user named: tried for as long as the node runs. */
  addPeer(target: DialTarget): void {
    this.#loop.addWanted(target);
  }

  /** Whose address a target named by `addPeer` turned out to be, as far as is known. */
  peerIdAt(target: DialTarget): string | undefined {
    return this.#loop.peerIdAt(target);
  }

  /** Our machine is in another network, in none, or awake again: everybody may be tried now. */
  onNetworkChanged(hasNetwork: boolean): void {
    this.#loop.onNetworkChanged(hasNetwork);
  }

  /** Our addresses have changed: tells the peers. */
  readvertise(): void {
    void this.#gossip?.readvertise();
  }

  /** Whether the peer has a session, or had one within the last hour. */
  isMember(peerId: string): boolean {
    return this.#sessions.has(peerId) ||
      this.#members.has(peerId, this.#options.clock.monotonicMs());
  }

  /** Whether the peer is not wanted for now because of something invalid. */
  discouraged(peerId: string): boolean {
    return this.#discouragement.has(peerId, this.#options.clock.nowMs());
  }

  stats(): PeerStats {
    const sessions = this.sessions();
    const sum = (of: (session: Session) => number) =>
      sessions.reduce((total, session) => total + of(session), 0);
    return {
      outbound: this.#outbound().length,
      inbound: this.#inbound().length,
      handshakes: this.#handshakes.size,
      dialing: this.#loop.dialing,
      known: this.#options.book.size,
      discouraged: this.#discouragement.count(this.#options.clock.nowMs()),
      refused: Object.fromEntries(this.#refused),
      bytesIn: this.#endedBytes.in + sum((session) => session.bytesIn),
      bytesOut: this.#endedBytes.out + sum((session) => session.bytesOut),
    };
  }

  #outbound(): Session[] {
    return this.sessions().filter(isOutbound);
  }

  #inbound(): Session[] {
    return this.sessions().filter((session) => session.direction === "inbound");
  }

  #freeSlots(): number {
    if (this.#state !== "running") return 0;
    const handshakes = [...this.#handshakes].filter((session) =>
      ["slot", "probe"].includes(this.#dialled.get(session)?.kind ?? "")
    );
    const target = this.#options.outboundTarget ?? OUTBOUND_TARGET;
    return target - this.#outbound().length - handshakes.length;
  }

  #isConnected(peerId: string): boolean {
    return this.#sessions.has(peerId) ||
      [...this.#handshakes].some((session) => session.peerId === peerId);
  }

  /** Whether the peer's session goes through a relay, and no other is about to begin. */
  #isRelayed(peerId: string): boolean {
    const isBeginning = [...this.#handshakes].some((session) => session.peerId === peerId);
    return this.#sessions.get(peerId)?.isRelayed === true && !isBeginning;
  }

  /** A connection was made by whatever means; the side that wants the peer opens the stream. */
  #onProtocolPeer(peerId: string, addresses: string[]): void {
    const { transport, clock, book } = this.#options;
    if (this.#state !== "running" || peerId === transport.peerId) return;
    const source = this.#loop.sourceOf(peerId) ?? "inbound";
    book.note(peerId, { kind: "heard", addresses, source }, clock.nowMs());
    this.#loop.wake(peerId);
    const waitMs = transport.peerId < peerId ? OPEN_FIRST_MS : OPEN_SECOND_MS;
    clock.after(waitMs, () => this.#loop.tryPeer(peerId, addresses));
  }

  #onStream(stream: PeerStream): void {
    const isSelf = stream.peerId === this.#options.transport.peerId;
    if (this.#state !== "running" || isSelf || this.#handshakes.size >= HANDSHAKES_MAX) {
      return stream.reset();
    }
    if (this.discouraged(stream.peerId)) {
      return this.#turnAway(stream, "discouraged", "you sent something invalid; come back later");
    }
    if (!this.#guard.admits(stream)) return this.#turnAway(stream, "full", TOO_MANY_GUESSES);
    const { peerId } = stream;
    const found = this.#options.book.sourceOf(peerId) ?? this.#loop.sourceOf(peerId);
    this.#begin(stream, found ?? "inbound");
  }

  #onDialled(dialled: Dialled): void {
    const { stream } = dialled;
    const { book, clock } = this.#options;
    if (this.discouraged(stream.peerId)) return stream.reset();
    const source = dialled.kind === "wanted" ? "peer" : dialled.source ?? "inbound";
    const heard = { kind: "heard", addresses: dialled.addresses, source } as const;
    // Only now is it known which peer the user's address belongs to, or that strangers were right.
    const isNews = dialled.kind === "wanted" || dialled.kind === "probe";
    if (isNews) book.note(stream.peerId, heard, clock.nowMs());
    const session = this.#begin(stream, book.sourceOf(stream.peerId) ?? source, dialled);
    logger.debug("Opened a stream to {peerId}", { peerId: session.peerId });
  }

  #begin(stream: PeerStream, found: PeerSource, dialled?: Dialled): Session {
    const { membership, networkParameters } = this.#options;
    const session = new Session({
      stream,
      found,
      clock: this.#options.clock,
      local: this.#options.local(),
      nonce: this.#nonce,
      guesses: this.#guard.guesses(stream),
      ...(membership && { membership }),
      ...(networkParameters && { networkParameters }),
      hooks: {
        onReady: (ready) => this.#onReady(ready),
        onForeign: (foreign, remote) => this.#onForeign(foreign, remote),
        onSecretMismatch: (other, mismatch) => this.#strangers.onSecretMismatch(other, mismatch),
        onMessage: (from, message) => this.#onMessage(from, message),
        onRefused: (from, refusal, why) => this.#onRefused(from, refusal, why),
        onInvalid: (from, why) => this.#onInvalid(from, why),
        onEnd: (ended, end) => this.#onEnd(ended, end),
      },
    });
    this.#handshakes.add(session);
    if (dialled !== undefined) this.#dialled.set(session, dialled);
    session.start();
    return session;
  }

  #onReady(session: Session): void {
    this.#handshakes.delete(session);
    this.#members.note(session.peerId, this.#options.clock.monotonicMs());
    this.witness.noteClock(session);
    this.#guard.onAccepted();
    this.#noteSuccess(session);
    const rival = this.#sessions.get(session.peerId);
    if (rival !== undefined && !this.#prevails(session, rival)) {
      return session.close("duplicate", "there is another stream between us");
    }
    if (rival === undefined && !this.#makeRoom(session)) return;
    this.#sessions.set(session.peerId, session);
    this.#admitted.add(session);
    rival?.close("duplicate", "a better stream between us was opened");
    this.#loop.onSession(session.peerId);
    this.#updateAnchors();
    this.#gossip?.onSession(session);
    this.#began.emit(session);
  }

  #noteSuccess(session: Session): void {
    const { book, clock } = this.#options;
    const dialled = this.#dialled.get(session)?.addresses ?? [];
    const isDialled = dialled.includes(session.address);
    const event = isDialled ? { address: session.address } : {};
    book.note(session.peerId, { kind: "success", ...event }, clock.nowMs());
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
    const isOurs = newer.direction === "outbound";
    return isOurs === (this.#options.transport.peerId < newer.peerId);
  }

  /** Whether there is a slot for the session, made free if need be; else it is closed. */
  #makeRoom(session: Session): boolean {
    const { outboundTarget = OUTBOUND_TARGET, inboundMax = INBOUND_MAX } = this.#options;
    if (session.direction === "outbound") {
      const isWanted = this.#dialled.get(session)?.kind === "wanted";
      if (isWanted || this.#outbound().length < outboundTarget) return true;
      session.close("probe", "only seeing whether you are there");
      return false;
    }
    const inbound = this.#inbound();
    if (inbound.length < inboundMax || this.#loop.isWanted(session.peerId)) return true;
    const views = inbound.filter((other) => !this.#loop.isWanted(other.peerId)).map((other) => ({
      session: other,
      peerId: other.peerId,
      address: other.address,
      connectedAtMs: other.connectedAtMs,
      latencyMs: other.latencyMs,
      lastUsefulMs: other.lastUsefulMs,
      score: this.#options.book.get(other.peerId)?.score ?? 0,
    }));
    const evicted = chooseEviction(views)?.session;
    evicted?.close("full", "no slot is free: others were here longer");
    if (evicted === undefined) session.close("full", "no slot is free");
    return evicted !== undefined;
  }

  #onForeign(session: Session, remote: VersionBody): void {
    this.#handshakes.delete(session);
    if (remote.nonce !== this.#nonce) this.witness.noteForeign(session);
    this.#strangers.onForeign(session, remote);
  }

  #onMessage(session: Session, message: Message): void | Promise<void> {
    switch (message.type) {
      case "getaddr":
        return this.#gossip?.onGetAddr(session);
      case "addr":
        return this.#gossip?.onAddr(session, message.records);
      case "version":
      case "share":
      case "confirm":
      case "getnetwork":
      case "network":
      case "goodbye":
        return; // The session's own.
    }
    if (this.#sessions.get(session.peerId) !== session) return;
    return this.#listeners.hand(session, message);
  }

  #onRefused(session: Session, refusal: Refusal, why: string): void {
    this.#refused.set(refusal, (this.#refused.get(refusal) ?? 0) + 1);
    logger.debug("Refused from {peerId}: {refusal}, {why}", {
      peerId: session.peerId,
      refusal,
      why,
    });
  }

  #onInvalid(session: Session, why: string): void {
    const { book, clock, transport } = this.#options;
    this.#discouragement.add(session.peerId, clock.nowMs());
    this.#members.remove(session.peerId);
    book.note(session.peerId, { kind: "fault" }, clock.nowMs());
    void transport.disconnect(session.peerId);
    logger.warn("Peer {peerId} sent something invalid: {why}", { peerId: session.peerId, why });
  }

  #onEnd(session: Session, end: SessionEnd): void {
    this.#handshakes.delete(session);
    const isRefusedByPeer = end.kind === "goodbye" && end.code === "secret";
    if (isRefusedByPeer && !this.#admitted.has(session)) {
      this.#strangers.onSecretMismatch(session, "differs");
    }
    this.#endedBytes.in += session.bytesIn;
    this.#endedBytes.out += session.bytesOut;
    if (this.#state !== "stopped") this.#noteEnd(session, end);
    this.#remove(session, describeEnd(end));
    this.#loop.kick();
  }

  #remove(session: Session, reason: string): void {
    if (!this.#admitted.delete(session)) return;
    if (!this.discouraged(session.peerId)) {
      this.#members.note(session.peerId, this.#options.clock.monotonicMs());
    }
    if (this.#sessions.get(session.peerId) === session) this.#sessions.delete(session.peerId);
    if (this.#state !== "stopped") this.#updateAnchors();
    this.#ended.emit({ session, reason });
  }

  /** Decides when the peer is tried again after the end of a session or of a handshake. */
  #noteEnd(session: Session, end: SessionEnd): void {
    const { book, clock } = this.#options;
    const { peerId } = session;
    const code = endCode(end);
    if (code === "duplicate") return this.#loop.rest(peerId, RETRY_MS);
    if (this.#admitted.has(session)) {
      book.note(peerId, { kind: "session-end" }, clock.nowMs());
      if (clock.nowMs() - session.connectedAtMs >= STEADY_MS) this.#loop.clearRests(peerId);
    } else if (code === undefined) {
      const addresses = this.#dialled.get(session)?.addresses ?? [];
      if (addresses.length > 0) book.note(peerId, { kind: "failure", addresses }, clock.nowMs());
    }
    const lengthMs = restMs(code);
    this.#loop.rest(peerId, lengthMs, { isFirm: lengthMs > RETRY_MS });
  }

  #turnAway(stream: PeerStream, code: GoodbyeCode, text: string): void {
    stream.send(encodeFrame({ type: "goodbye", code, text }));
    stream.close().catch(() => stream.reset());
  }

  /** The two oldest outbound sessions; an anchor that is away stays one until it is replaced. */
  #updateAnchors(): void {
    const { book, clock } = this.#options;
    const oldest = this.#outbound().map((session) => session.peerId);
    const earlier = book.anchors().map((record) => record.peerId);
    const anchors = [...new Set([...oldest, ...earlier])].slice(0, ANCHORS);
    book.setAnchors(anchors, clock.nowMs());
  }

  #askForMore(): void {
    const target = this.#options.outboundTarget ?? OUTBOUND_TARGET;
    if (this.#sessions.size > 0 && this.#sessions.size < target) this.#gossip?.ask();
  }
}

function isOutbound({ direction }: Session): boolean {
  return direction === "outbound";
}
