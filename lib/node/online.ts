/** The network side of a node: transport and discovery, sessions, peer book and sync, joined. */
import { type Clock, delay } from "../base/clock.ts";
import { EXIT, UserError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { RecentSet } from "../base/recent_set.ts";
import type { Outcome } from "../chain/outcome.ts";
import { spendLock } from "../consensus/coins.ts";
import { canonicalParameters } from "../consensus/network_json.ts";
import type { PeerSession } from "../net/hub.ts";
import { parsePeerArgument } from "../net/addresses.ts";
import type { Libp2pTransport } from "../net/libp2p/transport.ts";
import { networkNotice } from "../net/libp2p/network_watch.ts";
import { PeerManager } from "../net/peer_manager.ts";
import type { Candidate, DialTarget } from "../net/transport.ts";
import { addressClass, isRelayedAddress } from "../peers/address_class.ts";
import { PeerBook } from "../peers/peer_book.ts";
import type { Transaction } from "../primitives/transaction.ts";
import type { TxId } from "../primitives/ids.ts";
import { Sync, type SyncState } from "../sync/mod.ts";
import type {
  AddPeerResult,
  NodeDiagnosis,
  NodeStatus,
  OnEvent,
  PeerInfo,
  ReachStatus,
  SourceStatus,
  SyncStatus,
} from "./api.ts";
import type { NodeConfig } from "./config.ts";
import { writeMembership } from "./group_keys.ts";
import { evidenceOf } from "./evidence.ts";
import type { Ledger } from "./ledger.ts";
import { listen } from "./listen.ts";
import { PeerFile, rememberedPeer } from "./peer_file.ts";
import { proverOf } from "./prover.ts";
import { VERSION } from "./version.ts";

/** Fewer outbound sessions than this, and the DHT is asked every minute. */
const WANTED_OUTBOUND = 4;
/** How long a named peer may take to answer before a command gives up on it. */
const REACH_MS = 10_000;
/** Payments kept in mind as fetched: more than anybody makes within the time waited for it. */
const FETCHED_MAX = 1_000;
/** How long a peer may take to fetch a payment that it was told of. */
const DELIVERY_MS = 5_000;

export interface OnlineParts {
  ledger: Ledger;
  config: NodeConfig;
  /** The P2P port to take first: free a moment ago. */
  port: number;
  clock: Clock;
  random: Random;
  onEvent: OnEvent;
  /** The chain can no longer be written: the node must end. */
  onFailure: (error: unknown) => void;
}

/** libp2p and the system take milliseconds to say where we are, and `status` may be asked often. */
const WHEREABOUTS_MS = 1_000;

/** Where this node can be reached, as `status` tells it. */
type Whereabouts = Required<Pick<NodeStatus, "addresses" | "reachability" | "reach">>;

export class Online {
  readonly #parts: OnlineParts;
  readonly #transport: Libp2pTransport;
  readonly #book: PeerBook;
  readonly #peerFile: PeerFile;
  readonly #peers: PeerManager;
  readonly #sync: Sync;
  /** Payments that some peer has asked for since they were made. */
  readonly #fetched = new RecentSet<TxId>(FETCHED_MAX);
  #hadPeers: boolean;
  /** Milliseconds since 1970; 0 for since the start. */
  #addressesSinceMs = 0;
  #toldWhereabouts: { readonly atMs: number; readonly told: Whereabouts } | undefined;

  private constructor(
    parts: OnlineParts,
    transport: Libp2pTransport,
    book: { book: PeerBook; file: PeerFile },
    peers: PeerManager,
  ) {
    this.#parts = parts;
    this.#transport = transport;
    this.#book = book.book;
    this.#peerFile = book.file;
    this.#peers = peers;
    this.#hadPeers = book.book.best(parts.clock.nowMs()).length > 0;
    const { chain, mempool, keystore } = parts.ledger;
    const isOwn = (transaction: Transaction) =>
      transaction.spends.some((spend) => keystore.keyOf(spendLock(spend)) !== undefined);
    this.#sync = new Sync({
      chain,
      mempool,
      peers,
      clock: parts.clock,
      isOwn,
      onFailure: parts.onFailure,
    });
  }

  /** Opens the port and begins with every discovery source. Throws `UserError`. */
  static async start(parts: OnlineParts): Promise<Online> {
    const { ledger, config, clock, random } = parts;
    const targets = config.peers.map(parsePeerArgument);
    const hints = (config.hints ?? []).map(parsePeerArgument);
    const peerFile = new PeerFile(ledger.store, clock);
    const book = new PeerBook({ random, onChange: (change) => peerFile.note(change) });
    book.load(await peerFile.load());
    // Discovery begins with the transport, a moment before there is somebody to tell.
    const later: { peers?: PeerManager; early: Candidate[] } = { early: [] };
    const transport = await listen(config, parts.port, {
      identitySeed: await ledger.folder.identitySeed(),
      announce: config.announce,
      dht: {
        mode: config.dht,
        ...(config.dhtProtocol && { protocol: config.dhtProtocol }),
        membersOnly: ledger.membership !== undefined,
      },
      hidesRelays: ledger.membership !== undefined,
      bootstraps: bootstrapsOf([...targets, ...hints], book),
      lan: config.lan,
      mapPort: config.mapPort,
      relay: config.relay,
      isMember: (peerId) => later.peers?.isMember(peerId) ?? false,
      rendezvous: ledger.meetingPoint,
      agent: `moim/${VERSION}`,
      clock,
      wantsPeers: () => (later.peers?.stats().outbound ?? 0) < WANTED_OUTBOUND,
      isAlone: () => (later.peers?.sessions().length ?? 0) === 0,
      onCandidate: (candidate) => {
        if (later.peers) later.peers.found(candidate);
        else later.early.push(candidate);
      },
      onNotice: (text) => parts.onEvent({ kind: "notice", level: "warning", text }),
    });
    const peers = new PeerManager({
      transport,
      book,
      clock,
      random,
      wanted: targets,
      gossip: config.gossip,
      membership: await proverOf(ledger, transport.peerId),
      networkParameters: () => canonicalParameters(ledger.network),
      local: () => {
        const { id, height, totalWork } = ledger.chain.tip();
        return {
          genesisId: ledger.chain.genesisId,
          networkName: ledger.network.name,
          agent: `moim/${VERSION}`,
          tipId: id,
          tipHeight: height,
          totalWork,
        };
      },
    });
    const online = new Online(parts, transport, { book, file: peerFile }, peers);
    online.#begin();
    later.peers = peers;
    for (const candidate of later.early) peers.found(candidate);
    for (const hint of hints) peers.found({ ...hint, source: "peer" });
    return online;
  }

  get port(): number {
    return this.#transport.port;
  }

  get peerCount(): number {
    return this.#peers.sessions().length;
  }

  /** Whether blocks are being fetched by the thousand. */
  get isSyncing(): boolean {
    const { phase, height, targetHeight } = this.#sync.state();
    return phase === "blocks" && targetHeight - height > 2;
  }

  /** As `Chain.accept`, for a block of the user's: peers hear of it before it is checked. */
  offer(bytes: Uint8Array): Promise<Outcome> {
    return this.#sync.offer(bytes);
  }

  /** For the minter: whoever once had peers waits for one. */
  peerState(): { connected: number; everHad: boolean } {
    return { connected: this.peerCount, everHad: this.#hadPeers };
  }

  status(): Pick<
    NodeStatus,
    | "sync"
    | "peers"
    | "peersKnown"
    | "peerId"
    | "addresses"
    | "reachability"
    | "reach"
    | "discovery"
    | "refused"
  > {
    return {
      sync: syncStatus(this.#sync.state()),
      peers: this.peerCount,
      peersKnown: this.#book.size,
      peerId: this.#transport.peerId,
      ...this.#whereabouts(),
      discovery: this.#sources(),
      refused: { ...this.#peers.stats().refused, ...this.#transport.relayRefusals() },
    };
  }

  diagnosis(): NodeDiagnosis {
    const { config, clock, ledger } = this.#parts;
    return evidenceOf({
      config,
      network: ledger.network.name,
      transport: this.#transport,
      peers: this.#peers,
      book: this.#book,
      nowMs: clock.nowMs(),
      addressesSinceMs: this.#addressesSinceMs,
    });
  }

  #whereabouts(): Whereabouts {
    const nowMs = this.#parts.clock.monotonicMs();
    const former = this.#toldWhereabouts;
    if (former !== undefined && nowMs - former.atMs < WHEREABOUTS_MS) return former.told;
    const addresses = this.#transport.addresses();
    const { state, text, relays } = this.#transport.reachability();
    const outside = addresses.filter((address) => leadsHere(address, state));
    const told = { addresses, reachability: text, reach: { state, relays, addresses: outside } };
    this.#toldWhereabouts = { atMs: nowMs, told };
    return told;
  }

  /** Sessions first, then those that the book remembers. */
  peers(): PeerInfo[] {
    const sessions = this.#peers.sessions();
    const connected = sessions.map((session) => this.#sessionInfo(session));
    const ids = new Set(sessions.map((session) => session.peerId));
    const known = this.#book.all().filter((record) => !ids.has(record.peerId))
      .map((record) => rememberedPeer(record, this.#book.sourceOf(record.peerId)));
    return [...connected, ...known];
  }

  /** Throws `UserError` (usage) for what is no address. */
  addPeer(text: string): Promise<AddPeerResult> {
    const target = this.#addTarget(text);
    const { peerId } = target;
    const isConnected = this.#sessionWith(target) !== undefined;
    return Promise.resolve({
      state: isConnected ? "connected" : "trying",
      ...(peerId !== undefined && { peerId }),
      text: isConnected ? `connected to ${text}` : `trying ${text}, for as long as the node runs`,
    });
  }

  /** Waits for a session with the peer. Throws `UserError` (unreachable) after ten seconds. */
  async reach(text: string, signal: AbortSignal): Promise<void> {
    const target = this.#addTarget(text);
    await this.#until(() => this.#sessionWith(target) !== undefined, REACH_MS, signal);
    if (this.#sessionWith(target) !== undefined) return;
    throw new UserError(
      EXIT.unreachable,
      `Cannot reach ${text}: no node of this network answers there; nothing was sent`,
    );
  }

  /** Waits for a session with anybody. Throws `UserError` (unreachable) after ten seconds. */
  async untilReached(signal: AbortSignal): Promise<void> {
    await this.#until(() => this.peerCount > 0, REACH_MS, signal);
    if (this.peerCount > 0) return;
    throw new UserError(
      EXIT.unreachable,
      "No peer answers: the payment is queued and goes out as soon as one does",
    );
  }

  /** Waits until a peer has fetched the payment, or some seconds: it may have had it already. */
  async delivered(txId: TxId, signal: AbortSignal): Promise<void> {
    await this.#until(() => this.#fetched.has(txId), DELIVERY_MS, signal);
  }

  /** Says goodbye, ends everything and keeps the peer book; about a second at most. */
  async stop(): Promise<void> {
    await this.#peers.stop();
    await this.#sync.stop();
    await this.#transport.stop();
    await this.#peerFile.close();
  }

  #begin(): void {
    const { onEvent } = this.#parts;
    const { peerId, port } = this.#transport;
    onEvent({ kind: "listening", peerId, port, addresses: this.#transport.addresses() });
    this.#transport.onAddressesChanged(() => {
      this.#addressesSinceMs = this.#parts.clock.nowMs();
      this.#peers.readvertise();
      this.#tellWhereabouts();
    });
    this.#transport.onReachabilityChanged(() => this.#tellWhereabouts());
    this.#transport.onNetworkChanged((change) => {
      this.#peers.onNetworkChanged(change.hasNetwork);
      const text = networkNotice(change);
      if (text !== undefined) onEvent({ kind: "notice", level: "info", text });
    });
    this.#transport.onDiscoveryChanged(({ source, text }) =>
      onEvent({ kind: "discovery", source, text })
    );
    this.#peers.onNotice((text) => onEvent({ kind: "notice", level: "warning", text }));
    this.#peers.onSession((session) => this.#tellSession(session));
    rememberAcceptance(this.#parts.ledger, this.#peers);
    this.#peers.onSessionEnd((session, reason) => {
      const { peerId } = session;
      onEvent({ kind: "peer-disconnected", peerId, reason, peers: this.peerCount });
      this.#transport.lookUpSoon();
    });
    this.#peers.onMessage((_session, message) => {
      if (message.type !== "getdata") return;
      for (const item of message.items) if (item.kind === "tx") this.#noteFetched(item.id);
    });
    this.#sync.onProgress((state) => onEvent({ kind: "sync", sync: syncStatus(state) }));
    this.#sync.start();
    this.#peers.start();
  }

  #tellWhereabouts(): void {
    this.#toldWhereabouts = undefined;
    const { addresses, reachability } = this.#whereabouts();
    this.#parts.onEvent({ kind: "addresses", addresses, reachability });
  }

  /** Only payments of this node's own mempool are worth remembering. */
  #noteFetched(id: TxId): void {
    if (this.#parts.ledger.mempool.get(id)?.local) this.#fetched.add(id);
  }

  #tellSession(session: PeerSession): void {
    this.#hadPeers = true;
    this.#transport.onMember();
    this.#parts.onEvent({
      kind: "peer-connected",
      peerId: session.peerId,
      address: session.address,
      found: session.found,
      direction: session.direction,
      height: session.remote.tipHeight,
      agent: session.remote.agent,
      peers: this.peerCount,
    });
  }

  #sessionInfo(session: PeerSession): PeerInfo {
    const height = Math.max(
      this.#sync.heightOf(session.peerId) ?? 0,
      session.remote.tipHeight,
    );
    const record = this.#book.get(session.peerId);
    return {
      peerId: session.peerId,
      connected: true,
      found: session.found,
      addresses: record?.addresses.map(({ address }) => address) ?? [session.address],
      address: session.address,
      direction: session.direction,
      ...(session.isRelayed && { relayed: true }),
      agent: session.remote.agent,
      height,
      latencyMs: session.latencyMs,
      connectedAtMs: session.connectedAtMs,
      lastSeenMs: this.#parts.clock.nowMs(),
      bytesIn: session.bytesIn,
      bytesOut: session.bytesOut,
    };
  }

  #sources(): SourceStatus[] {
    const { config } = this.#parts;
    const sessions = this.#peers.sessions();
    const by = (source: string) => sessions.filter((session) => session.found === source).length;
    const remembered = this.#book.all().filter((record) => record.lastSuccessMs > 0).length;
    const known: SourceStatus = {
      source: "known",
      enabled: true,
      text: `${remembered} remembered, ${by("known")} connected`,
    };
    const named: SourceStatus = {
      source: "peer",
      enabled: config.peers.length > 0,
      text: `${config.peers.length} named, ${by("peer")} connected`,
    };
    const found = this.#transport.discovery().map(({ source, state, text }): SourceStatus => ({
      source,
      enabled: state !== "off",
      text,
    }));
    return [known, named, ...found];
  }

  #addTarget(text: string): DialTarget {
    const target = parsePeerArgument(text);
    this.#peers.addPeer(target);
    this.#transport.addBootstrap(target.addresses);
    return target;
  }

  #sessionWith(target: DialTarget): PeerSession | undefined {
    const peerId = target.peerId ?? this.#peers.peerIdAt(target);
    return this.#peers.sessions().find((session) => session.peerId === peerId);
  }

  /** Waits for what sessions and messages bring; they come without another signal. */
  async #until(isTrue: () => boolean, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    const endMs = clock.monotonicMs() + timeoutMs;
    while (!isTrue() && clock.monotonicMs() < endMs && !signal.aborted) {
      await delay(clock, 20, signal);
    }
  }
}

