/** What happens to chain and mempool, as events that people read. */
import type { Unsubscribe } from "../base/signals.ts";
import type { ChainChange } from "../chain/outcome.ts";
import { spendLock } from "../consensus/coins.ts";
import type { RemovalReason } from "../mempool/mempool.ts";
import { encodeAddress } from "../primitives/address.ts";
import type { Block } from "../primitives/block.ts";
import type { BlockId } from "../primitives/ids.ts";
import { isCoinbase, type Transaction } from "../primitives/transaction.ts";
import type { NodeEvent, OnEvent } from "./api.ts";
import type { Ledger } from "./ledger.ts";

export interface LedgerEventParts {
  ledger: Ledger;
  onEvent: OnEvent;
  /** Whether this node minted the block. */
  isOurs: (id: BlockId) => boolean;
  /** Whether blocks come by the thousand: then each is not worth a line. */
  isBulk: () => boolean;
}

/** Tells of blocks, reorganisations and the keystore's payments until unsubscribed. */
export function tellLedgerEvents(parts: LedgerEventParts): Unsubscribe {
  const { chain, mempool } = parts.ledger;
  const stopChain = chain.subscribe((change) => tellChange(parts, change));
  const stopMempool = mempool.subscribe(({ added, removed }) => {
    if (added !== undefined) tellPayment(parts, added, "pending");
    if (removed !== undefined && isLoss(removed.reason)) {
      tellPayment(parts, removed.transaction, "dropped");
    }
  });
  return () => {
    stopChain();
    stopMempool();
  };
}

function isLoss(reason: RemovalReason): boolean {
  return reason !== "mined";
}

function tellChange(parts: LedgerEventParts, change: ChainChange): void {
  const { disconnected, connected, tip } = change;
  const [former] = disconnected;
  if (former !== undefined) {
    const depth = disconnected.length;
    parts.onEvent({
      kind: "reorganized",
      depth,
      fromId: former.id,
      toId: tip.id,
      height: tip.height,
    });
  }
  if (parts.isBulk()) return;
  for (const block of connected) {
    tellBlock(parts, block);
    for (const transaction of block.transactions) {
      tellPayment(parts, transaction, "confirmed", block.header.height);
    }
  }
}

function tellBlock({ ledger, onEvent, isOurs }: LedgerEventParts, block: Block): void {
  const minter = block.transactions[0]?.outputs[0]?.lock;
  const key = minter && ledger.keystore.keyOf(minter);
  onEvent({
    kind: "block",
    id: block.id,
    height: block.header.height,
    transactions: block.transactions.length,
    ...(minter && { minter: encodeAddress(minter) }),
    ...(key && { minterName: key.name }),
    ours: isOurs(block.id),
  });
}

type PaymentState = Extract<NodeEvent, { kind: "payment" }>["state"];

/** A payment from one key of the keystore to another is told from both sides. */
function tellPayment(
  { ledger, onEvent }: LedgerEventParts,
  transaction: Transaction,
  state: PaymentState,
  height?: number,
): void {
  if (isCoinbase(transaction)) return;
  const payers = new Set(transaction.spends.map(spendLock));
  for (const key of ledger.keystore.keys()) {
    const paysOut = payers.has(key.lock);
    const moved = transaction.outputs.filter((output) =>
      paysOut ? !payers.has(output.lock) : output.lock === key.lock
    );
    const amount = moved.reduce((sum, output) => sum + output.amount, 0);
    if (!paysOut && amount === 0) continue;
    onEvent({
      kind: "payment",
      txId: transaction.id,
      direction: paysOut ? "out" : "in",
      name: key.name,
      amount,
      state,
      ...(height !== undefined && { height }),
    });
  }
}
