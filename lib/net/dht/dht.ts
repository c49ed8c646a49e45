/**
 * Discovery through a Kademlia DHT: advertises under the phrase and looks it up for as long as the
 * node runs, by the standard provider record, so that any libp2p program can meet us there.
 */
import type { Connection, PeerId } from "@libp2p/interface";
import type { Cancel, Clock } from "../../base/clock.ts";
import type { AddressClass } from "../../peers/address_class.ts";
import { classOf } from "../addresses.ts";
import type { DiscoveryState } from "../discovery.ts";
import type { Dialer } from "../libp2p/dialer.ts";
import type { Host } from "../libp2p/host.ts";
import type { MemberGate } from "../membership/member_gate.ts";
import { type Candidate, PROTOCOL } from "../transport.ts";
import { Advertising } from "./advertising.ts";
import { believedAddresses } from "./belief.ts";
import { Bootstraps } from "./bootstraps.ts";
import { DhtDirect } from "./direct.ts";
import type { DhtPeer } from "./exchange.ts";
import { DHT_PROTOCOLS, type DhtKind, PUBLIC_BOOTSTRAPS } from "./kind.ts";
import { LookUps } from "./look_ups.ts";
import { Participation } from "./participation.ts";
import { providerKey } from "./provider_key.ts";
import { otherDhtOf } from "./spoken.ts";

/** Below this the table is kept fed by the bootstraps. */
const TABLE_PEERS_ENOUGH = 4;
const FOUND_IDS_MAX = 1_000;
/** A server that has just connected proves itself a member within this, or is not asked. */
const MEMBERSHIP_MS = 5_000;
/** What an answer brings is told together. */
const TELL_AFTER_MS = 100;

export type DhtOptions = {
  host: Host;
  dialer: Dialer;
  clock: Clock;
  rendezvous: string;
  kind: DhtKind;
  protocol: string;
  /** Whether others can reach us, so that we serve the own DHT; a private one everybody serves. */
  isReachable: () => boolean;
  /** Whether the peer has proven during this run that it is of our network. */
  isMember: (peerId: string) => boolean;
  /** Set where strangers are neither answered nor asked. */
  gate?: MemberGate;
  /** Protocols of DHTs that we take part in beside this one. */
  otherProtocols: string[];
  /** Whether more peers are wanted: decides how often we look up. */
  wantsPeers: () => boolean;
  /** Whether nobody is connected, as is taken for true unless said: then we look up every minute. */
  isAlone?: () => boolean;
  onCandidate: (candidate: Candidate) => void;
  /** A line for the user. */
  onNotice: (text: string) => void;
  /** The state has changed. */
  onChange: () => void;
};

export class DhtDiscovery {
  readonly #options: DhtOptions;
  readonly #participation: Participation;
  readonly #advertising: Advertising;
  readonly #lookUps: LookUps;
  readonly #bootstraps: Bootstraps;
  readonly #direct: DhtDirect;
  readonly #found = new Set<string>();
  #cancelTelling: Cancel | undefined;
  #hasToldNoneAnswers = false;

