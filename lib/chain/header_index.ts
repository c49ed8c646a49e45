/**
 * Headers of stored blocks, about 100 bytes each: columns of numbers and an open hash table
 * instead of objects, because a chain may have millions. Headers are added and never removed, a
 * parent before its children, so that a slot's parent has a smaller slot.
 */
import { assert } from "../base/assert.ts";
import { concatBytes, putHex, toHex } from "../base/bytes.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import { HEADERS_PER_PAGE } from "../store/header_log.ts";
import { type BlockId, HASH_BYTES } from "../primitives/ids.ts";

const PAGE_SLOTS = HEADERS_PER_PAGE;
const PAGE_BITS = Math.log2(PAGE_SLOTS);
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
  /** Whether it differs from what the disk has. */
  isChanged = true;

  /** The columns as bytes, cut to `count` slots: every platform of ours is little endian. */
  encode(count: number): Uint8Array {
    return concatBytes(
      ...this.#columns().map((column) => column.subarray(0, count * width(column))),
    );
  }

  /** Takes what `encode` gave. False when `bytes` is not `count` slots long. */
  decode(bytes: Uint8Array, count: number): boolean {
    const columns = this.#columns();
    const slotBytes = columns.reduce((sum, column) => sum + width(column), 0);
    if (bytes.length !== count * slotBytes || count > PAGE_SLOTS) return false;
    let at = 0;
    for (const column of columns) {
      const end = at + count * width(column);
      column.set(bytes.subarray(at, end));
      at = end;
    }
    this.isChanged = false;
    return true;
  }

  #columns(): Uint8Array[] {
    const { ids, parents, heights, timesMs, bits, childBits, work, invalid } = this;
    return [ids, parents, heights, timesMs, bits, childBits, work, invalid]
      .map((column) => new Uint8Array(column.buffer));
  }
}

/** Bytes of one slot in a column. */
function width(column: Uint8Array): number {
  return column.length / PAGE_SLOTS;
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

  /** The index that `changedPages` once gave; undefined unless the pages are whole. */
  static restore(
    saved: { count: number; pages: readonly Uint8Array[] },
    genesis: HeaderContext,
  ): HeaderIndex | undefined {
    const index = new HeaderIndex();
    index.#beforeGenesis = genesis.previous;
    for (const [at, bytes] of saved.pages.entries()) {
      const page = new Page();
      const count = Math.min(PAGE_SLOTS, saved.count - at * PAGE_SLOTS);
      if (!page.decode(bytes, count)) return undefined;
      index.#pages.push(page);
    }
    index.#size = saved.count;
    if (index.#size === 0 || index.idAt(0) !== genesis.id) return undefined;
    let places = index.#table.length;
    while (places < 2 * index.#size) places *= 2;
    index.#fillTable(places);
    return index;
  }

  /** The pages that the disk does not have, by number; they count as saved from now on. */
  changedPages(): Map<number, Uint8Array> {
    const changed = new Map<number, Uint8Array>();
    for (const [at, page] of this.#pages.entries()) {
      if (!page.isChanged) continue;
      changed.set(at, page.encode(Math.min(PAGE_SLOTS, this.#size - at * PAGE_SLOTS)));
      page.isChanged = false;
    }
    return changed;
  }

  /** Whether any header is marked. */
  hasInvalid(): boolean {
    return this.#pages.some((page) => page.invalid.includes(1));
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
    page.isChanged = true;
    putHex(context.id, page.ids, at * HASH_BYTES);
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
    this.#mark(slot);
    for (let later = slot + 1; later < this.#size; later++) {
      if (this.isInvalid(this.parentOf(later)!)) {
        this.#mark(later);
      }
    }
  }

  #mark(slot: number): void {
    const page = this.#page(slot);
    page.invalid[slot & SLOT_IN_PAGE] = 1;
    page.isChanged = true;
  }

  #page(slot: number): Page {
    return this.#pages[slot >>> PAGE_BITS]!;
  }

  #enter(slot: number, id: BlockId): void {
    if (2 * this.#size > this.#table.length) this.#fillTable(2 * this.#table.length);
    else this.#put(slot, id);
  }

  #fillTable(places: number): void {
    this.#table = new Uint32Array(places);
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
