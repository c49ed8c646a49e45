/**
 * The indexes over the main chain, transactions by id and history by lock, as they follow the
 * chain: at their own pace, each with its own tip, and without ever holding the chain up. While
 * they stand at one block they go on together, so that each block is read once.
 */
import type { Cancel, Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import type { Block } from "../primitives/block.ts";
import type { BlockId } from "../primitives/ids.ts";
import { IndexBatch, type IndexPages } from "../store/index_pages.ts";
import { DamagedRecord } from "../store/records.ts";
import type { ChainState } from "./chain_state.ts";
import { Turns } from "./turns.ts";

/** Entries gathered before they are written, about 60 bytes each. */
const ENTRIES_MAX = 50_000;
/** While blocks stream in further behind than this, the disk belongs to the chain. */
const YIELD_BEHIND_BLOCKS = 200;
const YIELD_MS = 1_000;
/**
 * News is indexed once the chain has been at rest for so long, because passing it on and taking in
 * the next block come first: the entries of a thousand payments lie on a thousand pages, whose
 * writing holds up every reading of coins. Look-ups do not wait for that.
 */
const REST_MS = 500;
/** Where there is no rest it is indexed this much later. */
const REST_MAX_MS = 3_000;
const log = getLogger("chain", "index");

export class IndexFollower {
  readonly #state: ChainState;
  readonly #indexes: readonly IndexPages[];
  readonly #clock: Clock;
  /** Indexes that failed. Look-ups say that they are behind; the chain itself goes on. */
  readonly #stopped = new Set<IndexPages>();
  #running: Promise<void> | undefined;
  #isStarted = false;
  #isClosed = false;
  #chainMovedMs = -Infinity;
  #isWakeDue = false;
  #cancelWake: Cancel = () => {};

  /** Throws `DamagedRecord` when an index stands at a block that is not known. */
  constructor(state: ChainState, indexes: readonly IndexPages[], clock: Clock) {
    this.#state = state;
    this.#indexes = indexes;
    this.#clock = clock;
    for (const { kind, tip } of indexes) {
      const isKnown = tip === undefined || state.tree.isStored(tip);
      if (!isKnown) throw new DamagedRecord(`index ${kind.name}`);
    }
  }

  /** Height of the last block in `index`, -1 for none. */
  heightOf({ tip }: IndexPages): number {
    return tip === undefined ? -1 : this.#state.tree.get(tip)!.height;
  }

  isReady(index: IndexPages): boolean {
    return index.tip === this.#state.tip.id;
  }

  /** Begins to follow. */
  start(): void {
    this.#isStarted = true;
    this.#wake();
  }

  /** The chain has moved, or is about to: follow it soon, in the background. */
  poke(): void {
    this.#chainMovedMs = this.#clock.monotonicMs();
    if (!this.#isWakeDue) this.#wakeAtRest(this.#chainMovedMs + REST_MAX_MS);
  }

  /** Resolves when the indexes have caught up or cannot for now. */
  async settled(): Promise<void> {
    this.#wake();
    while (this.#running !== undefined) await this.#running;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelWake();
    await this.settled();
  }

  /** Indexes that have some way to go. */
  get #behind(): IndexPages[] {
    return this.#indexes.filter((index) => !this.isReady(index) && !this.#stopped.has(index));
  }

  #wake(): void {
    const isIdle = this.#isStarted && !this.#isClosed && this.#running === undefined;
    if (!isIdle || this.#behind.length === 0) return;
    if (this.#mustYield()) return this.#wakeAfter(YIELD_MS);
    this.#running = this.#follow().finally(() => {
      this.#running = undefined;
      this.#wake();
    });
  }

  #mustYield(): boolean {
    const lowest = Math.min(...this.#behind.map((index) => this.heightOf(index)));
    const isBehind = this.#state.tip.height - lowest > YIELD_BEHIND_BLOCKS;
    return isBehind && this.#clock.monotonicMs() - this.#chainMovedMs < YIELD_MS;
  }

  /** Wakes when the chain has not moved for a while, at `endMs` at the latest. */
  #wakeAtRest(endMs: number): void {
    const nowMs = this.#clock.monotonicMs();
    const dueMs = Math.min(this.#chainMovedMs + REST_MS, endMs);
    if (dueMs <= nowMs) this.#wake();
    else this.#wakeAfter(dueMs - nowMs, () => this.#wakeAtRest(endMs));
  }

  #wakeAfter(delayMs: number, wake = () => this.#wake()): void {
    this.#cancelWake();
    if (this.#isClosed) return;
    this.#isWakeDue = true;
    this.#cancelWake = this.#clock.after(delayMs, () => {
      this.#isWakeDue = false;
      wake();
    });
  }

  async #follow(): Promise<void> {
    while (!this.#isClosed && this.#behind.length > 0 && !this.#mustYield()) {
      const strayed = this.#behind.filter(({ tip }) =>
        tip !== undefined && !this.#state.isOnMainChain(tip)
      );
      const some = strayed.length > 0 ? strayed.slice(0, 1) : this.#lowest();
      try {
        if (strayed.length > 0) await this.#disconnect(strayed[0]!);
        else await this.#advance(some);
      } catch (error) {
        for (const index of some) this.#stop(index, error);
      }
    }
  }

  /** Of the indexes that are behind, those that are furthest behind, all at one block. */
  #lowest(): IndexPages[] {
    const behind = this.#behind;
    const lowest = Math.min(...behind.map((index) => this.heightOf(index)));
    return behind.filter((index) => this.heightOf(index) === lowest);
  }

  /** Leads indexes that stand at one block of the main chain on, up to the next one's place. */
  async #advance(indexes: readonly IndexPages[]): Promise<void> {
    const from = this.heightOf(indexes[0]!);
    const others = this.#behind.map((index) => this.heightOf(index)).filter((at) => at > from);
    const until = Math.min(this.#state.tip.height, ...others);
    const batches = indexes.map(({ kind }) => new IndexBatch(kind, false));
    const turns = new Turns(this.#clock);
    let reached = indexes[0]!.tip;
    for (let height = from + 1; height <= until && !this.#isClosed; height++) {
      const id = this.#state.idAt(height);
      if (id === undefined) break;
      const block = await this.#block(id);
      // The chain may have moved while the block was read.
      if (reached !== undefined && block.header.previous !== reached) break;
      for (const [at, { kind }] of indexes.entries()) kind.addEntries(batches[at]!, block);
      reached = id;
      if (batches.some(({ count }) => count >= ENTRIES_MAX) || this.#mustYield()) break;
      await turns.next();
    }
    if (reached === undefined || reached === indexes[0]!.tip) return;
    for (const [at, index] of indexes.entries()) {
      await this.#write(index, batches[at]!, reached);
    }
  }

  async #disconnect(index: IndexPages): Promise<void> {
    const block = await this.#block(index.tip!);
    const batch = new IndexBatch(index.kind, true);
    index.kind.addEntries(batch, block);
    await this.#write(index, batch, block.header.previous);
  }

  async #write(index: IndexPages, batch: IndexBatch, tip: BlockId): Promise<void> {
    try {
      await index.write(batch, tip);
    } catch (error) {
      this.#stop(index, error);
    }
  }

  #stop(index: IndexPages, error: unknown): void {
    log.error("Index {name} stops: {why}", { name: index.kind.name, why: messageOf(error) });
    this.#stopped.add(index);
  }

  async #block(id: BlockId): Promise<Block> {
    const block = await this.#state.block(id);
    if (block === undefined) throw new DamagedRecord(`block ${id}`);
    return block;
  }
}
