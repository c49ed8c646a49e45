/**
 * The real transport: libp2p over TCP with Noise and Yamux, one protocol, and the discovery sources
 * that need its connections.
 */
import type { Connection, IdentifyResult, Stream } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { PeerRecord, RecordEnvelope } from "@libp2p/peer-record";
import { multiaddr } from "@multiformats/multiaddr";
import { equalBytes } from "../../base/bytes.ts";
import { type Clock, systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { Signal } from "../../base/signals.ts";
import { classOf, parsePeerArgument, splitPeerId } from "../addresses.ts";
import { DhtDiscovery } from "../dht/dht.ts";
import { DHT_PROTOCOLS, type DhtKind, type DhtMode, OWN_DHT_PROTOCOL } from "../dht/kind.ts";
import { Dialer } from "./dialer.ts";
import type { DiscoveryState } from "../discovery.ts";
import { Heartbeat } from "./heartbeat.ts";
import { HolePunching } from "../punch/hole_punch.ts";
import { LanDiscovery } from "../lan/lan.ts";
import { Host } from "./host.ts";
import { Libp2pStream } from "./stream.ts";
import { Listening } from "./listening.ts";
import { MemberGate } from "../membership/member_gate.ts";
import { ip4Interfaces, type NetworkChange, NetworkWatch, ownAddresses } from "./network_watch.ts";
import { PortMapping, type PortMappingState } from "../mapping/port_mapping.ts";
import { Observed } from "../reach/observed.ts";
import { Outside } from "../reach/outside.ts";
import type { Reachability } from "../reach/reachability.ts";
import { RelayedEnds } from "../relay/relayed_ends.ts";
import type { RelayRefusals } from "../relay/server.ts";
import {
  type Candidate,
  DialError,
  type DialTarget,
  type PeerRecordContent,
  type PeerStream,
  PROTOCOL,
  type Transport,
} from "../transport.ts";

/** One each way is normal; two while both sides dial at once. */
const STREAMS_PER_PEER_MAX = 4;
const OPEN_STREAM_MS = 5_000;
const STOP_MS = 1_500;
const HANG_UP_MS = 1_000;
/** A record of ours names at most this many addresses (network.md, `addr` gossip). */
const RECORD_ADDRESSES_MAX = 8;
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
  /**
   * `own`: the chain's own DHT runs beside the public one; true unless said. `membersOnly`: in the
   * chain's own or private DHT only members are answered and asked.
   */
  dht?: { mode: DhtMode | "off"; protocol?: string; own?: boolean; membersOnly?: boolean };
  /** Who goes through which relay is for members alone to know. */
  hidesRelays?: boolean;
  /** DHT servers to enter by: multiaddrs, with or without `/p2p/ID`. */
  bootstraps?: string[];
  /** Search the local network. */
  lan?: boolean;
  /** The phrase (or what stands for it) under which nodes meet. */
  rendezvous: string;
  /** Program and version, such as `moim/0.1.0`. */
  agent?: string;
  /** Ask the router for a way in. */
  mapPort?: boolean;
  /** Serve members as a relay where others can reach this node; true unless said. */
  relay?: boolean;
  /** Whether the peer has proven during this run that it is of our network: members are relayed. */
  isMember?: (peerId: string) => boolean;
  clock?: Clock;
  /** Whether more peers are wanted: decides how often the DHT is asked. */
  wantsPeers?: () => boolean;
  /** Whether nobody is connected. */
  isAlone?: () => boolean;
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
  readonly #heartbeat: Heartbeat;
  readonly #watch: NetworkWatch;
  readonly #mapping: PortMapping;
  readonly #options: Libp2pTransportOptions;
  readonly #streams = new Signal<PeerStream>();
  readonly #protocolPeers = new Signal<{ peerId: string; addresses: string[] }>();
  readonly #directs = new Signal<string>();
  readonly #reachChanges = new Signal<void>();
  readonly #addressChanges = new Signal<void>();
  readonly #networkChanges = new Signal<NetworkChange>();
  readonly #discoveryChanges = new Signal<DiscoveryState>();
  readonly #told = new WeakSet<Connection>();
  readonly #toldTexts = new Map<string, string>();
  /** The one that the user chose, and the chain's own beside it. */
  readonly #dhts: DhtDiscovery[];
  readonly #lan: LanDiscovery | undefined;
  readonly #outside: Outside;
  readonly #relayedEnds: RelayedEnds;
  readonly #observed: Observed;
  #punching: HolePunching | undefined;
  #stopping: Promise<void> | undefined;

  private constructor(host: Host, options: Libp2pTransportOptions) {
    this.#host = host;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.peerId = host.peerId;
    this.#dialer = new Dialer(host, this.#clock);
    this.#listening = new Listening(host, {
      port: options.port,
      onChange: () => this.#onAddresses(),
      ...(options.listenHost === undefined ? {} : { listenHost: options.listenHost }),
    });
    this.#heartbeat = new Heartbeat(host, this.#clock);
    this.#observed = new Observed(host);
    this.#watch = new NetworkWatch({
      clock: this.#clock,
      onChange: (change) => void this.#onNetwork(change),
    });
    this.#mapping = this.#makeMapping();
    this.#outside = this.#makeOutside();
    this.#relayedEnds = new RelayedEnds(this.#clock);
    this.#dhts = this.#makeDhts();
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
      hidesRelays: options.hidesRelays ?? false,
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
      const options = { signal: stop, runOnLimitedConnection: true };
      const stream = await connection.newStream(PROTOCOL, options);
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

  /** A peer has proven itself a member: it may check our addresses, or serve as a relay. */
  onMember(): void {
    this.#outside.lookSoon();
  }

  /** How others reach this node is another matter now, though its addresses may be the same. */
  onReachabilityChanged(listener: () => void): void {
    this.#reachChanges.subscribe(listener);
  }

  onDirect(listener: (peerId: string) => void): void {
    this.#directs.subscribe(listener);
  }

  /** Our addresses have changed: an interface came or went. */
  onAddressesChanged(listener: () => void): void {
    this.#addressChanges.subscribe(listener);
  }

  /** The machine is in another network, in none, or has slept; told when we listen rightly again. */
  onNetworkChanged(listener: (change: NetworkChange) => void): void {
    this.#networkChanges.subscribe(listener);
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
    const addresses = farthestFirst(this.addresses()).slice(0, RECORD_ADDRESSES_MAX);
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
    for (const dht of this.#dhts) dht.addBootstrap(addresses);
  }

  /** Asks the DHT and the local network again soon: more peers are wanted than a moment ago. */
  lookUpSoon(): void {
    for (const dht of this.#dhts) dht.lookUpSoon();
    this.#lan?.askSoon();
  }

  /** What each discovery source does. */
  discovery(): DiscoveryState[] {
    const off = (source: "dht" | "lan", name: string): DiscoveryState => {
      return { source, state: "off", text: `${name}: off`, foundCount: 0 };
    };
    const dhts = this.#dhts.map((dht) => dht.state());
    return [
      ...(dhts.length === 0 ? [off("dht", "DHT")] : dhts),
      this.#lan?.state() ?? off("lan", "local network"),
    ];
  }

  /** What the router was asked for, and what came of it. */
  portMapping(): PortMappingState {
    return this.#mapping.state();
  }

  /** Where peers outside see this node and, as far as they told, where they are seen. */
  get observed(): Pick<Observed, "own" | "ofPeer"> {
    return this.#observed;
  }

  /** Whether others can reach this node from outside its network, and through whom. */
  reachability(): Reachability {
    return this.#outside.reachability();
  }

  /** Members and strangers that could not go through us, by reason. */
  relayRefusals(): RelayRefusals {
    return this.#outside.refusals();
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
    }, {
      maxInboundStreams: STREAMS_PER_PEER_MAX,
      maxOutboundStreams: STREAMS_PER_PEER_MAX,
      runOnLimitedConnection: true,
    });
    await this.#outside.start();
    this.#punching = await HolePunching.start({
      host: this.#host,
      clock: this.#clock,
      isMember: this.#options.isMember ?? (() => false),
      onTold: (peerId, addresses) => this.#observed.notePeer(peerId, addresses),
    });
    await this.#listening.start();
    this.#heartbeat.start();
    // What listens on one address has no other network to go to.
    if (this.#options.listenHost === undefined) this.#watch.start();
    await Promise.all(this.#dhts.map((dht) => dht.start(this.#options.bootstraps ?? [])));
    this.#lan?.start();
    this.#mapping.start();
  }

  async #end(): Promise<void> {
    this.#outside.stop();
    this.#relayedEnds.stop();
    this.#punching?.stop();
    this.#watch.stop();
    this.#heartbeat.stop();
    this.#dialer.stop();
    for (const dht of this.#dhts) dht.stop();
    await Promise.all([this.#lan?.stop(), this.#mapping.stop()]);
    await this.#host.stop(this.#clock, STOP_MS);
  }

  #makeMapping(): PortMapping {
    const { listenHost, mapPort, announce } = this.#options;
    const isAnnounced = (announce ?? []).some((address) => classOf(address) === "public");
    const whyOff = listenHost !== undefined
      ? "this node listens on one address"
      : mapPort !== true
      ? "not wanted"
      : isAnnounced
      ? "an announced address is public"
      : undefined;
    return new PortMapping({
      host: this.#host,
      port: () => this.#listening.port,
      clock: this.#clock,
      onChange: () => void this.#listening.recheck(),
      ...(whyOff === undefined ? {} : { whyOff }),
    });
  }

  #makeOutside(): Outside {
    const { announce, isMember, relay } = this.#options;
    const { transportManager } = this.#host.internals;
    return new Outside({
      host: this.#host,
      clock: this.#clock,
      announced: announce ?? [],
      ownPublic: () =>
        transportManager.getAddrs().map(String).filter((address) => classOf(address) === "public"),
      mapped: () => this.#mapping.state().externalAddress,
      isMember: isMember ?? (() => false),
      servesRelay: relay !== false,
      onAddresses: () => this.#onAddresses(),
      onChange: () => this.#reachChanges.emit(),
    });
  }

  #makeDhts(): DhtDiscovery[] {
    const { dht } = this.#options;
    if (dht === undefined || dht.mode === "off") return [];
    const protocol = dht.protocol ?? DHT_PROTOCOLS[dht.mode];
    const hasOwn = dht.mode === "public" && dht.own !== false && protocol !== OWN_DHT_PROTOCOL;
    if (!hasOwn) return [this.#makeDht(dht.mode, protocol, [])];
    return [
      this.#makeDht("public", protocol, [OWN_DHT_PROTOCOL]),
      this.#makeDht("own", OWN_DHT_PROTOCOL, [protocol]),
    ];
  }

  #makeDht(kind: DhtKind, protocol: string, otherProtocols: string[]): DhtDiscovery {
    const { dht, rendezvous, wantsPeers, isAlone, onCandidate, onNotice, isMember } = this.#options;
    const isKnownMember = isMember ?? (() => false);
    const isGated = dht?.membersOnly === true && kind !== "public";
    const discovery: DhtDiscovery = new DhtDiscovery({
      host: this.#host,
      dialer: this.#dialer,
      clock: this.#clock,
      rendezvous,
      kind,
      protocol,
      otherProtocols,
      // An own public address that nobody has checked is probably right.
      isReachable: () => ["open", "mapped", "unknown"].includes(this.reachability().state),
      isMember: isKnownMember,
      ...(isGated && { gate: new MemberGate(this.#clock, isKnownMember) }),
      wantsPeers: wantsPeers ?? (() => true),
      ...(isAlone && { isAlone }),
      onCandidate: onCandidate ?? (() => {}),
      onNotice: onNotice ?? (() => {}),
      onChange: () => this.#tellDiscovery(discovery.state()),
    });
    this.#reachChanges.subscribe(() => discovery.onReachabilityChanged());
    return discovery;
  }

  #makeLan(): LanDiscovery | undefined {
    const { lan, rendezvous, listenHost, onCandidate, onNotice } = this.#options;
    if (!lan) return undefined;
    const discovery: LanDiscovery = new LanDiscovery({
      self: this.#host,
      clock: this.#clock,
      rendezvous,
      interfaces: () => listenHost === undefined ? ip4Interfaces() : [listenHost],
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
    if (!connection.direct) {
      stream.addEventListener("close", () => this.#relayedEnds.end(connection));
    }
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
    if (!connection.direct) return;
    this.#directs.emit(connection.remotePeer.toString());
  }

  #onAddresses(): void {
    for (const dht of this.#dhts) dht.onAddressesChanged();
    this.#addressChanges.emit();
    this.#outside.lookSoon();
  }

  async #onNetwork(change: NetworkChange): Promise<void> {
    this.#heartbeat.checkAll(new Set(ownAddresses().map(({ ip }) => ip)));
    if (change.kind === "moved") await this.#listening.recheck();
    if (this.#stopping !== undefined) return;
    this.#lan?.onNetworkChanged();
    for (const dht of this.#dhts) dht.onNetworkChanged();
    this.#mapping.redo();
    this.#outside.onNetworkChanged();
    this.#punching?.onNetworkChanged();
    this.#observed.forget();
    this.#networkChanges.emit(change);
  }
}

/** Public addresses and those through relays first: a record has room for eight. */
function farthestFirst(addresses: string[]): string[] {
  const rank = (address: string) => {
    const kind = classOf(address);
    return kind === "public" || kind === "name" ? 0 : kind === "private" ? 1 : 2;
  };
  return [...addresses].sort((a, b) => rank(a) - rank(b));
}
