/**
 * A coin as a record of sorted pages. The key is its owner's lock, transaction id and index, the
 * value its amount with the coinbase flag in the top bit, and its height; all numbers big endian.
 *
 *   lock 20 | transaction id 32 | index 4 || flag 1 bit, amount 63 bits | height 4
 */
import { putHex } from "../base/bytes.ts";
import type { CoinName, OwnedCoin } from "../consensus/coins.ts";
import { amount } from "../primitives/amount.ts";
import { asLock, asTxId, HASH_BYTES, type Lock, LOCK_BYTES, type TxId } from "../primitives/ids.ts";
import { MAPS } from "./keys.ts";
import { u32At } from "./packed_records.ts";
import type { PagesKind } from "./page_files.ts";

export const COINS: PagesKind = {
  name: MAPS.coins,
  keyBytes: LOCK_BYTES + HASH_BYTES + 4,
  valueBytes: 12,
};
export const COIN_RECORD_BYTES = COINS.keyBytes + COINS.valueBytes;
/** No transaction has so many outputs that a larger index could be one of them. */
const INDEX_MAX = 0xffffffff;
const COINBASE_BIT = 0x80000000;

/** One record to be filled in, and filled in again. */
export class CoinRecord {
  readonly bytes = new Uint8Array(COIN_RECORD_BYTES);
  /** The same bytes, four at a time. */
  readonly words = new Uint32Array(this.bytes.buffer);
  /** The part of them that names the coin. */
  readonly key = this.bytes.subarray(0, COINS.keyBytes);
  readonly #view = new DataView(this.bytes.buffer);
  /** What was filled in last: a transaction makes several coins. */
  #txId: TxId | undefined;

  /** Fills in the key. False for a name that no coin can have. */
  setName({ lock, outPoint: { txId, index } }: CoinName): boolean {
    if (index > INDEX_MAX) return false;
    putHex(lock, this.bytes, 0);
    if (txId !== this.#txId) putHex(txId, this.bytes, LOCK_BYTES);
    this.#txId = txId;
    this.#view.setUint32(LOCK_BYTES + HASH_BYTES, index);
    return true;
  }

  setLock(lock: Lock): void {
    putHex(lock, this.bytes, 0);
  }

  setCoin(coin: OwnedCoin): void {
    this.setName(coin);
    const high = Math.floor(coin.amount / 2 ** 32) + (coin.isCoinbase ? COINBASE_BIT : 0);
    this.#view.setUint32(COINS.keyBytes, high);
    this.#view.setUint32(COINS.keyBytes + 4, coin.amount % 2 ** 32);
    this.#view.setUint32(COINS.keyBytes + 8, coin.height);
  }
}

/** The coin of that name whose value stands at `at`. Throws `RangeError` for an impossible amount. */
export function coinOf(name: CoinName, bytes: Uint8Array, at: number): OwnedCoin {
  const high = u32At(bytes, at);
  const isCoinbase = high >= COINBASE_BIT;
  return {
    amount: amount((isCoinbase ? high - COINBASE_BIT : high) * 2 ** 32 + u32At(bytes, at + 4)),
    height: u32At(bytes, at + 8),
    isCoinbase,
    lock: name.lock,
    outPoint: name.outPoint,
  };
}

/** The name of the record at `at`, `lock` being known or not. */
export function coinNameAt(bytes: Uint8Array, at: number, lock?: Lock): CoinName {
  const idAt = at + LOCK_BYTES;
  const indexAt = idAt + HASH_BYTES;
  return {
    lock: lock ?? asLock(bytes.subarray(at, idAt)),
    outPoint: { txId: asTxId(bytes.subarray(idAt, indexAt)), index: u32At(bytes, indexAt) },
  };
}
