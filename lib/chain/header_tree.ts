/**
 * All headers that are known. Those whose blocks are stored are in the compact index; those that
 * came ahead of their blocks are pending: in memory only, and bounded, because headers are cheap to
 * send. Both kinds passed every rule that a header can break.
 */
import { isBetterTip } from "../consensus/fork_choice.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import type { Rule } from "../consensus/rules.ts";
import type { BlockHeader } from "../primitives/block.ts";
import type { BlockId } from "../primitives/ids.ts";
import { HeaderIndex } from "./header_index.ts";
import { PendingHeaders } from "./pending_headers.ts";

/** About 7 MB: more than a week of blocks at the usual spacing, asked for again as blocks catch up. */
export const PENDING_HEADERS_MAX = 60_000;
/** Room for pending headers that are few: stragglers may hold on to that much. */
const CAPACITY_MIN = 16_384;
/** Slots of stored blocks that may stay at the front of the path before it is cut. */
const PATH_SLACK = 4_096;

/** What of a header is needed to keep it: its context tells the rest. */
type Named = Pick<BlockHeader, "id" | "previous">;

export class HeaderTree {
  readonly #index: HeaderIndex;
  readonly #pending = new PendingHeaders();
  /** Why the lowest invalid block of a branch is invalid. */
  readonly #brokenRules = new Map<BlockId, Rule>();
  readonly #pendingMax: number;
  #best: HeaderContext;
  /** Pending slots on the way to `#pathTo`, lowest first; those before `#pathStart` are stored. */
  #path: number[] = [];
  #pathStart = 0;
  #pathTo: BlockId | undefined;

  /** `index` holds genesis and what is stored already; without it there is genesis alone. */
  constructor(
    genesis: HeaderContext,
    { pendingMax = PENDING_HEADERS_MAX, index }: { pendingMax?: number; index?: HeaderIndex } = {},
  ) {
    this.#index = index ?? new HeaderIndex();
    if (index === undefined) this.#index.add(genesis);
    this.#best = genesis;
    this.#pendingMax = pendingMax;
    this.#best = this.#findBest();
  }

  /** The columns of stored headers that the disk does not have. */
  changedPages(): Map<number, Uint8Array> {
    return this.#index.changedPages();
  }

