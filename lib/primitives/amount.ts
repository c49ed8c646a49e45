/** Sums of money: whole grains, never fractions. */

declare const brand: unique symbol;
/** A safe integer of grains, not negative. */
export type Amount = number & { readonly [brand]: "Amount" };

export const GRAINS_PER_COIN = 1_000_000;
const DECIMALS = 6;
const COINS = /^(\d+)(?:\.(\d+))?$/;

/** A text that is not an amount of coins; the message tells what is wrong with it. */
export class AmountError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "AmountError";
  }
}

/** `grains` as an amount. Throws `RangeError` unless it is an integer from 0 to 2^53-1. */
export function amount(grains: number): Amount {
  if (!Number.isSafeInteger(grains) || grains < 0) {
    throw new RangeError(`Cannot count ${grains} grains: not an integer from 0 to 2^53-1`);
  }
  return grains as Amount;
}

export const ZERO = amount(0);

/** Throws `RangeError` when the sum passes 2^53-1. */
export function addAmounts(a: Amount, b: Amount): Amount {
  return amount(a + b);
}

/** Throws `RangeError` when the sum passes 2^53-1. */
export function sumAmounts(amounts: Iterable<Amount>): Amount {
  let sum = ZERO;
  for (const next of amounts) sum = addAmounts(sum, next);
  return sum;
}

/** Grains of a decimal number of coins such as `1.5`; more than six decimals are refused. */
export function parseCoins(text: string): Amount {
  const match = COINS.exec(text.trim());
  if (match === null) throw new AmountError(`"${text}" is not an amount: write coins such as 1.5`);
  const [, coins = "", fraction = ""] = match;
  if (fraction.length > DECIMALS) {
    throw new AmountError(`"${text}" has more than ${DECIMALS} decimals: 0.000001 is the least`);
  }
  const grains = BigInt(coins) * BigInt(GRAINS_PER_COIN) +
    BigInt(fraction.padEnd(DECIMALS, "0"));
  if (grains > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new AmountError(`"${text}" is more than any network can hold`);
  }
  return Number(grains) as Amount;
}

/** Coins of `grains` in the shortest decimal form: `1.5`, `20`, `0.000226`. */
export function formatCoins(grains: Amount | number): string {
  const sign = grains < 0 ? "-" : "";
  const whole = Math.floor(Math.abs(grains) / GRAINS_PER_COIN);
  const fraction = String(Math.abs(grains) % GRAINS_PER_COIN).padStart(DECIMALS, "0")
    .replace(/0+$/, "");
  return sign + whole + (fraction === "" ? "" : `.${fraction}`);
}
