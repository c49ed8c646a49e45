/** Look-ups by transaction id and by lock, over the two indexes that follow the chain. */
import type { Clock } from "../base/clock.ts";
import type { Lock, TxId } from "../primitives/ids.ts";
import { keys, prefixes } from "../store/keys.ts";
import { decodeRecord, readPlace, readTxId } from "../store/records.ts";
import type { ChainState } from "./chain_state.ts";
import { historyIndex, IndexFollower, transactionIndex } from "./index_follower.ts";
import type { FoundTransaction, HistoryEntry, HistoryPage } from "./outcome.ts";

/** A look-up waits for indexes that are no further behind than this. */
const WAIT_BLOCKS = 100;
const CURSOR = /^(\d{1,10}):(\d{1,10})$/;

export class ChainIndexes {
  readonly #state: ChainState;
  readonly #transactions: IndexFollower;
  readonly #history: IndexFollower;

  constructor(state: ChainState, clock: Clock) {
    this.#state = state;
    this.#transactions = new IndexFollower(state, transactionIndex, clock);
    this.#history = new IndexFollower(state, historyIndex, clock);
  }

  get areReady(): boolean {
    return this.#transactions.isReady && this.#history.isReady;
  }

  /** Up to which height both know the main chain. */
  get height(): number {
    return Math.min(this.#transactions.height, this.#history.height);
  }

  async start(): Promise<void> {
    await this.#transactions.start();
    await this.#history.start();
  }

  poke(): void {
    this.#transactions.poke();
    this.#history.poke();
  }

  async close(): Promise<void> {
    await this.#transactions.close();
    await this.#history.close();
  }

  async transaction(id: TxId): Promise<FoundTransaction | undefined> {
    await this.#nearlyReady(this.#transactions);
    const value = await this.#state.store.kv.get(keys.tx(id));
    if (value === null) return undefined;
    const { height, position } = decodeRecord(value, `tx ${id}`, readPlace);
    const blockId = this.#state.idAt(height);
    const block = blockId === undefined ? undefined : await this.#state.block(blockId);
    const transaction = block?.transactions[position];
    // The chain may have moved on since the index was written.
    if (blockId === undefined || transaction?.id !== id) return undefined;
    return { transaction, blockId, height, position };
  }

  async history(lock: Lock, page: { before?: string; limit: number }): Promise<HistoryPage> {
    await this.#nearlyReady(this.#history);
    const end = page.before === undefined ? undefined : placeOf(page.before);
    const range = {
      prefix: prefixes.historyOf(lock),
      limit: page.limit + 1,
      reverse: true,
      ...(end !== undefined && { end: keys.history(lock, end.height, end.position) }),
    };
    const entries: HistoryEntry[] = [];
    for await (const { key, value } of this.#state.store.kv.list(range)) {
      const height = key[2] as number;
      const position = key[3] as number;
      const record = `history ${lock} ${height} ${position}`;
      entries.push({ txId: decodeRecord(value, record, readTxId), height, position });
    }
    if (entries.length <= page.limit) return { entries };
    entries.pop();
    const last = entries.at(-1);
    return last === undefined ? { entries } : { entries, next: `${last.height}:${last.position}` };
  }

  async #nearlyReady(index: IndexFollower): Promise<void> {
    if (this.#state.tip.height - index.height <= WAIT_BLOCKS) await index.settled();
  }
}

/** Throws `RangeError` for what is no cursor of ours. */
function placeOf(cursor: string): { height: number; position: number } {
  const match = CURSOR.exec(cursor);
  if (match === null) {
    throw new RangeError(`Cannot read cursor "${cursor}": use one that was given`);
  }
  return { height: Number(match[1]), position: Number(match[2]) };
}
