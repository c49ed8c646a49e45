/**
 * Decides whom to dial and when, and dials. Sources race: everything that is due is dialled at
 * once, several in parallel; nothing waits for anything else. It looks again whenever something
 * changes (`kick`) and at the next moment at which something falls due, so it costs nothing while
 * idle.
 */
import type { Cancel, Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { bareAddress, publicSubnet } from "../peers/address_class.ts";
import { BACKOFF_LONELY_MS, BACKOFF_MAX_MS, dueAddresses, isProven } from "../peers/dial_policy.ts";
import type { PeerBook } from "../peers/peer_book.ts";
import type { PeerRecord } from "../peers/peer_record.ts";
import { RestList } from "./rest_list.ts";
import { DialError, type DialTarget, type PeerStream, type Transport } from "./transport.ts";
import { WantedPeers } from "./wanted_peers.ts";

/** Dials under way at once, `--peer` addresses not counted. */
export const DIALS_MAX = 24;
/** A dial older than this no longer holds up the next: dead addresses answer late or never. */
export const DIAL_STALLED_MS = 1_000;
export const DIAL_TIMEOUT_MS = 10_000;
/** How often an untried address is tested while all outbound slots are taken. */
export const FEELER_EVERY_MS = 120_000;
/** Outbound sessions and dials to one public subnet: half of the slots stay for the others. */
export const OUTBOUND_PER_SUBNET = 4;
/** A peer without our protocol, or without address, is tried again after this, then twice this … */
const ABSENT_REST_MS = 30_000;
/** The shortest sleep, so that no mistake can make the loop spin. */
const WAKE_MIN_MS = 20;
/** The longest: some reasons to wait end without anybody telling. */
const WAKE_MAX_MS = 60_000;

/** Why a stream was opened: for a slot, for the user's `--peer`, or only to see who is there. */
export type DialKind = "slot" | "wanted" | "feeler";

export interface Dialled {
  readonly stream: PeerStream;
  readonly kind: DialKind;
  /** The addresses that were dialled, without `/p2p/ID`. */
  readonly addresses: readonly string[];
}

/** What the loop asks of the manager. */
export interface DialLoopOptions {
  readonly transport: Transport;
  readonly book: PeerBook;
  readonly clock: Clock;
  readonly random: Random;
  readonly wanted: readonly DialTarget[];
  /** Outbound sessions still wanted; handshakes count as sessions. */
  readonly freeSlots: () => number;
  readonly sessionCount: () => number;
  /** Whether there is a session or a handshake with the peer. */
  readonly isConnected: (peerId: string) => boolean;
  readonly isDiscouraged: (peerId: string) => boolean;
  /** Addresses of the outbound sessions. */
  readonly outboundAddresses: () => string[];
  readonly onDialled: (dialled: Dialled) => void;
}

interface Dial {
  readonly kind: DialKind;
  readonly peerId: string | undefined;
  readonly addresses: readonly string[];
  readonly startedMs: number;
  readonly abort: AbortController;
}

const logger = getLogger("net", "dial");

export class DialLoop {
  readonly #options: DialLoopOptions;
  readonly #dials = new Set<Dial>();
  readonly #wanted: WantedPeers;
  readonly #rests = new RestList();
  #isRunning = false;
  #lastFeelerMs: number;
  #cancelWake: Cancel = () => {};

  constructor(options: DialLoopOptions) {
    this.#options = options;
    this.#wanted = new WantedPeers(options.wanted);
    this.#lastFeelerMs = options.clock.nowMs();
  }

  start(): void {
    this.#isRunning = true;
    this.kick();
  }

  stop(): void {
    this.#isRunning = false;
    this.#cancelWake();
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

  /** Dials a peer that may be in no book: one that is connected already by other means. */
  tryPeer(peerId: string, addresses: readonly string[]): void {
    if (!this.#isRunning || this.#options.freeSlots() <= 0 || !this.#mayDial(peerId)) return;
    this.#dial("slot", { peerId, addresses: [...addresses] });
  }

  /** Dials whatever is due now, and sleeps until the next thing is. */
  kick(): void {
    if (!this.#isRunning) return;
    const nowMs = this.#options.clock.nowMs();
    this.#dialWanted(nowMs);
    this.#dialForSlots(nowMs);
    this.#dialFeeler(nowMs);
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
      const target = peerId === undefined ? { addresses } : { peerId, addresses };
      wanted.isDialing = true;
      this.#dial("wanted", target, presumedId, (outcome) => {
        wanted.isDialing = false;
        this.#wanted.note(wanted, outcome, this.#options.clock.nowMs());
      });
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
      this.#dial("slot", {
        peerId: record.peerId,
        addresses: dueAddresses(record, nowMs, draw.backoffMaxMs),
      });
    }
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
    return this.#mayDial(record.peerId) && !this.#isCrowded(record);
  }

  #isCrowded(record: PeerRecord): boolean {
    const subnets = record.addresses.map((known) => publicSubnet(known.address));
    if (subnets.every((subnet) => subnet === undefined)) return false;
    const dialled = [...this.#dials].map((dial) => dial.addresses[0]);
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
    onOutcome?: (outcome: PeerStream | DialError) => void,
  ): void {
    const { clock, book, transport } = this.#options;
    const addresses = target.addresses.flatMap((address) => bareAddress(address) ?? []);
    const abort = new AbortController();
    const dial = { kind, peerId, addresses, startedMs: clock.nowMs(), abort };
    this.#dials.add(dial);
    if (peerId !== undefined) book.note(peerId, { kind: "attempt", addresses }, clock.nowMs());
    const cancelTimeout = clock.after(DIAL_TIMEOUT_MS, () => abort.abort());
    const finish = (outcome: PeerStream | DialError) => {
      cancelTimeout();
      this.#dials.delete(dial);
      if (!this.#isRunning) return void (outcome instanceof DialError || outcome.reset());
      onOutcome?.(outcome);
      if (outcome instanceof DialError) this.#onFailure(dial, outcome);
      else this.#options.onDialled({ stream: outcome, kind, addresses });
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
    logger.debug("Cannot dial {peerId}: {error}", { peerId, addresses, error: error.message });
    const absentId = error.failure === "no-protocol" ? error.peerId ?? peerId : undefined;
    if (absentId !== undefined) {
      const record = book.get(absentId);
      if (record !== undefined && !isProven(record)) book.remove(absentId);
      this.#restLong(absentId);
    }
    if (peerId === undefined) return;
    const record = book.note(peerId, { kind: "failure", addresses }, clock.nowMs());
    // A peer that is in no book has no pause of its own.
    if (record === undefined && absentId === undefined) this.#restLong(peerId);
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
    if (this.#options.freeSlots() > 0) {
      times.push(this.#rests.nextEndMs(nowMs));
      if (this.#capacity(nowMs) > 0) {
        const isWanted = (record: PeerRecord) => this.#isWanted(record);
        times.push(book.nextDueMs({ nowMs, isWanted, backoffMaxMs: this.#backoffMaxMs() }));
      }
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
