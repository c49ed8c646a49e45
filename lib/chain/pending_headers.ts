/**
 * Headers whose blocks are not here. They are added behind the last and leave about in the order they
 * came in, so their room is taken and given back by the page. A slot's number is never used again:
 * it tells for good which header it was.
 */
import { assert } from "../base/assert.ts";
import { putHex } from "../base/bytes.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import { type BlockId, HASH_BYTES } from "../primitives/ids.ts";
import { HeaderColumns, idIn } from "./header_columns.ts";
import { type SlotIds, SlotTable } from "./slot_table.ts";

const PAGE_SLOTS = 512;
const PAGE_BITS = Math.log2(PAGE_SLOTS);
const SLOT_IN_PAGE = PAGE_SLOTS - 1;
const PLACES_FIRST = 1_024;
/** A slot is kept as one more than its number, in 32 bits. */
const SLOTS_MAX = 0xffffffff;
const GONE = 0;
const VALID = 1;
const INVALID = 2;

/** `parents` are slots + 1, 0 where the header before was not pending. */
class Page extends HeaderColumns {
  readonly previous = new Uint8Array(PAGE_SLOTS * HASH_BYTES);
  readonly states = new Uint8Array(PAGE_SLOTS);
  /** Slots that are not gone. */
  live = 0;

  constructor() {
    super(PAGE_SLOTS);
  }
}

export class PendingHeaders implements SlotIds {
  /** By number, lowest first; those that are left out are empty. */
  readonly #pages = new Map<number, Page>();
  readonly #table = new SlotTable(PLACES_FIRST, this);
  #next = 0;

  get size(): number {
    return this.#table.size;
  }

  /** How many headers the room would hold that is taken now. */
  get capacity(): number {
    return this.#pages.size * PAGE_SLOTS;
  }

  /** The slot of `id`, or undefined. */
  slotOf(id: BlockId): number | undefined {
    return this.#table.find(id);
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
    return this.#page(slot).idAt(slot & SLOT_IN_PAGE);
  }

  isAt(slot: number, id: Uint8Array): boolean {
    return this.#page(slot).isAt(slot & SLOT_IN_PAGE, id);
  }

  tailAt(slot: number): number {
    return this.#page(slot).tailAt(slot & SLOT_IN_PAGE);
  }

  previousAt(slot: number): BlockId {
    return idIn(this.#page(slot).previous, slot & SLOT_IN_PAGE);
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
    return this.#page(slot).workAt(slot & SLOT_IN_PAGE);
  }

  contextAt(slot: number): HeaderContext {
    return this.#page(slot).contextAt(slot & SLOT_IN_PAGE, this.previousAt(slot));
  }

  isInvalid(slot: number): boolean {
    return this.#page(slot).states[slot & SLOT_IN_PAGE] === INVALID;
  }

  markInvalid(slot: number): void {
    this.#page(slot).states[slot & SLOT_IN_PAGE] = INVALID;
  }

  /** Adds a header that is not here, after its parent if that one is pending. */
  add(context: HeaderContext, isInvalid: boolean): void {
    assert(this.#next < SLOTS_MAX, "nobody sends four billion headers in one life");
    const slot = this.#next++;
    const at = slot & SLOT_IN_PAGE;
    if (!this.#pages.has(slot >>> PAGE_BITS)) this.#pages.set(slot >>> PAGE_BITS, new Page());
    const page = this.#page(slot);
    page.put(at, context, (this.slotOf(context.previous) ?? -1) + 1);
    putHex(context.previous, page.previous, at * HASH_BYTES);
    page.states[at] = isInvalid ? INVALID : VALID;
    page.live++;
    this.#table.add(slot);
  }

  delete(slot: number): void {
    this.#table.delete(slot);
    const page = this.#page(slot);
    page.states[slot & SLOT_IN_PAGE] = GONE;
    page.live--;
    if (page.live === 0) this.#pages.delete(slot >>> PAGE_BITS);
  }

  #page(slot: number): Page {
    return this.#pages.get(slot >>> PAGE_BITS)!;
  }
}
