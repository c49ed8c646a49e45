/** How what waits is kept over a restart. */
import { ByteReader, ByteWriter } from "../base/bytes.ts";
import { decodeTransaction, type Transaction } from "../primitives/transaction.ts";
import type { TxId } from "../primitives/ids.ts";
import { coinsSpent } from "./pool.ts";

export interface Saved {
  readonly transaction: Transaction;
  readonly addedMs: number;
  readonly local: boolean;
}

export function encodeSaved({ transaction, addedMs, local }: Saved): Uint8Array {
  const writer = new ByteWriter(transaction.bytes.length + 16);
  return writer.varint(addedMs).u8(local ? 1 : 0).bytes(transaction.bytes).finish();
}

/** Undefined for what an older program wrote in another form: peers will send it again. */
export function decodeSaved(bytes: Uint8Array): Saved | undefined {
  try {
    const reader = new ByteReader(bytes);
    const addedMs = reader.varint();
    const local = reader.u8() === 1;
    return { addedMs, local, transaction: decodeTransaction(reader.take(reader.remaining)) };
  } catch {
    return undefined;
  }
}

/** In the order in which they came, but for children saved before their parents. */
export function parentsFirst(records: readonly Saved[]): Saved[] {
  const open = new Map<TxId, Saved>(
    records.toSorted((a, b) => a.addedMs - b.addedMs)
      .map((record) => [record.transaction.id, record]),
  );
  const ordered: Saved[] = [];
  const visit = (record: Saved) => {
    if (!open.delete(record.transaction.id)) return;
    for (const { txId } of coinsSpent(record.transaction)) {
      const parent = open.get(txId);
      if (parent !== undefined) visit(parent); // At most 25 deep, by policy.
    }
    ordered.push(record);
  };
  for (const record of [...open.values()]) visit(record);
  return ordered;
}
