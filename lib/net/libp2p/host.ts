/**
 * The libp2p node under the transport: one place that chooses its modules and limits, and that
 * names the parts of its inside that we use.
 */
import { noise, pureJsCrypto } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { privateKeyFromRaw } from "@libp2p/crypto/keys";
import { identify, identifyPush } from "@libp2p/identify";
import { peerDiscoverySymbol, peerRoutingSymbol, start } from "@libp2p/interface";
import type {
  Connection,
  ConnectionGater,
  Libp2p,
  Listener,
  PeerId,
  PeerInfo,
  PeerRouting,
  PeerStore,
  PrivateKey,
  RoutingOptions,
  Stream,
  Transport,
  Upgrader,
} from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import type { Multiaddr } from "@multiformats/multiaddr";
import { createLibp2p } from "libp2p";
import { createCipheriv } from "node:crypto";
import { concatBytes } from "../../base/bytes.ts";
import { type Clock, delay } from "../../base/clock.ts";
import { publicKeyOf } from "../../primitives/signature.ts";
import { isRelayedAddress } from "../../peers/address_class.ts";
import { NamedPeers } from "./named_peers.ts";
import { DialError } from "../transport.ts";
import { RECEIVE_WINDOW_BYTES_MAX } from "./stream.ts";

/**
 * A class behind one address, or a test on one machine, connects from one host all at once:
 * libp2p's default of 5 a second would turn most of them away.
 */
const INBOUND_PER_HOST_PER_SECOND = 200;
/** Ten idle half-open sockets (the default) would shut newcomers out. */
const PENDING_INBOUND_MAX = 256;
const INBOUND_UPGRADE_MS = 4_000;
const CONNECTIONS_MAX = 256;
const DIAL_MS = 10_000;
const ADDRESS_DIAL_MS = 5_000;
const NEGOTIATION_MS = 5_000;
/**
 * Provider records are valid for 48 hours, and a DHT server fails a whole answer when it has
 * forgotten one provider's entry: entries must outlive the records.
 */
const PEER_ENTRY_MS = 50 * 3_600_000;
/** Others advertise every 30 minutes at least as often as every 22 hours. */
const PEER_ADDRESS_MS = 24 * 3_600_000;
/**
 * `heartbeat.ts` looks after connections. Yamux still pings each once, at its start, to know the
 * round trip by which it chooses windows.
 */
const NO_KEEP_ALIVE_MS = 24 * 3_600_000;

type Metadata = { multiaddr: Multiaddr; verified: boolean; expires: number; type: string };

/** What we use of libp2p's components (its own types are in a package meant for its modules). */
export type Internals = {
  addressManager: {
    getAddressesWithMetadata(): Metadata[];
    confirmObservedAddr(address: Multiaddr, options: { type: string; ttl: number }): void;
    /** Multiaddrs announced beside those that are listened on; no part of its published interface. */
    appendAnnounce: Set<string>;
    _updatePeerStoreAddresses(): void;
  };
  transportManager: {
    listen(addresses: Multiaddr[]): Promise<void>;
    getListeners(): Listener[];
    getAddrs(): Multiaddr[];
    dial(address: Multiaddr, options: { signal: AbortSignal }): Promise<Connection>;
    dialTransportForMultiaddr(address: Multiaddr): Transport | undefined;
    add(transport: unknown): void;
  };
  upgrader: Upgrader;
  connectionManager: {
    openConnection(peer: unknown, options?: Record<string, unknown>): Promise<Connection>;
    openStream(peer: PeerId | Multiaddr, protocol: string, options?: object): Promise<Stream>;
  };
  registrar: {
    handle(
      protocol: string,
      handler: (stream: Stream, connection: Connection) => unknown,
      options?: object,
    ): Promise<void>;
  };
  /** libp2p's general memory, see interface-datastore. */
  datastore: unknown;
  connectionGater: ConnectionGater;
  peerStore: PeerStore;
};

/** Makes a libp2p service from the components, whose types each service names for itself. */
export type ServiceFactory = (components: never) => unknown;

export type HostOptions = {
  /** Ed25519 seed, 32 bytes. */
  identitySeed: Uint8Array;
  /** Multiaddrs that are announced and trusted. */
  announce: string[];
  /** Program and version, such as `moim/0.1.0`. */
  agent: string;
  /** Relayed addresses are not for strangers: they name the relay, which is a member too. */
  hidesRelays?: boolean;
};

