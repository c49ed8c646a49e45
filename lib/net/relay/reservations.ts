/**
 * The places that a relay keeps for members behind routers: how many, for how long, and how much may
 * pass through each. In the form in which libp2p's relay asks for them.
 */
import type { PeerId } from "@libp2p/interface";
import type { Multiaddr } from "@multiformats/multiaddr";
import type { Cancel, Clock } from "../../base/clock.ts";

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

type Place = { reservation: Reservation; end: AbortController; cancel: Cancel };

export class Reservations {
  readonly #clock: Clock;
  readonly #placesMax: number;
  readonly #places = new Map<string, Place>();
  /** Members that found all places taken. */
  refusedCount = 0;

  constructor(clock: Clock, placesMax = RESERVATIONS_MAX) {
    this.#clock = clock;
    this.#placesMax = placesMax;
  }

  get size(): number {
    return this.#places.size;
  }

  /** Takes or renews a place; `expire` in seconds since 1970. */
  reserve(peer: PeerId, addr: Multiaddr): { status: ReservationStatus; expire?: number } {
    const peerId = peer.toString();
    const former = this.#places.get(peerId);
    if (former === undefined && this.#places.size >= this.#placesMax) {
      this.refusedCount++;
      return { status: "RESERVATION_REFUSED" };
    }
    const expiry = new Date(this.#clock.nowMs() + RESERVATION_MS);
    former?.cancel();
    const end = former?.end ?? new AbortController();
    const limit = { data: RELAYED_BYTES_MAX, duration: RELAYED_MS };
    const reservation = former?.reservation ?? { addr, expiry, limit, signal: end.signal };
    reservation.expiry = expiry;
    const cancel = this.#clock.after(RESERVATION_MS, () => this.#end(peerId));
    this.#places.set(peerId, { reservation, end, cancel });
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

  #end(peerId: string): void {
    const place = this.#places.get(peerId);
    if (place === undefined) return;
    this.#places.delete(peerId);
    place.cancel();
    place.end.abort(new Error("The reservation has ended"));
  }
}
