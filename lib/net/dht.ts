/**
 * Discovery through a Kademlia DHT: advertises under the phrase and looks it up for as long as the
 * node runs, by the standard provider record, so that any libp2p program can meet us there.
 */
import type { Connection, PeerId, PeerInfo } from "@libp2p/interface";
import type { KadDHT } from "@libp2p/kad-dht";
import { peerIdFromString } from "@libp2p/peer-id";
import { multiaddr } from "@multiformats/multiaddr";
import type { CID } from "multiformats/cid";
import type { Cancel, Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import type { AddressClass } from "../peers/address_class.ts";
import { travellingAddresses } from "../peers/gossip_policy.ts";
import { classOf } from "./addresses.ts";
import { Bootstraps } from "./dht_bootstraps.ts";
import { DhtDirect } from "./dht_direct.ts";
import type { DhtPeer } from "./dht_exchange.ts";
import type { Dialer } from "./dialer.ts";
import type { DiscoveryState } from "./discovery.ts";
import type { Host } from "./libp2p_host.ts";
import { providerKey } from "./provider_key.ts";
import { Rounds } from "./rounds.ts";
import { type Candidate, PROTOCOL } from "./transport.ts";

export type DhtMode = "public" | "private";

/** The protocol of each mode; `--dht-protocol` names others. */
export const DHT_PROTOCOLS: Record<DhtMode, string> = {
  public: "/ipfs/kad/1.0.0",
  private: "/moim/kad/1.0.0",
};

/** The bootstrap peers of the IPFS network (kubo, `config/bootstrap_peers.go`). */
export const PUBLIC_BOOTSTRAPS = [
  "/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN",
  "/dnsaddr/bootstrap.libp2p.io/p2p/QmQCU2EcMqAqQPR2i9bChDtGNJchTbq5TbXJJ16u19uLTa",
  "/dnsaddr/bootstrap.libp2p.io/p2p/QmbLHAnMoJPWSCR5Zhtx6BHJX9KiKNN6tpvbUcqanj75Nb",
  "/dnsaddr/bootstrap.libp2p.io/p2p/QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt",
  "/ip4/104.131.131.82/tcp/4001/p2p/QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ",
];

/** network.md, "Finding each other". */
const ADVERTISE_RETRY_MS = [2_000, 5_000, 15_000] as const;
const LOOK_UP_AGAIN_MS = [500, 2_000, 5_000, 15_000] as const;
const MINUTE_MS = 60_000;
const ADVERTISE_AGAIN_MS = 30 * MINUTE_MS;
const LOOK_UP_ENOUGH_MS = 10 * MINUTE_MS;

/** Each attempt ends: the public network has many dead entries, and each costs a dial. */
const ADVERTISE_MS_MAX: Record<DhtMode, number> = { public: 90_000, private: 20_000 };
const LOOK_UP_MS_MAX: Record<DhtMode, number> = { public: 45_000, private: 15_000 };
const IDENTIFY_MS_MAX = 5_000;
/** Kademlia's k: a record is kept by this many servers. Fewer than half of it is tried again soon. */
const RECORD_SERVERS = 20;
/**
 * In a private DHT the short way (`dht_direct.ts`) does without kad-dht, whose loading and full
 * rounds would only slow it down: they begin when it is normally over.
 */
const SERVICE_AFTER_MS = 1_000;
/** Below this the table is kept fed by the bootstraps. */
const TABLE_PEERS_ENOUGH = 4;
const FOUND_IDS_MAX = 1_000;

const log = getLogger("net", "dht");

/** kad-dht's service with two members that its published type leaves out. */
type DhtService = KadDHT & {
  routingTable: EventTarget & { readonly size: number };
  onPeerConnect(peer: PeerInfo): Promise<void>;
};

export type DhtOptions = {
  host: Host;
  dialer: Dialer;
  clock: Clock;
  rendezvous: string;
  mode: DhtMode;
  protocol: string;
  /** Whether more peers are wanted: decides how often we look up. */
  wantsPeers: () => boolean;
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
  #dht: DhtService | undefined;
  #advertiseFailures = 0;
  #lookUps = 0;
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
      protocol: options.protocol,
      key: this.#key.multihash.bytes,
      believed: (addresses, via) => this.#believed(addresses, via),
      onProvider: (provider, via) => this.#onProvider(provider, via),
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

  /** Begins to look for servers. Returns when whoever connects is noticed. */
  async start(bootstraps: string[]): Promise<void> {
    const { host, clock, mode, protocol } = this.#options;
    if (mode === "public") this.#bootstraps.add(PUBLIC_BOOTSTRAPS);
    this.#bootstraps.add(bootstraps);
    await host.node.register(protocol, {
      onConnect: (_peerId, connection) => this.#onServer(connection),
    });
    const delayMs = mode === "private" ? SERVICE_AFTER_MS : 0;
    this.#cancelService = clock.after(delayMs, () => void this.#startService());
  }

  /** Loads and starts the DHT's own service, which makes us a server in a private DHT. */
  async #startService(): Promise<void> {
    const { host, mode, protocol } = this.#options;
    const { kadDHT, passthroughMapper, removePrivateAddressesMapper } = await import(
      "@libp2p/kad-dht"
    );
    const dht = await host.addService<DhtService>(kadDHT({
      protocol,
      clientMode: mode === "public",
      peerInfoMapper: mode === "public" ? removePrivateAddressesMapper : passthroughMapper,
      // Queries are begun by us when there is somebody to ask: they need not wait for that, nor for
      // the self-query that kad-dht makes a second after its start.
      allowQueryWithZeroPeers: true,
    }));
    dht.routingTable.addEventListener("peer:add", () => this.#onTable());
    dht.routingTable.addEventListener("peer:remove", () => this.#onTable());
    this.#dht = dht;
    this.#options.dialer.findAddresses = (peerId, signal) => this.#findPeer(peerId, signal);
    for (const id of host.node.getPeers()) await this.#introduce(id);
    this.#onTable();
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
    this.#advertising.stop();
    this.#lookingUp.stop();
    this.#bootstraps.stop();
    this.#direct.stop();
  }

  /** Dials more ways into the DHT, now and whenever it is needed. */
  addBootstrap(addresses: string[]): void {
    this.#bootstraps.add(addresses);
  }

  /** Our addresses are others now: what is stored must be replaced. */
  onAddressesChanged(): void {
    this.#storedDirectly.clear();
    this.#direct.forget();
    this.#advertising.due();
  }

  /** More peers are wanted at once: a session has ended, say. */
  lookUpSoon(): void {
    this.#lookUps = 0;
    if (this.#tablePeers() > 0) this.#lookingUp.due(LOOK_UP_AGAIN_MS[0]);
  }

  state(): DiscoveryState {
    const state: DiscoveryState = {
      source: "dht",
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
    const name = `${this.#options.mode} DHT`;
    const found = `found ${count(this.#found.size, "peer")}`;
    if (state.state === "advertised") {
      return `${name}: advertised at ${
        count(this.#storedInRound.union(this.#storedDirectly).size, "server")
      }, ${found}`;
    }
    if (state.state === "failing") {
      return `${name}: cannot advertise (${this.#lastError}), trying again; ${found}`;
    }
    if (this.#options.mode === "private" && this.#bootstraps.size === 0) {
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
    if (!hasTable) return this.#options.onChange();
    this.#lookUps = 0;
    this.#advertising.due();
    this.#lookingUp.due();
    this.#options.onChange();
  }

  #onNoneAnswers(reason: string): void {
    this.#lastError = reason;
    this.#options.onChange();
    if (this.#hasToldNoneAnswers || this.#tablePeers() > 0) return;
    this.#hasToldNoneAnswers = true;
    this.#options.onNotice(`No DHT server can be reached yet (${reason}); trying on`);
  }

  /** A bootstrap has answered: it may be a server, a server of another DHT, or no server at all. */
  async #onBootstrap(connection: Connection): Promise<void> {
    const { host, mode, protocol, onNotice } = this.#options;
    if (mode === "private") this.#onServer(connection);
    const peerId = connection.remotePeer.toString();
    const protocols = await this.#identified(peerId);
    if (protocols.includes(protocol) || protocols.includes(PROTOCOL)) return;
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
   * A server is connected. The short way is for private DHTs, where every server is likely to know
   * the few others; in the public one it would ask strangers for nothing.
   */
  #onServer(connection: Connection): void {
    if (this.#options.mode === "private") void this.#direct.meet(connection);
  }

  async #advertise(stop: AbortSignal): Promise<number | undefined> {
    if (this.#dht === undefined || this.#tablePeers() === 0) return undefined;
    const stored = new Set<string>();
    try {
      const signal = AbortSignal.any([
        stop,
        AbortSignal.timeout(ADVERTISE_MS_MAX[this.#options.mode]),
      ]);
      for await (const event of this.#dht.provide(this.#key, { signal })) {
        if (event.name === "PEER_RESPONSE" && event.messageName === "ADD_PROVIDER") {
          stored.add(event.from.toString());
        }
        if (event.name === "QUERY_ERROR") this.#lastError = messageOf(event.error);
      }
    } catch (error) {
      this.#lastError = messageOf(error);
    }
    if (stop.aborted) return undefined;
    if (stored.size > 0) {
      this.#storedInRound = stored;
      this.#advertiseFailures = 0;
      this.#onStored();
      const reachable = Math.min(this.#tablePeers(), RECORD_SERVERS);
      return stored.size < reachable / 2 ? MINUTE_MS : ADVERTISE_AGAIN_MS;
    }
    this.#lastError ??= "no server took the record";
    const next = ADVERTISE_RETRY_MS[this.#advertiseFailures++] ?? MINUTE_MS;
    this.#options.onChange();
    return next;
  }

  #onStored(): void {
    this.#lastError = undefined;
    this.#advertisedAtMs = this.#options.clock.nowMs();
    this.#options.onChange();
  }

  async #lookUp(stop: AbortSignal): Promise<number | undefined> {
    if (this.#dht === undefined || this.#tablePeers() === 0) return undefined;
    const signal = AbortSignal.any([
      stop,
      AbortSignal.timeout(LOOK_UP_MS_MAX[this.#options.mode]),
    ]);
    try {
      for await (const event of this.#dht.findProviders(this.#key, { signal })) {
        if (event.name !== "PROVIDER") continue;
        const via = this.#classOf(event.from);
        for (const { id, multiaddrs } of event.providers) {
          this.#onProvider({ peerId: id.toString(), addresses: multiaddrs.map(String) }, via);
        }
      }
    } catch (error) {
      if (!stop.aborted) log.info("A look-up ended early: {reason}", { reason: messageOf(error) });
    }
    if (stop.aborted) return undefined;
    this.#options.onChange();
    const soon = LOOK_UP_AGAIN_MS[this.#lookUps++];
    return soon ?? (this.#options.wantsPeers() ? MINUTE_MS : LOOK_UP_ENOUGH_MS);
  }

  /** Where an answer came from; our own store counts as a private network. */
  #classOf(peerId: PeerId): AddressClass | undefined {
    const connection = this.#options.host.connectionTo(peerId.toString());
    return connection === undefined ? "private" : classOf(connection.remoteAddr.toString());
  }

  #onProvider(provider: DhtPeer, via: AddressClass | undefined): void {
    const { host, onCandidate, onChange } = this.#options;
    if (provider.peerId === host.peerId) return;
    const addresses = this.#believed(provider.addresses, via);
    if (provider.addresses.length > 0 && addresses.length === 0) return;
    const isNew = !this.#found.has(provider.peerId);
    if (this.#found.size < FOUND_IDS_MAX) this.#found.add(provider.peerId);
    onCandidate({ peerId: provider.peerId, addresses, source: "dht" });
    if (isNew) onChange();
  }

  /** A private DHT is there to carry private addresses, whatever address its servers have. */
  #believed(addresses: string[], via: AddressClass | undefined): string[] {
    const { mode } = this.#options;
    const trusted = mode === "private" && via !== "loopback" ? "private" : via ?? "public";
    return travellingAddresses(addresses, trusted);
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
