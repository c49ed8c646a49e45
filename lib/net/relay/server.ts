/**
 * Serving as a relay (libp2p's circuit relay v2) for members of our network alone: both who reserves
 * a place and who connects to it must have proven themselves, within what the caps allow.
 */
import type { Connection, PeerId, Stream } from "@libp2p/interface";
import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock } from "../../base/clock.ts";
import { type Held, whatMakesRoom } from "../../peers/fair_share.ts";
import type { Host } from "../libp2p/host.ts";
import { MemberGate } from "../membership/member_gate.ts";
import { Asks } from "./asks.ts";
import { limitFlow, Turns } from "./flow.ts";
import { originOf } from "./origin.ts";
import { type RelayLimits, Reservations } from "./reservations.ts";

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

export type RelayServerOptions = {
  host: Host;
  clock: Clock;
  isMember: (peerId: string) => boolean;
  /** Other limits than the usual ones. */
  limits?: Partial<RelayLimits>;
};

/** What has been refused since the start, by reason. */
export type RelayRefusals = {
  "relay-stranger"?: number;
  "relay-full"?: number;
  /** Asks that got no answer, because the peer asked too often. */
  "relay-often"?: number;
};

/** What we use of libp2p's server and of its inside. */
type Service = {
  reservationStore: unknown;
  /** Answers an ask. */
  onHop: (stream: Stream, connection: Connection) => Promise<void>;
  /** Opens the other half of a way: a stream to who has the place, if it is willing. */
  stopHop: (request: unknown, options: unknown) => Promise<Stream | undefined>;
  stop(): Promise<void>;
};

export class RelayServer {
  readonly #options: RelayServerOptions;
  readonly #reservations: Reservations;
  readonly #gate: MemberGate;
  readonly #asks: Asks;
  readonly #turns: Turns;
  /** The ask that is being answered. */
  readonly #ask = new AsyncLocalStorage<{ stream: Stream; origin: string }>();
  /** By the stream that came in; of each relayed connection there is one. */
  readonly #ways = new Map<Stream, Held<Stream>>();
  #service: Promise<Service> | undefined;
  #strangers = 0;
  #overload = 0;

  constructor(options: RelayServerOptions) {
    this.#options = options;
    const { host, clock, isMember, limits } = options;
    this.#gate = new MemberGate(clock, isMember);
    this.#asks = new Asks(clock);
    this.#turns = new Turns(clock);
    this.#reservations = new Reservations({
      clock,
      // It learns that from the end of the connection alone, and looks for another relay.
      onDisplaced: (peerId) => {
        host.connectionTo(peerId)?.abort(new Error("Somebody else needs the place at this relay"));
      },
      ...(limits && { limits }),
    });
    host.node.addEventListener("peer:disconnect", (event) => {
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
      ...(this.#asks.unansweredCount > 0 && { "relay-often": this.#asks.unansweredCount }),
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
      this.#tame(service);
      return service;
    };
    return await host.addService<Service>(withOurPlaces, {
      connectionGater: {
        denyInboundRelayReservation: async (peer: PeerId) => !await this.#isMember(peer),
        denyOutboundRelayedConnection: (from: PeerId, to: PeerId) => this.#deniesRelayed(from, to),
      },
    });
  }

  /** Answers only those who do not ask too often, and keeps the flow through us within bounds. */
  #tame(service: Service): void {
    const onHop = service.onHop;
    service.onHop = async (stream, connection) => {
      if (!this.#asks.admits(stream, connection)) return;
      await this.#ask.run({ stream, origin: originOf(connection.remoteAddr) }, () => {
        return onHop(stream, connection);
      });
    };
    const stopHop = service.stopHop.bind(service);
    service.stopHop = async (request, options) => {
      const other = await stopHop(request, options);
      const ask = this.#ask.getStore();
      if (other !== undefined && ask !== undefined) {
        limitFlow(ask.stream, other, ask.origin, this.#turns);
        limitFlow(other, ask.stream, ask.origin, this.#turns);
      }
      return other;
    };
  }

  async #deniesRelayed(from: PeerId, to: PeerId): Promise<boolean> {
    const [isFromMember, isToMember] = await Promise.all([
      this.#isMember(from),
      this.#isMember(to),
    ]);
    if (!isFromMember || !isToMember) return true;
    const isDenied = !this.#hasRoom();
    if (isDenied) this.#overload++;
    return isDenied;
  }

  /** Where all is taken, a way of those who hold most ends: many may be one and the same. */
  #hasRoom(): boolean {
    const { stream, origin } = this.#ask.getStore()!;
    if (stream.status !== "open") return false;
    const sinceMs = this.#options.clock.monotonicMs();
    this.#ways.set(stream, { thing: stream, origin, sinceMs });
    stream.addEventListener("close", () => this.#ways.delete(stream), { once: true });
    if (this.#ways.size <= RELAYED_MAX) return true;
    const way = whatMakesRoom([...this.#ways.values()], origin);
    way?.abort(new Error("Somebody who has less goes through this relay instead"));
    if (way === undefined) this.#ways.delete(stream);
    return way !== undefined;
  }

  /** Waits a little for a peer that has just come to prove itself. */
  async #isMember(peer: PeerId): Promise<boolean> {
    const isMember = await this.#gate.admits(peer.toString(), MEMBERSHIP_MS);
    if (!isMember) this.#strangers++;
    return isMember;
  }
}
