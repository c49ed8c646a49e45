/** The transactions of the mempool and how they hang together. Synchronous, without any policy. */
import type { OwnedCoin } from "../consensus/coins.ts";
import type { Amount } from "../primitives/amount.ts";
import type { Lock, TxId } from "../primitives/ids.ts";
import { type OutPoint, outPointKey, type Transaction } from "../primitives/transaction.ts";

/** As `MempoolEntry`, with the sets that only the pool changes. */
export interface PoolEntry {
  readonly transaction: Transaction;
  readonly fee: Amount;
  readonly addedMs: number;
  readonly local: boolean;
  /** The first height at which the minted coins that it spends may be spent. */
  readonly matureHeight: number;
  readonly parents: Set<TxId>;
  readonly children: Set<TxId>;
}

export class Pool {
  readonly #entries = new Map<TxId, PoolEntry>();
  readonly #spenders = new Map<string, TxId>();
  /** Outputs by owner, so that a balance does not look through everything. */
  readonly #outputs = new Map<Lock, Set<TxId>>();
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
  add(parts: Omit<PoolEntry, "parents" | "children">): void {
    const { transaction } = parts;
    const entry: PoolEntry = { ...parts, parents: new Set(), children: new Set() };
    for (const outPoint of coinsSpent(transaction)) {
      this.#spenders.set(outPointKey(outPoint), transaction.id);
      const parent = this.#entries.get(outPoint.txId);
      if (parent === undefined) continue;
      entry.parents.add(outPoint.txId);
      parent.children.add(transaction.id);
    }
    // What was set aside and comes back may find its children here.
    for (const index of transaction.outputs.keys()) {
      const child = this.spender({ txId: transaction.id, index });
      if (child === undefined) continue;
      entry.children.add(child);
      this.#entries.get(child)!.parents.add(transaction.id);
    }
    for (const { lock } of transaction.outputs) {
      const owned = this.#outputs.get(lock);
      if (owned === undefined) this.#outputs.set(lock, new Set([transaction.id]));
      else owned.add(transaction.id);
    }
    this.#entries.set(transaction.id, entry);
    this.#bytes += transaction.bytes.length;
  }

  /** Removes one transaction; its children stay. */
  remove(id: TxId): PoolEntry | undefined {
    const entry = this.#entries.get(id);
    if (entry === undefined) return undefined;
    this.#entries.delete(id);
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
export function* coinsSpent({ spends }: Transaction): Generator<OutPoint> {
  for (const { coins } of spends) yield* coins;
}
