/**
 * Difficulty: the ASERT step from the parent's scheduled target, with two bounds, so that a chain
 * of a small group neither floods after an idle night nor stalls when most of its hashers leave.
 *
 *   gap(n)         = time(n) - time(n-1)
 *   scheduled(n+1) = aserti3(scheduled(n), min(gap(n), 12T) - T, halfLife = 20T), at most the limit
 *   required(n+1, t) = min(limit, scheduled(n+1) * 2^k),
 *                      k = max(0, ceil((t - time(n) - 12T) / 4T)), at most 256
 *
 * Both are rounded down to compact form at every step, so that a chain's targets follow from its
 * headers alone, exactly. The eased target is one block's own: its child builds on `scheduled`.
 */
import { compactToTarget, targetToCompact } from "./compact.ts";
import type { Network } from "./network.ts";

/** T = one spacing. */
const HALF_LIFE_SPACINGS = 20;
/** A gap counts as no longer than this, so that idle time is not owed afterwards. */
const GAP_SPACINGS_MAX = 12;
/** Past the longest counted gap the target doubles with each of these. */
const EASING_SPACINGS = 4;
/** 2^256 eases any target to any limit. */
const EASING_STEPS_MAX = 256;

/** Half of 2^48: rounds to the nearest. */
const HALF_2_48 = 1n << 47n;

/**
 * The step of BCH's aserti3-2d: `target * 2^(error / halfLife)` in fixed point with 16 bits,
 * 2^x approximated by a cubic polynomial (error below 0.013%), from 1 to `limit`. Source: the
 * Bitcoin Cash network upgrade specification 2020-11-15, "ASERT difficulty adjustment algorithm".
 * `error` and `halfLife` are in one unit; division truncates towards zero, as its reference does.
 */
export function aserti3(
  step: { target: bigint; error: bigint; halfLife: bigint; limit: bigint },
): bigint {
  const exponent = (step.error * 65_536n) / step.halfLife;
  const shift = (exponent >> 16n) - 16n; // A shift of a bigint rounds down, so the rest is >= 0.
  const rest = exponent & 0xffffn;
  const factor = 65_536n +
    ((((5_127n * rest + 971_821_376n) * rest + 195_766_423_245_049n) * rest + HALF_2_48) >> 48n);
  const product = step.target * factor;
  // No target is wider than 256 bits, so a wider shift says nothing more.
  if (shift > 256n) return step.limit;
  const next = shift < 0n ? product >> -shift : product << shift;
  if (next < 1n) return 1n;
  return next > step.limit ? step.limit : next;
}

/** `scheduled(n+1)` in compact form, from `scheduled(n)` and `gap(n)` in milliseconds. */
export function scheduledBits(
  block: { scheduledBits: number; gapMs: number },
  network: Pick<Network, "spacingMs" | "limitBits">,
): number {
  const countedMs = Math.min(block.gapMs, GAP_SPACINGS_MAX * network.spacingMs);
  return targetToCompact(aserti3({
    target: compactToTarget(block.scheduledBits),
    error: BigInt(countedMs - network.spacingMs),
    halfLife: BigInt(HALF_LIFE_SPACINGS * network.spacingMs),
    limit: compactToTarget(network.limitBits),
  }));
}

/**
 * The bits that a child of `parent` stamped `timeMs` must have. Both times are safe integers,
 * `timeMs` not before the parent's.
 */
export function requiredBits(
  parent: { readonly timeMs: number; readonly childScheduledBits: number },
  timeMs: number,
  network: Pick<Network, "spacingMs" | "limitBits">,
): number {
  const lateMs = timeMs - parent.timeMs - GAP_SPACINGS_MAX * network.spacingMs;
  if (lateMs <= 0) return parent.childScheduledBits;
  const stepMs = EASING_SPACINGS * network.spacingMs;
  const steps = Math.min(ceilDivide(lateMs, stepMs), EASING_STEPS_MAX);
  const eased = compactToTarget(parent.childScheduledBits) << BigInt(steps);
  const limit = compactToTarget(network.limitBits);
  return targetToCompact(eased < limit ? eased : limit);
}

/** Exact for safe integers, where `Math.ceil(a / b)` may round a fraction away. */
function ceilDivide(dividend: number, divisor: number): number {
  const rest = dividend % divisor;
  return (dividend - rest) / divisor + (rest > 0 ? 1 : 0);
}
