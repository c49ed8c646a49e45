/** What readers may write into an address; anything else is refused before the node is asked. */
import { RequestError } from "../problem.ts";

/** More blocks than any chain has. */
export const HEIGHT_MAX = 2 ** 32;
/** Longest cursor that is handed on to the node. */
const CURSOR_LENGTH_MAX = 120;

/** An integer of a query parameter. Throws `RequestError` (400) when it is out of bounds. */
export function queryInteger(
  text: string | undefined,
  name: string,
  { min, max }: { min: number; max: number },
): number | undefined {
  if (text === undefined) return undefined;
  const value = /^[0-9]{1,15}$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new RequestError(400, `Cannot read "${name}": give an integer from ${min} to ${max}`);
}

/** A page's number, from 1. */
export function pageNumber(text: string | undefined): number {
  return queryInteger(text, "page", { min: 1, max: HEIGHT_MAX }) ?? 1;
}

/** A block's id or height. Throws `RequestError` (400) for anything else. */
export function blockName(text: string): string {
  if (/^[0-9]{1,10}$/.test(text)) return text;
  return hashName(text, "block id or height");
}

export function hashName(text: string, what: string): string {
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  throw new RequestError(400, `Cannot read the ${what} "${shortened(text)}": write 64 hex digits`);
}

/** An address. Names of keys are the owner's business. */
export function addressOf(text: string): string {
  if (/^moim1[0-9a-z]{1,100}$/i.test(text)) return text;
  throw new RequestError(400, `Cannot read the address "${shortened(text)}": it begins with moim1`);
}

/** A cursor is the node's own; only what is surely none is refused here. */
export function cursor(text: string | undefined): string | undefined {
  if (text === undefined || text.length <= CURSOR_LENGTH_MAX) return text;
  throw new RequestError(400, "Cannot read the cursor: take the one of a page's link");
}

function shortened(text: string): string {
  return text.length <= 80 ? text : `${text.slice(0, 80)}…`;
}
