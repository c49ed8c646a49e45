/**
 * Ed25519 by the book (RFC 8032 section 5.1), slow and independent of every library: the judge
 * that the fast verifier is compared with. `holds` is the whole rule of `signature.ts`.
 */
import { createHash } from "node:crypto";

const P = 2n ** 255n - 19n;
export const GROUP_ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;
const D = mod(-121665n * invert(121666n));
const ROOT_OF_MINUS_ONE = power(2n, (P - 1n) / 4n);

/** Affine coordinates. */
export interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

/** Projective coordinates (x = X/Z, y = Y/Z): no inversion until the end. */
interface Projective {
  readonly x: bigint;
  readonly y: bigint;
  readonly z: bigint;
}

export const NEUTRAL: Point = { x: 0n, y: 1n };

export function mod(value: bigint, modulus = P): bigint {
  const rest = value % modulus;
  return rest < 0n ? rest + modulus : rest;
}

function power(base: bigint, exponent: bigint): bigint {
  let result = 1n;
  for (let square = mod(base); exponent > 0n; exponent >>= 1n) {
    if (exponent & 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}

function invert(value: bigint): bigint {
  return power(value, P - 2n);
}

export function add(a: Point, b: Point): Point {
  return affine(addProjective({ ...a, z: 1n }, { ...b, z: 1n }));
}

export function multiply(point: Point, scalar: bigint): Point {
  let result: Projective = { ...NEUTRAL, z: 1n };
  for (let doubled: Projective = { ...point, z: 1n }; scalar > 0n; scalar >>= 1n) {
    if (scalar & 1n) result = addProjective(result, doubled);
    doubled = addProjective(doubled, doubled);
  }
  return affine(result);
}

/** The affine law x = (x1 y2 + x2 y1) / (1 + p), y = (y1 y2 + x1 x2) / (1 - p), p = d x1 x2 y1 y2. */
function addProjective(a: Projective, b: Projective): Projective {
  const zz = mod(a.z * b.z);
  const xx = mod(a.x * b.x);
  const yy = mod(a.y * b.y);
  const cross = mod((a.x + a.y) * (b.x + b.y) - xx - yy);
  const product = mod(D * mod(xx * yy));
  const square = mod(zz * zz);
  const minus = mod(square - product);
  const plus = mod(square + product);
  return {
    x: mod(zz * mod(minus * cross)),
    y: mod(zz * mod(plus * (yy + xx))),
    z: mod(minus * plus),
  };
}

function affine(point: Projective): Point {
  const inverse = invert(point.z);
  return { x: mod(point.x * inverse), y: mod(point.y * inverse) };
}

export function littleEndian(value: bigint, length = 32): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => Number((value >> BigInt(8 * at)) & 0xffn));
}

export function fromLittleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

export function encodePoint(point: Point): Uint8Array {
  return littleEndian(point.y | ((point.x & 1n) << 255n));
}

/** The point of a canonical encoding, or undefined (RFC 8032 section 5.1.3). */
export function decodePoint(bytes: Uint8Array): Point | undefined {
  const number = fromLittleEndian(bytes);
  const sign = number >> 255n;
  const y = number & (2n ** 255n - 1n);
  if (y >= P) return undefined;
  const square = mod((y * y - 1n) * invert(D * y * y + 1n));
  let x = power(square, (P + 3n) / 8n);
  if (mod(x * x) !== square) x = mod(x * ROOT_OF_MINUS_ONE);
  if (mod(x * x) !== square || (x === 0n && sign === 1n)) return undefined;
  return { x: (x & 1n) === sign ? x : mod(-x), y };
}

export const BASE = decodePoint(littleEndian(mod(4n * invert(5n))))!;

/** A point of order 8: L times any point that has all of the curve's order. */
export const TORSION = (() => {
  for (let y = 3n;; y++) {
    const point = decodePoint(littleEndian(y));
    if (point === undefined) continue;
    const torsion = multiply(point, GROUP_ORDER);
    if (multiply(torsion, 4n).y !== 1n) return torsion;
  }
})();

/** SHA-512(R ‖ A ‖ message) as a number below L. */
export function challenge(r: Uint8Array, key: Uint8Array, message: Uint8Array): bigint {
  const digest = createHash("sha512").update(r).update(key).update(message).digest();
  return mod(fromLittleEndian(digest), GROUP_ORDER);
}

/** The rule: canonical key not of small order, S < L, and enc([S]B - [h]A) = R. */
export function holds(signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean {
  const point = decodePoint(key);
  if (point === undefined || multiply(point, 8n).y === 1n) return false;
  const r = signature.subarray(0, 32);
  const s = fromLittleEndian(signature.subarray(32));
  if (s >= GROUP_ORDER) return false;
  const h = challenge(r, key, message);
  const minusKey = { x: mod(-point.x), y: point.y };
  const expected = encodePoint(add(multiply(BASE, s), multiply(minusKey, h)));
  return expected.every((byte, at) => byte === r[at]);
}
