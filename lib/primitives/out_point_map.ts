/** Maps from coins to anything, without a string for each coin: ids are hashed once and kept. */
import type { TxId } from "./ids.ts";
import type { OutPoint } from "./transaction.ts";

/**
 * A map by transaction id and output index. Meant for coins that exist: an index is then below
 * the few thousand outputs that a transaction can have.
 */
export class OutPointMap<Value> {
  readonly #byTransaction = new Map<TxId, (Value | undefined)[]>();

  get({ txId, index }: OutPoint): Value | undefined {
    return this.#byTransaction.get(txId)?.[index];
  }

  has(outPoint: OutPoint): boolean {
    return this.get(outPoint) !== undefined;
  }

  set({ txId, index }: OutPoint, value: Value): void {
    const values = this.#byTransaction.get(txId);
    if (values === undefined) this.#byTransaction.set(txId, at(index, value));
    else values[index] = value;
  }

  /** Says whether it was there. */
  delete({ txId, index }: OutPoint): boolean {
    const values = this.#byTransaction.get(txId);
    if (values?.[index] === undefined) return false;
    values[index] = undefined;
    return true;
  }

  /** The values, transaction by transaction in the order in which those came first. */
  *values(): Generator<Value> {
    for (const values of this.#byTransaction.values()) {
      for (const value of values) if (value !== undefined) yield value;
    }
  }
}

function at<Value>(index: number, value: Value): (Value | undefined)[] {
  const values: (Value | undefined)[] = [];
  values[index] = value;
  return values;
}
