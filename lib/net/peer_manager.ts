/**
 * Keeps sessions: takes candidates from every source, lets the dial loop dial, admits streams as
 * sessions of our network, and hands messages on. Who keeps a slot is in `session_table.ts`, what
 * becomes of a peer in `peer_standing.ts`; policy lies in `peers`.
 */
import { type Cancel, delay, every } from "../base/clock.ts";
import { getLogger } from "../base/log.ts";
import { Signal, type Unsubscribe } from "../base/signals.ts";
import type { Message } from "../wire/messages.ts";
import type { VersionBody } from "../wire/version.ts";
import { Candidates } from "./candidates.ts";
import { DialLoop } from "./dial_loop.ts";
import { DirectTurn } from "./direct_turn.ts";
import { Gossip } from "./gossip.ts";
import { type MessageListener, MessageListeners } from "./message_listeners.ts";
import { SecretGuard } from "./membership/secret_guard.ts";
import type { PeerManagerOptions, PeerStats } from "./peer_manager_options.ts";
import { PeerStanding } from "./peer_standing.ts";
import type { Refusal, Session, SessionEnd, SessionHooks } from "./session.ts";
import { Witness } from "./witness.ts";
import { describeEnd } from "./session_end.ts";
import { SessionOpening } from "./session_opening.ts";
import { SessionTable } from "./session_table.ts";
import { Strangers } from "./strangers.ts";
import type { Candidate, DialTarget, PeerStream } from "./transport.ts";

export const OUTBOUND_TARGET = 8;
export const INBOUND_MAX = 32;
/** A node with fewer sessions than it wants asks for more addresses this often. */
const ASK_EVERY_MS = 15_000;
const FORGET_EVERY_MS = 10 * 60_000;
/** How long `stop` waits for farewells to leave. */
const STOP_MS = 700;

const logger = getLogger("net", "peers");

export class PeerManager {
  readonly #options: PeerManagerOptions;
  readonly #nonce: bigint;
  readonly #table: SessionTable;
  readonly #standing: PeerStanding;
  readonly #candidates: Candidates;
  readonly #opening: SessionOpening;
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
  #timers: Cancel[] = [];
  #state: "new" | "running" | "stopped" = "new";

