/** Paying, minting and keys: what those calls are asked, and what they answer. See api.ts. */

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
