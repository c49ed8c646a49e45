/**
 * Decides whom to dial and when, and dials. Sources race: everything that is due is dialled at
 * once, several in parallel; nothing waits for anything else. It looks again whenever something
 * changes (`kick`) and at the next moment at which something falls due, so it costs nothing while
 * idle.
 */
import type { Cancel } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import {
  addressClass,
  bareAddress,
  isRelayedAddress,
  publicSubnet,
} from "../peers/address_class.ts";
import { CandidatePool, type DrawContext, type Hearsay } from "../peers/candidate_pool.ts";
import {
  BACKOFF_LONELY_MS,
  BACKOFF_MAX_MS,
  dueAddresses,
  dueDirectAddresses,
  isProven,
  nextDirectDueMs,
} from "../peers/dial_policy.ts";
import type { PeerRecord, PeerSource } from "../peers/peer_record.ts";
import type { DialKind, DialLoopOptions } from "./dial.ts";
import { RestList } from "./rest_list.ts";
import { DialError, type DialTarget, type PeerStream } from "./transport.ts";
import { WantedPeers } from "./wanted_peers.ts";

/** Dials under way at once, `--peer` addresses not counted. */
export const DIALS_MAX = 24;
/** A dial older than this no longer holds up the next: dead addresses answer late or never. */
export const DIAL_STALLED_MS = 1_000;
export const DIAL_TIMEOUT_MS = 12_000;
/** How often an untried address is tested while all outbound slots are taken. */
export const FEELER_EVERY_MS = 120_000;
/** Outbound sessions and dials to one public subnet: half of the slots stay for the others. */
export const OUTBOUND_PER_SUBNET = 4;
/**
 * Outbound sessions through relays: they are a way to somebody behind a router, and each block goes
 * through the relay once for every one of them.
 */
export const OUTBOUND_RELAYED = 4;
/** As `DIAL_STALLED_MS`, with the round trips that a relay adds. */
const RELAYED_DIAL_STALLED_MS = 2_000;
/** A peer without our protocol, or without address, is tried again after this, then twice this … */
const ABSENT_REST_MS = 30_000;
/** The shortest sleep, so that no mistake can make the loop spin. */
const WAKE_MIN_MS = 20;
/** The longest: some reasons to wait end without anybody telling. */
const WAKE_MAX_MS = 60_000;

interface Dial {
  readonly kind: DialKind;
  readonly peerId: string | undefined;
  readonly addresses: readonly string[];
  readonly startedMs: number;
  readonly abort: AbortController;
}

interface DialOptions {
  /** `counts`: false when it says nothing about the peer. */
  readonly onOutcome?: (outcome: PeerStream | DialError, counts: boolean) => void;
  readonly patienceMs?: number;
  readonly source?: PeerSource;
}

const logger = getLogger("net", "dial");

export class DialLoop {
  readonly #options: DialLoopOptions;
  readonly #dials = new Set<Dial>();
  readonly #wanted: WantedPeers;
  readonly #rests = new RestList();
  readonly #pool: CandidatePool;
  #isRunning = false;
  #hasNetwork = true;
  #networkSinceMs = -Infinity;
  #lastFeelerMs: number;
  #cancelWake: Cancel = () => {};
  #cancelSoon: Cancel | undefined;

  constructor(options: DialLoopOptions) {
    this.#options = options;
    this.#wanted = new WantedPeers(options.wanted);
    this.#pool = new CandidatePool(options.random);
    this.#lastFeelerMs = options.clock.nowMs();
  }

  start(): void {
    this.#isRunning = true;
    this.kick();
  }

