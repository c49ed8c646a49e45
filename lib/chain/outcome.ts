/** What became of a block, and what changed. */
import type { HeaderContext } from "../consensus/header_context.ts";
import type { Fault, Rule } from "../consensus/rules.ts";
import type { Block } from "../primitives/block.ts";
import type { BlockId, TxId } from "../primitives/ids.ts";
import type { Transaction } from "../primitives/transaction.ts";

export type Outcome =
  /** It extends the chain and is the tip, or one of the blocks below it. */
  | { readonly kind: "connected"; readonly id: BlockId; readonly height: number }
  /** Its branch has become the chain; `depth` blocks of the former one were taken off. */
  | {
    readonly kind: "reorganized";
    readonly id: BlockId;
    readonly height: number;
    readonly from: BlockId;
    readonly to: BlockId;
    readonly depth: number;
  }
  /** Valid as far as can be told without its coins. `stored`: whether its bytes were kept. */
  | { readonly kind: "side-branch"; readonly id: BlockId; readonly stored: boolean }
  /** Kept for a while; connects by itself once block `missing` is here. */
  | { readonly kind: "orphan"; readonly id: BlockId; readonly missing: BlockId }
  | { readonly kind: "known"; readonly id: BlockId }
  | Rejected;

/**
 * Refused. With fault `too-early` it is held back and tried again when its time comes.
 * `senderOnly`: the bytes are bad, the block that the header names may still be good.
 */
export interface Rejected {
  readonly kind: "rejected";
  /** Absent when not even a header could be read. */
  readonly id?: BlockId;
  readonly rule: Rule;
  readonly fault: Fault;
  readonly detail: string;
  readonly senderOnly: boolean;
}

/** One step of the main chain, told after it is on disk. */
export interface ChainChange {
  /** From the former tip down. */
  readonly disconnected: readonly Block[];
  /** Upwards; the last is the tip, or there is none and the tip fell back. */
  readonly connected: readonly Block[];
  readonly tip: HeaderContext;
}

export interface HeadersAccepted {
  /** Headers that were new. */
  readonly added: number;
  /** The last header of the list, known or new. */
  readonly last: HeaderContext;
  /** No more can be kept before blocks catch up: ask again later. */
  readonly full: boolean;
}

/** Progress of long work, for people. */
export interface Progress {
  readonly phase: string;
  readonly done: number;
  readonly total: number;
}

export type OnProgress = (progress: Progress) => void;

/** What `Chain.verify` found. `problems` is empty when all is well. */
export interface VerifyReport {
  readonly blocks: number;
  readonly transactions: number;
  readonly coins: number;
  readonly problems: readonly string[];
}

/** A transaction and where on the main chain it stands. */
export interface FoundTransaction {
  readonly transaction: Transaction;
  readonly blockId: BlockId;
  readonly height: number;
  /** Within the block, from 0. */
  readonly position: number;
}

export interface HistoryEntry {
  readonly txId: TxId;
  readonly height: number;
  readonly position: number;
}

export interface HistoryPage {
  readonly entries: readonly HistoryEntry[];
  /** Pass as `before` for the next page; absent on the last. */
  readonly next?: string;
}

export interface IndexProgress {
  /** Height up to which the indexes know the main chain, -1 for nothing. */
  readonly height: number;
  readonly target: number;
}