export class Host {
  readonly peerId: string;
  readonly internals: Internals;
  readonly #services: unknown[] = [];
  readonly #routing: LateRouting;
  readonly #named: NamedPeers;
  readonly #announced = new Map<string, string[]>();
  readonly #hidesRelays: boolean;
  /** Makes relayed addresses dialable; set by whoever can. */
  loadRelayed: () => Promise<void> = () => Promise.resolve();

  private constructor(
    readonly node: Libp2p,
    readonly privateKey: PrivateKey,
    routing: LateRouting,
    hidesRelays: boolean,
  ) {
    this.#hidesRelays = hidesRelays;
    this.peerId = node.peerId.toString();
    this.internals = (node as unknown as { components: Internals }).components;
    this.#routing = routing;
    this.#named = new NamedPeers(node);
  }

  /** A started node that listens nowhere yet. */
  static async create(options: HostOptions): Promise<Host> {
    // libp2p's raw form is seed and public key. Its own derivation, in JavaScript, takes 25 ms.
    const { identitySeed } = options;
    const privateKey = privateKeyFromRaw(concatBytes(identitySeed, publicKeyOf(identitySeed)));
    const routing = new LateRouting();
    const node = await createLibp2p({
      privateKey,
      nodeInfo: { userAgent: options.agent },
      addresses: { listen: [], appendAnnounce: options.announce },
      transports: [tcp()],
      connectionEncrypters: [noise(bulkCipherWorks() ? {} : { crypto: pureJsCrypto })],
      streamMuxers: [yamux({
        keepAliveInterval: NO_KEEP_ALIVE_MS,
        streamOptions: { maxStreamWindowSize: RECEIVE_WINDOW_BYTES_MAX },
      })],
      connectionMonitor: { enabled: false },
      connectionManager: {
        maxConnections: CONNECTIONS_MAX,
        inboundConnectionThreshold: INBOUND_PER_HOST_PER_SECOND,
        maxIncomingPendingConnections: PENDING_INBOUND_MAX,
        inboundUpgradeTimeout: INBOUND_UPGRADE_MS,
        inboundStreamProtocolNegotiationTimeout: NEGOTIATION_MS,
        outboundStreamProtocolNegotiationTimeout: NEGOTIATION_MS,
        dialTimeout: DIAL_MS,
        addressDialTimeout: ADDRESS_DIAL_MS,
      },
      peerStore: { maxPeerAge: PEER_ENTRY_MS, maxAddressAge: PEER_ADDRESS_MS },
      peerRouters: [() => routing],
      services: { identify: identify(), identifyPush: identifyPush(), ping: ping() },
    });
    return new Host(node, privateKey, routing, options.hidesRelays ?? false);
  }

  /**
   * Adds a service to the running node, with all that libp2p does for those it is created with: what
   * a service discovers is kept, and what it can route is asked.
   */
  async addService<Service>(
    factory: ServiceFactory,
    overrides: Partial<Record<keyof Internals, unknown>> = {},
  ): Promise<Service> {
    // The components are a proxy of their own, so they cannot be copied.
    const components = new Proxy(this.internals, {
      get: (target, name) => Reflect.get(name in overrides ? overrides : target, name),
    });
    const service = factory(components as never) as Service;
    this.#services.push(service);
    const { [peerDiscoverySymbol]: discovery, [peerRoutingSymbol]: routing } = service as {
      [peerDiscoverySymbol]?: EventTarget;
      [peerRoutingSymbol]?: PeerRouting;
    };
    if (routing !== undefined) this.#routing.routers.push(routing);
    discovery?.addEventListener("peer", (event) => {
      const { detail } = event as CustomEvent<PeerInfo>;
      if (!detail.id.equals(this.node.peerId)) this.#named.keep(detail);
    });
    await start(service);
    return service;
  }