  stop(): void {
    this.#isRunning = false;
    this.#cancelWake();
    this.#cancelSoon?.();
    for (const dial of this.#dials) dial.abort.abort();
  }

  /** Dials under way. */
  get dialing(): number {
    return this.#dials.size;
  }

  /** The peer that a target of `addWanted` leads to, as far as is known. */
  peerIdAt(target: DialTarget): string | undefined {
    return target.peerId ?? this.#wanted.find(target)?.peerId ?? this.#metAt(target.addresses);
  }

  isDialing(peerId: string): boolean {
    return [...this.#dials].some((dial) => dial.peerId === peerId);
  }

  /** A session with the peer has begun. */
  onSession(peerId: string): void {
    this.#wanted.onSuccess(peerId);
    this.#pool.remove(peerId);
  }

  /** A stranger says where a peer is; an answer may bring a thousand of these. */
  hear(hearsay: Hearsay): void {
    const { clock } = this.#options;
    this.#pool.hear(hearsay, clock.monotonicMs());
    this.#cancelSoon ??= clock.after(0, () => {
      this.#cancelSoon = undefined;
      this.kick();
    });
  }

  /** By which kind of stranger the peer was named and not yet met. */
  sourceOf(peerId: string): PeerSource | undefined {
    return this.#pool.sourceOf(peerId);
  }

  /** A peer that the user named: tried until it is connected, and again whenever it is not. */
  addWanted(target: DialTarget): void {
    this.#wanted.add(target);
    this.kick();
  }

  isWanted(peerId: string): boolean {
    return this.#wanted.includes(peerId);
  }

  /**
   * Leaves the peer alone for a while; each further rest in a row is twice as long. A firm rest is
   * the peer's own wish, so that news of it do not end it.
   */
  rest(peerId: string, lengthMs: number, options: { isFirm: boolean } = { isFirm: false }): void {
    const nowMs = this.#options.clock.nowMs();
    this.#rests.add(peerId, { lengthMs, ...options }, nowMs);
    this.#wanted.onFailure(peerId, lengthMs, nowMs);
  }

  /** There is news of the peer: ends a rest that is not firm. */
  wake(peerId: string): void {
    this.#rests.wake(peerId, this.#options.clock.nowMs());
  }

  /** The peer proved steady: the next rest is a short one again. */
  clearRests(peerId: string): void {
    this.#rests.remove(peerId);
  }

