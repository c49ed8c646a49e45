/** The coins on disk, in sorted pages that are at every moment those of one block. */
import type { CoinName, OwnedCoin } from "../consensus/coins.ts";
import { fromHex } from "../base/bytes.ts";
import type { BlockId, Lock } from "../primitives/ids.ts";
import { COIN_RECORD_BYTES, coinNameAt, coinOf, CoinRecord, COINS } from "./coin_record.ts";
import type { CoinTable } from "./coin_table.ts";
import { keys, META } from "./keys.ts";
import type { KvStore } from "./kv.ts";
import { DamagedRecord, encodeBlockId } from "./records.ts";
import { SortedChanges } from "./sorted_changes.ts";
import { PAGE_LIMITS, SortedPages } from "./sorted_pages.ts";

export class CoinPages {
  readonly #pages: SortedPages;
  readonly #record = new CoinRecord();

  private constructor(pages: SortedPages) {
    this.#pages = pages;
  }

  /** Throws `DamagedRecord`. */
  static async open(kv: KvStore, limits = PAGE_LIMITS): Promise<CoinPages> {
    return new CoinPages(await SortedPages.open(kv, COINS, limits));
  }

  /** Whether no coins were ever written. */
  get isNew(): boolean {
    return this.#pages.isNew;
  }

  get size(): number {
    return this.#pages.size;
  }

  /** Those of `wanted` that are there, as they were when called. Throws `DamagedRecord`. */
  async coins(wanted: readonly CoinName[]): Promise<OwnedCoin[]> {
    const names: CoinName[] = [];
    const keysOfNames = new Uint8Array(wanted.length * COINS.keyBytes);
    for (const name of wanted) {
      if (!this.#record.setName(name)) continue;
      keysOfNames.set(this.#record.key, names.length * COINS.keyBytes);
      names.push(name);
    }
    const values = await this.#pages.getMany(
      keysOfNames.subarray(0, names.length * COINS.keyBytes),
    );
    const found: OwnedCoin[] = [];
    values.forEach((value, at) => {
      if (value !== undefined) found.push(readCoin(names[at]!, value, 0));
    });
    return found;
  }

  /** All coins, or those of one lock, some at a time, as they were at first. Throws `DamagedRecord`. */
  async *list(lock?: Lock): AsyncGenerator<OwnedCoin[]> {
    const range = lock === undefined ? {} : { prefix: fromHex(lock) };
    for await (const piece of this.#pages.pieces(range)) {
      const coins: OwnedCoin[] = [];
      for (let at = 0; at < piece.length; at += COIN_RECORD_BYTES) {
        coins.push(readCoin(coinNameAt(piece, at, lock), piece, at + COINS.keyBytes));
      }
      yield coins;
    }
  }

  /**
   * Deletes the coins of `changed` that are spent and sets the others, which makes the coins those
   * of block `tip`. All of it counts at once or not at all.
   */
  async write(changed: CoinTable, tip: BlockId): Promise<void> {
    const changes = await SortedChanges.of(changed.changes());
    const value = encodeBlockId(tip);
    await this.#pages.write(changes, [{ set: keys.meta(META.coinsTip), value }]);
  }
}

function readCoin(name: CoinName, bytes: Uint8Array, at: number): OwnedCoin {
  try {
    return coinOf(name, bytes, at);
  } catch (error) {
    const { txId, index } = name.outPoint;
    throw new DamagedRecord(`coin ${txId} ${index}`, { cause: error });
  }
}