  /** Own addresses that others may dial, each ending in `/p2p/ID`. */
  addresses(): string[] {
    if (!this.#hidesRelays) return this.toldAddresses();
    const hidden = [...this.#announced.values()].flat().filter(isRelayedAddress);
    return [...this.toldAddresses(), ...hidden.map((address) => `${address}/p2p/${this.peerId}`)];
  }

  /** Those of them that identify tells every peer. */
  toldAddresses(): string[] {
    return this.node.getMultiaddrs().map(String);
  }

  /**
   * Announces these beside the addresses that are listened on; `source` (a relay, the router) is who
   * made them, and its former ones are announced no more. True when that changed anything.
   */
  announce(source: string, addresses: string[]): boolean {
    const former = this.#announced.get(source) ?? [];
    if (former.join() === addresses.join()) return false;
    this.#announced.set(source, addresses);
    const { addressManager } = this.internals;
    const wanted = new Set([...this.#announced.values()].flat());
    for (const address of former) {
      if (!wanted.has(address)) addressManager.appendAnnounce.delete(address);
    }
    for (const address of addresses) {
      const isTold = !this.#hidesRelays || !isRelayedAddress(address);
      if (isTold) addressManager.appendAnnounce.add(address);
    }
    addressManager._updatePeerStoreAddresses();
    return true;
  }

  /** An open, direct connection to the peer. */
  connectionTo(peerId: string): Connection | undefined {
    return this.connections(peerId).find((connection) => connection.direct);
  }

  /** An open connection to the peer that goes through another one. */
  relayedConnectionTo(peerId: string): Connection | undefined {
    return this.connections(peerId).find((connection) => !connection.direct);
  }

  /** Open connections, to one peer or to all. */
  connections(peerId?: string): Connection[] {
    const id = peerId === undefined ? undefined : peerIdFromString(peerId);
    return this.node.getConnections(id).filter((connection) => connection.status === "open");
  }

  /** Addresses that identify or the DHT brought of the peer. */
  async knownAddresses(peerId: string): Promise<string[]> {
    try {
      const peer = await this.node.peerStore.get(peerIdFromString(peerId));
      return peer.addresses.map((address) => address.multiaddr.toString());
    } catch {
      return [];
    }
  }

  /** Protocols that identify brought of the peer. */
  async protocolsOf(peerId: string): Promise<string[]> {
    try {
      return (await this.node.peerStore.get(peerIdFromString(peerId))).protocols;
    } catch {
      return [];
    }
  }

  /** Dials exactly this address. Throws whatever failed, or `DialError` where it is our own. */
  async dialAddress(address: Multiaddr, signal: AbortSignal): Promise<Connection> {
    try {
      if (address.getComponents()[0]?.name === "dnsaddr") {
        return await this.node.dial(address, { signal });
      }
      if (isRelayedAddress(address.toString())) await this.loadRelayed();
      return await this.internals.transportManager.dial(address, { signal });
    } catch (error) {
      if (error instanceof Error && error.message.includes("dial self")) {
        throw new DialError("unreachable", "Cannot dial this node itself", this.peerId);
      }
      throw error;
    }
  }

  /** Stops everything, at most `limitMs` long: sockets that hang on do not keep us. */
  async stop(clock: Clock, limitMs: number): Promise<void> {
    const stopServices = this.#services.map((service) =>
      Promise.resolve((service as { stop?: () => unknown }).stop?.()).catch(() => {})
    );
    const ended = new AbortController();
    const end = Promise.all(stopServices).then(() => this.node.stop()).catch(() => {});
    await Promise.race([end.then(() => ended.abort()), delay(clock, limitMs, ended.signal)]);
  }
}

/** Peer routing by services that are started later than the node: all of them are asked. */
class LateRouting implements PeerRouting {
  readonly routers: PeerRouting[] = [];

  async findPeer(id: PeerId, options?: RoutingOptions): Promise<PeerInfo> {
    if (this.routers.length === 0) throw new Error("No DHT to look the peer up in");
    const enough = new AbortController();
    const stop = options?.signal;
    const signal = stop ? AbortSignal.any([stop, enough.signal]) : enough.signal;
    try {
      return await Promise.any(this.routers.map((router) => {
        return router.findPeer(id, { ...options, signal });
      }));
    } finally {
      enough.abort();
    }
  }

  async *getClosestPeers(key: Uint8Array, options?: RoutingOptions): AsyncIterable<PeerInfo> {
    for (const router of this.routers) yield* router.getClosestPeers(key, options);
  }
}

/**
 * Whether the platform has ChaCha20-Poly1305 for bulk data: Deno before 2.9 knew the name only in
 * the handshake, and Noise must then do it in JavaScript.
 */
function bulkCipherWorks(): boolean {
  try {
    const cipher = createCipheriv(
      "chacha20-poly1305",
      new Uint8Array(32),
      new Uint8Array(12),
      { authTagLength: 16 },
    );
    cipher.update(new Uint8Array(4_096));
    cipher.final();
    return cipher.getAuthTag().length === 16;
  } catch {
    return false;
  }
}
