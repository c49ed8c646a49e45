/**
 * What a node can be asked to do: the one list of calls that commands and the HTTP API use.
 *
 * `LocalNode` (node.ts) answers from the opened data folder, `RemoteNode` (remote_node.ts) asks a
 * running node over HTTP. Every argument and result is plain JSON: ids and keys are lower-case hex,
 * addresses bech32m text, amounts integers in grains, times milliseconds since 1970, work a decimal
 * string. Expected failures are thrown as `UserError` (lib/base/errors.ts), whose exit code survives
 * the way over HTTP.
 */
import type {
  CoinPage,
  EventPage,
  ForkTree,
  MinterShare,
  NodeNews,
  SearchResult,
  SpacingSeries,
  SubmitResult,
  SubmitTransactionResult,
  TransactionProof,
} from "./api_explore.ts";
import type { BlockIntake } from "./api_carry.ts";
import type { NodeDiagnosis } from "./api_doctor.ts";
import type { HttpSetting } from "./settings.ts";

export type * from "./api_carry.ts";
export type * from "./api_doctor.ts";
export type * from "./api_explore.ts";

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

/** One key's or address's coins. All amounts in grains. */
export type Balance = {
  name?: string;
  address: string;
  /** Spendable in the next block. */
  confirmed: number;
  /** Minted, but not yet as deep as the network's coinbase maturity asks. */
  maturing: number;
  /** On its way here, or change of an unconfirmed payment. */
  pendingIn: number;
  /** Spent by payments that are not in a block yet. */
  pendingOut: number;
  /** confirmed + maturing + pendingIn - pendingOut. */
  total: number;
  height: number;
};

/** How deep a transaction lies. */
export type Confirmation = {
  state: "pending" | "confirmed";
  confirmations: number;
  /** True once the work above is 6 times that of the hardest recent block; before, provisional. */
  settled: boolean;
  blockId?: string;
  height?: number;
  position?: number;
  timeMs?: number;
};

/** One line of an address's history, newest first. */
export type HistoryEntry = Confirmation & {
  txId: string;
  kind: "minted" | "received" | "sent" | "self";
  /** Change of the owner's coins in grains: negative when it paid. */
  amount: number;
  fee?: number;
  /** The other side's addresses, when there are any. */
  others: string[];
  memo?: string;
};

/** A page of history; `next` is the cursor of the page after it. */
export type HistoryPage = {
  name?: string;
  address: string;
  entries: HistoryEntry[];
  next?: string;
  /** Set when the history index is still behind the chain: the block height it has reached. */
  indexedHeight?: number;
};

/** A transaction, taken apart for people and programs. */
export type TransactionInfo = Confirmation & {
  id: string;
  kind: "coinbase" | "payment";
  bytes: number;
  /** Absent for a coinbase. */
  fee?: number;
  /** The memo as text when it is valid printable UTF-8. */
  memo?: string;
  memoHex: string;
  spends: {
    address: string;
    name?: string;
    publicKey: string;
    coins: { txId: string; index: number; amount?: number }[];
  }[];
  outputs: { index: number; amount: number; address: string; name?: string; spent?: boolean }[];
  /** Each signature checked again while answering. */
  signaturesValid: boolean;
};

/** A block as `chain` lists it. */
export type BlockSummary = {
  id: string;
  height: number;
  previous: string;
  timeMs: number;
  bits: number;
  nonce: string;
  bytes: number;
  transactions: number;
  /** Where the coinbase pays, when it pays anybody. */
  minter?: string;
  minterName?: string;
  /** Grains newly made plus fees, as paid by the coinbase. */
  minted: number;
  /** Sum of all payments' outputs in grains. */
  paid: number;
  /** Checked again while answering. Genesis needs no proof of work: true. */
  proofOfWorkValid: boolean;
  signaturesValid: boolean;
  settled: boolean;
};

/** A whole block. */
export type BlockInfo = BlockSummary & {
  version: number;
  merkleRoot: string;
  merkleRootValid: boolean;
  work: string;
  totalWork: string;
  confirmations: number;
  /** False for a block on a side branch. */
  onMainChain: boolean;
  next?: string;
  details: TransactionInfo[];
};

/** A page of the chain, newest first; `next` is the `before` of the page after it. */
export type ChainPage = { blocks: BlockSummary[]; height: number; next?: number };

/** What `send` is asked to do. */
export type SendRequest = {
  /** Name of a key of the keystore, or its address. */
  from: string;
  /** Name or address. */
  to: string;
  amount: number;
  fee?: number | undefined;
  memo?: string | undefined;
  /** Make a block with it at once; its coinbase goes to the sender. */
  mint?: boolean | undefined;
  /** Multiaddr, host:port or peer id to give the payment to. */
  peer?: string | undefined;
  /** Wait until a block has it. */
  wait?: boolean | undefined;
};

/** What became of a payment. */
export type SendResult = {
  txId: string;
  from: string;
  to: string;
  amount: number;
  fee: number;
  change: number;
  /** announced: peers were told; queued: kept until a node with peers runs; minted: in a block. */
  state: "announced" | "queued" | "minted";
  peers: number;
  block?: { id: string; height: number };
};

