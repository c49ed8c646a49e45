/** The transactions of the mempool and how they hang together. Synchronous, without any policy. */
import type { OwnedCoin } from "../consensus/coins.ts";
import type { Amount } from "../primitives/amount.ts";
import type { Lock, TxId } from "../primitives/ids.ts";
import { type OutPoint, outPointKey, type Transaction } from "../primitives/transaction.ts";
import { RateOrder } from "./rate_order.ts";

/** What is known of a payment that is taken in. */
export interface PoolParts {
  readonly transaction: Transaction;
  readonly fee: Amount;
  readonly addedMs: number;
  readonly local: boolean;
  /** The first height at which the minted coins that it spends may be spent. */
  readonly matureHeight: number;
}

/** As `MempoolEntry`, with what the pool adds and the sets that only the pool changes. */
export interface PoolEntry extends PoolParts {
  readonly id: TxId;
  /** Grains a byte. */
  readonly rate: number;
  /** Coins that it spends. */
  readonly coinCount: number;
  readonly parents: Set<TxId>;
  readonly children: Set<TxId>;
  /** The number of the last selection that took it: see `template_selection.ts`. */
  takenBy: number;
}

export class Pool {
  readonly #entries = new Map<TxId, PoolEntry>();
  readonly #spenders = new Map<string, TxId>();
  /** Outputs by owner, so that a balance does not look through everything. */
  readonly #outputs = new Map<Lock, Set<TxId>>();
  readonly #order = new RateOrder<PoolEntry>();
  /** Those that spend minted coins: few, and the only ones that may have to wait for a height. */
  readonly #spendsMinted = new Set<PoolEntry>();
  #bytes = 0;

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(id: TxId): PoolEntry | undefined {
    return this.#entries.get(id);
  }

  has(id: TxId): boolean {
    return this.#entries.has(id);
  }

  entries(): IterableIterator<PoolEntry> {
    return this.#entries.values();
  }

  /**
   * Shows all from the best fee rate down, as long as `visit` says true. The pool must not be
   * changed meanwhile.
   */
  bestFirst(visit: (entry: PoolEntry) => boolean): void {
    this.#order.bestFirst(visit);
  }

  /** As `bestFirst`, from the lowest fee rate up. */
  lowestFirst(visit: (entry: PoolEntry) => boolean): void {
    this.#order.lowestFirst(visit);
  }

  /** Those that no block below `height` + 1 may hold, and all that builds on them. */
  unripe(height: number): Set<TxId> {
    const unripe = new Set<TxId>();
    for (const { id, matureHeight } of this.#spendsMinted) {
      if (matureHeight > height) unripe.add(id);
    }
    if (unripe.size > 0) { for (const id of this.descendants(unripe)) unripe.add(id); }
    return unripe;
  }

  /** Who spends the coin. */
  spender(outPoint: OutPoint): TxId | undefined {
    return this.#spenders.get(outPointKey(outPoint));
  }

  /** Outputs of waiting transactions for `lock`, spent or not, as coins of a block at `height`. */
  coinsOf(lock: Lock, height: number): OwnedCoin[] {
    const coins: OwnedCoin[] = [];
    for (const txId of this.#outputs.get(lock) ?? []) {
      const { outputs } = this.#entries.get(txId)!.transaction;
      for (const [index, output] of outputs.entries()) {
        if (output.lock !== lock) continue;
        const { amount } = output;
        coins.push({ amount, height, isCoinbase: false, lock, outPoint: { txId, index } });
      }
    }
    return coins;
  }

  /** Adds a transaction none of whose coins is spent here. */
  add(parts: PoolParts): void {
    const { transaction, fee, addedMs, local, matureHeight } = parts;
    const { id } = transaction;
    const coins = coinsSpent(transaction);
    const entry: PoolEntry = {
      id,
      transaction,
      fee,
      addedMs,
      local,
      matureHeight,
      rate: fee / transaction.bytes.length,
      coinCount: coins.length,
      parents: new Set(),
      children: new Set(),
      takenBy: 0,
    };
    for (const outPoint of coins) {
      this.#spenders.set(outPointKey(outPoint), id);
      const parent = this.#entries.get(outPoint.txId);
      if (parent === undefined) continue;
      entry.parents.add(outPoint.txId);
      parent.children.add(id);
    }
    // What was set aside and comes back may find its children here.
    for (const [index, { lock }] of transaction.outputs.entries()) {
      const child = this.spender({ txId: id, index });
      if (child !== undefined) {
        entry.children.add(child);
        this.#entries.get(child)!.parents.add(id);
      }
      const owned = this.#outputs.get(lock);
      if (owned === undefined) this.#outputs.set(lock, new Set([id]));
      else owned.add(id);
    }
    this.#entries.set(id, entry);
    this.#order.add(entry);
    if (matureHeight > 0) this.#spendsMinted.add(entry);
    this.#bytes += transaction.bytes.length;
  }

  /** Removes one transaction; its children stay. */
  remove(id: TxId): PoolEntry | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    this.#entries.delete(id);
    this.#order.remove(entry);
    this.#spendsMinted.delete(entry);
    this.#bytes -= entry.transaction.bytes.length;
    for (const outPoint of coinsSpent(entry.transaction)) {
      this.#spenders.delete(outPointKey(outPoint));
    }
    for (const parent of entry.parents) this.#entries.get(parent)?.children.delete(id);
    for (const child of entry.children) this.#entries.get(child)?.parents.delete(id);
    for (const { lock } of entry.transaction.outputs) {
      const owned = this.#outputs.get(lock);
      owned?.delete(id);
      if (owned?.size === 0) this.#outputs.delete(lock);
    }
    return entry;
  }

  /** Ids of all that `ids` build on, themselves not included; stops past `limit`. */
  ancestors(ids: Iterable<TxId>, limit = Infinity): Set<TxId> {
    return this.#closure(ids, (entry) => entry.parents, limit);
  }

  /** Ids of all that build on `ids`, themselves not included; stops past `limit`. */
  descendants(ids: Iterable<TxId>, limit = Infinity): Set<TxId> {
    return this.#closure(ids, (entry) => entry.children, limit);
  }

  #closure(
    ids: Iterable<TxId>,
    next: (entry: PoolEntry) => ReadonlySet<TxId>,
    limit: number,
  ): Set<TxId> {
    const found = new Set<TxId>();
    const open = [...ids];
    for (let id = open.pop(); id !== undefined && found.size <= limit; id = open.pop()) {
      const entry = this.#entries.get(id);
      if (entry === undefined) continue;
      for (const other of next(entry)) {
        if (found.has(other)) continue;
        found.add(other);
        open.push(other);
      }
    }
    return found;
  }
}

/** All coins that a transaction spends. */
export function coinsSpent({ spends }: Transaction): readonly OutPoint[] {
  return spends.length === 1 ? spends[0]!.coins : spends.flatMap(({ coins }) => coins);
}
