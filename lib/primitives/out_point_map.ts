/** Maps from coins to anything, without a string for each coin: ids are hashed once and kept. */
import type { TxId } from "./ids.ts";
import type { OutPoint } from "./transaction.ts";

/** Up to here an array is made as long as it must be, above it as long as the engine likes. */
const SHORT = 16;

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

  /** Values for the outputs of a transaction, in order; the array is taken over. */
  setAll(txId: TxId, values: (Value | undefined)[]): void {
    this.#byTransaction.set(txId, values);
  }

  /** All that `other` holds; its arrays are taken over. */
  takeOver(other: OutPointMap<Value>): void {
    for (const [txId, values] of other.#byTransaction) {
      const own = this.#byTransaction.get(txId);
      if (own === undefined) this.#byTransaction.set(txId, values);
      else values.forEach((value, index) => own[index] = value ?? own[index]);
    }
  }

  /** Says whether it was there. */
  delete({ txId, index }: OutPoint): boolean {
    const values = this.#byTransaction.get(txId);
    if (values?.[index] === undefined) return false;
    values[index] = undefined;
    return true;
  }

  /** The values, transaction by transaction in the order in which those came first. */
  values(): Value[] {
    const all: Value[] = [];
    for (const values of this.#byTransaction.values()) {
      for (const value of values) if (value !== undefined) all.push(value);
    }
    return all;
  }
}

/** An array no larger than it must be: most hold one value, and grown ones leave room for 16. */
function at<Value>(index: number, value: Value): (Value | undefined)[] {
  const values = new Array<Value | undefined>(index < SHORT ? index + 1 : 0);
  values[index] = value;
  return values;
}
