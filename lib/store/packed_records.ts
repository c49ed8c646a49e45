/**
 * Records of one fixed size packed in one array of bytes, key first: how sorted pages keep them on
 * disk and in memory. Keys compare byte by byte, so numbers in them are big endian.
 */

/** Bytes of the key and of the value of every record. */
export interface RecordShape {
  readonly keyBytes: number;
  readonly valueBytes: number;
}

export function recordBytes({ keyBytes, valueBytes }: RecordShape): number {
  return keyBytes + valueBytes;
}

/** Order of `length` bytes at `aAt` of `a` and at `bAt` of `b`. */
export function compareAt(
  a: Uint8Array,
  aAt: number,
  b: Uint8Array,
  bAt: number,
  length: number,
): number {
  for (let at = 0; at < length; at++) {
    const difference = a[aAt + at]! - b[bAt + at]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The number in four bytes at `at`, big endian. */
export function u32At(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>>
    0;
}

/** Whether `length` bytes are alike. From their ends: sorted keys, and ids, begin alike for long. */
export function equalAt(
  a: Uint8Array,
  aAt: number,
  b: Uint8Array,
  bAt: number,
  length: number,
): boolean {
  for (let at = length - 1; at >= 0; at--) {
    if (a[aAt + at] !== b[bAt + at]) return false;
  }
  return true;
}

/**
 * How many keys are smaller than the one at `keyAt` of `key`, which is where it stands or belongs.
 * `keys` holds one key every `stride` bytes, sorted; those before `from` are known to be smaller.
 * What begins as the keys below and above it do is not compared again (Manber and Myers 1990).
 */
export function lowerBound(
  keys: { readonly bytes: Uint8Array; readonly stride: number; readonly count: number },
  key: Uint8Array,
  keyAt: number,
  keyBytes: number,
  from = 0,
): number {
  const { bytes, stride } = keys;
  let low = from;
  let high = keys.count;
  let sharedWithLow = 0;
  let sharedWithHigh = 0;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const start = middle * stride;
    let shared = Math.min(sharedWithLow, sharedWithHigh);
    while (shared < keyBytes && bytes[start + shared] === key[keyAt + shared]) shared++;
    if (shared < keyBytes && bytes[start + shared]! < key[keyAt + shared]!) {
      low = middle + 1;
      sharedWithLow = shared;
    } else {
      high = middle;
      sharedWithHigh = shared;
    }
  }
  return low;
}
