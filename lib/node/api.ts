/**
 * What a node can be asked to do: the one list of calls that commands and the HTTP API use.
 *
 * `LocalNode` (local_node.ts) answers from the opened data folder, `RemoteNode` (remote_node.ts)
 * asks a running node over HTTP. What the calls take and give stands in the files api_*.ts, by
 * subject. All of it is plain JSON: ids and keys are lower-case hex, addresses bech32m text, amounts
 * integers in grains, times milliseconds since 1970, work a decimal string. Expected failures are
 * thrown as `UserError` (lib/base/errors.ts), whose exit code survives the way over HTTP.
 */
import type { BlockIntake } from "./api_carry.ts";
import type { NodeDiagnosis } from "./api_doctor.ts";
import type { OnEvent } from "./api_events.ts";
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
import type {
  Balance,
  BlockInfo,
  ChainPage,
  HistoryPage,
  ReindexReport,
  TransactionInfo,
  VerifyReport,
} from "./api_ledger.ts";
import type {
  AddPeerResult,
  MempoolPage,
  NetworkInfo,
  NodeStatus,
  PeerInfo,
} from "./api_status.ts";
import type {
  MintRequest,
  MintResult,
  SendRequest,
  SendResult,
  WalletExportResult,
  WalletKeyInfo,
  WalletNewResult,
} from "./api_wallet.ts";
import type { HttpSetting } from "./settings.ts";

export type * from "./api_carry.ts";
export type * from "./api_doctor.ts";
export type * from "./api_events.ts";
export type * from "./api_explore.ts";
export type * from "./api_ledger.ts";
export type * from "./api_status.ts";
export type * from "./api_wallet.ts";

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
