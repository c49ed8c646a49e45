/**
 * What this node keeps and relays of payments that wait for a block. None of it is a rule: a block
 * may hold what we would not have kept.
 */
import type { Fault, Rule } from "../consensus/rules.ts";
import type { Amount } from "../primitives/amount.ts";
import type { TxId } from "../primitives/ids.ts";
import type { OutPoint, Transaction } from "../primitives/transaction.ts";

export interface MempoolLimits {
  /** Bytes of transactions, by their encoding. */
  readonly bytesMax: number;
  readonly ageMaxMs: number;
  /** Unconfirmed ancestors of one transaction. */
  readonly ancestorsMax: number;
  /** Transactions that one replacement may push out, descendants included. */
  readonly replacedMax: number;
  readonly orphansMax: number;
  /** Grains. */
  readonly feePerByteMin: number;
}

export const MEMPOOL_LIMITS: MempoolLimits = {
  bytesMax: 20_000_000,
  ageMaxMs: 24 * 3_600_000,
  ancestorsMax: 25,
  replacedMax: 100,
  orphansMax: 100,
  // 0.0002 coins for a payment: never a reason for a first payment to fail.
  feePerByteMin: 1,
};

export type PolicyCode =
  | "fee-too-low"
  | "fee-below-replaced"
  | "too-many-ancestors"
  | "too-many-replaced"
  | "replaces-own-parent"
  | "mempool-full";

export type MempoolOutcome =
  | { readonly kind: "accepted"; readonly fee: Amount; readonly replaced: readonly TxId[] }
  /** In the mempool, or in the chain already. */
  | { readonly kind: "known" }
  /** Kept for a while; taken in by itself once what it spends is here. */
  | { readonly kind: "orphan"; readonly missing: readonly OutPoint[] }
  | {
    readonly kind: "rejected";
    readonly reason: Rule | PolicyCode;
    readonly fault: Fault | "policy";
    readonly detail: string;
  };

export interface MempoolEntry {
  readonly transaction: Transaction;
  readonly fee: Amount;
  /** Wall time, milliseconds. */
  readonly addedMs: number;
  /** Made on this node. */
  readonly local: boolean;
  /** Transactions of the mempool that it spends from. */
  readonly parents: ReadonlySet<TxId>;
  /** Transactions of the mempool that spend from it. */
  readonly children: ReadonlySet<TxId>;
}

/**
 * Why a transaction left. `mined` is the happy end; `lost-coin`: what it spends is gone for good in a
 * reorganisation, as a lost coinbase is.
 */
export type RemovalReason = "mined" | "conflict" | "replaced" | "expired" | "full" | "lost-coin";

export interface MempoolChange {
  readonly added?: Transaction;
  readonly removed?: { readonly transaction: Transaction; readonly reason: RemovalReason };
}

/** A payment that policy refuses, and only policy. */
export class PolicyError extends Error {
  constructor(readonly code: PolicyCode, readonly detail: string) {
    super(detail);
    this.name = "PolicyError";
  }
}