/** The first member that proves the same secret shows that it was typed right: it is kept so. */
function rememberAcceptance({ membership, networkFolder }: Ledger, peers: PeerManager): void {
  if (membership === undefined || membership.isAccepted) return;
  const unsubscribe = peers.onSession(() => {
    unsubscribe();
    // Without this a wrong secret given later takes its place: no more is lost.
    writeMembership(networkFolder.path, { ...membership, isAccepted: true }).catch(() => {});
  });
}

/** The state of sync as the API tells it: what is not known is left out. */
function syncStatus({ blocksPerSecond, etaMs, ...state }: SyncState): SyncStatus {
  return {
    ...state,
    ...(blocksPerSecond > 0 && { blocksPerSecond }),
    ...(etaMs !== undefined && { etaMs }),
  };
}

/** Whether an own address is one by which others come in from outside, as far as is known. */
function leadsHere(address: string, state: ReachStatus["state"]): boolean {
  if (isRelayedAddress(address)) return true;
  const kind = addressClass(address);
  return state !== "relayed" && state !== "closed" && (kind === "public" || kind === "name");
}

/**
 * Every address that may lead into a DHT: named peers and remembered ones. Who is behind a relay
 * serves no DHT.
 */
function bootstrapsOf(targets: readonly DialTarget[], book: PeerBook): string[] {
  const withId = (addresses: readonly string[], peerId: string | undefined) =>
    addresses.filter((address) => !isRelayedAddress(address)).map((address) =>
      peerId === undefined || address.includes("/p2p/") ? address : `${address}/p2p/${peerId}`
    );
  return [
    ...targets.flatMap(({ addresses, peerId }) => withId(addresses, peerId)),
    ...book.all().filter((record) => record.lastSuccessMs > 0)
      .flatMap((record) => withId(record.addresses.map(({ address }) => address), record.peerId)),
  ];
}
