/**
 * An index over the main chain: transactions by id, or history by lock. It follows the chain at its
 * own pace, has its own tip, and never holds the chain up. Before a write of more than one
 * commit it notes how far that goes, so that after a power cut half of it can be taken back.
 */
import type { Cancel, Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import { spendLock } from "../consensus/coins.ts";
import type { Block } from "../primitives/block.ts";
import type { BlockId, Lock } from "../primitives/ids.ts";
import type { Transaction } from "../primitives/transaction.ts";
import { commitInChunks, cutChunks } from "../store/chunks.ts";
import { keys } from "../store/keys.ts";
import type { KvKey, KvMutation } from "../store/kv.ts";
import {
  DamagedRecord,
  decodeRecord,
  encodeIndexRecord,
  encodePlace,
  encodeTxId,
  readIndexRecord,
} from "../store/records.ts";
import type { ChainState } from "./chain_state.ts";
import { Turns } from "./turns.ts";

/** Blocks go into the index in commits of up to this many entries. */
const ENTRIES_MAX = 800;
/** While blocks stream in further behind than this, the disk belongs to the chain. */
const YIELD_BEHIND_BLOCKS = 200;
const YIELD_MS = 1_000;
const log = getLogger("chain", "index");

export interface IndexEntry {
  readonly key: KvKey;
  readonly value: Uint8Array;
}

/** What a block adds to an index. */
export interface IndexKind {
  readonly name: string;
  entries(block: Block): IndexEntry[];
}

export const transactionIndex: IndexKind = {
  name: "transactions",
  entries: ({ transactions, header: { height } }) =>
    transactions.map(({ id }, position) => ({
      key: keys.tx(id),
      value: encodePlace({ height, position }),
    })),
};

export const historyIndex: IndexKind = {
  name: "history",
  entries: ({ transactions, header: { height } }) =>
    transactions.flatMap((transaction, position) =>
      locksOf(transaction).map((lock) => ({
        key: keys.history(lock, height, position),
        value: encodeTxId(transaction.id),
      }))
    ),
};

/** Whose balance the transaction changes. */
function locksOf({ spends, outputs }: Transaction): Lock[] {
  return [...new Set([...spends.map(spendLock), ...outputs.map(({ lock }) => lock)])];
}

export class IndexFollower {
  readonly #state: ChainState;
  readonly #kind: IndexKind;
  readonly #clock: Clock;
  /** The block it has reached; undefined before the first block. */
  #tip: BlockId | undefined;
  #running: Promise<void> | undefined;
  #isStarted = false;
  #isClosed = false;
  #chainMovedMs = -Infinity;
  #cancelRetry: Cancel = () => {};

  constructor(state: ChainState, kind: IndexKind, clock: Clock) {
    this.#state = state;
    this.#kind = kind;
    this.#clock = clock;
  }

  /** Height of the last block in the index, -1 for none. */
  get height(): number {
    return this.#tip === undefined ? -1 : this.#state.tree.get(this.#tip)!.height;
  }

  get isReady(): boolean {
    return this.#tip === this.#state.tip.id;
  }

  /** Reads where it stood, takes back what was half written, and begins to follow. */
  async start(): Promise<void> {
    const record = `index ${this.#kind.name}`;
    const value = await this.#state.store.kv.get(keys.index(this.#kind.name));
    if (value !== null) {
      const { tip, toward } = decodeRecord(value, record, readIndexRecord);
      const isKnown = this.#state.tree.isStored(tip) &&
        (toward === undefined || this.#state.tree.isStored(toward));
      if (!isKnown) throw new DamagedRecord(record);
      this.#tip = tip;
      if (toward !== undefined) await this.#takeBack(tip, toward);
    }
    this.#isStarted = true;
    this.#wake();
  }

  /** The chain has moved: follow it, in the background. */
  poke(): void {
    this.#chainMovedMs = this.#clock.monotonicMs();
    this.#wake();
  }

  /** Resolves when the index has caught up or cannot for now. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelRetry();
    await this.settled();
  }

  #wake(): void {
    const isIdle = this.#isStarted && !this.#isClosed && this.#running === undefined;
    if (!isIdle || this.isReady) return;
    if (this.#mustYield()) return this.#retryLater();
    this.#running = this.#follow()
      .catch((error) => {
        // Look-ups say that the index is behind; the chain itself goes on.
        log.error("Index {name} stops: {why}", { name: this.#kind.name, why: messageOf(error) });
        this.#isClosed = true;
      })
      .finally(() => {
        this.#running = undefined;
        this.#wake();
      });
  }

  #mustYield(): boolean {
    const isBehind = this.#state.tip.height - this.height > YIELD_BEHIND_BLOCKS;
    return isBehind && this.#clock.monotonicMs() - this.#chainMovedMs < YIELD_MS;
  }

  #retryLater(): void {
    this.#cancelRetry();
    this.#cancelRetry = this.#clock.after(YIELD_MS, () => this.#wake());
  }

  async #follow(): Promise<void> {
    while (!this.#isClosed && !this.isReady && !this.#mustYield()) {
      if (this.#tip !== undefined && !this.#state.isOnMainChain(this.#tip)) {
        await this.#disconnect(this.#tip);
      } else {
        await this.#advance();
      }
    }
  }

  async #advance(): Promise<void> {
    if (this.#tip === undefined) return await this.#begin();
    const mutations: KvMutation[] = [];
    let reached: BlockId = this.#tip;
    const turns = new Turns(this.#clock);
    for (let height = this.height + 1; mutations.length < ENTRIES_MAX; height++) {
      const id = this.#state.idAt(height);
      if (id === undefined) break;
      const block = await this.#block(id);
      // The chain may have moved while the block was read.
      if (block.header.previous !== reached) break;
      for (const { key, value } of this.#kind.entries(block)) mutations.push({ set: key, value });
      await turns.next();
      reached = id;
    }
    if (reached !== this.#tip) await this.#write(mutations, reached);
  }

  /** The genesis block is never taken back, so it needs no note of how far the write goes. */
  async #begin(): Promise<void> {
    const { genesisId, store } = this.#state;
    const entries = this.#kind.entries(await this.#block(genesisId));
    const mutations = entries.map(({ key, value }): KvMutation => ({ set: key, value }));
    await commitInChunks(store.kv, [...mutations, this.#record({ tip: genesisId })]);
    this.#tip = genesisId;
  }

  async #disconnect(id: BlockId): Promise<void> {
    const block = await this.#block(id);
    await this.#write(this.#deletions(block), block.header.previous);
  }

  /** Removes what a write up to `toward` may have left above `tip`. */
  async #takeBack(tip: BlockId, toward: BlockId): Promise<void> {
    const { up, down } = this.#state.tree.way(tip, toward);
    // Half taken back is repaired by taking back all of it and coming again.
    for (const slot of [...down, ...up]) {
      const block = await this.#block(this.#state.tree.idAt(slot));
      await commitInChunks(this.#state.store.kv, this.#deletions(block));
    }
    const below = down.length === 0 ? tip : this.#state.tree.contextAt(down.at(-1)!).previous;
    await this.#state.store.kv.commit([this.#record({ tip: below })]);
    this.#tip = below;
  }

  #deletions(block: Block): KvMutation[] {
    return this.#kind.entries(block).map(({ key }) => ({ delete: key }));
  }

  async #write(mutations: KvMutation[], tip: BlockId): Promise<void> {
    const { kv } = this.#state.store;
    const chunks = cutChunks([...mutations, this.#record({ tip })]);
    if (chunks.length > 1) {
      await kv.commit([this.#record({ tip: this.#tip!, toward: tip })]);
    }
    for (const chunk of chunks) await kv.commit(chunk);
    this.#tip = tip;
  }

  #record(record: { tip: BlockId; toward?: BlockId }): KvMutation {
    return { set: keys.index(this.#kind.name), value: encodeIndexRecord(record) };
  }

  async #block(id: BlockId): Promise<Block> {
    const block = await this.#state.block(id);
    if (block === undefined) throw new DamagedRecord(`block ${id}`);
    return block;
  }
}