/** What `mint` is asked to do: `to` is a name or an address, `count` blocks (default 1). */
export type MintRequest = { to: string; count?: number | undefined };

/** The blocks made. */
export type MintResult = {
  address: string;
  name?: string;
  blocks: { id: string; height: number; reward: number; transactions: number }[];
  peers: number;
};

/** A key of the keystore, without its secret. */
export type WalletKeyInfo = {
  name: string;
  address: string;
  publicKey: string;
  /** m/44'/n'/i' of keys made from the mnemonic; absent for imported ones. */
  path?: string;
  imported: boolean;
};

/** A new key; `mnemonic` only when the keystore was made along with it: shown once. */
export type WalletNewResult = { key: WalletKeyInfo; mnemonic?: string; file: string };

/** A secret: of one key (hex of its 32-byte seed), or the keystore's mnemonic. */
export type WalletExportResult =
  | { kind: "key"; name: string; address: string; secret: string }
  | { kind: "mnemonic"; mnemonic: string };

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

/** Result of `verify`: `problems` is empty when everything is as the rules say. */
export type VerifyReport = {
  blocks: number;
  transactions: number;
  coins: number;
  problems: string[];
  elapsedMs: number;
};

/** Result of `reindex`. */
export type ReindexReport = {
  blocks: number;
  elapsedMs: number;
};

/** Receives lines that tell how far a long call is. */
export type OnLine = (line: string) => void;

/** Everything a command may ask of a node. */
export type NodeApi = {
  status(): Promise<NodeStatus>;
  network(): Promise<NetworkInfo>;

  /** What the node knows of its own network; without a running one known peers are asked first. */
  diagnosis(): Promise<NodeDiagnosis>;

  /** Connected peers first, then those the peer book remembers. */
  peers(): Promise<PeerInfo[]>;
  /** Adds a multiaddr, host:port or peer id. Throws usage (2) for a malformed one. */
  addPeer(address: string): Promise<AddPeerResult>;

  /** Of a name or an address. Throws notFound (3) for an unknown name, usage (2) for a bad address. */
  balance(who: string): Promise<Balance>;
  /** Of every key of the keystore. */
  balances(): Promise<Balance[]>;
  history(
    who: string,
    page: { before?: string | undefined; limit: number },
  ): Promise<HistoryPage>;

  /** Throws rejected (5) without enough coins, notFound (3), unreachable (4) with `peer` or `wait`. */
  send(request: SendRequest, onLine?: OnLine): Promise<SendResult>;
  mint(request: MintRequest, onLine?: OnLine): Promise<MintResult>;
  /** Takes in the encoding of a block made elsewhere. Throws rejected (5), naming the rule. */
  submitBlock(bytes: Uint8Array): Promise<SubmitResult>;
  /** As `submitBlock` for many, parents first and in few commits; a refused one is told, not thrown. */
  submitBlocks(blocks: readonly Uint8Array[]): Promise<BlockIntake[]>;

  /** Blocks below height `before` (default: from the tip), newest first; `limit` at most 100. */
  chain(page: { before?: number | undefined; limit: number }): Promise<ChainPage>;
  /** By id or by height on the main chain. Throws notFound (3). */
  block(idOrHeight: string): Promise<BlockInfo>;
  /** Confirmed or pending. Throws notFound (3). */
  transaction(id: string): Promise<TransactionInfo>;
  mempool(page: { limit: number }): Promise<MempoolPage>;

  /** Unspent coins of a name or an address, newest first. Throws as `balance`. */
  coins(who: string, page: { before?: string | undefined; limit: number }): Promise<CoinPage>;
  /** The encoding of a block. Throws notFound (3). */
  rawBlock(idOrHeight: string): Promise<Uint8Array>;
  /**
   * Encodings of the main chain's blocks from height `from` up: `limit`, or fewer where they are
   * large, but one at least. Throws notFound (3) above the newest.
   */
  rawBlocks(page: { from: number; limit: number }): Promise<Uint8Array[]>;
  /** The encoding of a transaction, confirmed or pending. Throws notFound (3). */
  rawTransaction(id: string): Promise<Uint8Array>;
  /** The RFC 6962 audit path of a confirmed transaction. Throws notFound (3). */
  proof(txId: string): Promise<TransactionProof>;
  /** Takes in the encoding of a payment made elsewhere. Throws rejected (5), naming the rule. */
  submitTransaction(bytes: Uint8Array): Promise<SubmitTransactionResult>;

  /** Recent blocks, side branches included, for drawing the tree: highest first. */
  forks(options: { blocks: number }): Promise<ForkTree>;
  /** The last `blocks` blocks of the main chain, oldest first. */
  spacing(options: { blocks: number }): Promise<SpacingSeries>;
  /** Who minted how many of the last `blocks` blocks, most first. */
  minters(options: { blocks: number }): Promise<MinterShare[]>;
  /** Finds a height, a block id, a transaction id, an address, or a key's name. */
  search(text: string): Promise<SearchResult>;

  /** Steps of the chain from number `since` on, at most `limit`; fewer when `since` is not kept. */
  events(page: { since: number; limit: number }): Promise<EventPage>;
  /**
   * Follows the chain from number `since` on (default: from now) until `signal` aborts, without gap
   * or repetition. What has no number comes at most 4 times a second. A reader that is too slow is
   * ended with an error. Throws notFound (3) when `since` is older than what is kept.
   */
  watch(options: { since?: number | undefined; signal: AbortSignal }): AsyncIterable<NodeNews>;

  /** Without an alias the name is the first free of w1, w2, … Throws failed (1) for a taken name. */
  walletNew(alias?: string): Promise<WalletNewResult>;
  walletList(): Promise<WalletKeyInfo[]>;
  walletImport(name: string, secret: string): Promise<WalletKeyInfo>;
  /** With a name that key's secret, without one the mnemonic. */
  walletExport(name?: string): Promise<WalletExportResult>;
  walletRestore(mnemonic: string): Promise<WalletKeyInfo[]>;

  reindex(onLine?: OnLine): Promise<ReindexReport>;
  verify(onLine?: OnLine): Promise<VerifyReport>;

  /** Asks the running node to end; returns when it has begun to. */
  stop(): Promise<void>;
};

