/** Answers about the node itself: its state, its network, its peers, what waits. See api.ts. */

/** Where a peer was heard of first. */
export type FoundBy = "known" | "peer" | "lan" | "dht" | "own-dht" | "gossip" | "inbound";

/** Who may take part: everyone with the phrase, or only who knows a secret, or words that are one. */
export type Access = "open" | "secret" | "words";

/** One discovery source, as it stands now. */
export type SourceStatus = {
  source: "known" | "peer" | "lan" | "dht" | "own-dht" | "gossip";
  enabled: boolean;
  /** One short phrase: what it advertises and what it has found, or what it waits for. */
  text: string;
};

/** How far this node's chain is behind what its peers hold; starting: the network is not up yet. */
export type SyncStatus = {
  phase: "offline" | "starting" | "idle" | "headers" | "blocks" | "synced";
  height: number;
  targetHeight: number;
  blocksPerSecond?: number;
  etaMs?: number;
};

/** The node at a glance; also the one call that needs no token, so it holds nothing secret. */
export type NodeStatus = {
  /** A random id of this run, the same as in api.json; absent offline. */
  instanceId?: string;
  version: string;
  /** Whether a node runs in the folder (false: the command opened the folder itself). */
  running: boolean;
  network: string;
  genesisId: string;
  access: Access;
  height: number;
  tipId: string;
  tipTimeMs: number;
  totalWork: string;
  sync: SyncStatus;
  peers: number;
  peersKnown: number;
  peerId?: string;
  /** Multiaddrs others may dial, each ending in /p2p/ID. */
  addresses: string[];
  reachability: string;
  /** The same for programs; absent while no node runs. */
  reach?: ReachStatus;
  discovery: SourceStatus[];
  mempool: { transactions: number; bytes: number };
  minter?: { name: string; when: "pending" | "always"; state: string; hashesPerSecond?: number };
  indexes: { ready: boolean; height: number };
  /** Messages and sessions refused since the start, by reason; absent offline. */
  refused?: Record<string, number>;
  startedMs?: number;
};

/**
 * How others reach this node: `open` directly, `mapped` through a port of the router, `relayed` only
 * through peers that pass data on, `closed` not at all, `unknown` while nobody has tried.
 */
export type ReachStatus = {
  state: "open" | "mapped" | "relayed" | "closed" | "unknown";
  /** Peer ids of the relays at which this node has a place. */
  relays: string[];
  /** Those of `addresses` that lead here from outside this network. */
  addresses: string[];
};

/** A peer with a session, or one the peer book remembers. */
export type PeerInfo = {
  peerId: string;
  connected: boolean;
  found: FoundBy;
  addresses: string[];
  /** The address in use, when connected. */
  address?: string;
  direction?: "outbound" | "inbound";
  /** True for a session that goes through another peer. */
  relayed?: boolean;
  agent?: string;
  height?: number;
  latencyMs?: number;
  connectedAtMs?: number;
  lastSeenMs?: number;
  bytesIn?: number;
  bytesOut?: number;
  failuresInARow?: number;
};

/** The network's parameters and genesis. */
export type NetworkInfo = {
  name: string;
  genesisId: string;
  access: Access;
  /** The phrase under which nodes meet. */
  rendezvous: string;
  /**
   * Text form of CIDv1(raw, sha2-256(rendezvous)), the key of the DHT's provider records; of a
   * private network the phrase is hidden in it by the secret.
   */
  rendezvousCid: string;
  /** As `networkToJson` gives it: what a network file holds. */
  parameters: Record<string, unknown>;
  /** Folder of this network's chain. */
  folder: string;
};

/** What became of an added peer address. */
export type AddPeerResult = { state: "connected" | "trying"; peerId?: string; text: string };

/** Unconfirmed transactions, highest fee rate first, bounded by the limit asked for. */
export type MempoolPage = {
  transactions: number;
  bytes: number;
  entries: { txId: string; bytes: number; fee: number; addedMs: number }[];
};
