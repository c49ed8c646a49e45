/**
 * Answers of the calls that look at the chain from further away: its events, branches, shares,
 * proofs. See api.ts for what all of them keep to.
 */

/** A step of the chain, numbered without gaps as long as it is kept. */
export type ChainEvent = {
  number: number;
  kind: "connected" | "disconnected";
  id: string;
  height: number;
};

/** `oldest`: the first number still kept; `next`: the number of the event to come. */
export type EventPage = { events: ChainEvent[]; oldest: number; next: number };

/** What `watch` tells: steps of the chain, and changes that have no number and no replay. */
export type NodeNews =
  | ChainEvent
  | { kind: "mempool"; transactions: number; bytes: number }
  | { kind: "peers"; peers: number };

/** A coin of an address on the main chain. */
export type CoinInfo = {
  txId: string;
  index: number;
  amount: number;
  height: number;
  coinbase: boolean;
  /** Whether the next block may spend it. */
  mature: boolean;
};

/** A page of an address's coins, newest first; `next` is the `before` of the page after it. */
export type CoinPage = {
  name?: string;
  address: string;
  coins: CoinInfo[];
  next?: string;
  height: number;
};

/**
 * What a light client needs to check that a transaction is in a block: the leaf at `position` of
 * `transactions` leaves with `path` makes `merkleRoot` (RFC 6962), which stands in `header`.
 */
export type TransactionProof = {
  txId: string;
  blockId: string;
  height: number;
  position: number;
  transactions: number;
  /** From the leaf up. */
  path: string[];
  merkleRoot: string;
  /** The block header's 92 bytes. */
  header: string;
  transaction: string;
};

/** What became of a block that was handed in; one that breaks a rule is an error instead. */
export type SubmitResult = {
  /** connected, reorganized: on the main chain now; orphan: waits for block `missing`. */
  kind: "connected" | "reorganized" | "side-branch" | "orphan" | "known";
  id: string;
  height?: number;
  missing?: string;
};

/** What became of a payment made elsewhere. */
export type SubmitTransactionResult = { txId: string; state: "accepted" | "known"; peers: number };

/** A block of the tree of recent blocks. */
export type ForkBlock = {
  id: string;
  previous: string;
  height: number;
  timeMs: number;
  onMainChain: boolean;
  /** False for a block that breaks a rule, or builds on one. */
  valid: boolean;
  minter?: string;
  minterName?: string;
};

/** Recent blocks, side branches included, highest first; `from`: the lowest height asked about. */
export type ForkTree = { tipId: string; from: number; blocks: ForkBlock[] };

/** Block times, oldest first; `spacingMs` is the time since the block before. */
export type SpacingSeries = {
  targetSpacingMs: number;
  points: {
    height: number;
    timeMs: number;
    spacingMs: number;
    /** Hashes that a block of its target takes on average. */
    difficulty: number;
    bits: number;
  }[];
};

/** How many of the last blocks an address minted. */
export type MinterShare = { address: string; name?: string; blocks: number; lastHeight: number };

/** What a text names; `id` is a block's, a transaction's, or an address. */
export type SearchResult = {
  kind: "block" | "transaction" | "address" | "none";
  id?: string;
  height?: number;
};