/** A node whose connection, or whose opened folder, is given back with `close`. */
export type NodeHandle = NodeApi & { close(): Promise<void> };

/** A node of this process whose chain is open; its network may still have to come up. */
export type StartingNode = NodeHandle & {
  /** The P2P port that is about to be listened on; 0 where no network is wanted. */
  readonly p2pPort: number;
  /**
   * Brings the network up, and begins to mint where that is wanted. Calls that need the network
   * wait for it. Throws `UserError`: a port that is busy, or interrupted when the node closes.
   */
  goOnline(): Promise<void>;
};

/** What needs the keystore only, and so no network to be opened. */
export type WalletHandle = Pick<
  NodeHandle,
  "walletNew" | "walletList" | "walletImport" | "walletExport" | "close"
>;

/** What `start` and `demo` tell as it happens; `openNode` sends them in order. */
export type NodeEvent =
  /** The folder is open and the chain is loaded. */
  | {
    kind: "opened";
    network: string;
    genesisId: string;
    folder: string;
    height: number;
    tipId: string;
    /** Whether this opening made the network's folder. */
    isNew: boolean;
    access: Access;
  }
  /** The P2P port is open. */
  | { kind: "listening"; peerId: string; port: number; addresses: string[] }
  | { kind: "addresses"; addresses: string[]; reachability: string }
  /** A discovery source has something new to say. */
  | { kind: "discovery"; source: SourceStatus["source"]; text: string }
  | { kind: "notice"; level: "info" | "warning"; text: string }
  | {
    kind: "peer-connected";
    peerId: string;
    address: string;
    found: FoundBy;
    direction: "outbound" | "inbound";
    height: number;
    agent: string;
    peers: number;
  }
  | { kind: "peer-disconnected"; peerId: string; reason: string; peers: number }
  | { kind: "sync"; sync: SyncStatus }
  /** A block joined the main chain while not in a bulk sync. */
  | {
    kind: "block";
    id: string;
    height: number;
    transactions: number;
    minter?: string;
    minterName?: string;
    /** True when this node made it. */
    ours: boolean;
  }
  | { kind: "reorganized"; depth: number; fromId: string; toId: string; height: number }
  /** A payment from or to a key of the keystore was seen, or entered a block. */
  | {
    kind: "payment";
    txId: string;
    direction: "in" | "out";
    name: string;
    amount: number;
    state: "pending" | "confirmed" | "dropped";
    height?: number;
  }
  | { kind: "minting"; text: string };

/** Receives events; must not throw and must return at once. */
export type OnEvent = (event: NodeEvent) => void;

/** How `openNode` (node.ts) opens a folder. */
export type OpenMode =
  /** Chain, mempool and keystore only: no network, no port. */
  | "offline"
  /** With P2P network, sync, minter and discovery, as the config says. */
  | "online";

/** Options of `openNode(config, options)`. */
export type OpenOptions = {
  mode: OpenMode;
  onEvent?: OnEvent | undefined;
  /** Random id of this run, also written to api.json; told by `status`. */
  instanceId?: string | undefined;
  /** Rebuild coins and indexes from the blocks, however damaged they are: what `reindex` does. */
  rebuild?: boolean | undefined;
  /** What `stop()` calls: whoever opened the node ends it. */
  onStop?: (() => void) | undefined;
};

/** What serving the API needs besides the node. */
export type ServeOptions = {
  setting: HttpSetting;
  /** Taken when the setting names no port and it is free. */
  preferredPort: number;
  token: string;
  instanceId: string;
};

/** The API on a port. */
export type ServedApi = { host: string; port: number; close(): Promise<void> };

/** Puts a node's API on a port (lib/http). Handed to the command line by main.ts. */
export type ServeApi = (api: NodeApi, options: ServeOptions) => Promise<ServedApi> | ServedApi;
