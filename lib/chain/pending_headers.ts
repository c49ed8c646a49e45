/**
 * Headers whose blocks are not here, about 120 bytes each: columns of numbers as in
 * `header_index.ts`, because a new node may know of tens of thousands. They are added behind the
 * last and leave about in the order they came in, so their room is taken and given back by the
 * page. A slot's number is never used again: it tells for good which header it was.
 */
import { assert } from "../base/assert.ts";
import { putHex, toHex } from "../base/bytes.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import { type BlockId, HASH_BYTES } from "../primitives/ids.ts";

const PAGE_SLOTS = 512;
const PAGE_BITS = Math.log2(PAGE_SLOTS);
const SLOT_IN_PAGE = PAGE_SLOTS - 1;
const PLACES_FIRST = 1_024;
/** A slot is kept as one more than its number, in 32 bits. */
const SLOTS_MAX = 0xffffffff;
const WORK_BITS = 128n;
const LOW_WORK = (1n << 64n) - 1n;
const GONE = 0;
const VALID = 1;
const INVALID = 2;

/** A page of slots, column by column. */
class Page {
  readonly ids = new Uint8Array(PAGE_SLOTS * HASH_BYTES);
  readonly previous = new Uint8Array(PAGE_SLOTS * HASH_BYTES);
  /** Slot + 1 of the header before, 0 when that one was not pending. */
  readonly parents = new Uint32Array(PAGE_SLOTS);
  readonly heights = new Uint32Array(PAGE_SLOTS);
  readonly timesMs = new Float64Array(PAGE_SLOTS);
  readonly bits = new Uint32Array(PAGE_SLOTS);
  readonly childBits = new Uint32Array(PAGE_SLOTS);
  /** Two words a slot, high and low. */
  readonly work = new BigUint64Array(2 * PAGE_SLOTS);
  readonly states = new Uint8Array(PAGE_SLOTS);
  /** Slots that are not gone. */
  live = 0;
}

export class PendingHeaders {
  /** By number, lowest first; those that are left out are empty. */
  readonly #pages = new Map<number, Page>();
  /** Slot + 1 at each place, 0 where it is free. Never more than half full. */
  #table = new Uint32Array(PLACES_FIRST);
  #size = 0;
  #next = 0;

  get size(): number {
    return this.#size;
  }

  /** How many headers the room would hold that is taken now. */
  get capacity(): number {
    return this.#pages.size * PAGE_SLOTS;
  }

  /** The slot of `id`, or undefined. */
  slotOf(id: BlockId): number | undefined {
    const entry = this.#table[this.#placeOf(id)]!;
    return entry === 0 ? undefined : entry - 1;
  }

  /** Whether the header is still here. */
  isHere(slot: number): boolean {
    const page = this.#pages.get(slot >>> PAGE_BITS);
    return page !== undefined && page.states[slot & SLOT_IN_PAGE] !== GONE;
  }

  /** All slots, parents before children. */
  *slots(): Generator<number> {
    for (const [number, page] of this.#pages) {
      for (let at = 0; at < PAGE_SLOTS; at++) {
        if (page.states[at] !== GONE) yield number * PAGE_SLOTS + at;
      }
    }
  }

