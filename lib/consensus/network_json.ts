/** Network files: strict JSON, where every mistake is one line that names its field. */
import { utf8 } from "../base/bytes.ts";
import { AddressError, decodeAddress, encodeAddress } from "../primitives/address.ts";
import { type Amount, amount } from "../primitives/amount.ts";
import type { Lock } from "../primitives/ids.ts";
import { formatBits, isCanonicalBits } from "./compact.ts";
import { GENESIS_AMOUNT } from "./genesis.ts";
import {
  type Allocation,
  DEFAULTS,
  MAX_MESSAGE_BYTES,
  type Network,
  NetworkError,
  normalizeName,
} from "./network.ts";

/** A genesis block with this many outputs still keeps the size of a transaction. */
export const MAX_ALLOCATIONS = 3_000;
/** From a tenth of a second to a day: easing and time checks stay far below 2^53. */
const SPACING_MS = { min: 100, max: 86_400_000 };
const BLOCKS_MAX = 2 ** 32 - 1;
/** 9999-01-01T00:00:00Z: a genesis later than this is a typing error. */
const TIME_MS_MAX = 253_370_764_800_000;
const BITS = /^0x[0-9a-f]{8}$/;

/** A network file's content. All but `name` may be left out; the defaults stand in. */
export interface NetworkJson {
  name: string;
  /** Milliseconds since 1970. */
  timeMs: number;
  spacingMs: number;
  minGapMs: number;
  /** Grains. */
  reward: number;
  halvingInterval: number;
  coinbaseMaturity: number;
  /** Eight hex digits after 0x. */
  limitBits: string;
  allocations: { address: string; amount: number }[];
  message: string;
}

const FIELDS: readonly string[] = [
  "name",
  "timeMs",
  "spacingMs",
  "minGapMs",
  "reward",
  "halvingInterval",
  "coinbaseMaturity",
  "limitBits",
  "allocations",
  "message",
];

/** All fields of `network`, as `networkFromJson` reads them. */
export function networkToJson(network: Network): NetworkJson {
  return {
    name: network.name,
    timeMs: network.timeMs,
    spacingMs: network.spacingMs,
    minGapMs: network.minGapMs,
    reward: network.reward,
    halvingInterval: network.halvingInterval,
    coinbaseMaturity: network.coinbaseMaturity,
    limitBits: formatBits(network.limitBits),
    allocations: network.allocations.map(({ lock, amount }) => ({
      address: encodeAddress(lock),
      amount,
    })),
    message: network.message,
  };
}

/** The parameters in the one form that is hashed and that travels: JSON in the fields' order. */
export function canonicalParameters(network: Network): Uint8Array<ArrayBuffer> {
  return utf8(JSON.stringify(networkToJson(network)));
}

/** The network that parsed JSON describes. Throws `NetworkError` naming the first wrong field. */
export function networkFromJson(value: unknown): Network {
  const file = record(value, "network");
  for (const key of Object.keys(file)) {
    if (!FIELDS.includes(key)) fail(key, `it is no parameter, use ${FIELDS.join(", ")}`);
  }
  if (typeof file.name !== "string") fail("name", "it must be a text");
  const spacingMs = integer(file, "spacingMs", DEFAULTS.spacingMs, SPACING_MS);
  return {
    name: normalizeName(file.name as string),
    timeMs: integer(file, "timeMs", DEFAULTS.timeMs, { min: 0, max: TIME_MS_MAX }),
    spacingMs,
    minGapMs: integer(file, "minGapMs", Math.floor(spacingMs / 10), { min: 0, max: spacingMs }),
    reward: amount(integer(file, "reward", DEFAULTS.reward, {
      min: 0,
      max: Number.MAX_SAFE_INTEGER,
    })),
    halvingInterval: blocks(file, "halvingInterval", 0),
    coinbaseMaturity: blocks(file, "coinbaseMaturity", 1),
    limitBits: bits(file),
    allocations: allocations(file),
    message: message(file),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function fail(field: string, why: string): never {
  throw new NetworkError(field, `Cannot use ${field}: ${why}`);
}

function record(value: unknown, field: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    fail(field, "it must be an object in braces");
  }
  return value as Fields;
}

function integer(
  file: Fields,
  field: string,
  otherwise: number,
  range: { min: number; max: number },
): number {
  const value = Object.hasOwn(file, field) ? file[field] : otherwise;
  if (!Number.isSafeInteger(value)) fail(field, "it must be a whole number");
  const number = value as number;
  if (number < range.min || number > range.max) {
    fail(field, `${number} is not from ${range.min} to ${range.max}`);
  }
  return number;
}

function blocks(file: Fields, field: "halvingInterval" | "coinbaseMaturity", min: number): number {
  return integer(file, field, DEFAULTS[field], { min, max: BLOCKS_MAX });
}

function text(file: Fields, field: string, otherwise: string): string {
  const value = Object.hasOwn(file, field) ? file[field] : otherwise;
  if (typeof value !== "string") fail(field, "it must be a text");
  return value as string;
}

function bits(file: Fields): number {
  const written = text(file, "limitBits", formatBits(DEFAULTS.limitBits));
  const limitBits = Number(written);
  if (!BITS.test(written) || !isCanonicalBits(limitBits)) {
    fail("limitBits", 'write a compact target such as "0x1e400000"');
  }
  return limitBits;
}

function message(file: Fields): string {
  const written = text(file, "message", DEFAULTS.message);
  if (!written.isWellFormed()) fail("message", "it has half a character in it, type it again");
  const bytes = utf8(written).length;
  if (bytes > MAX_MESSAGE_BYTES) {
    fail("message", `it takes ${bytes} bytes, use at most ${MAX_MESSAGE_BYTES}`);
  }
  return written;
}

function allocations(file: Fields): Allocation[] {
  const list = Object.hasOwn(file, "allocations") ? file.allocations : DEFAULTS.allocations;
  if (!Array.isArray(list)) fail("allocations", "it must be a list in brackets");
  const items = list as unknown[];
  if (items.length > MAX_ALLOCATIONS) {
    fail("allocations", `it has ${items.length} entries, use at most ${MAX_ALLOCATIONS}`);
  }
  const read = items.map((item, at) => allocation(item, `allocations[${at}]`));
  let sum: number = GENESIS_AMOUNT;
  for (const next of read) {
    sum += next.amount;
    if (!Number.isSafeInteger(sum)) fail("allocations", "their sum is more than 2^53-1 grains");
  }
  return read;
}

function allocation(value: unknown, field: string): Allocation {
  const entry = record(value, field);
  for (const key of Object.keys(entry)) {
    if (key !== "address" && key !== "amount") {
      fail(`${field}.${key}`, "it is no parameter, use address, amount");
    }
  }
  return { lock: addressLock(entry.address, `${field}.address`), amount: grains(entry, field) };
}

function grains(entry: Fields, field: string): Amount {
  const value = entry.amount;
  if (!Number.isSafeInteger(value) || (value as number) <= 0) {
    fail(`${field}.amount`, "it must be a whole number of grains above 0");
  }
  return amount(value as number);
}

function addressLock(value: unknown, field: string): Lock {
  if (typeof value !== "string") fail(field, "it must be an address in quotes");
  try {
    return decodeAddress(value as string);
  } catch (error) {
    if (error instanceof AddressError) fail(field, error.message);
    throw error;
  }
}
