/**
 * The places that a relay keeps for members behind routers: how many, for how long, and how much may
 * pass through each. In the form in which libp2p's relay asks for them.
 */
import type { PeerId } from "@libp2p/interface";
import type { Multiaddr } from "@multiformats/multiaddr";
import type { Cancel, Clock } from "../../base/clock.ts";
import { whatMakesRoom } from "../../peers/fair_share.ts";
import { originOf } from "./origin.ts";

/** Two classes behind one relay each; every place costs an open connection and little else. */
export const RESERVATIONS_MAX = 64;
/**
 * A member asks again five minutes before the end. Who went without a word holds its place no longer
 * than its connection, so this only bounds a connection that is dead and does not know it.
 */
export const RESERVATION_MS = 3_600_000;
/**
 * Through one relayed connection, both ways together: weeks of payments of a class, or some ten
 * thousand blocks to catch up with; the next connection may have as much again. A relay at home sends
 * it in half a minute.
 */
export const RELAYED_BYTES_MAX = 32n << 20n;
/** A relayed connection ends then and is made anew, by which time a direct one may be possible. */
export const RELAYED_MS = 3_600_000;

/** Statuses of the protocol (libp2p specifications, relay/circuit-v2, "Status"). */
export type ReservationStatus = "OK" | "RESERVATION_REFUSED";

export type Reservation = {
  readonly addr: Multiaddr;
  expiry: Date;
  /** `duration` in milliseconds, as libp2p for JavaScript takes it. */
  readonly limit: { readonly data: bigint; readonly duration: number };
  /** Aborted at the end: connections through the place end with it. */
  readonly signal: AbortSignal;
};

type Place = {
  readonly reservation: Reservation;
  readonly origin: string;
  readonly sinceMs: number;
  readonly end: AbortController;
  readonly cancel: Cancel;
};

/** The limits above, where others are wanted. */
export type RelayLimits = {
  readonly placesMax: number;
  readonly placeMs: number;
  readonly relayedBytesMax: bigint;
  readonly relayedMs: number;
};

const LIMITS: RelayLimits = {
  placesMax: RESERVATIONS_MAX,
  placeMs: RESERVATION_MS,
  relayedBytesMax: RELAYED_BYTES_MAX,
  relayedMs: RELAYED_MS,
};

export type ReservationsOptions = {
  clock: Clock;
  /** Somebody else has the place of this peer now, who is to be told. */
  onDisplaced: (peerId: string) => void;
  limits?: Partial<RelayLimits>;
};

export class Reservations {
  readonly #options: ReservationsOptions;
  readonly #limits: RelayLimits;
  readonly #places = new Map<string, Place>();
  /** Members that found all places taken. */
  refusedCount = 0;

  constructor(options: ReservationsOptions) {
    this.#options = options;
    this.#limits = { ...LIMITS, ...options.limits };
  }

  get size(): number {
    return this.#places.size;
  }

  /**
   * Takes or renews a place; `expire` in seconds since 1970. Where all are taken, one of the network
   * that holds most goes to whoever comes from another.
   */
  reserve(peer: PeerId, addr: Multiaddr): { status: ReservationStatus; expire?: number } {
    const { clock } = this.#options;
    const { placeMs, relayedBytesMax, relayedMs } = this.#limits;
    const peerId = peer.toString();
    const former = this.#places.get(peerId);
    const origin = former?.origin ?? originOf(addr);
    if (former === undefined && !this.#makeRoom(peerId, origin)) {
      this.refusedCount++;
      return { status: "RESERVATION_REFUSED" };
    }
    const expiry = new Date(clock.nowMs() + placeMs);
    former?.cancel();
    const end = former?.end ?? new AbortController();
    const limit = { data: relayedBytesMax, duration: relayedMs };
    const reservation = former?.reservation ?? { addr, expiry, limit, signal: end.signal };
    reservation.expiry = expiry;
    const cancel = clock.after(placeMs, () => this.#end(peerId));
    const sinceMs = former?.sinceMs ?? clock.monotonicMs();
    this.#places.set(peerId, { reservation, origin, sinceMs, end, cancel });
    return { status: "OK", expire: Math.round(expiry.getTime() / 1000) };
  }

  get(peer: PeerId): Reservation | undefined {
    return this.#places.get(peer.toString())?.reservation;
  }

  /** The peer has gone, or could not be told of its place. */
  removeReservation(peer: PeerId): void {
    this.#end(peer.toString());
  }

  clear(): void {
    for (const peerId of [...this.#places.keys()]) this.#end(peerId);
  }

  #makeRoom(peerId: string, origin: string): boolean {
    if (this.#places.size < this.#limits.placesMax) return true;
    const held = [...this.#places].map(([thing, place]) => ({
      thing,
      origin: place.origin,
      sinceMs: place.sinceMs,
    }));
    held.push({ thing: peerId, origin, sinceMs: this.#options.clock.monotonicMs() });
    const displaced = whatMakesRoom(held, origin);
    if (displaced === undefined) return false;
    this.#end(displaced);
    this.#options.onDisplaced(displaced);
    return true;
  }

  #end(peerId: string): void {
    const place = this.#places.get(peerId);
    if (place === undefined) return;
    this.#places.delete(peerId);
    place.cancel();
    place.end.abort(new Error("The reservation has ended"));
  }
}
