/**
 * The real transport: libp2p over TCP with Noise and Yamux. This file puts its parts together: the
 * host, where it listens, the streams of our protocol, the searches and the ways in.
 */
import { peerIdFromString } from "@libp2p/peer-id";
import { type Clock, systemClock } from "../../base/clock.ts";
import { Signal } from "../../base/signals.ts";
import { parsePeerArgument, splitPeerId } from "../addresses.ts";
import type { DiscoveryState } from "../discovery.ts";
import type { PortMappingState } from "../mapping/port_mapping.ts";
import type { Observed } from "../reach/observed.ts";
import type { Reachability } from "../reach/reachability.ts";
import { WaysIn } from "../reach/ways_in.ts";
import type { RelayRefusals } from "../relay/server.ts";
import type { DialTarget, PeerRecordContent, PeerStream, Transport } from "../transport.ts";
import { Dialer } from "./dialer.ts";
import { Heartbeat } from "./heartbeat.ts";
import { Host } from "./host.ts";
import { Listening } from "./listening.ts";
import { type NetworkChange, NetworkWatch, ownAddresses } from "./network_watch.ts";
import type { Libp2pTransportOptions } from "./options.ts";
import { readRecord, signRecord, storedRecord } from "./peer_records.ts";
import { Searches } from "./searches.ts";
import { StreamDoor } from "./stream_door.ts";

export type { Libp2pTransportOptions } from "./options.ts";

const STOP_MS = 1_500;
const HANG_UP_MS = 1_000;

export class Libp2pTransport implements Transport {
  readonly peerId: string;
  readonly #host: Host;
  readonly #clock: Clock;
  readonly #options: Libp2pTransportOptions;
  readonly #dialer: Dialer;
  readonly #listening: Listening;
  readonly #heartbeat: Heartbeat;
  readonly #watch: NetworkWatch;
  readonly #door: StreamDoor;
  readonly #waysIn: WaysIn;
  readonly #searches: Searches;
  readonly #reachChanges = new Signal<void>();
  readonly #addressChanges = new Signal<void>();
  readonly #networkChanges = new Signal<NetworkChange>();
  #stopping: Promise<void> | undefined;

  private constructor(host: Host, options: Libp2pTransportOptions) {
    const clock = options.clock ?? systemClock;
    this.#host = host;
    this.#options = options;
    this.#clock = clock;
    this.peerId = host.peerId;
    this.#dialer = new Dialer(host, clock);
    this.#listening = new Listening(host, {
      port: options.port,
      onChange: () => this.#onAddresses(),
      ...(options.listenHost === undefined ? {} : { listenHost: options.listenHost }),
    });
    this.#heartbeat = new Heartbeat(host, clock);
    this.#watch = new NetworkWatch({ clock, onChange: (change) => void this.#onNetwork(change) });
    this.#door = new StreamDoor(host, this.#dialer, clock);
    this.#waysIn = new WaysIn({
      host,
      clock,
      options,
      port: () => this.#listening.port,
      onMapping: () => void this.#listening.recheck(),
      onAddresses: () => this.#onAddresses(),
      onChange: () => this.#onReachability(),
    });
    const reachState = () => this.reachability().state;
    this.#searches = new Searches({ host, dialer: this.#dialer, clock, options, reachState });
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

  open(target: DialTarget, signal?: AbortSignal): Promise<PeerStream> {
    return this.#door.open(target, signal);
  }

  onStream(listener: (stream: PeerStream) => void): void {
    this.#door.streams.subscribe(listener);
  }

  onProtocolPeer(listener: (peerId: string, addresses: string[]) => void): void {
    this.#door.protocolPeers.subscribe((peer) => listener(peer.peerId, peer.addresses));
  }

  /** A peer has proven itself a member: it may check our addresses, or serve as a relay. */
  onMember(): void {
    this.#waysIn.lookSoon();
  }

  /** How others reach this node is another matter now, though its addresses may be the same. */
  onReachabilityChanged(listener: () => void): void {
    this.#reachChanges.subscribe(listener);
  }

  onDirect(listener: (peerId: string) => void): void {
    this.#door.directs.subscribe(listener);
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
    this.#searches.changes.subscribe(listener);
  }

  async disconnect(peerId: string): Promise<void> {
    const id = peerIdFromString(peerId);
    await this.#host.node.hangUp(id, { signal: AbortSignal.timeout(HANG_UP_MS) }).catch(() => {});
  }

  signedRecord(): Promise<Uint8Array> {
    return signRecord(this.#host, this.#clock);
  }

  recordOf(peerId: string): Promise<Uint8Array | undefined> {
    return storedRecord(this.#host, peerId);
  }

  openRecord(bytes: Uint8Array): Promise<PeerRecordContent> {
    return readRecord(bytes);
  }

  /** Round trip of the last heartbeat with the peer, in milliseconds. */
  latencyMs(peerId: string): number | undefined {
    return this.#host.connectionTo(peerId)?.rtt;
  }

  /** More ways into the DHT: `--peer` and known peers, at any time. */
  addBootstrap(addresses: string[]): void {
    this.#searches.addBootstrap(addresses);
  }

  /** Asks the DHT and the local network again soon: more peers are wanted than a moment ago. */
  lookUpSoon(): void {
    this.#searches.lookUpSoon();
  }

  /** What each discovery source does. */
  discovery(): DiscoveryState[] {
    return this.#searches.states();
  }

  /** What the router was asked for, and what came of it. */
  portMapping(): PortMappingState {
    return this.#waysIn.portMapping();
  }

  /** Where peers outside see this node and, as far as they told, where they are seen. */
  get observed(): Pick<Observed, "own" | "ofPeer"> {
    return this.#waysIn.observed;
  }

  /** Whether others can reach this node from outside its network, and through whom. */
  reachability(): Reachability {
    return this.#waysIn.reachability();
  }

  /** Members and strangers that could not go through us, by reason. */
  relayRefusals(): RelayRefusals {
    return this.#waysIn.relayRefusals();
  }

  /** Ends everything within two seconds. */
  stop(): Promise<void> {
    this.#stopping ??= this.#end();
    return this.#stopping;
  }

  async #begin(): Promise<void> {
    await this.#door.start();
    await this.#waysIn.start();
    await this.#listening.start();
    this.#heartbeat.start();
    // What listens on one address has no other network to go to.
    if (this.#options.listenHost === undefined) this.#watch.start();
    await this.#searches.start();
    this.#waysIn.startMapping();
  }

  async #end(): Promise<void> {
    const waysEnd = this.#waysIn.stop();
    this.#door.stop();
    this.#watch.stop();
    this.#heartbeat.stop();
    this.#dialer.stop();
    this.#searches.stop();
    await waysEnd;
    await this.#host.stop(this.#clock, STOP_MS);
  }

  #onAddresses(): void {
    this.#searches.onAddressesChanged();
    this.#addressChanges.emit();
    this.#waysIn.lookSoon();
  }

  #onReachability(): void {
    this.#searches.onReachabilityChanged();
    this.#reachChanges.emit();
  }

  async #onNetwork(change: NetworkChange): Promise<void> {
    this.#heartbeat.checkAll(new Set(ownAddresses().map(({ ip }) => ip)));
    if (change.kind === "moved") await this.#listening.recheck();
    if (this.#stopping !== undefined) return;
    this.#searches.onNetworkChanged();
    this.#waysIn.onNetworkChanged();
    this.#networkChanges.emit(change);
  }
}
