/**
 * Headers of stored blocks, about 100 bytes each: columns of numbers and an open hash table
 * instead of objects, because a chain may have millions. Headers are added and never removed, a
 * parent before its children, so that a slot's parent has a smaller slot.
 */
import { assert } from "../base/assert.ts";
import { toHex } from "../base/bytes.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import { type BlockId, HASH_BYTES, idBytes } from "../primitives/ids.ts";

const PAGE_BITS = 12;
const PAGE_SLOTS = 1 << PAGE_BITS;
const SLOT_IN_PAGE = PAGE_SLOTS - 1;
/** The genesis block has no parent here. */
const NO_SLOT = 0xffffffff;
const WORK_BITS = 128n;
const LOW_WORK = (1n << 64n) - 1n;

/** A page of slots, column by column. */
class Page {
  readonly ids = new Uint8Array(PAGE_SLOTS * HASH_BYTES);
  readonly parents = new Uint32Array(PAGE_SLOTS);
  readonly heights = new Uint32Array(PAGE_SLOTS);
  readonly timesMs = new Float64Array(PAGE_SLOTS);
  readonly bits = new Uint32Array(PAGE_SLOTS);
  readonly childBits = new Uint32Array(PAGE_SLOTS);
  /** Two words a slot, high and low. */
  readonly work = new BigUint64Array(2 * PAGE_SLOTS);
  readonly invalid = new Uint8Array(PAGE_SLOTS);
}

export class HeaderIndex {
  readonly #pages: Page[] = [];
  /** Slot + 1 at each place, 0 where it is free. Never more than half full. */
  #table = new Uint32Array(2 * PAGE_SLOTS);
  #size = 0;
  /** The genesis block's parent id, which names the network and no block. */
  #beforeGenesis: BlockId | undefined;

  get size(): number {
    return this.#size;
  }

  /** The slot of `id`, or undefined. */
  slotOf(id: BlockId): number | undefined {
    for (let at = this.#firstPlace(id);; at = this.#nextPlace(at)) {
      const entry = this.#table[at]!;
      if (entry === 0) return undefined;
      if (this.idAt(entry - 1) === id) return entry - 1;
    }
  }

  idAt(slot: number): BlockId {
    const at = (slot & SLOT_IN_PAGE) * HASH_BYTES;
    return toHex(this.#page(slot).ids.subarray(at, at + HASH_BYTES)) as BlockId;
  }

  /** The slot below, or undefined for genesis. */
  parentOf(slot: number): number | undefined {
    const parent = this.#page(slot).parents[slot & SLOT_IN_PAGE]!;
    return parent === NO_SLOT ? undefined : parent;
  }

  heightOf(slot: number): number {
    return this.#page(slot).heights[slot & SLOT_IN_PAGE]!;
  }

  workOf(slot: number): bigint {
    const { work } = this.#page(slot);
    const at = 2 * (slot & SLOT_IN_PAGE);
    return (work[at]! << 64n) | work[at + 1]!;
  }

  contextAt(slot: number): HeaderContext {
    const page = this.#page(slot);
    const at = slot & SLOT_IN_PAGE;
    const parent = page.parents[at]!;
    return {
      id: this.idAt(slot),
      previous: parent === NO_SLOT ? this.#beforeGenesis! : this.idAt(parent),
      height: page.heights[at]!,
      timeMs: page.timesMs[at]!,
      bits: page.bits[at]!,
      childScheduledBits: page.childBits[at]!,
      totalWork: this.workOf(slot),
    };
  }

  /** Adds a header whose parent is here already, or the genesis header first. */
  add(context: HeaderContext): number {
    const parent = this.slotOf(context.previous);
    assert(parent !== undefined || this.#size === 0, "a header's parent is added before it");
    assert(context.totalWork >> WORK_BITS === 0n, "nobody can do 2^128 hashes");
    const slot = this.#size++;
    if (parent === undefined) this.#beforeGenesis = context.previous;
    if ((slot & SLOT_IN_PAGE) === 0) this.#pages.push(new Page());
    const page = this.#page(slot);
    const at = slot & SLOT_IN_PAGE;
    page.ids.set(idBytes(context.id), at * HASH_BYTES);
    page.parents[at] = parent ?? NO_SLOT;
    page.heights[at] = context.height;
    page.timesMs[at] = context.timeMs;
    page.bits[at] = context.bits;
    page.childBits[at] = context.childScheduledBits;
    page.work[2 * at] = context.totalWork >> 64n;
    page.work[2 * at + 1] = context.totalWork & LOW_WORK;
    page.invalid[at] = parent !== undefined && this.isInvalid(parent) ? 1 : 0;
    this.#enter(slot, context.id);
    return slot;
  }

  isInvalid(slot: number): boolean {
    return this.#page(slot).invalid[slot & SLOT_IN_PAGE] === 1;
  }

  /** Marks a slot and everything above it; one pass, since children come after their parents. */
  markInvalid(slot: number): void {
    this.#page(slot).invalid[slot & SLOT_IN_PAGE] = 1;
    for (let later = slot + 1; later < this.#size; later++) {
      if (this.isInvalid(this.parentOf(later)!)) {
        this.#page(later).invalid[later & SLOT_IN_PAGE] = 1;
      }
    }
  }

  #page(slot: number): Page {
    return this.#pages[slot >>> PAGE_BITS]!;
  }

  #enter(slot: number, id: BlockId): void {
    if (2 * this.#size > this.#table.length) this.#growTable();
    else this.#put(slot, id);
  }

  #growTable(): void {
    this.#table = new Uint32Array(2 * this.#table.length);
    for (let slot = 0; slot < this.#size; slot++) this.#put(slot, this.idAt(slot));
  }

  #put(slot: number, id: BlockId): void {
    let at = this.#firstPlace(id);
    while (this.#table[at] !== 0) at = this.#nextPlace(at);
    this.#table[at] = slot + 1;
  }

  /** By the id's last bytes: the first ones are zeros, that is what the work is for. */
  #firstPlace(id: BlockId): number {
    return Number.parseInt(id.slice(-8), 16) & (this.#table.length - 1);
  }

  #nextPlace(at: number): number {
    return (at + 1) & (this.#table.length - 1);
  }
}
