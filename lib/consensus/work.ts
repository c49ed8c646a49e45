/** Proof of work: how much a target asks for, and whether a hash meets it. */
import type { BlockId } from "../primitives/ids.ts";
import { compactToTarget, TARGET_LIMIT } from "./compact.ts";

/** Hashes that a block of these `bits` takes on average: floor(2^256 / (target + 1)). */
export function workOf(bits: number): bigint {
  return TARGET_LIMIT / (compactToTarget(bits) + 1n);
}

/** Whether the hash, read as a big-endian number, is at most the target. */
export function hashMeetsBits(id: BlockId, bits: number): boolean {
  return BigInt(`0x${id}`) <= compactToTarget(bits);
}
