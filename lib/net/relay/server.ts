/**
 * Serving as a relay (libp2p's circuit relay v2) for members of our network alone: both who reserves
 * a place and who connects to it must have proven themselves, within what the caps allow.
 */
import type { Connection, PeerId, Stream } from "@libp2p/interface";
import { type Clock, delay } from "../../base/clock.ts";
import { publicSubnet } from "../../peers/address_class.ts";
import { splitPeerId } from "../addresses.ts";
import { type Held, whatMakesRoom } from "./fair_share.ts";
import type { Host } from "../libp2p/host.ts";
import { Reservations } from "./reservations.ts";

/** The protocol that a relay speaks (libp2p specifications, relay/circuit-v2). */
export const HOP_PROTOCOL = "/libp2p/circuit/relay/0.2.0/hop";

/** Sessions that one member holds through us, both outbound ones and its tries: with room to spare. */
const RELAYED_PER_PEER = 16;
/** All together: at the pace of blocks and payments some hundred kB a second in the worst case. */
const RELAYED_MAX = 128;
/**
 * A newcomer proves itself on the connection on which it asks: `version` takes two round trips, and a
 * secret two more.
 */
const MEMBERSHIP_MS = 2_000;
const POLL_MS = 50;
/** Strangers kept waiting at a time; more are refused at once. */
const WAITING_MAX = 64;

export type RelayServerOptions = {
  host: Host;
  clock: Clock;
  isMember: (peerId: string) => boolean;
};

/** What has been refused since the start, by reason. */
export type RelayRefusals = { "relay-stranger"?: number; "relay-full"?: number };

/** What we use of libp2p's server. */
type Service = { reservationStore: unknown; stop(): Promise<void> };

export class RelayServer {
  readonly #options: RelayServerOptions;
  readonly #reservations: Reservations;
  #service: Promise<Service> | undefined;
  #strangers = 0;
  #overload = 0;
  #waiting = 0;

  constructor(options: RelayServerOptions) {
    this.#options = options;
    this.#reservations = new Reservations(options.clock);
    options.host.node.addEventListener("peer:disconnect", (event) => {
      this.#reservations.removeReservation(event.detail);
    });
  }

  get isServing(): boolean {
    return this.#service !== undefined;
  }

  /** Members that hold a place now. */
  get members(): number {
    return this.#reservations.size;
  }

  refusals(): RelayRefusals {
    const full = this.#reservations.refusedCount + this.#overload;
    return {
      ...(this.#strangers > 0 && { "relay-stranger": this.#strangers }),
      ...(full > 0 && { "relay-full": full }),
    };
  }

  /** Begins to serve, if it does not yet. Loads the module only now. */
  async start(): Promise<void> {
    this.#service ??= this.#start();
    await this.#service;
  }

  /** Serves no longer: who has a place looks for another relay. */
  async stop(): Promise<void> {
    const service = this.#service;
    this.#service = undefined;
    this.#reservations.clear();
    await (await service?.catch(() => undefined))?.stop();
  }

  async #start(): Promise<Service> {
    const { circuitRelayServer } = await import("@libp2p/circuit-relay-v2");
    const { host } = this.#options;
    const make = circuitRelayServer({ maxInboundHopStreams: RELAYED_PER_PEER });
    const withOurPlaces = (components: never) => {
      const service = make(components) as unknown as Service;
      // The library's own keeps the places of those who left, and ends with them whoever came back.
      service.reservationStore = this.#reservations;
      return service;
    };
    return await host.addService<Service>(withOurPlaces, {
      connectionGater: {
        denyInboundRelayReservation: async (peer: PeerId) => !await this.#isMember(peer),
        denyOutboundRelayedConnection: (from: PeerId, to: PeerId) => this.#deniesRelayed(from, to),
      },
    });
  }

  async #deniesRelayed(from: PeerId, to: PeerId): Promise<boolean> {
    const [isFromMember, isToMember] = await Promise.all([
      this.#isMember(from),
      this.#isMember(to),
    ]);
    if (!isFromMember || !isToMember) return true;
    const isDenied = !this.#hasRoomFor(from);
    if (isDenied) this.#overload++;
    return isDenied;
  }

  /** Where all is taken, a way of those who hold most ends: many may be one and the same. */
  #hasRoomFor(from: PeerId): boolean {
    const { host } = this.#options;
    const ways = host.connections().flatMap(waysOf);
    // The request that is being judged is one of them.
    if (ways.length <= RELAYED_MAX) return true;
    const own = host.connectionTo(from.toString());
    const way = own && whatMakesRoom(ways, originOf(own));
    way?.abort(new Error("Somebody who has less goes through this relay instead"));
    return way !== undefined;
  }

  /** Waits a little for a peer that has just come to prove itself. */
  async #isMember(peer: PeerId): Promise<boolean> {
    const { isMember, clock } = this.#options;
    const peerId = peer.toString();
    if (isMember(peerId)) return true;
    const endMs = clock.monotonicMs() + MEMBERSHIP_MS;
    if (this.#waiting < WAITING_MAX) {
      this.#waiting++;
      while (!isMember(peerId) && clock.monotonicMs() < endMs) await delay(clock, POLL_MS);
      this.#waiting--;
    }
    if (isMember(peerId)) return true;
    this.#strangers++;
    return false;
  }
}

/** Streams by which others go through us: one for each relayed connection. */
function waysOf(connection: Connection): Held<Stream>[] {
  const origin = originOf(connection);
  return connection.streams
    .filter((stream) => stream.protocol === HOP_PROTOCOL && stream.direction === "inbound")
    .map((stream) => ({ thing: stream, origin, sinceMs: stream.timeline.open }));
}

/** The network that the peer comes from; of those that are not public each host is one. */
function originOf(connection: Connection): string {
  const { base } = splitPeerId(connection.remoteAddr.toString());
  return publicSubnet(base) ?? base.split("/").slice(0, 3).join("/");
}
