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
  /** Who waits for outputs of a transaction, in the order of coming. */
  readonly #waiting = new Map<TxId, Set<TxId>>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#orphans.size;
  }

  add(transaction: Transaction, missing: readonly OutPoint[]): void {
    const { id } = transaction;
    const parents = new Set(missing.map(({ txId }) => txId));
    const former = this.#orphans.get(id);
    if (former !== undefined) this.#forgetParents(id, former);
    this.#orphans.set(id, { transaction, missing: parents });
    for (const parent of parents) {
      const waiting = this.#waiting.get(parent);
      if (waiting === undefined) this.#waiting.set(parent, new Set([id]));
      else waiting.add(id);
    }
    for (const oldest of this.#orphans.keys()) {
      if (this.#orphans.size <= this.#limit) break;
      this.remove(oldest);
    }
  }

  remove(id: TxId): void {
    const orphan = this.#orphans.get(id);
    if (orphan === undefined) return;
    this.#orphans.delete(id);
    this.#forgetParents(id, orphan);
  }

  /** Takes out those that wait for an output of `parent`. */
  take(parent: TxId): Transaction[] {
    const waiting = this.#waiting.get(parent);
    if (waiting === undefined) return [];
    const found = [...waiting].map((id) => this.#orphans.get(id)!.transaction);
    for (const { id } of found) this.remove(id);
    return found;
  }

  #forgetParents(id: TxId, { missing }: Orphan): void {
    for (const parent of missing) {
      const waiting = this.#waiting.get(parent);
      waiting?.delete(id);
      if (waiting?.size === 0) this.#waiting.delete(parent);
    }
  }
}
