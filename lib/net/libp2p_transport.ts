/**
 * The real transport: libp2p over TCP with Noise and Yamux, one protocol, and the discovery sources
 * that need its connections.
 */
import type { Connection, IdentifyResult, Stream } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { PeerRecord, RecordEnvelope } from "@libp2p/peer-record";
import { multiaddr } from "@multiformats/multiaddr";
import { equalBytes } from "../base/bytes.ts";
import { type Cancel, type Clock, systemClock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { Signal } from "../base/signals.ts";
import { classOf, parsePeerArgument, splitPeerId } from "./addresses.ts";
import { startAutonat } from "./autonat.ts";
import { DHT_PROTOCOLS, DhtDiscovery, type DhtMode } from "./dht.ts";
import { Dialer } from "./dialer.ts";
import type { DiscoveryState } from "./discovery.ts";
import { LanDiscovery } from "./lan.ts";
import { Host } from "./libp2p_host.ts";
import { Libp2pStream } from "./libp2p_stream.ts";
import { Listening } from "./listening.ts";
import { type Reachability, reachabilityOf } from "./reachability.ts";
import {
  type Candidate,
  DialError,
  type DialTarget,
  type PeerRecordContent,
  type PeerStream,
  PROTOCOL,
  type Transport,
} from "./transport.ts";

/** One each way is normal; two while both sides dial at once. */
const STREAMS_PER_PEER_MAX = 4;
const OPEN_STREAM_MS = 5_000;
const STOP_MS = 1_500;
const HANG_UP_MS = 1_000;
/** A record of ours names at most this many addresses (network.md, `addr` gossip). */
const RECORD_ADDRESSES_MAX = 8;
/** Nothing needs autonat at once, and loading it would slow the first connections down. */
const AUTONAT_AFTER_MS = 3_000;
/** Weight that keeps a peer of ours when libp2p must close connections. */
const PEER_TAG = { moim: { value: 100 } };

export type Libp2pTransportOptions = {
  /** Ed25519 seed of the node's identity, 32 bytes. */
  identitySeed: Uint8Array;
  /** TCP port; 0 picks a free one. A busy one throws `PortBusyError`. */
  port: number;
  /** One address to listen on instead of all, such as 127.0.0.1. */
  listenHost?: string;
  /** Known public addresses of this node (multiaddr or host:port), announced and trusted. */
  announce?: string[];
  dht?: { mode: DhtMode | "off"; protocol?: string };
  /** DHT servers to enter by: multiaddrs, with or without `/p2p/ID`. */
  bootstraps?: string[];
  /** Search the local network. */
  lan?: boolean;
  /** The phrase (or what stands for it) under which nodes meet. */
  rendezvous: string;
  /** Program and version, such as `moim/0.1.0`. */
  agent?: string;
  clock?: Clock;
  /** Whether more peers are wanted: decides how often the DHT is asked. */
  wantsPeers?: () => boolean;
  onCandidate?: (candidate: Candidate) => void;
  /** A line for the user, such as a warning. */
  onNotice?: (text: string) => void;
};

export class Libp2pTransport implements Transport {
  readonly peerId: string;
  readonly #host: Host;
  readonly #clock: Clock;
  readonly #dialer: Dialer;
  readonly #listening: Listening;
  readonly #options: Libp2pTransportOptions;
  readonly #streams = new Signal<PeerStream>();
  readonly #protocolPeers = new Signal<{ peerId: string; addresses: string[] }>();
  readonly #addressChanges = new Signal<void>();
  readonly #discoveryChanges = new Signal<DiscoveryState>();
  readonly #told = new WeakSet<Connection>();
  readonly #toldTexts = new Map<string, string>();
  readonly #dht: DhtDiscovery | undefined;
  readonly #lan: LanDiscovery | undefined;
  #cancelAutonat: Cancel = () => {};
  #wasReachedFromOutside = false;
  #stopping: Promise<void> | undefined;

  private constructor(host: Host, options: Libp2pTransportOptions) {
    this.#host = host;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.peerId = host.peerId;
    this.#dialer = new Dialer(host, this.#clock);
    this.#listening = new Listening(host, {
      port: options.port,
      clock: this.#clock,
      onChange: () => this.#onAddresses(),
      ...(options.listenHost === undefined ? {} : { listenHost: options.listenHost }),
    });
    this.#dht = this.#makeDht();
    this.#lan = this.#makeLan();
  }

  /**
   * A listening transport whose discovery has begun. Throws `PortBusyError` when the port is in use,
   * `Error` when the system refuses to listen for another reason.
   */
  static async start(options: Libp2pTransportOptions): Promise<Libp2pTransport> {
    const announce = (options.announce ?? []).flatMap((text) => parsePeerArgument(text).addresses)
      .map((address) => splitPeerId(address).base);
    const host = await Host.create({
      identitySeed: options.identitySeed,
      announce,
      agent: options.agent ?? "moim",
    });
    const transport = new Libp2pTransport(host, { ...options, announce });
    try {
      await transport.#begin();
    } catch (error) {
      await transport.stop();
      throw error;
    }
    return transport;
  }

  /** The TCP port listened on. */
  get port(): number {
    return this.#listening.port;
  }

  addresses(): string[] {
    return this.#host.addresses();
  }

  async open(target: DialTarget, signal?: AbortSignal): Promise<PeerStream> {
    const connection = await this.#dialer.connect(target, signal);
    const peerId = connection.remotePeer.toString();
    const timeout = AbortSignal.timeout(OPEN_STREAM_MS);
    const stop = signal ? AbortSignal.any([signal, timeout]) : timeout;
    try {
      const stream = await connection.newStream(PROTOCOL, { signal: stop });
      return this.#adopt(stream, connection, "us");
    } catch (error) {
      throw this.#openFailure(error, connection, peerId, signal);
    }
  }

  onStream(listener: (stream: PeerStream) => void): void {
    this.#streams.subscribe(listener);
  }

  onProtocolPeer(listener: (peerId: string, addresses: string[]) => void): void {
    this.#protocolPeers.subscribe((peer) => listener(peer.peerId, peer.addresses));
  }

  /** Our addresses have changed: an interface came or went. */
  onAddressesChanged(listener: () => void): void {
    this.#addressChanges.subscribe(listener);
  }

  /** A discovery source has a new line (`text`) to tell. */
  onDiscoveryChanged(listener: (state: DiscoveryState) => void): void {
    this.#discoveryChanges.subscribe(listener);
  }

  async disconnect(peerId: string): Promise<void> {
    const id = peerIdFromString(peerId);
    await this.#host.node.hangUp(id, { signal: AbortSignal.timeout(HANG_UP_MS) }).catch(() => {});
  }

  async signedRecord(): Promise<Uint8Array> {
    const addresses = this.addresses().slice(0, RECORD_ADDRESSES_MAX);
    const record = new PeerRecord({
      peerId: this.#host.node.peerId,
      multiaddrs: addresses.map((address) => multiaddr(splitPeerId(address).base)),
      seqNumber: BigInt(Math.floor(this.#clock.nowMs())),
    });
    return (await RecordEnvelope.seal(record, this.#host.privateKey)).marshal();
  }

  async recordOf(peerId: string): Promise<Uint8Array | undefined> {
    try {
      const peer = await this.#host.node.peerStore.get(peerIdFromString(peerId));
      return peer.peerRecordEnvelope;
    } catch {
      return undefined;
    }
  }

  async openRecord(bytes: Uint8Array): Promise<PeerRecordContent> {
    const envelope = await RecordEnvelope.openAndCertify(bytes, PeerRecord.DOMAIN);
    // libp2p reads lenient protobuf: a record must not exist in many forms.
    if (!equalBytes(envelope.marshal(), bytes)) {
      throw new Error("Cannot use a peer record: not in its one encoding");
    }
    const record = PeerRecord.createFromProtobuf(envelope.payload);
    const peerId = record.peerId.toString();
    // A right signature by somebody else says nothing about this peer.
    if (!record.peerId.publicKey?.equals(envelope.publicKey)) {
      throw new Error(`Cannot use the record of ${peerId}: somebody else signed it`);
    }
    return {
      peerId,
      addresses: record.multiaddrs.map((address) => splitPeerId(address.toString()).base),
      sequence: record.seqNumber,
    };
  }

  /** Round trip of the last heartbeat with the peer, in milliseconds. */
  latencyMs(peerId: string): number | undefined {
    return this.#host.connectionTo(peerId)?.rtt;
  }

  /** More ways into the DHT: `--peer` and known peers, at any time. */
  addBootstrap(addresses: string[]): void {
    this.#dht?.addBootstrap(addresses);
  }

  /** Asks the DHT again soon: more peers are wanted than a moment ago. */
  lookUpSoon(): void {
    this.#dht?.lookUpSoon();
  }

  /** What each discovery source does. */
  discovery(): DiscoveryState[] {
    const off = (source: "dht" | "lan", name: string): DiscoveryState => {
      return { source, state: "off", text: `${name}: off`, foundCount: 0 };
    };
    return [
      this.#dht?.state() ?? off("dht", "DHT"),
      this.#lan?.state() ?? off("lan", "local network"),
    ];
  }

  /** Whether others can reach this node from outside its network, in words. */
  reachability(): Reachability {
    const all = this.#host.internals.addressManager.getAddressesWithMetadata().map((known) => ({
      address: known.multiaddr.toString(),
      isOwn: known.type === "transport",
      isVerified: known.verified && known.expires > this.#clock.nowMs(),
      wasRefused: !known.verified && known.expires > 0,
    }));
    return reachabilityOf({
      announced: this.#options.announce ?? [],
      // libp2p calls an address verified without asking anybody where it takes it for private.
      known: all.filter(({ address, isOwn }) => !isOwn || this.#listening.isPublic(address)),
      wasReachedFromOutside: this.#wasReachedFromOutside,
    });
  }

  /** Ends everything within two seconds. */
  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  async #begin(): Promise<void> {
    const { node } = this.#host;
    node.addEventListener("peer:identify", (event) => this.#onIdentify(event.detail));
    node.addEventListener("connection:open", (event) => this.#onConnection(event.detail));
    await node.handle(PROTOCOL, (stream, connection) => {
      this.#streams.emit(this.#adopt(stream, connection, "them"));
    }, { maxInboundStreams: STREAMS_PER_PEER_MAX, maxOutboundStreams: STREAMS_PER_PEER_MAX });
    await this.#listening.start();
    await this.#dht?.start(this.#options.bootstraps ?? []);
    void this.#lan?.start();
    this.#cancelAutonat = this.#clock.after(AUTONAT_AFTER_MS, () => void this.#startAutonat());
  }

  async #end(): Promise<void> {
    this.#cancelAutonat();
    this.#listening.stop();
    this.#dialer.stop();
    this.#dht?.stop();
    await this.#lan?.stop();
    await this.#host.stop(this.#clock, STOP_MS);
  }

  #makeDht(): DhtDiscovery | undefined {
    const { dht, rendezvous, wantsPeers, onCandidate, onNotice } = this.#options;
    if (dht === undefined || dht.mode === "off") return undefined;
    const discovery: DhtDiscovery = new DhtDiscovery({
      host: this.#host,
      dialer: this.#dialer,
      clock: this.#clock,
      rendezvous,
      mode: dht.mode,
      protocol: dht.protocol ?? DHT_PROTOCOLS[dht.mode],
      wantsPeers: wantsPeers ?? (() => true),
      onCandidate: onCandidate ?? (() => {}),
      onNotice: onNotice ?? (() => {}),
      onChange: () => this.#tellDiscovery(discovery.state()),
    });
    return discovery;
  }

  #makeLan(): LanDiscovery | undefined {
    const { lan, rendezvous, onCandidate, onNotice } = this.#options;
    if (!lan) return undefined;
    const discovery: LanDiscovery = new LanDiscovery({
      host: this.#host,
      clock: this.#clock,
      rendezvous,
      onCandidate: onCandidate ?? (() => {}),
      onNotice: onNotice ?? (() => {}),
      onChange: () => this.#tellDiscovery(discovery.state()),
    });
    return discovery;
  }

  #tellDiscovery(state: DiscoveryState): void {
    if (this.#toldTexts.get(state.source) === state.text) return;
    this.#toldTexts.set(state.source, state.text);
    this.#discoveryChanges.emit(state);
  }

  #adopt(stream: Stream, connection: Connection, openedBy: "us" | "them"): PeerStream {
    void this.#host.node.peerStore.merge(connection.remotePeer, { tags: PEER_TAG }).catch(() => {});
    return new Libp2pStream(stream, connection, openedBy);
  }

  #openFailure(error: unknown, connection: Connection, peerId: string, signal?: AbortSignal) {
    if (error instanceof Error && error.name === "UnsupportedProtocolError") {
      const text = `The peer at ${connection.remoteAddr} does not speak ${PROTOCOL}`;
      return new DialError("no-protocol", text, peerId);
    }
    if (signal?.aborted) return new DialError("aborted", "Dial aborted", peerId);
    // A connection on which no stream opens is dead, and would be found again by the next dial.
    connection.abort(new Error("No stream could be opened"));
    return new DialError("unreachable", messageOf(error).split("\n")[0]!, peerId);
  }

  #onIdentify(result: IdentifyResult): void {
    if (!result.protocols.includes(PROTOCOL) || this.#told.has(result.connection)) return;
    this.#told.add(result.connection);
    const addresses = result.signedPeerRecord?.addresses ?? result.listenAddrs;
    this.#protocolPeers.emit({
      peerId: result.peerId.toString(),
      addresses: addresses.map((address) => splitPeerId(address.toString()).base),
    });
  }

  #onConnection(connection: Connection): void {
    if (connection.direction !== "inbound" || this.#wasReachedFromOutside) return;
    this.#wasReachedFromOutside = classOf(connection.remoteAddr.toString()) === "public";
  }

  #onAddresses(): void {
    this.#dht?.onAddressesChanged();
    this.#addressChanges.emit();
  }

  async #startAutonat(): Promise<void> {
    await startAutonat(this.#host).catch(() => {});
  }
}
