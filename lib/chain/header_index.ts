/**
 * Headers of stored blocks. They are added and never removed, a parent before its children, so that
 * a slot's parent has a smaller slot.
 */
import { assert } from "../base/assert.ts";
import { concatBytes } from "../base/bytes.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import { HEADERS_PER_PAGE } from "../store/header_log.ts";
import type { BlockId } from "../primitives/ids.ts";
import { HeaderColumns } from "./header_columns.ts";
import { type SlotIds, SlotTable } from "./slot_table.ts";

const PAGE_SLOTS = HEADERS_PER_PAGE;
const PAGE_BITS = Math.log2(PAGE_SLOTS);
const SLOT_IN_PAGE = PAGE_SLOTS - 1;
/** The genesis block has no parent here. */
const NO_SLOT = 0xffffffff;

/** `parents` are slots. */
class Page extends HeaderColumns {
  readonly invalid = new Uint8Array(PAGE_SLOTS);
  /** Whether it differs from what the disk has. */
  isChanged = true;

  constructor() {
    super(PAGE_SLOTS);
  }

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

export class HeaderIndex implements SlotIds {
  readonly #pages: Page[] = [];
  readonly #table = new SlotTable(2 * PAGE_SLOTS, this);
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
    index.#table.addAll(index.#slots(), index.#size);
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
    return this.#table.find(id);
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

  /** The slot below, or undefined for genesis. */
  parentOf(slot: number): number | undefined {
    const parent = this.#page(slot).parents[slot & SLOT_IN_PAGE]!;
    return parent === NO_SLOT ? undefined : parent;
  }

  heightOf(slot: number): number {
    return this.#page(slot).heights[slot & SLOT_IN_PAGE]!;
  }

  workOf(slot: number): bigint {
    return this.#page(slot).workAt(slot & SLOT_IN_PAGE);
  }

  contextAt(slot: number): HeaderContext {
    const parent = this.parentOf(slot);
    const previous = parent === undefined ? this.#beforeGenesis! : this.idAt(parent);
    return this.#page(slot).contextAt(slot & SLOT_IN_PAGE, previous);
  }

  /** Adds a header whose parent is here already, or the genesis header first. */
  add(context: HeaderContext): number {
    const parent = this.slotOf(context.previous);
    assert(parent !== undefined || this.#size === 0, "a header's parent is added before it");
    const slot = this.#size++;
    if (parent === undefined) this.#beforeGenesis = context.previous;
    if ((slot & SLOT_IN_PAGE) === 0) this.#pages.push(new Page());
    const page = this.#page(slot);
    const at = slot & SLOT_IN_PAGE;
    page.isChanged = true;
    page.put(at, context, parent ?? NO_SLOT);
    page.invalid[at] = parent !== undefined && this.isInvalid(parent) ? 1 : 0;
    this.#table.add(slot);
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

  *#slots(): Generator<number> {
    for (let slot = 0; slot < this.#size; slot++) yield slot;
  }
}
