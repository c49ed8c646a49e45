/**
 * Places at relays for this node, and the way to peers that have theirs: libp2p's circuit relay v2
 * transport, loaded and added to the running node when it is first needed.
 */
import type { PeerId } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { multiaddr } from "@multiformats/multiaddr";
import { addressClass, bareAddress } from "../../peers/address_class.ts";
import { splitPeerId } from "../addresses.ts";
import type { Host } from "../libp2p/host.ts";

/** What we use of the inside of libp2p's transport. */
type CircuitTransport = { discovery: unknown; reservationStore: ReservationStore };
type ReservationStore = EventTarget & {
  reserveQueue: { clear(): void };
  relayFilter: { has(id: Uint8Array): boolean; add(id: Uint8Array): void };
  reservations: {
    get(peer: PeerId): { timeout?: number; reservation: Granted } | undefined;
    delete(peer: PeerId): void;
  };
  addRelay(peer: PeerId, type: "configured"): Promise<{ details: { reservation: Granted } }>;
  hasReservation(peer: PeerId): boolean;
};
type Granted = { addrs: Uint8Array[] };

export type RelayClientOptions = {
  host: Host;
  /** A place was lost: the relay went, or did not renew it. */
  onLost: (relayId: string) => void;
  /** Our relayed addresses are others now. */
  onChange: () => void;
};

export class RelayClient {
  readonly #options: RelayClientOptions;
  #transport: Promise<CircuitTransport> | undefined;

  constructor(options: RelayClientOptions) {
    this.#options = options;
    options.host.loadRelayed = async () => void await this.#load();
  }

  /** Takes a place at a connected peer and announces it. Throws whatever the relay says. */
  async reserve(relayId: string): Promise<void> {
    const { reservationStore } = await this.#load();
    const relay = peerIdFromString(relayId);
    const { details } = await reservationStore.addRelay(relay, "configured");
    this.#announce(relayId, details.reservation);
  }

  /** Gives a place up: it is not renewed, and announced no longer. */
  async release(relayId: string): Promise<void> {
    this.#withdraw(relayId);
    const reservations = (await this.#transport)?.reservationStore.reservations;
    const relay = peerIdFromString(relayId);
    clearTimeout(reservations?.get(relay)?.timeout);
    reservations?.delete(relay);
  }

  #load(): Promise<CircuitTransport> {
    this.#transport ??= this.#add().catch((error) => {
      this.#transport = undefined;
      throw error;
    });
    return this.#transport;
  }

  async #add(): Promise<CircuitTransport> {
    const { circuitRelayTransport } = await import("@libp2p/circuit-relay-v2");
    const { host } = this.#options;
    const make = circuitRelayTransport();
    const tamed = (components: never) => {
      const transport = make(components) as unknown as CircuitTransport;
      // It would reserve at any peer it meets, ask the whole DHT for more, and never again try one
      // that once did not serve. Whom to ask, and when, is `RelayKeeper`'s.
      transport.discovery = undefined;
      transport.reservationStore.relayFilter = { has: () => false, add: () => {} };
      // With every place that is taken it would forget, without a word, who waits for the next one.
      transport.reservationStore.reserveQueue.clear = () => {};
      return transport;
    };
    const transport = await host.addService<CircuitTransport>(tamed, {
      connectionGater: {
        // Nobody comes through a relay that we did not choose.
        denyInboundRelayedConnection: (relay: PeerId) => !isOurs(relay),
      },
      transportManager: {
        listen: () => Promise.reject(new Error("Cannot use a relay that this node did not choose")),
      },
    });
    const isOurs = (relay: PeerId) => transport.reservationStore.hasReservation(relay);
    host.internals.transportManager.add(transport);
    this.#follow(transport.reservationStore);
    return transport;
  }

  #follow(store: ReservationStore): void {
    type Told = { relay: PeerId; details: { reservation: Granted } };
    store.addEventListener("relay:created-reservation", (event) => {
      const { relay, details } = (event as CustomEvent<Told>).detail;
      this.#announce(relay.toString(), details.reservation);
    });
    store.addEventListener("relay:removed", (event) => {
      const relayId = (event as CustomEvent<Told>).detail.relay.toString();
      this.#withdraw(relayId);
      this.#options.onLost(relayId);
    });
  }

  #announce(relayId: string, granted: Granted): void {
    const { host, onChange } = this.#options;
    const connection = host.connectionTo(relayId);
    // Where we reached it others reach it too; what came to us has another port.
    const dialled = connection?.direction === "outbound" ? [connection.remoteAddr.toString()] : [];
    const address = relayedAddress(relayId, [...dialled, ...granted.addrs.flatMap(readAddress)]);
    if (host.announce(`relay ${relayId}`, address === undefined ? [] : [address])) onChange();
  }

  #withdraw(relayId: string): void {
    const { host, onChange } = this.#options;
    if (host.announce(`relay ${relayId}`, [])) onChange();
  }
}

/**
 * The address by which others reach us through the relay: by the first public address of those it
 * has, else by the first of any kind but link-local.
 */
export function relayedAddress(relayId: string, addresses: string[]): string | undefined {
  const ways = addresses.flatMap((address) => {
    const { base } = splitPeerId(address);
    return addressClass(base) === "link-local" ? [] : bareAddress(base) ?? [];
  });
  const isPublic = (way: string) => addressClass(way) === "public" || addressClass(way) === "name";
  const way = ways.find(isPublic) ?? ways[0];
  return way === undefined ? undefined : bareAddress(`${way}/p2p/${relayId}/p2p-circuit`);
}

function readAddress(bytes: Uint8Array): string[] {
  try {
    return [multiaddr(bytes).toString()];
  } catch {
    return [];
  }
}
