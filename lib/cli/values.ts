/** Values of options, read with a message that says what would be right. */
import { EXIT, messageOf, UserError } from "../base/errors.ts";
import { checkPeerAddress } from "../node/mod.ts";
import { decodeAddress, looksLikeAddress, parseCoins } from "../primitives/mod.ts";

/** Grains of a number of coins. Throws `UserError` (usage), for nothing at all too. */
export function coinsValue(text: string, flag: string): number {
  let grains: number;
  try {
    grains = parseCoins(text);
  } catch (error) {
    throw new UserError(EXIT.usage, `Cannot use ${flag}: ${messageOf(error)}`);
  }
  return grains;
}

/** As `coinsValue`, but at least one grain. */
export function paymentValue(text: string, flag: string): number {
  const grains = coinsValue(text, flag);
  if (grains > 0) return grains;
  throw new UserError(EXIT.usage, `Cannot use ${flag} ${text}: give at least 0.000001 coins`);
}

/** A peer's address of the right shape. Throws `UserError` (usage). */
export function peerValue(text: string, flag: string): string {
  try {
    return checkPeerAddress(text);
  } catch (error) {
    throw new UserError(EXIT.usage, `Cannot use ${flag} "${text}": ${messageOf(error)}`);
  }
}

/** A whole number between bounds. Throws `UserError` (usage). */
export function integerValue(
  text: string,
  flag: string,
  bounds: { min: number; max: number },
): number {
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : NaN;
  if (value >= bounds.min && value <= bounds.max) return value;
  throw new UserError(
    EXIT.usage,
    `Cannot use ${flag} "${text}": give a whole number from ${bounds.min} to ${bounds.max}`,
  );
}

/** An address whose beginning was mistyped: no name of a key looks so by chance. */
const ADDRESS_SHAPE = /^[a-z]{1,8}1[02-9ac-hj-np-z]{30,}$/i;

/** A name or a right address. Throws `UserError` (usage) for a mistyped address, or nothing. */
export function ownerValue(text: string): string {
  if (text.trim() === "") {
    throw new UserError(EXIT.usage, "Cannot use an empty name: give a key's name or an address");
  }
  if (!looksLikeAddress(text) && !ADDRESS_SHAPE.test(text)) return text;
  try {
    decodeAddress(text);
  } catch (error) {
    throw new UserError(EXIT.usage, `Cannot use address: ${messageOf(error)}`);
  }
  return text;
}

/** The one of two ways to name something that was used. Throws `UserError` (usage) for neither. */
export function oneGiven(
  positional: string | undefined,
  option: string | undefined,
  missing: string,
): string {
  const value = option ?? positional;
  if (value === undefined || value === "") throw new UserError(EXIT.usage, missing);
  return value;
}

/**
 * An option that must be given. Commander's own check would hide a mistyped option behind its
 * absence. Throws `UserError` (usage).
 */
export function required(value: string | undefined, what: string, how: string): string {
  if (value === undefined || value === "") {
    throw new UserError(EXIT.usage, `Say ${what}: ${how}`);
  }
  return value;
}
