/** Blocks that cannot be judged yet: orphans wait for their parent, early ones for their time. */
import type { Cancel, Clock } from "../base/clock.ts";
import type { Block } from "../primitives/block.ts";
import type { BlockId } from "../primitives/ids.ts";

export interface WaitingLimits {
  readonly blocksMax: number;
  readonly bytesMax: number;
}

/** Strangers fill these, so both have a bound; a peer's whole window of blocks fits. */
export const ORPHAN_LIMITS: WaitingLimits = { blocksMax: 600, bytesMax: 16 * 1_024 * 1_024 };
export const EARLY_LIMITS: WaitingLimits = { blocksMax: 32, bytesMax: 4 * 1_024 * 1_024 };

/** Blocks whose parent is not here, oldest out first. */
export class Orphans {
  readonly #limits: WaitingLimits;
  readonly #blocks = new Map<BlockId, Block>();
  readonly #byParent = new Map<BlockId, Set<BlockId>>();
  #bytes = 0;

  constructor(limits = ORPHAN_LIMITS) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#blocks.size;
  }

  add(block: Block): void {
    if (this.#blocks.has(block.id)) return;
    this.#blocks.set(block.id, block);
    this.#bytes += block.bytes.length;
    const siblings = this.#byParent.get(block.header.previous);
    if (siblings === undefined) this.#byParent.set(block.header.previous, new Set([block.id]));
    else siblings.add(block.id);
    for (const oldest of this.#blocks.values()) {
      const { blocksMax, bytesMax } = this.#limits;
      if (this.#blocks.size <= blocksMax && this.#bytes <= bytesMax) break;
      this.#remove(oldest);
    }
  }

  /** Takes out the blocks that waited for `parent`. */
  take(parent: BlockId): Block[] {
    const blocks = [...this.#byParent.get(parent) ?? []].map((id) => this.#blocks.get(id)!);
    for (const block of blocks) this.#remove(block);
    return blocks;
  }

  #remove(block: Block): void {
    this.#blocks.delete(block.id);
    this.#bytes -= block.bytes.length;
    const siblings = this.#byParent.get(block.header.previous)!;
    siblings.delete(block.id);
    if (siblings.size === 0) this.#byParent.delete(block.header.previous);
  }
}

/** Blocks stamped too far ahead of our clock, each tried again once its time comes. */
export class EarlyBlocks {
  readonly #clock: Clock;
  readonly #limits: WaitingLimits;
  readonly #retry: (block: Block) => void;
  readonly #waiting = new Map<BlockId, { block: Block; cancel: Cancel }>();
  #bytes = 0;

  constructor(clock: Clock, retry: (block: Block) => void, limits = EARLY_LIMITS) {
    this.#clock = clock;
    this.#retry = retry;
    this.#limits = limits;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Holds `block` back for `delayMs`. When there is no room it is dropped: peers will tell again. */
  add(block: Block, delayMs: number): void {
    const { blocksMax, bytesMax } = this.#limits;
    const bytes = this.#bytes + block.bytes.length;
    const isFull = this.#waiting.size >= blocksMax || bytes > bytesMax;
    if (isFull || this.#waiting.has(block.id)) return;
    this.#bytes = bytes;
    const cancel = this.#clock.after(delayMs, () => {
      this.#waiting.delete(block.id);
      this.#bytes -= block.bytes.length;
      this.#retry(block);
    });
    this.#waiting.set(block.id, { block, cancel });
  }

  close(): void {
    for (const { cancel } of this.#waiting.values()) cancel();
    this.#waiting.clear();
  }
}
