/**
 * Discovery through a Kademlia DHT: advertises under the phrase and looks it up for as long as the
 * node runs, by the standard provider record, so that any libp2p program can meet us there.
 */
import type { Connection, PeerId } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { multiaddr } from "@multiformats/multiaddr";
import type { CID } from "multiformats/cid";
import type { Cancel, Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { getLogger } from "../../base/log.ts";
import type { AddressClass } from "../../peers/address_class.ts";
import { classOf } from "../addresses.ts";
import { advertise, RECORD_SERVERS } from "./advertise.ts";
import { believedAddresses, toldAddresses } from "./belief.ts";
import { Bootstraps } from "./bootstraps.ts";
import { DhtDirect } from "./direct.ts";
import type { DhtPeer } from "./exchange.ts";
import {
  ADVERTISE_WALK_MS_MAX,
  DHT_PROTOCOLS,
  type DhtKind,
  FIRST_WALKS_MS_MAX,
  LOOK_UP_MS_MAX,
  PUBLIC_BOOTSTRAPS,
  SERVICE_AFTER_MS,
} from "./kind.ts";
import { type DhtService, startDhtService } from "./service.ts";
import type { Dialer } from "../libp2p/dialer.ts";
import type { DiscoveryState } from "../discovery.ts";
import type { Host } from "../libp2p/host.ts";
import type { MemberGate } from "../membership/member_gate.ts";
import { providerKey } from "./provider_key.ts";
import { Rounds } from "./rounds.ts";
import { type Candidate, PROTOCOL } from "../transport.ts";

/** network.md, "Finding each other". */
const ADVERTISE_RETRY_MS = [2_000, 5_000, 15_000] as const;
const LOOK_UP_AGAIN_MS = [500, 2_000, 5_000, 15_000] as const;
const MINUTE_MS = 60_000;
const ADVERTISE_AGAIN_MS = 30 * MINUTE_MS;
const LOOK_UP_ENOUGH_MS = 10 * MINUTE_MS;

const IDENTIFY_MS_MAX = 5_000;
/** Below this the table is kept fed by the bootstraps. */
const TABLE_PEERS_ENOUGH = 4;
const FOUND_IDS_MAX = 1_000;
/** A server that has just connected proves itself a member within this, or is not asked. */
const MEMBERSHIP_MS = 5_000;
/** What an answer brings is told together. */
const TELL_AFTER_MS = 100;

/** Believed of one answer; an honest server of kad-dht has a hundred at most. */
const PROVIDERS_PER_ANSWER = 1_024;
/** Read of one provider; a signed record holds eight. */
const ADDRESSES_PER_PROVIDER = 16;

const log = getLogger("net", "dht");

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
  readonly #key: CID;
  readonly #advertising: Rounds;
  readonly #lookingUp: Rounds;
  readonly #bootstraps: Bootstraps;
  readonly #found = new Set<string>();
  readonly #direct: DhtDirect;
  /** Servers that took our record directly, and in the last full round. */
  readonly #storedDirectly = new Set<string>();
  #storedInRound = new Set<string>();
  #cancelService: Cancel = () => {};
  #cancelTelling: Cancel | undefined;
  #dht: DhtService | undefined;
  #switching: Promise<void> | undefined;
  #advertiseFailures = 0;
  /** Walks to advertise since there is a table. */
  #walks = 0;
  #lookUps = 0;
  /** Look-ups in a row that brought nobody new. */
  #barrenLookUps = 0;
  #hadTable = false;
  #advertisedAtMs: number | undefined;
  #lastError: string | undefined;
  #hasToldNoneAnswers = false;

  constructor(options: DhtOptions) {
    this.#options = options;
    this.#key = providerKey(options.rendezvous);
    this.#direct = new DhtDirect({
      host: options.host,
      dialer: options.dialer,
      kind: options.kind,
      protocol: options.protocol,
      addresses: () => this.#ownAddresses(),
      key: this.#key.multihash.bytes,
      believed: (addresses, via) => this.#believed(addresses, via),
      onProvider: (provider, server, via) => this.#onProvider(provider, server, via),
      onStored: (server) => {
        this.#storedDirectly.add(server);
        this.#onStored();
      },
    });
    this.#advertising = new Rounds(options.clock, (signal) => this.#advertise(signal));
    this.#lookingUp = new Rounds(options.clock, (signal) => this.#lookUp(signal));
    this.#bootstraps = new Bootstraps({
      dialer: options.dialer,
      clock: options.clock,
      onConnected: (connection) => void this.#onBootstrap(connection),
      isNeeded: () => this.#tablePeers() < TABLE_PEERS_ENOUGH,
      onNoneAnswers: (reason) => this.#onNoneAnswers(reason),
    });
  }

  /**
   * Begins to look for servers. Returns when whoever connects is noticed. The own DHT is entered by
   * whoever is connected for other reasons: named, remembered and found peers.
   */
  async start(bootstraps: string[]): Promise<void> {
    const { host, clock, kind, protocol } = this.#options;
    if (protocol === DHT_PROTOCOLS.public) this.#bootstraps.add(PUBLIC_BOOTSTRAPS);
    this.addBootstrap(bootstraps);
    await host.node.register(protocol, {
      onConnect: (_peerId, connection) => void this.#onServer(connection),
    });
    this.#cancelService = clock.after(SERVICE_AFTER_MS[kind], () => void this.#startService());
  }

  /** Loads and starts the DHT's own service. */
  async #startService(): Promise<void> {
    const { host, clock, kind, protocol, isMember, gate } = this.#options;
    const isServer = this.#shouldServe();
    const dht = await startDhtService({
      host,
      clock,
      kind,
      protocol,
      isServer,
      isMember,
      ...(gate && { gate }),
    });
    // Whoever asks us is told of us too.
    if (kind !== "public") await dht.providers.addProvider(this.#key, host.node.peerId);
    dht.routingTable.addEventListener("peer:add", () => this.#onTable());
    dht.routingTable.addEventListener("peer:remove", () => this.#onTable());
    this.#dht = dht;
    this.#options.dialer.finders.push((peerId, signal) => this.#findPeer(peerId, signal));
    for (const id of host.node.getPeers()) await this.#introduce(id);
    this.#onTable();
    this.onReachabilityChanged();
  }

  /** Serves the own DHT as soon as others can reach us, and no longer than that. */
  onReachabilityChanged(): void {
    if (this.#switching !== undefined) return;
    this.#switching = this.#switchMode().catch((error) => {
      log.info("Cannot change how we take part: {reason}", { reason: messageOf(error) });
    }).finally(() => this.#switching = undefined);
  }

  /** What changes meanwhile is looked at again. */
  async #switchMode(): Promise<void> {
    while (this.#dht !== undefined && this.#shouldServe() !== this.#serves()) {
      await this.#dht.setMode(this.#shouldServe() ? "server" : "client");
      this.#tell();
    }
  }

  #shouldServe(): boolean {
    const { kind, isReachable } = this.#options;
    return kind === "private" || (kind === "own" && isReachable());
  }

  #serves(): boolean {
    return this.#dht?.getMode() === "server";
  }

  /** Tells the service of a peer that had connected before it ran. */
  async #introduce(id: PeerId): Promise<void> {
    const { host, protocol } = this.#options;
    if (!(await host.protocolsOf(id.toString())).includes(protocol)) return;
    const addresses = await host.knownAddresses(id.toString());
    await this.#dht?.onPeerConnect({ id, multiaddrs: addresses.map((text) => multiaddr(text)) });
  }

  /** Ends all rounds; the DHT service itself ends with the host. */
  stop(): void {
    this.#cancelService();
    this.#cancelTelling?.();
    this.#advertising.stop();
    this.#lookingUp.stop();
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
    this.#storedDirectly.clear();
    this.#direct.forget();
    this.#advertising.due();
  }

  /** Another network, or awake again: who did not answer before may do so now. */
  onNetworkChanged(): void {
    this.#bootstraps.retry();
    this.#advertising.due();
    this.lookUpSoon();
  }

  /** More peers are wanted at once: a session has ended, say. */
  lookUpSoon(): void {
    this.#lookUps = 0;
    this.#barrenLookUps = 0;
    if (this.#tablePeers() > 0) this.#lookingUp.due(LOOK_UP_AGAIN_MS[0]);
  }

  state(): DiscoveryState {
    const state: DiscoveryState = {
      source: this.#options.kind === "own" ? "own-dht" : "dht",
      state: this.#isStored() ? "advertised" : this.#advertiseFailures > 0 ? "failing" : "waiting",
      text: "",
      foundCount: this.#found.size,
      tablePeers: this.#tablePeers(),
    };
    if (this.#advertisedAtMs !== undefined) state.advertisedAtMs = this.#advertisedAtMs;
    if (this.#lastError !== undefined) state.lastError = this.#lastError;
    state.text = this.#describe(state);
    return state;
  }

  /** Some server has our record of late, even if the last round reached none. */
  #isStored(): boolean {
    if (this.#advertisedAtMs === undefined) return false;
    const ageMs = this.#options.clock.nowMs() - this.#advertisedAtMs;
    return this.#advertiseFailures === 0 || ageMs < ADVERTISE_AGAIN_MS;
  }

  #describe(state: DiscoveryState): string {
    const { kind } = this.#options;
    const isServer = kind === "own" && this.#serves();
    const name = isServer ? "own DHT (serving it)" : `${kind} DHT`;
    const found = `found ${count(this.#found.size, "peer")}`;
    if (state.state === "advertised") {
      return `${name}: advertised at ${
        count(this.#storedInRound.union(this.#storedDirectly).size, "server")
      }, ${found}`;
    }
    if (!this.#hasAddress() && this.#tablePeers() > 0) {
      return `${name}: not advertised, since this node has no public address; ${found}`;
    }
    if (state.state === "failing") {
      return `${name}: cannot advertise (${this.#lastError}), trying again; ${found}`;
    }
    if (isServer) return `${name}: no other member serves it yet`;
    if (kind === "own") return `${name}: waiting for a member that serves it`;
    if (kind === "private" && this.#bootstraps.size === 0) {
      return `${name}: waiting for a server (name one with --peer, or let one connect)`;
    }
    return `${name}: waiting for a first server to answer; trying again`;
  }

  #tablePeers(): number {
    return this.#dht?.routingTable.size ?? 0;
  }

  #onTable(): void {
    const hasTable = this.#tablePeers() > 0;
    if (hasTable === this.#hadTable) return;
    this.#hadTable = hasTable;
    if (!hasTable) return this.#tell();
    this.#lookUps = 0;
    this.#walks = 0;
    this.#advertising.due();
    this.#lookingUp.due();
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
    this.#lastError = reason;
    this.#tell();
    if (this.#hasToldNoneAnswers || this.#tablePeers() > 0) return;
    this.#hasToldNoneAnswers = true;
    this.#options.onNotice(`No DHT server can be reached yet (${reason}); trying on`);
  }

  /** A bootstrap has answered: it may be a server, a server of another DHT, or no server at all. */
  async #onBootstrap(connection: Connection): Promise<void> {
    const { host, kind, protocol, otherProtocols, onNotice } = this.#options;
    if (kind === "private") void this.#onServer(connection);
    const peerId = connection.remotePeer.toString();
    const protocols = await this.#identified(peerId);
    const isOfUse = [protocol, PROTOCOL, ...otherProtocols].some((id) => protocols.includes(id));
    if (isOfUse) return;
    const other = protocols.find((id) => /\/kad\/|\/kad$/.test(id));
    if (other === undefined || host.connectionTo(peerId) === undefined) return;
    onNotice(
      `The peer at ${connection.remoteAddr} speaks ${other}, not ${protocol}; ` +
        `use --dht-protocol ${other}`,
    );
  }

  /** The protocols of a peer just connected, once identify has brought them (at most 5 s). */
  #identified(peerId: string): Promise<string[]> {
    const { host, clock } = this.#options;
    return new Promise((resolve) => {
      const finish = () => {
        cancel();
        host.node.removeEventListener("peer:identify", onIdentify);
        resolve(host.protocolsOf(peerId));
      };
      const onIdentify = (event: CustomEvent<{ peerId: PeerId }>) => {
        if (event.detail.peerId.toString() === peerId) finish();
      };
      const cancel = clock.after(IDENTIFY_MS_MAX, finish);
      host.node.addEventListener("peer:identify", onIdentify);
    });
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

  async #advertise(stop: AbortSignal): Promise<number | undefined> {
    const { host, kind, protocol } = this.#options;
    if (this.#dht === undefined || this.#tablePeers() === 0) return undefined;
    // What is stored becomes stored again when we have an address.
    if (!this.#hasAddress()) return undefined;
    const shortMs = FIRST_WALKS_MS_MAX[this.#walks++];
    const { stored, isPartial, lastError } = await advertise({
      dht: this.#dht,
      host,
      kind,
      protocol,
      addresses: () => this.#ownAddresses(),
      key: this.#key.multihash.bytes,
      walkMs: shortMs ?? ADVERTISE_WALK_MS_MAX[kind],
      stop,
    });
    if (stop.aborted) return undefined;
    if (stored.size > 0) {
      this.#storedInRound = stored;
      this.#advertiseFailures = 0;
      this.#onStored();
      const reachable = Math.min(this.#tablePeers(), RECORD_SERVERS);
      if (isPartial && shortMs !== undefined) return ADVERTISE_RETRY_MS[0];
      return stored.size < reachable / 2 ? MINUTE_MS : ADVERTISE_AGAIN_MS;
    }
    this.#lastError = lastError ?? "no server took the record";
    const next = ADVERTISE_RETRY_MS[this.#advertiseFailures++] ?? MINUTE_MS;
    this.#tell();
    return next;
  }

  /** Whether we have an address that servers of this DHT would keep. */
  #hasAddress(): boolean {
    return toldAddresses(this.#options.kind, this.#ownAddresses(), "loopback").length > 0;
  }

  /** Where only members are asked there is nobody to hide our relays from. */
  #ownAddresses(): string[] {
    const { host, kind, gate } = this.#options;
    return kind === "own" && gate !== undefined ? host.addresses() : host.toldAddresses();
  }

  #onStored(): void {
    this.#lastError = undefined;
    this.#advertisedAtMs = this.#options.clock.nowMs();
    this.#tell();
  }

  async #lookUp(stop: AbortSignal): Promise<number | undefined> {
    if (this.#dht === undefined || this.#tablePeers() === 0) return undefined;
    const foundBefore = this.#found.size;
    const signal = AbortSignal.any([
      stop,
      AbortSignal.timeout(
        FIRST_WALKS_MS_MAX[this.#lookUps] ?? LOOK_UP_MS_MAX[this.#options.kind],
      ),
    ]);
    try {
      for await (const event of this.#dht.findProviders(this.#key, { signal })) {
        if (event.name !== "PEER_RESPONSE") continue;
        const via = this.#classOf(event.from);
        const server = event.from.toString();
        for (const { id, multiaddrs } of event.providers.slice(0, PROVIDERS_PER_ANSWER)) {
          const addresses = multiaddrs.slice(0, ADDRESSES_PER_PROVIDER).map(String);
          this.#onProvider({ peerId: id.toString(), addresses }, server, via);
        }
      }
    } catch (error) {
      if (!stop.aborted) log.info("A look-up ended early: {reason}", { reason: messageOf(error) });
    }
    if (stop.aborted) return undefined;
    this.#tell();
    this.#barrenLookUps = this.#found.size > foundBefore ? 0 : this.#barrenLookUps + 1;
    return LOOK_UP_AGAIN_MS[this.#lookUps++] ?? this.#lookUpPauseMs();
  }

  /** A look-up among eight servers is 50 kB: where all are found, it is made ever more seldom. */
  #lookUpPauseMs(): number {
    const { wantsPeers, isAlone } = this.#options;
    if (!wantsPeers()) return LOOK_UP_ENOUGH_MS;
    if (isAlone?.() ?? true) return MINUTE_MS;
    return Math.min(LOOK_UP_ENOUGH_MS, MINUTE_MS * 2 ** Math.min(this.#barrenLookUps, 10));
  }

  /** Where an answer came from; our own store counts as a private network. */
  #classOf(peerId: PeerId): AddressClass | undefined {
    const connection = this.#options.host.connectionTo(peerId.toString());
    return connection === undefined ? "private" : classOf(connection.remoteAddr.toString());
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

  async #findPeer(peerId: string, signal: AbortSignal): Promise<string[]> {
    if (this.#dht === undefined) return [];
    for await (const event of this.#dht.findPeer(peerIdFromString(peerId), { signal })) {
      if (event.name === "FINAL_PEER") return event.peer.multiaddrs.map(String);
    }
    return [];
  }
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