  /**
   * The machine is in another network, or in none. Nobody is punished for failures of the former
   * one; without any, only this machine itself can be dialled.
   */
  onNetworkChanged(hasNetwork: boolean): void {
    const nowMs = this.#options.clock.nowMs();
    this.#hasNetwork = hasNetwork;
    this.#networkSinceMs = nowMs;
    this.#options.book.onNetworkChanged(nowMs);
    this.#rests.wakeAll(nowMs);
    this.#wanted.onNetworkChanged();
    this.#pool.onNetworkChanged();
    for (const dial of this.#dials) dial.abort.abort();
    this.kick();
  }

  /** Dials a peer that may be in no book: one that is connected already by other means. */
  tryPeer(peerId: string, addresses: readonly string[]): void {
    if (!this.#isRunning || this.#options.freeSlots() <= 0 || !this.#mayDial(peerId)) return;
    this.#dial("slot", { peerId, addresses: [...addresses] });
  }

  /** Opens a stream to a peer to which there is a direct connection, or dials for one. */
  openDirectly(peerId: string, addresses: readonly string[] = []): void {
    if (!this.#isRunning || this.isDialing(peerId)) return;
    this.#dial("direct", { peerId, addresses: [...addresses], isDirectOnly: true });
  }

  /** Dials whatever is due now, and sleeps until the next thing is. */
  kick(): void {
    if (!this.#isRunning) return;
    const nowMs = this.#options.clock.nowMs();
    this.#dialWanted(nowMs);
    this.#dialForSlots(nowMs);
    this.#dialProbes();
    this.#dialFeeler(nowMs);
    this.#dialDirectly(nowMs);
    this.#sleep(nowMs);
  }

  #dialWanted(nowMs: number): void {
    for (const wanted of this.#wanted.due(nowMs, (peerId) => this.#isHandled(peerId))) {
      const { peerId } = wanted;
      // Whoever was last met at a bare address is probably still there: it need not be dialled
      // twice.
      const presumedId = peerId ?? this.#metAt(wanted.target.addresses);
      if (presumedId !== undefined && this.#isHandled(presumedId)) {
        wanted.peerId = presumedId;
        continue;
      }
      const record = peerId === undefined ? undefined : this.#options.book.get(peerId);
      const known = record === undefined ? [] : dueAddresses(record, nowMs, BACKOFF_LONELY_MS);
      const addresses = [...new Set([...wanted.target.addresses, ...known])];
      if (!this.#isReachable(addresses)) {
        wanted.nextMs = nowMs + WAKE_MAX_MS;
        continue;
      }
      const target = peerId === undefined ? { addresses } : { peerId, addresses };
      wanted.isDialing = true;
      const onOutcome = (outcome: PeerStream | DialError, counts: boolean) => {
        wanted.isDialing = false;
        if (counts) this.#wanted.note(wanted, outcome, this.#options.clock.nowMs());
      };
      this.#dial("wanted", target, presumedId, { onOutcome });
    }
  }

  #metAt(addresses: readonly string[]): string | undefined {
    for (const text of addresses) {
      const address = bareAddress(text);
      const record = address === undefined ? undefined : this.#options.book.peerAt(address);
      if (record !== undefined) return record.peerId;
    }
    return undefined;
  }

  #dialForSlots(nowMs: number): void {
    const count = this.#capacity(nowMs);
    if (count <= 0) return;
    const { book, random } = this.#options;
    const isWanted = (record: PeerRecord) => this.#isWanted(record);
    const draw = { nowMs, random, count, isWanted, backoffMaxMs: this.#backoffMaxMs() };
    for (const record of book.candidates(draw)) {
      if (!isWanted(record)) continue; // Its subnet has just been filled.
      const { peerId } = record;
      const addresses = dueAddresses(record, nowMs, draw.backoffMaxMs);
      const direct = addresses.filter((address) => !isRelayedAddress(address));
      const isDirectOnly = this.#hasEnoughRelayed();
      if (!isDirectOnly) this.#dial("slot", { peerId, addresses });
      else if (direct.length > 0) this.#dial("slot", { peerId, addresses: direct, isDirectOnly });
    }
  }

  /** Whoever is connected through a relay may be in reach by now, or in the next room. */
  #dialDirectly(nowMs: number): void {
    for (const peerId of this.#options.relayedPeers()) {
      const record = this.#options.book.get(peerId);
      const addresses = record === undefined ? [] : dueDirectAddresses(record, nowMs);
      if (addresses.length > 0 && this.#isReachable(addresses)) {
        this.openDirectly(peerId, addresses);
      }
    }
  }

  #hasEnoughRelayed(): boolean {
    const sessions = this.#options.outboundAddresses().filter(isRelayedAddress).length;
    // Those that do not answer at once are mostly of peers that are gone: they hold up nobody.
    const nowMs = this.#options.clock.nowMs();
    const dials = [...this.#dials].filter((dial) =>
      dial.addresses.length > 0 && dial.addresses.every(isRelayedAddress) &&
      nowMs - dial.startedMs < RELAYED_DIAL_STALLED_MS
    );
    return sessions + dials.length >= OUTBOUND_RELAYED;
  }

