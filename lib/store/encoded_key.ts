/**
 * Keys as Deno KV encodes them (the tuple form of FoundationDB): bytes whose plain order is the
 * order of the keys, and whose length is what counts against the limits. In byte strings and texts
 * a zero takes two bytes, so a key's size cannot be told from its parts' lengths alone.
 */
import { utf8 } from "../base/bytes.ts";
import type { KvKey, KvKeyPart, KvMutation } from "./kv.ts";

const TAG = { bytes: 0x01, text: 0x02, bigintZero: 0x14, number: 0x21, no: 0x26, yes: 0x27 };

/** Bytes that `key` takes encoded. */
export function encodedKeyLength(key: KvKey): number {
  let length = 0;
  for (const part of key) length += encodedPartLength(part);
  return length;
}

/** Bytes of a mutation as Deno KV counts them: key and value. */
export function mutationBytes(mutation: KvMutation): { key: number; all: number } {
  if ("delete" in mutation) {
    const key = encodedKeyLength(mutation.delete);
    return { key, all: key };
  }
  const key = encodedKeyLength(mutation.set);
  return { key, all: key + mutation.value.length };
}

/** The encoding as a string of one character a byte: compares as the keys sort. */
export function encodeKey(key: KvKey): string {
  let encoded = "";
  for (const part of key) encoded += encodePart(part);
  return encoded;
}

function encodedPartLength(part: KvKeyPart): number {
  if (typeof part === "number") return 9;
  if (typeof part === "boolean") return 1;
  if (typeof part === "bigint") return encodePart(part).length;
  const bytes = typeof part === "string" ? utf8(part) : part;
  let zeros = 0;
  for (const byte of bytes) if (byte === 0) zeros++;
  return bytes.length + zeros + 2;
}

function encodePart(part: KvKeyPart): string {
  if (typeof part === "number") return String.fromCharCode(TAG.number) + encodeNumber(part);
  if (typeof part === "boolean") return String.fromCharCode(part ? TAG.yes : TAG.no);
  if (typeof part === "bigint") return encodeBigint(part);
  const isText = typeof part === "string";
  const tag = String.fromCharCode(isText ? TAG.text : TAG.bytes);
  return tag + escaped(isText ? utf8(part) : part) + "\0";
}

function escaped(bytes: Uint8Array): string {
  if (!bytes.includes(0)) return String.fromCharCode(...bytes);
  let text = "";
  for (const byte of bytes) text += byte === 0 ? "\0\xff" : String.fromCharCode(byte);
  return text;
}

/** Big endian, the sign bit turned, and all bits turned of what is negative. */
function encodeNumber(value: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  const bits = view.getBigUint64(0);
  const negative = bits >> 63n === 1n;
  view.setBigUint64(0, BigInt.asUintN(64, negative ? ~bits : bits | (1n << 63n)));
  let text = "";
  for (let at = 0; at < 8; at++) text += String.fromCharCode(view.getUint8(at));
  return text;
}

/** Up to eight bytes of magnitude, which all keys of ours keep to. */
function encodeBigint(value: bigint): string {
  const magnitude = value < 0n ? -value : value;
  const hex = magnitude === 0n ? "" : magnitude.toString(16);
  const size = Math.ceil(hex.length / 2);
  if (size > 8) throw new RangeError("Cannot encode key: the integer takes more than eight bytes");
  const shown = value < 0n ? (1n << BigInt(8 * size)) - 1n - magnitude : magnitude;
  const digits = size === 0 ? "" : shown.toString(16).padStart(2 * size, "0");
  let text = String.fromCharCode(TAG.bigintZero + (value < 0n ? -size : size));
  for (let at = 0; at < digits.length; at += 2) {
    text += String.fromCharCode(Number.parseInt(digits.slice(at, at + 2), 16));
  }
  return text;
}
