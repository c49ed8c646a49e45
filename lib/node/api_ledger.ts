/** Answers about what is on the chain: balances, history, transactions, blocks. See api.ts. */

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