  #dialProbes(): void {
    for (const probe of this.#pool.draw(this.#probeContext())) {
      const { peerId, source, patienceMs } = probe;
      const target = { peerId, addresses: [...probe.addresses] };
      this.#dial("probe", target, peerId, { source, patienceMs });
    }
  }

  #probeContext(): DrawContext {
    const { clock, freeSlots, sessionCount, outboundAddresses } = this.#options;
    const held = outboundAddresses();
    const isFull = (address: string) => {
      const subnet = publicSubnet(address);
      return subnet !== undefined &&
        held.filter((other) => publicSubnet(other) === subnet).length >= OUTBOUND_PER_SUBNET;
    };
    return {
      nowMs: clock.monotonicMs(),
      sessions: sessionCount(),
      freeSlots: freeSlots(),
      isWanted: (peerId, addresses) =>
        this.#mayDial(peerId) &&
        (addresses.length === 0 ? this.#hasNetwork : this.#isReachable(addresses)) &&
        !(addresses.length > 0 && addresses.every(isFull)),
    };
  }

  #dialFeeler(nowMs: number): void {
    const { book, random } = this.#options;
    if (this.#options.freeSlots() > 0 || nowMs - this.#lastFeelerMs < FEELER_EVERY_MS) return;
    this.#lastFeelerMs = nowMs;
    const isWanted = (record: PeerRecord) => this.#isWanted(record);
    const record = book.feeler({ nowMs, random, isWanted });
    if (record === undefined) return;
    this.#dial("feeler", { peerId: record.peerId, addresses: dueAddresses(record, nowMs) });
  }

  /** How many more dials for slots may start: one for each free slot beside those that stalled. */
  #capacity(nowMs: number): number {
    const slots = [...this.#dials].filter((dial) => dial.kind === "slot");
    const young = slots.filter((dial) => nowMs - dial.startedMs < DIAL_STALLED_MS).length;
    return Math.min(this.#options.freeSlots() - young, DIALS_MAX - slots.length);
  }

  /** While nobody is connected there is nothing better to do than to try again soon. */
  #backoffMaxMs(): number {
    return this.#options.sessionCount() === 0 ? BACKOFF_LONELY_MS : BACKOFF_MAX_MS;
  }

  #isTaken(peerId: string): boolean {
    return this.#options.isConnected(peerId) || this.isDialing(peerId) ||
      peerId === this.#options.transport.peerId;
  }

  /** Neither to be dialled for `--peer`: connected, being dialled, ourselves, or in disgrace. */
  #isHandled(peerId: string): boolean {
    return this.#isTaken(peerId) || this.#options.isDiscouraged(peerId);
  }

  #mayDial(peerId: string): boolean {
    return !this.#isHandled(peerId) && !this.#rests.has(peerId, this.#options.clock.nowMs());
  }

  #isWanted(record: PeerRecord): boolean {
    if (!this.#mayDial(record.peerId) || this.#isCrowded(record)) return false;
    const addresses = record.addresses.map((known) => known.address);
    if (addresses.every(isRelayedAddress) && this.#hasEnoughRelayed()) return false;
    return this.#isReachable(addresses);
  }

  #isReachable(addresses: readonly string[]): boolean {
    return this.#hasNetwork || addresses.some((text) => addressClass(text) === "loopback");
  }

  #isCrowded(record: PeerRecord): boolean {
    const subnets = record.addresses.map((known) => publicSubnet(known.address));
    if (subnets.every((subnet) => subnet === undefined)) return false;
    // What strangers name must not stand in the way of what we know.
    const dialled = [...this.#dials].filter((dial) => dial.kind !== "probe")
      .map((dial) => dial.addresses[0]);
    const used = [...this.#options.outboundAddresses(), ...dialled]
      .map((address) => address === undefined ? undefined : publicSubnet(address));
    return subnets.some((subnet) =>
      subnet !== undefined && used.filter((other) => other === subnet).length >= OUTBOUND_PER_SUBNET
    );
  }

  #dial(
    kind: DialKind,
    target: DialTarget,
    peerId: string | undefined = target.peerId,
    options: DialOptions = {},
  ): void {
    const { clock, book, transport } = this.#options;
    const addresses = target.addresses.flatMap((address) => bareAddress(address) ?? []);
    const abort = new AbortController();
    const dial = { kind, peerId, addresses, startedMs: clock.nowMs(), abort };
    this.#dials.add(dial);
    if (peerId !== undefined && kind !== "probe") {
      book.note(peerId, { kind: "attempt", addresses }, clock.nowMs());
    }
    const { patienceMs = DIAL_TIMEOUT_MS, source } = options;
    const cancelTimeout = clock.after(patienceMs, () => abort.abort());
    const finish = (outcome: PeerStream | DialError) => {
      cancelTimeout();
      this.#dials.delete(dial);
      if (!this.#isRunning) return void (outcome instanceof DialError || outcome.reset());
      const isStream = !(outcome instanceof DialError);
      // A failure in a network that we are no longer in is nobody's.
      const counts = isStream || dial.startedMs >= this.#networkSinceMs;
      options.onOutcome?.(outcome, counts);
      if (kind === "probe") this.#endProbe(dial, outcome, counts);
      if (isStream) {
        this.#options.onDialled({ stream: outcome, kind, addresses, ...(source && { source }) });
      } else if (counts) this.#onFailure(dial, outcome);
      this.kick();
    };
    transport.open(target, abort.signal).then(finish, (error) => {
      finish(
        error instanceof DialError
          ? error
          : new DialError("unreachable", messageOf(error), target.peerId),
      );
    });
  }

  #onFailure(dial: Dial, error: DialError): void {
    const { book, clock } = this.#options;
    const { peerId, addresses } = dial;
    if (dial.kind === "direct") {
      if (peerId !== undefined) book.note(peerId, { kind: "unanswered", addresses }, clock.nowMs());
      return;
    }
    logger.debug("Cannot dial {peerId}: {error}", { peerId, addresses, error: error.message });
    const absentId = error.failure === "no-protocol" ? error.peerId ?? peerId : undefined;
    if (absentId !== undefined) {
      const record = book.get(absentId);
      if (record !== undefined && !isProven(record)) book.remove(absentId);
      this.#restLong(absentId);
    }
    if (peerId === undefined || dial.kind === "probe") return;
    const record = book.note(peerId, { kind: "failure", addresses }, clock.nowMs());
    // A peer that is in no book has no pause of its own.
    if (record === undefined && absentId === undefined) this.#restLong(peerId);
  }

  /** The failure of addresses that strangers named is no failure of the peer. */
  #endProbe(dial: Dial, outcome: PeerStream | DialError, counts: boolean): void {
    const peerId = dial.peerId!;
    if (!(outcome instanceof DialError)) return this.#pool.remove(peerId);
    if (!counts) return this.#pool.passed(peerId);
    if (outcome.failure !== "no-protocol") {
      const wasSilent = outcome.failure === "aborted";
      return this.#pool.failed(peerId, this.#options.clock.monotonicMs(), wasSilent);
    }
    // Somebody's libp2p program, set up as a peer of ours: its connection is of no use to us.
    this.#pool.remove(peerId);
    void this.#options.transport.disconnect(peerId);
  }

  #restLong(peerId: string): void {
    const rest = { lengthMs: ABSENT_REST_MS, isFirm: false };
    this.#rests.add(peerId, rest, this.#options.clock.nowMs());
  }

  /** Sets the alarm for whatever falls due next; what cannot be dialled now waits for a kick. */
  #sleep(nowMs: number): void {
    this.#cancelWake();
    const times = [nowMs + WAKE_MAX_MS, this.#wanted.nextDueMs((id) => this.#isHandled(id))];
    const { book } = this.#options;
    for (const peerId of this.#options.relayedPeers()) {
      const record = this.isDialing(peerId) ? undefined : book.get(peerId);
      if (record !== undefined) times.push(nextDirectDueMs(record, nowMs));
    }
    if (this.#options.freeSlots() > 0) {
      times.push(this.#rests.nextEndMs(nowMs));
      if (this.#capacity(nowMs) > 0) {
        const isWanted = (record: PeerRecord) => this.#isWanted(record);
        times.push(book.nextDueMs({ nowMs, isWanted, backoffMaxMs: this.#backoffMaxMs() }));
      }
      const context = this.#probeContext();
      const probeMs = this.#pool.nextDueMs(context);
      if (probeMs !== undefined) times.push(nowMs + probeMs - context.nowMs);
      for (const dial of this.#dials) {
        const stalledMs = dial.startedMs + DIAL_STALLED_MS;
        if (dial.kind === "slot" && stalledMs > nowMs) times.push(stalledMs);
      }
    } else {
      times.push(this.#lastFeelerMs + FEELER_EVERY_MS);
    }
    const next = Math.min(...times.map((time) => time ?? Infinity));
    const sleepMs = Math.max(WAKE_MIN_MS, next - nowMs);
    this.#cancelWake = this.#options.clock.after(sleepMs, () => this.kick());
  }
}
