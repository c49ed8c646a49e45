/**
 * Short names of transactions in compact blocks, as BIP 152 forms them: SipHash-2-4 of the id, cut
 * to 48 bits, under a key made of the block's header and a nonce of its sender. Nobody knows the key
 * before the block is found, so nobody can prepare payments whose short names are the same.
 */
import { sha256 } from "../primitives/hash.ts";
import { idBytes, type TxId } from "../primitives/ids.ts";

/** The short ids under one key: the first 16 bytes of sha256(header ‖ nonce, little endian). */
export class ShortIds {
  readonly #key: Uint32Array;

  constructor(headerBytes: Uint8Array, nonce: bigint) {
    const nonceBytes = new Uint8Array(8);
    new DataView(nonceBytes.buffer).setBigUint64(0, nonce, true);
    this.#key = keyOf(sha256(headerBytes, nonceBytes));
  }

  /** The lower 48 bits of the SipHash of an id's bytes. */
  of(id: TxId): number {
    const [low, high] = sipHash(this.#key, idBytes(id));
    return (high & 0xffff) * 2 ** 32 + low;
  }
}

/** A key of SipHash, from its 16 bytes. */
export function keyOf(bytes: Uint8Array): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  return Uint32Array.of(...[0, 4, 8, 12].map((at) => view.getUint32(at, true)));
}

/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012). Returns the low and the high half. Each 64-bit word is
 * two halves of 32 bits: the language has no faster exact arithmetic of that width.
 */
export function sipHash(key: Uint32Array, data: Uint8Array): [low: number, high: number] {
  const state = Int32Array.of(
    key[0]! ^ 0x70736575,
    key[1]! ^ 0x736f6d65,
    key[2]! ^ 0x6e646f6d,
    key[3]! ^ 0x646f7261,
    key[0]! ^ 0x6e657261,
    key[1]! ^ 0x6c796765,
    key[2]! ^ 0x79746573,
    key[3]! ^ 0x74656462,
  );
  const whole = data.length - data.length % 8;
  for (let at = 0; at < whole; at += 8) compress(state, halfAt(data, at), halfAt(data, at + 4));
  let low = 0;
  let high = data.length << 24;
  for (let at = whole; at < data.length; at++) {
    const shift = 8 * (at - whole);
    if (shift < 32) low |= data[at]! << shift;
    else high |= data[at]! << (shift - 32);
  }
  compress(state, low, high);
  state[4]! ^= 0xff;
  rounds(state, 4);
  return [
    (state[0]! ^ state[2]! ^ state[4]! ^ state[6]!) >>> 0,
    (state[1]! ^ state[3]! ^ state[5]! ^ state[7]!) >>> 0,
  ];
}

function halfAt(data: Uint8Array, at: number): number {
  return data[at]! | data[at + 1]! << 8 | data[at + 2]! << 16 | data[at + 3]! << 24;
}

function compress(state: Int32Array, low: number, high: number): void {
  state[6]! ^= low;
  state[7]! ^= high;
  rounds(state, 2);
  state[0]! ^= low;
  state[1]! ^= high;
}

/** `state`: v0 to v3, of each the low half (a small letter here) before the high one. */
function rounds(state: Int32Array, count: number): void {
  let a = state[0]!, A = state[1]!, b = state[2]!, B = state[3]!;
  let c = state[4]!, C = state[5]!, d = state[6]!, D = state[7]!;
  for (let round = 0; round < count; round++) {
    a = (a + b) | 0; // v0 += v1
    A = (A + B + carry(a, b)) | 0;
    c = (c + d) | 0; // v2 += v3
    C = (C + D + carry(c, d)) | 0;
    let turned = (b << 13 | B >>> 19) ^ a; // v1 = rotl(v1, 13) ^ v0
    B = (B << 13 | b >>> 19) ^ A;
    b = turned;
    turned = (d << 16 | D >>> 16) ^ c; // v3 = rotl(v3, 16) ^ v2
    D = (D << 16 | d >>> 16) ^ C;
    d = turned;
    turned = A; // v0 = rotl(v0, 32)
    A = a;
    a = turned;
    c = (c + b) | 0; // v2 += v1
    C = (C + B + carry(c, b)) | 0;
    a = (a + d) | 0; // v0 += v3
    A = (A + D + carry(a, d)) | 0;
    turned = (b << 17 | B >>> 15) ^ c; // v1 = rotl(v1, 17) ^ v2
    B = (B << 17 | b >>> 15) ^ C;
    b = turned;
    turned = (d << 21 | D >>> 11) ^ a; // v3 = rotl(v3, 21) ^ v0
    D = (D << 21 | d >>> 11) ^ A;
    d = turned;
    turned = C; // v2 = rotl(v2, 32)
    C = c;
    c = turned;
  }
  state[0] = a, state[1] = A, state[2] = b, state[3] = B;
  state[4] = c, state[5] = C, state[6] = d, state[7] = D;
}

/** What a sum of low halves carries over: it is smaller than what was added. */
function carry(sum: number, added: number): number {
  return (sum >>> 0) < (added >>> 0) ? 1 : 0;
}