  constructor(options: PeerManagerOptions) {
    this.#options = options;
    const { transport, book, clock, random } = options;
    this.#nonce = new DataView(random.bytes(8).buffer).getBigUint64(0);
    this.#standing = new PeerStanding({ book, clock });
    this.#table = new SessionTable({
      ownId: transport.peerId,
      book,
      outboundTarget: options.outboundTarget ?? OUTBOUND_TARGET,
      inboundMax: options.inboundMax ?? INBOUND_MAX,
      isWanted: (peerId) => this.#loop.isWanted(peerId),
    });
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
      freeSlots: () => this.#state === "running" ? this.#table.freeSlots() : 0,
      sessionCount: () => this.#table.size,
      isConnected: (peerId) => this.#table.isConnected(peerId),
      isDiscouraged: (peerId) => this.discouraged(peerId),
      outboundAddresses: () => this.#table.outboundAddresses(),
      relayedPeers: () => this.#table.relayedPeers(),
      onDialled: (dialled) => this.#opening.onDialled(dialled),
    });
    this.#candidates = new Candidates({
      ownId: transport.peerId,
      book,
      clock,
      loop: this.#loop,
      sessionOf: (peerId) => this.#table.get(peerId),
    });
    this.#opening = new SessionOpening({
      ...options,
      nonce: this.#nonce,
      guard: this.#guard,
      table: this.#table,
      loop: this.#loop,
      isDiscouraged: (peerId) => this.discouraged(peerId),
      hooks: this.#hooks(),
    });
    this.#directTurn = new DirectTurn({
      clock,
      ownId: transport.peerId,
      isRelayed: (peerId) => this.#table.isRelayed(peerId),
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

  #hooks(): SessionHooks {
    return {
      onReady: (ready) => this.#onReady(ready),
      onForeign: (foreign, remote) => this.#onForeign(foreign, remote),
      onSecretMismatch: (other, mismatch) => this.#strangers.onSecretMismatch(other, mismatch),
      onMessage: (from, message) => this.#onMessage(from, message),
      onRefused: (from, refusal, why) => this.#onRefused(from, refusal, why),
      onInvalid: (from, why) => this.#onInvalid(from, why),
      onEnd: (ended, end) => this.#onEnd(ended, end),
    };
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
    const sessions = [...this.#table.all(), ...this.#table.handshakes()];
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
    return this.#table.all();
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
    this.#candidates.found(candidate);
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
    return this.#table.has(peerId) || this.#standing.isMember(peerId);
  }

  /** Whether the peer is not wanted for now because of something invalid. */
  discouraged(peerId: string): boolean {
    return this.#standing.isDiscouraged(peerId);
  }

  stats(): PeerStats {
    const bytes = this.#table.bytes();
    return {
      outbound: this.#table.outbound().length,
      inbound: this.#table.inbound().length,
      handshakes: this.#table.handshakes().length,
      dialing: this.#loop.dialing,
      known: this.#options.book.size,
      discouraged: this.#standing.discouragedCount(),
      refused: Object.fromEntries(this.#refused),
      bytesIn: bytes.in,
      bytesOut: bytes.out,
    };
  }

  #onProtocolPeer(peerId: string, addresses: string[]): void {
    if (this.#state === "running") this.#candidates.connected(peerId, addresses);
  }

  #onStream(stream: PeerStream): void {
    if (this.#state !== "running") return stream.reset();
    this.#opening.onStream(stream);
  }

  #onReady(session: Session): void {
    this.#table.endHandshake(session);
    this.#standing.noteMember(session.peerId);
    this.witness.noteClock(session);
    this.#guard.onAccepted();
    this.#standing.onSuccess(session, this.#dialledFor(session));
    if (!this.#table.admit(session)) return;
    this.#loop.onSession(session.peerId);
    this.#standing.updateAnchors(this.#table.outbound());
    this.#gossip?.onSession(session);
    this.#began.emit(session);
  }

  /** The addresses that were dialled for a session; none if the peer opened it. */
  #dialledFor(session: Session): readonly string[] {
    return this.#table.dialledFor(session)?.addresses ?? [];
  }

  #onForeign(session: Session, remote: VersionBody): void {
    this.#table.endHandshake(session);
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
    if (this.#table.get(session.peerId) !== session) return;
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
    this.#standing.onInvalid(session.peerId);
    void this.#options.transport.disconnect(session.peerId);
    logger.warn("Peer {peerId} sent something invalid: {why}", { peerId: session.peerId, why });
  }

  #onEnd(session: Session, end: SessionEnd): void {
    this.#table.endHandshake(session);
    const isRefusedByPeer = end.kind === "goodbye" && end.code === "secret";
    if (isRefusedByPeer && !this.#table.isAdmitted(session)) {
      this.#strangers.onSecretMismatch(session, "differs");
    }
    this.#table.countBytes(session);
    if (this.#state !== "stopped") this.#letRest(session, end);
    this.#remove(session, describeEnd(end));
    this.#loop.kick();
  }

  #letRest(session: Session, end: SessionEnd): void {
    const wasAdmitted = this.#table.isAdmitted(session);
    const dialled = this.#dialledFor(session);
    const { lengthMs, isFirm, wasSteady } = this.#standing.onEnd(session, end, {
      wasAdmitted,
      dialled,
    });
    if (wasSteady) this.#loop.clearRests(session.peerId);
    this.#loop.rest(session.peerId, lengthMs, { isFirm });
  }

  #remove(session: Session, reason: string): void {
    if (!this.#table.remove(session)) return;
    this.#standing.onParting(session.peerId);
    if (this.#state !== "stopped") this.#standing.updateAnchors(this.#table.outbound());
    this.#ended.emit({ session, reason });
  }

  #askForMore(): void {
    const target = this.#options.outboundTarget ?? OUTBOUND_TARGET;
    if (this.#table.size > 0 && this.#table.size < target) this.#gossip?.ask();
  }
}
