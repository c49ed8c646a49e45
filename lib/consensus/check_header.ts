/** A header against its parent: order, time, difficulty, proof of work. */
import { CodecError } from "../base/bytes.ts";
import { type BlockHeader, decodeHeader } from "../primitives/block.ts";
import { formatBits } from "./compact.ts";
import { requiredBits, scheduledBits } from "./difficulty.ts";
import type { HeaderContext } from "./header_context.ts";
import { BLOCK_VERSION, FUTURE_SPACINGS } from "./limits.ts";
import type { Network } from "./network.ts";
import { enforce, RuleError } from "./rules.ts";
import { hashMeetsBits, workOf } from "./work.ts";

/** The earliest time that a child of `parent` may carry. */
export function earliestTimeMs(parent: HeaderContext, network: Network): number {
  return parent.timeMs + network.minGapMs;
}

/** The latest time that is not "too early" by a clock that says `nowMs`. */
export function latestTimeMs(nowMs: number, network: Network): number {
  return nowMs + FUTURE_SPACINGS * network.spacingMs;
}

/** Decodes exactly one header. Throws `RuleError` "malformed-header", a time past 2^53 included. */
export function decodeCheckedHeader(bytes: Uint8Array): BlockHeader {
  try {
    return decodeHeader(bytes);
  } catch (error) {
    if (error instanceof CodecError) throw new RuleError("malformed-header", error.message);
    throw error;
  }
}

/**
 * Checks `header` as a child of `parent` and returns its own context. Throws `RuleError`.
 * Whether it lies in the future is asked last: only a header that is right otherwise is held back.
 */
export function checkHeader(
  header: BlockHeader,
  parent: HeaderContext,
  network: Network,
  nowMs: number,
): HeaderContext {
  checkPlace(header, parent);
  checkTime(header, parent, network);
  checkProofOfWork(header, parent, network);
  const aheadMs = header.timeMs - latestTimeMs(nowMs, network);
  enforce(aheadMs <= 0, "time-in-future", () => `${name(header)} is ${aheadMs} ms too early`);
  const gapMs = header.timeMs - parent.timeMs;
  return {
    id: header.id,
    previous: header.previous,
    height: header.height,
    timeMs: header.timeMs,
    bits: header.bits,
    childScheduledBits: scheduledBits(
      { scheduledBits: parent.childScheduledBits, gapMs },
      network,
    ),
    totalWork: parent.totalWork + workOf(header.bits),
  };
}

function name(header: BlockHeader): string {
  return `Block ${header.height} "${header.id}"`;
}

function checkPlace(header: BlockHeader, parent: HeaderContext): void {
  enforce(
    header.version === BLOCK_VERSION,
    "header-version",
    () => `${name(header)} has unknown version ${header.version}`,
  );
  enforce(
    header.previous === parent.id,
    "missing-parent",
    () => `${name(header)} builds on "${header.previous}", which is not known`,
  );
  enforce(
    header.height === parent.height + 1,
    "header-height",
    () => `${name(header)} builds on block ${parent.height}`,
  );
}

function checkTime(header: BlockHeader, parent: HeaderContext, network: Network): void {
  // A header cannot hold 2^53 or more (the decoder refuses it), so the arithmetic here is exact.
  enforce(
    header.timeMs >= earliestTimeMs(parent, network),
    "time-too-soon",
    () =>
      `${name(header)} comes ${header.timeMs - parent.timeMs} ms after its parent, ` +
      `not ${network.minGapMs} or more`,
  );
}

function checkProofOfWork(header: BlockHeader, parent: HeaderContext, network: Network): void {
  const bits = requiredBits(parent, header.timeMs, network);
  enforce(
    header.bits === bits,
    "wrong-bits",
    () => `${name(header)} has bits ${formatBits(header.bits)}, not ${formatBits(bits)}`,
  );
  enforce(
    hashMeetsBits(header.id, bits),
    "insufficient-work",
    () => `${name(header)} does not meet its target ${formatBits(bits)}`,
  );
}
