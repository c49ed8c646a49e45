/** Payments that will be taken in if all goes well, between being looked at and being judged. */
import type { TxId } from "../primitives/ids.ts";
import { outPointKey, type Transaction } from "../primitives/transaction.ts";
import { coinsSpent } from "./pool.ts";

export class Expectations {
  readonly #transactions = new Map<TxId, Transaction>();
  readonly #spent = new Set<string>();

  get(id: TxId): Transaction | undefined {
    return this.#transactions.get(id);
  }

  /** Whether it is among them, or a coin that it spends is spent by one of them. */
  rivals(transaction: Transaction): boolean {
    return this.#transactions.has(transaction.id) ||
      coinsSpent(transaction).some((outPoint) => this.#spent.has(outPointKey(outPoint)));
  }

  add(transaction: Transaction): void {
    this.#transactions.set(transaction.id, transaction);
    for (const outPoint of coinsSpent(transaction)) this.#spent.add(outPointKey(outPoint));
  }

  delete(transaction: Transaction): void {
    this.#transactions.delete(transaction.id);
    for (const outPoint of coinsSpent(transaction)) this.#spent.delete(outPointKey(outPoint));
  }
}
