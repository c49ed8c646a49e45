/** Proof of work: how much a target asks for, and whether a hash meets it. */
import { type BlockId, HASH_BYTES } from "../primitives/ids.ts";
import { compactToTarget, TARGET_LIMIT } from "./compact.ts";

/** What follows from `bits` alone. */
interface Effort {
  readonly bits: number;
  readonly work: bigint;
  /** The target as an id is written, so that both compare as text. */
  readonly targetHex: string;
}

/** Of the last `bits` asked about: neighbours in a chain often have the same. */
let last: Effort | undefined;

/** Hashes that a block of these `bits` takes on average: floor(2^256 / (target + 1)). */
export function workOf(bits: number): bigint {
  return effortOf(bits).work;
}

/** Whether the hash, read as a big-endian number, is at most the target. */
export function hashMeetsBits(id: BlockId, bits: number): boolean {
  return id <= effortOf(bits).targetHex;
}

function effortOf(bits: number): Effort {
  if (last?.bits === bits) return last;
  const target = compactToTarget(bits);
  const work = TARGET_LIMIT / (target + 1n);
  return last = { bits, work, targetHex: target.toString(16).padStart(2 * HASH_BYTES, "0") };
}
