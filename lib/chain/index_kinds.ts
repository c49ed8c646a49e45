/** What each block adds to the indexes: transactions by id, and history by lock. */
import { putHex } from "../base/bytes.ts";
import { spendLock } from "../consensus/coins.ts";
import { HASH_BYTES, type Lock, LOCK_BYTES } from "../primitives/ids.ts";
import type { Transaction } from "../primitives/transaction.ts";
import type { IndexKind } from "../store/index_pages.ts";
import { MAPS } from "../store/keys.ts";

/** Heights and positions take four bytes. */
const PLACE_MAX = 0xffffffff;

/** Where on the main chain a transaction is. */
export interface Place {
  readonly height: number;
  readonly position: number;
}

/** Transaction id 32 || height 4 | position 4, big endian. */
export const transactionIndex: IndexKind = {
  name: MAPS.transactions,
  keyBytes: HASH_BYTES,
  valueBytes: 8,
  addEntries(batch, { transactions, header: { height } }) {
    for (const [position, { id }] of transactions.entries()) {
      batch.add((bytes, view, at) => {
        putHex(id, bytes, at);
        putPlace(view, at + HASH_BYTES, { height, position });
      });
    }
  },
};

/** Lock 20 | height 4 | position 4, big endian || transaction id 32. */
export const historyIndex: IndexKind = {
  name: MAPS.history,
  keyBytes: LOCK_BYTES + 8,
  valueBytes: HASH_BYTES,
  addEntries(batch, { transactions, header: { height } }) {
    for (const [position, transaction] of transactions.entries()) {
      for (const lock of locksOf(transaction)) {
        batch.add((bytes, view, at) => {
          putHex(lock, bytes, at);
          putPlace(view, at + LOCK_BYTES, { height, position });
          putHex(transaction.id, bytes, at + LOCK_BYTES + 8);
        });
      }
    }
  },
};

/** The key of the history of `lock` at `place`; one past all that can be is cut to the last. */
export function historyKey(lock: Lock, { height, position }: Place): Uint8Array {
  const key = new Uint8Array(historyIndex.keyBytes);
  putHex(lock, key, 0);
  putPlace(new DataView(key.buffer), LOCK_BYTES, {
    height: Math.min(height, PLACE_MAX),
    position: height > PLACE_MAX ? PLACE_MAX : Math.min(position, PLACE_MAX),
  });
  return key;
}

/** Reads a place that stands at `at` of an entry. */
export function placeAt(bytes: Uint8Array, at: number): Place {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, 8);
  return { height: view.getUint32(0), position: view.getUint32(4) };
}

function putPlace(view: DataView, at: number, { height, position }: Place): void {
  view.setUint32(at, height);
  view.setUint32(at + 4, position);
}

/** Whose balance the transaction changes. */
function locksOf({ spends, outputs }: Transaction): Set<Lock> {
  const locks = new Set<Lock>();
  for (const spend of spends) locks.add(spendLock(spend));
  for (const { lock } of outputs) locks.add(lock);
  return locks;
}
