/** Payments whose coins are not known yet: their parents may be on the way. Oldest out first. */
import type { TxId } from "../primitives/ids.ts";
import type { OutPoint, Transaction } from "../primitives/transaction.ts";

interface Orphan {
  readonly transaction: Transaction;
  readonly missing: ReadonlySet<TxId>;
}

export class OrphanTransactions {
  readonly #limit: number;
  readonly #orphans = new Map<TxId, Orphan>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(transaction: Transaction, missing: readonly OutPoint[]): void {
    const parents = new Set(missing.map(({ txId }) => txId));
    this.#orphans.set(transaction.id, { transaction, missing: parents });
    for (const oldest of this.#orphans.keys()) {
      if (this.#orphans.size <= this.#limit) break;
      this.#orphans.delete(oldest);
    }
  }

  remove(id: TxId): void {
    this.#orphans.delete(id);
  }

  /** Takes out those that wait for an output of `parent`. */
  take(parent: TxId): Transaction[] {
    const found: Transaction[] = [];
    for (const { transaction, missing } of this.#orphans.values()) {
      if (missing.has(parent)) found.push(transaction);
    }
    for (const { id } of found) this.#orphans.delete(id);
    return found;
  }
}
