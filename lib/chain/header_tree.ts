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

/** About 60 MB: more than a week of blocks at the usual spacing, asked for again as blocks catch up. */
export const PENDING_HEADERS_MAX = 60_000;
/** Ids of stored blocks that may stay at the front of the path before it is cut. */
const PATH_SLACK = 4_096;

interface Pending {
  readonly context: HeaderContext;
  readonly header: BlockHeader;
  invalid: boolean;
}

export class HeaderTree {
  readonly #index: HeaderIndex;
  /** Parents before children. */
  readonly #pending = new Map<BlockId, Pending>();
  /** Why the lowest invalid block of a branch is invalid. */
  readonly #brokenRules = new Map<BlockId, Rule>();
  readonly #pendingMax: number;
  #best: HeaderContext;
  /** Pending blocks on the way to `#pathTo`, lowest first; those before `#pathStart` are stored. */
  #path: BlockId[] = [];
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
    const pending = this.#pending.get(id);
    if (pending !== undefined) return pending.context;
    const slot = this.#index.slotOf(id);
    return slot === undefined ? undefined : this.#index.contextAt(slot);
  }

  has(id: BlockId): boolean {
    return this.#pending.has(id) || this.#index.slotOf(id) !== undefined;
  }

  isStored(id: BlockId): boolean {
    return this.#index.slotOf(id) !== undefined;
  }

  isInvalid(id: BlockId): boolean {
    const pending = this.#pending.get(id);
    if (pending !== undefined) return pending.invalid;
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
  addPending(header: BlockHeader, context: HeaderContext): boolean {
    if (this.#pending.size >= this.#pendingMax) {
      this.#dropWeakBranches();
      if (this.#pending.size >= this.#pendingMax) return false;
    }
    this.keepPending(header, context);
    return true;
  }

  /** As `addPending`, whatever room there is: for the header of a block that is at hand. */
  keepPending(header: BlockHeader, context: HeaderContext): void {
    const invalid = this.isInvalid(header.previous);
    // A copy of the bytes: as a view they would hold on to the whole block or message.
    const own = { ...header, bytes: header.bytes.slice() };
    this.#pending.set(header.id, { header: own, context, invalid });
    if (!invalid) this.#consider(context);
  }

  /** The block is stored now, and so is its parent. */
  addStored(context: HeaderContext): void {
    const pending = this.#pending.get(context.id);
    this.#pending.delete(context.id);
    if (this.isStored(context.id)) return;
    const slot = this.#index.add(context);
    if (pending?.invalid === true) this.#index.markInvalid(slot);
    if (!this.#index.isInvalid(slot)) this.#consider(context);
  }

  /** Marks the block of a known header, and everything above it, as breaking `rule`. */
  markInvalid(id: BlockId, rule: Rule): void {
    this.#brokenRules.set(id, rule);
    const pending = this.#pending.get(id);
    if (pending !== undefined) pending.invalid = true;
    const slot = this.#index.slotOf(id);
    if (slot !== undefined) this.#index.markInvalid(slot);
    for (const entry of this.#pending.values()) {
      if (this.isInvalid(entry.context.previous)) entry.invalid = true;
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

  /** The header of a block that is not here yet. */
  pendingHeader(id: BlockId): BlockHeader | undefined {
    return this.#pending.get(id)?.header;
  }

  /** Ids of blocks not stored on the way to `target`, lowest first, at most `limit`. */
  missing(limit: number, target: BlockId): { id: BlockId; height: number }[] {
    this.#followPath(target);
    const found: { id: BlockId; height: number }[] = [];
    for (let at = this.#pathStart; at < this.#path.length && found.length < limit; at++) {
      const pending = this.#pending.get(this.#path[at]!);
      if (pending !== undefined) {
        found.push({ id: pending.context.id, height: pending.context.height });
      }
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
    if (first === undefined) return false;
    const at = this.get(id)!.height - this.get(first)!.height;
    return at >= 0 && this.#path[this.#pathStart + at] === id;
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

  #consider(context: HeaderContext): void {
    if (isBetterTip(context, this.#best)) this.#best = context;
  }

  #findBest(): HeaderContext {
    let best = this.#index.contextAt(0);
    best = this.bestStoredAbove(best) ?? best;
    for (const { context, invalid } of this.#pending.values()) {
      if (!invalid && isBetterTip(context, best)) best = context;
    }
    return best;
  }

  /** Forgets pending headers that are not on the way to the best one. */
  #dropWeakBranches(): void {
    const kept = new Set<BlockId>();
    for (let id = this.#best.id; this.#pending.has(id);) {
      kept.add(id);
      id = this.#pending.get(id)!.context.previous;
    }
    for (const id of this.#pending.keys()) {
      if (kept.has(id)) continue;
      this.#pending.delete(id);
      this.#brokenRules.delete(id);
    }
  }

  /** Makes `#path` the pending blocks on the way to `target`; cheap when that only grew. */
  #followPath(target: BlockId): void {
    const top = this.#pending.get(target);
    if (this.#pathTo !== undefined && top?.context.previous === this.#pathTo) {
      this.#path.push(target);
    } else if (this.#pathTo !== target) {
      this.#path = this.#pendingPath(target);
      this.#pathStart = 0;
    }
    this.#pathTo = target;
    while (
      this.#pathStart < this.#path.length && !this.#pending.has(this.#path[this.#pathStart]!)
    ) this.#pathStart++;
    if (this.#pathStart > PATH_SLACK) {
      this.#path = this.#path.slice(this.#pathStart);
      this.#pathStart = 0;
    }
  }

  #pendingPath(target: BlockId): BlockId[] {
    const path: BlockId[] = [];
    for (let id = target; this.#pending.has(id);) {
      path.push(id);
      id = this.#pending.get(id)!.context.previous;
    }
    return path.reverse();
  }
}
