/** Targets in Bitcoin's compact form: one byte of size in bytes, then the three leading bytes. */

const NEGATIVE = 0x0080_0000;
const MANTISSA = 0x007f_ffff;
/** The first number that is not a target. */
export const TARGET_LIMIT = 1n << 256n;

/**
 * The target that `bits` stands for; digits below the point are dropped.
 * Throws `RangeError` when the form is negative or passes 2^256.
 */
export function compactToTarget(bits: number): bigint {
  const size = bits >>> 24;
  const mantissa = bits & MANTISSA;
  const target = size <= 3
    ? BigInt(mantissa >>> (8 * (3 - size)))
    : BigInt(mantissa) << BigInt(8 * (size - 3));
  if (target !== 0n && (bits & NEGATIVE) !== 0) {
    throw new RangeError(`Cannot read bits ${formatBits(bits)}: negative`);
  }
  if (target >= TARGET_LIMIT) {
    throw new RangeError(`Cannot read bits ${formatBits(bits)}: 2^256 or more`);
  }
  return target;
}

/** The compact form of `target`, rounded down to what three bytes can say. */
export function targetToCompact(target: bigint): number {
  if (target < 0n || target >= TARGET_LIMIT) throw new RangeError("Cannot compact: not a target");
  if (target === 0n) return 0;
  let size = Math.ceil(target.toString(16).length / 2);
  let mantissa = size <= 3
    ? Number(target) << (8 * (3 - size))
    : Number(target >> BigInt(8 * (size - 3)));
  // The top bit of the mantissa is a sign: a larger number takes one more byte of size.
  if ((mantissa & NEGATIVE) !== 0) {
    mantissa >>>= 8;
    size++;
  }
  return size * 2 ** 24 + mantissa;
}

/** `bits` rounded down: whether this is the one form that `targetToCompact` gives. */
export function isCanonicalBits(bits: number): boolean {
  try {
    const target = compactToTarget(bits);
    return target > 0n && targetToCompact(target) === bits;
  } catch {
    return false;
  }
}

/** `0x1e400000` */
export function formatBits(bits: number): string {
  return `0x${bits.toString(16).padStart(8, "0")}`;
}