  idAt(slot: number): BlockId {
    return idIn(this.#page(slot).ids, slot);
  }

  previousAt(slot: number): BlockId {
    return idIn(this.#page(slot).previous, slot);
  }

  /** The slot of the header before, undefined when that one is not pending (any more). */
  parentOf(slot: number): number | undefined {
    const parent = this.#page(slot).parents[slot & SLOT_IN_PAGE]! - 1;
    return parent >= 0 && this.isHere(parent) ? parent : undefined;
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
    return {
      id: this.idAt(slot),
      previous: this.previousAt(slot),
      height: page.heights[at]!,
      timeMs: page.timesMs[at]!,
      bits: page.bits[at]!,
      childScheduledBits: page.childBits[at]!,
      totalWork: this.workOf(slot),
    };
  }

  isInvalid(slot: number): boolean {
    return this.#page(slot).states[slot & SLOT_IN_PAGE] === INVALID;
  }

  markInvalid(slot: number): void {
    this.#page(slot).states[slot & SLOT_IN_PAGE] = INVALID;
  }

  /** Adds a header that is not here, after its parent if that one is pending. */
  add(context: HeaderContext, isInvalid: boolean): void {
    assert(context.totalWork >> WORK_BITS === 0n, "nobody can do 2^128 hashes");
    assert(this.#next < SLOTS_MAX, "nobody sends four billion headers in one life");
    const slot = this.#next++;
    const at = slot & SLOT_IN_PAGE;
    if (!this.#pages.has(slot >>> PAGE_BITS)) this.#pages.set(slot >>> PAGE_BITS, new Page());
    const page = this.#page(slot);
    putHex(context.id, page.ids, at * HASH_BYTES);
    putHex(context.previous, page.previous, at * HASH_BYTES);
    page.parents[at] = (this.slotOf(context.previous) ?? -1) + 1;
    page.heights[at] = context.height;
    page.timesMs[at] = context.timeMs;
    page.bits[at] = context.bits;
    page.childBits[at] = context.childScheduledBits;
    page.work[2 * at] = context.totalWork >> 64n;
    page.work[2 * at + 1] = context.totalWork & LOW_WORK;
    page.states[at] = isInvalid ? INVALID : VALID;
    page.live++;
    this.#size++;
    if (2 * this.#size > this.#table.length) this.#fillTable(2 * this.#table.length);
    else this.#table[this.#placeOf(context.id)] = slot + 1;
  }

  delete(slot: number): void {
    this.#emptyPlace(this.#placeOf(this.idAt(slot)));
    const page = this.#page(slot);
    page.states[slot & SLOT_IN_PAGE] = GONE;
    page.live--;
    this.#size--;
    if (page.live === 0) this.#pages.delete(slot >>> PAGE_BITS);
    if (this.#size === 0) this.#table = new Uint32Array(PLACES_FIRST);
  }

  #page(slot: number): Page {
    return this.#pages.get(slot >>> PAGE_BITS)!;
  }

  #fillTable(places: number): void {
    this.#table = new Uint32Array(places);
    for (const slot of this.slots()) this.#table[this.#placeOf(this.idAt(slot))] = slot + 1;
  }

  /** Where `id` is in the table, or the free place where it belongs. */
  #placeOf(id: BlockId): number {
    const mask = this.#table.length - 1;
    // By the last bytes: the first ones are zeros, that is what the work is for.
    let place = Number.parseInt(id.slice(-8), 16) & mask;
    for (;; place = (place + 1) & mask) {
      const entry = this.#table[place]!;
      if (entry === 0 || this.idAt(entry - 1) === id) return place;
    }
  }

  /** Those behind move up, so that no search ends at the hole. */
  #emptyPlace(place: number): void {
    const mask = this.#table.length - 1;
    let hole = place;
    for (let at = (hole + 1) & mask;; at = (at + 1) & mask) {
      const entry = this.#table[at]!;
      if (entry === 0) break;
      const home = this.#homeOf(entry - 1) & mask;
      if (((at - home) & mask) < ((at - hole) & mask)) continue;
      this.#table[hole] = entry;
      hole = at;
    }
    this.#table[hole] = 0;
  }

  /** What `#placeOf` begins with, from the bytes. */
  #homeOf(slot: number): number {
    const { ids } = this.#page(slot);
    const end = ((slot & SLOT_IN_PAGE) + 1) * HASH_BYTES;
    return (ids[end - 4]! << 24) | (ids[end - 3]! << 16) | (ids[end - 2]! << 8) | ids[end - 1]!;
  }
}

function idIn(column: Uint8Array, slot: number): BlockId {
  const at = (slot & SLOT_IN_PAGE) * HASH_BYTES;
  return toHex(column.subarray(at, at + HASH_BYTES)) as BlockId;
}