  get storedCount(): number {
    return this.#index.size;
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  /** The valid header with the most work. */
  best(): HeaderContext {
    return this.#best;
  }

  get(id: BlockId): HeaderContext | undefined {
    const pending = this.#pending.slotOf(id);
    if (pending !== undefined) return this.#pending.contextAt(pending);
    const slot = this.#index.slotOf(id);
    return slot === undefined ? undefined : this.#index.contextAt(slot);
  }

  has(id: BlockId): boolean {
    return this.#pending.slotOf(id) !== undefined || this.isStored(id);
  }

  isStored(id: BlockId): boolean {
    return this.#index.slotOf(id) !== undefined;
  }

  isInvalid(id: BlockId): boolean {
    const pending = this.#pending.slotOf(id);
    if (pending !== undefined) return this.#pending.isInvalid(pending);
    const slot = this.#index.slotOf(id);
    return slot !== undefined && this.#index.isInvalid(slot);
  }

  /** The rule that an invalid block, or the lowest invalid one below it, breaks. */
  brokenRule(id: BlockId): Rule | undefined {
    for (let at = this.get(id); at !== undefined; at = this.get(at.previous)) {
      const rule = this.#brokenRules.get(at.id);
      if (rule !== undefined) return rule;
      if (!this.isInvalid(at.id)) return undefined;
    }
    return undefined;
  }

  /**
   * Keeps a checked header whose block is not here. False when there is no room: branches with less
   * work than the best have been dropped by then.
   */
  addPending(header: Named, context: HeaderContext): boolean {
    if (this.#isFull) {
      this.#dropWeakBranches();
      if (this.#isFull) return false;
    }
    this.keepPending(header, context);
    return true;
  }

  /** As `addPending`, whatever room there is: for the header of a block that is at hand. */
  keepPending({ id, previous }: Named, context: HeaderContext): void {
    if (this.#pending.slotOf(id) !== undefined) return;
    const isInvalid = this.isInvalid(previous);
    this.#pending.add(context, isInvalid);
    if (!isInvalid) this.#consider(context);
  }

  /** The block is stored now, and so is its parent. */
  addStored(context: HeaderContext): void {
    const pending = this.#pending.slotOf(context.id);
    const isInvalid = pending !== undefined && this.#pending.isInvalid(pending);
    if (pending !== undefined) this.#pending.delete(pending);
    if (this.isStored(context.id)) return;
    const slot = this.#index.add(context);
    if (isInvalid) this.#index.markInvalid(slot);
    if (!this.#index.isInvalid(slot)) this.#consider(context);
  }

  /** Marks the block of a known header, and everything above it, as breaking `rule`. */
  markInvalid(id: BlockId, rule: Rule): void {
    this.#brokenRules.set(id, rule);
    const pending = this.#pending.slotOf(id);
    if (pending !== undefined) this.#pending.markInvalid(pending);
    const slot = this.#index.slotOf(id);
    if (slot !== undefined) this.#index.markInvalid(slot);
    for (const later of this.#pending.slots()) {
      if (this.#isOnInvalid(later)) this.#pending.markInvalid(later);
    }
    if (this.isInvalid(this.#best.id)) this.#best = this.#findBest();
  }

  /** The stored valid block with the most work that is better than `tip`, if there is one. */
  bestStoredAbove(tip: HeaderContext): HeaderContext | undefined {
    let best = tip;
    for (let slot = this.#index.size - 1; slot >= 0; slot--) {
      if (this.#index.workOf(slot) < best.totalWork || this.#index.isInvalid(slot)) continue;
      const context = this.#index.contextAt(slot);
      if (isBetterTip(context, best)) best = context;
    }
    return best === tip ? undefined : best;
  }

  /** Ids of blocks not stored on the way to `target`, lowest first, at most `limit`. */
  missing(limit: number, target: BlockId): { id: BlockId; height: number }[] {
    this.#followPath(target);
    const found: { id: BlockId; height: number }[] = [];
    for (let at = this.#pathStart; at < this.#path.length && found.length < limit; at++) {
      const slot = this.#path[at]!;
      if (!this.#pending.isHere(slot)) continue;
      found.push({ id: this.#pending.idAt(slot), height: this.#pending.heightOf(slot) });
    }
    return found;
  }

  /** Whether the block lies on the way from genesis to `target`. Both must be known. */
  isAncestor(id: BlockId, target: BlockId): boolean {
    const height = this.get(id)!.height;
    let at = this.get(target);
    while (at !== undefined && at.height > height) at = this.get(at.previous);
    return at?.id === id;
  }

  /** Whether a pending block lies on the way to the best header. */
  isWanted(id: BlockId): boolean {
    if (id === this.#best.id) return true;
    this.#followPath(this.#best.id);
    const first = this.#path[this.#pathStart];
    const slot = this.#pending.slotOf(id);
    if (first === undefined || slot === undefined) return false;
    const at = this.#pending.heightOf(slot) - this.#pending.heightOf(first);
    return at >= 0 && this.#path[this.#pathStart + at] === slot;
  }

  /** Slots of stored blocks from genesis to `id`. */
  pathFromGenesis(id: BlockId): number[] {
    const slots: number[] = [];
    for (let slot = this.#index.slotOf(id); slot !== undefined; slot = this.#index.parentOf(slot)) {
      slots.push(slot);
    }
    return slots.reverse();
  }

  /**
   * The way from one stored block to another: blocks to take off, from `from` down, and blocks to
   * put on, upwards.
   */
  way(from: BlockId, to: BlockId): { down: number[]; up: number[] } {
    const index = this.#index;
    const down: number[] = [];
    const up: number[] = [];
    let left = index.slotOf(from)!;
    let right = index.slotOf(to)!;
    while (left !== right) {
      if (index.heightOf(left) >= index.heightOf(right)) {
        down.push(left);
        left = index.parentOf(left)!;
      } else {
        up.push(right);
        right = index.parentOf(right)!;
      }
    }
    return { down, up: up.reverse() };
  }

  slotOf(id: BlockId): number | undefined {
    return this.#index.slotOf(id);
  }

  /** A stored block and its height. */
  placeOf(id: BlockId): { id: BlockId; height: number } | undefined {
    const slot = this.#index.slotOf(id);
    return slot === undefined ? undefined : { id, height: this.#index.heightOf(slot) };
  }

  contextAt(slot: number): HeaderContext {
    return this.#index.contextAt(slot);
  }

  idAt(slot: number): BlockId {
    return this.#index.idAt(slot);
  }

  /** Whether there is no room for a header that nobody asked for. */
  get #isFull(): boolean {
    // Stragglers could each hold on to room for many.
    const { size, capacity } = this.#pending;
    return size >= this.#pendingMax || capacity > 2 * Math.max(this.#pendingMax, CAPACITY_MIN);
  }

  #isOnInvalid(pending: number): boolean {
    const parent = this.#pending.parentOf(pending);
    if (parent !== undefined) return this.#pending.isInvalid(parent);
    return this.isInvalid(this.#pending.previousAt(pending));
  }

  #consider(context: HeaderContext): void {
    if (isBetterTip(context, this.#best)) this.#best = context;
  }

  #findBest(): HeaderContext {
    let best = this.#index.contextAt(0);
    best = this.bestStoredAbove(best) ?? best;
    for (const slot of this.#pending.slots()) {
      if (this.#pending.isInvalid(slot) || this.#pending.workOf(slot) < best.totalWork) continue;
      const context = this.#pending.contextAt(slot);
      if (isBetterTip(context, best)) best = context;
    }
    return best;
  }

  /** Forgets pending headers that are not on the way to the best one. */
  #dropWeakBranches(): void {
    const kept = new Set(this.#pendingPath(this.#best.id));
    for (const slot of this.#pending.slots()) {
      if (kept.has(slot)) continue;
      this.#brokenRules.delete(this.#pending.idAt(slot));
      this.#pending.delete(slot);
    }
  }

  /** Makes `#path` the pending blocks on the way to `target`; cheap when that only grew. */
  #followPath(target: BlockId): void {
    const top = this.#pending.slotOf(target);
    if (top !== undefined && this.#pending.previousAt(top) === this.#pathTo) {
      this.#path.push(top);
    } else if (this.#pathTo !== target) {
      this.#path = this.#pendingPath(target);
      this.#pathStart = 0;
    }
    this.#pathTo = target;
    while (
      this.#pathStart < this.#path.length && !this.#pending.isHere(this.#path[this.#pathStart]!)
    ) this.#pathStart++;
    if (this.#pathStart > PATH_SLACK) {
      this.#path = this.#path.slice(this.#pathStart);
      this.#pathStart = 0;
    }
  }

  /** Pending slots on the way to `target`, lowest first. */
  #pendingPath(target: BlockId): number[] {
    const path: number[] = [];
    for (let slot = this.#pending.slotOf(target); slot !== undefined;) {
      path.push(slot);
      slot = this.#pending.parentOf(slot);
    }
    return path.reverse();
  }
}
