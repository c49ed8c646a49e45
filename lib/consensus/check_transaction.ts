/** A transaction by its bytes alone. */
import { CodecError, toHex } from "../base/bytes.ts";
import { sumAmounts } from "../primitives/amount.ts";
import {
  decodeTransaction,
  isCoinbase,
  outPointKey,
  type Transaction,
} from "../primitives/transaction.ts";
import { MAX_TRANSACTION_BYTES } from "./limits.ts";
import { enforce, RuleError } from "./rules.ts";

/**
 * Decodes exactly one loose transaction. Its size is looked at first.
 * Throws `RuleError` "transaction-too-large" or "malformed-transaction".
 */
export function decodeCheckedTransaction(bytes: Uint8Array): Transaction {
  checkSize(bytes.length, "Transaction");
  try {
    return decodeTransaction(bytes);
  } catch (error) {
    if (error instanceof CodecError) throw new RuleError("malformed-transaction", error.message);
    throw error;
  }
}

/** Checks what needs nothing but the transaction. Throws `RuleError`. */
export function checkTransaction(transaction: Transaction): void {
  const name = `Transaction "${transaction.id}"`;
  checkSize(transaction.bytes.length, name);
  if (!isCoinbase(transaction)) {
    enforce(transaction.outputs.length > 0, "no-outputs", () => `${name} pays nobody`);
    checkSpends(transaction, name);
  }
  checkOutputSum(transaction, name);
}

function checkSize(length: number, name: string): void {
  enforce(
    length <= MAX_TRANSACTION_BYTES,
    "transaction-too-large",
    () => `${name} has ${length} bytes, more than ${MAX_TRANSACTION_BYTES}`,
  );
}

/** A key appears once among the spends, a coin once in all. */
function checkSpends(transaction: Transaction, name: string): void {
  if (transaction.spends.length === 1 && transaction.spends[0]!.coins.length === 1) return;
  const keys = new Set<string>();
  const coins = new Set<string>();
  for (const spend of transaction.spends) {
    const key = toHex(spend.publicKey);
    enforce(!keys.has(key), "repeated-key", () => `${name} has key ${key} twice`);
    keys.add(key);
    for (const coin of spend.coins) {
      const coinKey = outPointKey(coin);
      enforce(!coins.has(coinKey), "repeated-coin", () => `${name} spends ${coinKey} twice`);
      coins.add(coinKey);
    }
  }
}

function checkOutputSum(transaction: Transaction, name: string): void {
  try {
    sumAmounts(transaction.outputs.map((output) => output.amount));
  } catch {
    throw new RuleError("output-sum-too-high", `${name} has outputs of more than 2^53-1 in sum`);
  }
}
