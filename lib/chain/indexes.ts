/** Look-ups by transaction id and by lock, over the two indexes that follow the chain. */
import type { Clock } from "../base/clock.ts";
import { asTxId, idBytes, type Lock, LOCK_BYTES, type TxId } from "../primitives/ids.ts";
import { IndexPages } from "../store/index_pages.ts";
import type { PageLimits } from "../store/sorted_pages.ts";
import type { ChainState } from "./chain_state.ts";
import { IndexFollower } from "./index_follower.ts";
import { historyIndex, historyKey, type Place, placeAt, transactionIndex } from "./index_kinds.ts";
import type { FoundTransaction, HistoryEntry, HistoryPage } from "./outcome.ts";

/** A look-up waits for indexes that are no further behind than this. */
const WAIT_BLOCKS = 100;
const CURSOR = /^(\d{1,10}):(\d{1,10})$/;

export class ChainIndexes {
  readonly #state: ChainState;
  readonly #transactions: IndexPages;
  readonly #history: IndexPages;
  readonly #follower: IndexFollower;

  private constructor(
    state: ChainState,
    clock: Clock,
    transactions: IndexPages,
    history: IndexPages,
  ) {
    this.#state = state;
    this.#transactions = transactions;
    this.#history = history;
    this.#follower = new IndexFollower(state, [transactions, history], clock);
  }

  /** The indexes as they stand; `start` makes them follow the chain. Throws `DamagedRecord`. */
  static async open(
    state: ChainState,
    clock: Clock,
    limits?: PageLimits,
  ): Promise<ChainIndexes> {
    const { kv } = state.store;
    const [transactions, history] = await Promise.all([
      IndexPages.open(kv, transactionIndex, limits),
      IndexPages.open(kv, historyIndex, limits),
    ]);
    return new ChainIndexes(state, clock, transactions, history);
  }

  get areReady(): boolean {
    return this.#follower.isReady(this.#transactions) && this.#follower.isReady(this.#history);
  }

  /** Up to which height both know the main chain. */
  get height(): number {
    return Math.min(
      this.#follower.heightOf(this.#transactions),
      this.#follower.heightOf(this.#history),
    );
  }

  start(): void {
    this.#follower.start();
  }

  poke(): void {
    this.#follower.poke();
  }

  close(): Promise<void> {
    return this.#follower.close();
  }

  async transaction(id: TxId): Promise<FoundTransaction | undefined> {
    await this.#nearlyReady(this.#transactions);
    const value = await this.#transactions.get(idBytes(id));
    if (value === undefined) return undefined;
    const { height, position } = placeAt(value, 0);
    const blockId = this.#state.idAt(height);
    const block = blockId === undefined ? undefined : await this.#state.block(blockId);
    const transaction = block?.transactions[position];
    // The chain may have moved on since the index was written.
    if (blockId === undefined || transaction?.id !== id) return undefined;
    return { transaction, blockId, height, position };
  }

  async history(lock: Lock, page: { before?: string; limit: number }): Promise<HistoryPage> {
    await this.#nearlyReady(this.#history);
    const end = page.before === undefined ? undefined : historyKey(lock, placeOf(page.before));
    const records = await this.#history.lastBefore(idBytes(lock), end, page.limit + 1);
    const entries = records.map((record): HistoryEntry => ({
      txId: asTxId(record.subarray(historyIndex.keyBytes)),
      ...placeAt(record, LOCK_BYTES),
    }));
    if (entries.length <= page.limit) return { entries };
    entries.pop();
    const last = entries.at(-1);
    return last === undefined ? { entries } : { entries, next: `${last.height}:${last.position}` };
  }

  async #nearlyReady(index: IndexPages): Promise<void> {
    const behind = this.#state.tip.height - this.#follower.heightOf(index);
    if (behind <= WAIT_BLOCKS) await this.#follower.settled();
  }
}

/** Throws `RangeError` for what is no cursor of ours. */
function placeOf(cursor: string): Place {
  const match = CURSOR.exec(cursor);
  if (match === null) {
    throw new RangeError(`Cannot read cursor "${cursor}": use one that was given`);
  }
  return { height: Number(match[1]), position: Number(match[2]) };
}