  constructor(options: DhtOptions) {
    const { host, dialer, clock, kind, protocol, rendezvous, isAlone } = options;
    this.#options = options;
    const key = providerKey(rendezvous);
    const addresses = () => this.#ownAddresses();
    const onChange = () => this.#tell();
    const participation = new Participation({
      ...options,
      key,
      onTable: (hasTable) => this.#onTable(hasTable),
      onChange,
    });
    this.#participation = participation;
    this.#advertising = new Advertising({
      host,
      clock,
      kind,
      protocol,
      key: key.multihash.bytes,
      participation,
      addresses,
      onChange,
    });
    this.#lookUps = new LookUps({
      clock,
      kind,
      key,
      participation,
      foundCount: () => this.#found.size,
      wantsPeers: options.wantsPeers,
      isAlone: isAlone ?? (() => true),
      onAnswer: (providers, server) => this.#onAnswer(providers, server),
      onChange,
    });
    this.#direct = new DhtDirect({
      host,
      dialer,
      kind,
      protocol,
      addresses,
      key: key.multihash.bytes,
      believed: (addresses, via) => this.#believed(addresses, via),
      onProvider: (provider, server, via) => this.#onProvider(provider, server, via),
      onStored: (server) => this.#advertising.onStoredAt(server),
    });
    this.#bootstraps = new Bootstraps({
      dialer,
      clock,
      onConnected: (connection) => void this.#onBootstrap(connection),
      isNeeded: () => participation.tablePeers < TABLE_PEERS_ENOUGH,
      onNoneAnswers: (reason) => this.#onNoneAnswers(reason),
    });
  }

  /**
   * Begins to look for servers. Returns when whoever connects is noticed. The own DHT is entered by
   * whoever is connected for other reasons: named, remembered and found peers.
   */
  async start(bootstraps: string[]): Promise<void> {
    const { host, protocol } = this.#options;
    if (protocol === DHT_PROTOCOLS.public) this.#bootstraps.add(PUBLIC_BOOTSTRAPS);
    this.addBootstrap(bootstraps);
    await host.node.register(protocol, {
      onConnect: (_peerId, connection) => void this.#onServer(connection),
    });
    this.#participation.start();
  }

  /** Serves the own DHT as soon as others can reach us, and no longer than that. */
  onReachabilityChanged(): void {
    this.#participation.onReachabilityChanged();
  }

  /** Ends all rounds; the DHT service itself ends with the host. */
  stop(): void {
    this.#participation.stop();
    this.#cancelTelling?.();
    this.#advertising.stop();
    this.#lookUps.stop();
    this.#bootstraps.stop();
    this.#direct.stop();
  }

  /** Dials more ways into the DHT, now and whenever it is needed. */
  addBootstrap(addresses: string[]): void {
    if (this.#options.kind !== "own") this.#bootstraps.add(addresses);
  }

  /** Our addresses are others now: what is stored must be replaced. */
  onAddressesChanged(): void {
    this.onReachabilityChanged();
    this.#direct.forget();
    this.#advertising.onAddressesChanged();
  }

  /** Another network, or awake again: who did not answer before may do so now. */
  onNetworkChanged(): void {
    this.#bootstraps.retry();
    this.#advertising.onNetworkChanged();
    this.lookUpSoon();
  }

  /** More peers are wanted at once: a session has ended, say. */
  lookUpSoon(): void {
    this.#lookUps.soon();
  }

  state(): DiscoveryState {
    const { state, storedAtMs, lastError } = this.#advertising;
    return {
      source: this.#options.kind === "own" ? "own-dht" : "dht",
      state,
      text: this.#describe(),
      foundCount: this.#found.size,
      tablePeers: this.#participation.tablePeers,
      ...(storedAtMs !== undefined && { advertisedAtMs: storedAtMs }),
      ...(lastError !== undefined && { lastError }),
    };
  }

  #describe(): string {
    const { kind } = this.#options;
    const { state, serverCount, hasAddress, lastError } = this.#advertising;
    const { isServer, tablePeers } = this.#participation;
    const isOwnServer = kind === "own" && isServer;
    const name = isOwnServer ? "own DHT (serving it)" : `${kind} DHT`;
    const found = `found ${count(this.#found.size, "peer")}`;
    if (state === "advertised") {
      return `${name}: advertised at ${count(serverCount, "server")}, ${found}`;
    }
    if (!hasAddress && tablePeers > 0) {
      return `${name}: not advertised, since this node has no public address; ${found}`;
    }
    if (state === "failing") {
      return `${name}: cannot advertise (${lastError}), trying again; ${found}`;
    }
    if (isOwnServer) return `${name}: no other member serves it yet`;
    if (kind === "own") return `${name}: waiting for a member that serves it`;
    if (kind === "private" && this.#bootstraps.size === 0) {
      return `${name}: waiting for a server (name one with --peer, or let one connect)`;
    }
    return `${name}: waiting for a first server to answer; trying again`;
  }

  #onTable(hasTable: boolean): void {
    if (hasTable) {
      this.#advertising.onTable();
      this.#lookUps.onTable();
    }
    this.#tell();
  }

  /** An answer may bring a thousand pieces of news. */
  #tell(): void {
    this.#cancelTelling ??= this.#options.clock.after(TELL_AFTER_MS, () => {
      this.#cancelTelling = undefined;
      this.#options.onChange();
    });
  }

  #onNoneAnswers(reason: string): void {
    this.#advertising.onNoneAnswers(reason);
    if (this.#hasToldNoneAnswers || this.#participation.tablePeers > 0) return;
    this.#hasToldNoneAnswers = true;
    this.#options.onNotice(`No DHT server can be reached yet (${reason}); trying on`);
  }

  /** A bootstrap has answered: it may be a server, a server of another DHT, or no server at all. */
  async #onBootstrap(connection: Connection): Promise<void> {
    const { kind, protocol, otherProtocols, onNotice } = this.#options;
    if (kind === "private") void this.#onServer(connection);
    const ours = [protocol, PROTOCOL, ...otherProtocols];
    const other = await otherDhtOf(connection, ours, this.#options);
    if (other === undefined) return;
    onNotice(
      `The peer at ${connection.remoteAddr} speaks ${other}, not ${protocol}; ` +
        `use --dht-protocol ${other}`,
    );
  }

  /**
   * A server is connected. The short way is for the chain's own DHT, where every server is likely to
   * know the few others; in the public one it would ask strangers for nothing.
   */
  async #onServer(connection: Connection): Promise<void> {
    const { kind, gate } = this.#options;
    if (kind === "public") return;
    const isAsked = kind === "private" || gate === undefined ||
      await gate.admits(connection.remotePeer.toString(), MEMBERSHIP_MS);
    if (isAsked) await this.#direct.meet(connection);
  }

  /** Where only members are asked there is nobody to hide our relays from. */
  #ownAddresses(): string[] {
    const { host, kind, gate } = this.#options;
    return kind === "own" && gate !== undefined ? host.addresses() : host.toldAddresses();
  }

  /** Where an answer came from; our own store counts as a private network. */
  #classOf(peerId: PeerId): AddressClass | undefined {
    const connection = this.#options.host.connectionTo(peerId.toString());
    return connection === undefined ? "private" : classOf(connection.remoteAddr.toString());
  }

  #onAnswer(providers: DhtPeer[], server: PeerId): void {
    const via = this.#classOf(server);
    for (const provider of providers) this.#onProvider(provider, server.toString(), via);
  }

  #onProvider(provider: DhtPeer, server: string, via: AddressClass | undefined): void {
    const { host, kind, onCandidate } = this.#options;
    const { peerId } = provider;
    if (peerId === host.peerId) return;
    const addresses = this.#believed(provider.addresses, via);
    if (provider.addresses.length > 0 && addresses.length === 0) return;
    const isNew = !this.#found.has(peerId);
    if (this.#found.size < FOUND_IDS_MAX) this.#found.add(peerId);
    const source = kind === "own" ? "own-dht" : "dht";
    onCandidate({ peerId, addresses, source, toldBy: server });
    if (isNew) this.#tell();
  }

  #believed(addresses: string[], via: AddressClass | undefined): string[] {
    const { host, kind } = this.#options;
    return believedAddresses(kind, addresses, via, host.addresses());
  }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
