/** Byte strings: hex, comparison, and an exact reader and writer for canonical encodings. */

/** Bytes that are not the canonical encoding of what was asked for. */
export class CodecError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "CodecError";
  }
}

const HEX = /^(?:[0-9a-f]{2})*$/;
const HEX_OF_BYTE = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const NO_BYTES = new Uint8Array();
const textEncoder = new TextEncoder();
const textDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

type NativeHex = { toHex?: () => string; setFromHex?: (hex: string) => unknown };
const { fromHex: nativeFromHex } = Uint8Array as {
  fromHex?: (hex: string) => Uint8Array<ArrayBuffer>;
};

/** Lower-case hex of `bytes`, in byte order. */
export function toHex(bytes: Uint8Array): string {
  const native = (bytes as NativeHex).toHex;
  if (native !== undefined) return native.call(bytes);
  let hex = "";
  for (const byte of bytes) hex += HEX_OF_BYTE[byte];
  return hex;
}

/** Bytes of lower-case hex. Throws `CodecError` on anything else, upper case included. */
export function fromHex(hex: string): Uint8Array<ArrayBuffer> {
  if (!HEX.test(hex)) throw new CodecError("Cannot read hex: expected pairs of 0-9 and a-f");
  return trustedHex(hex);
}

/** By length: where a short text is decoded before it is copied to its place. */
const SCRATCH = Array.from(
  { length: 33 },
  (_, length) => new Uint8Array(length) as NativeHex & Uint8Array,
);

/**
 * Writes the bytes of `hex`, which is known to be lower-case hex, into `target` from `at` on. A view
 * or an array of its own for each would be most of the garbage that a first sync makes.
 */
export function putHex(hex: string, target: Uint8Array, at: number): void {
  const scratch = SCRATCH[hex.length / 2];
  if (scratch?.setFromHex === undefined) return putDigits(hex, target, at);
  scratch.setFromHex(hex);
  target.set(scratch, at);
}

/** As `fromHex`, for what is hex for sure: the form is not looked at. */
export function trustedHex(hex: string): Uint8Array<ArrayBuffer> {
  if (nativeFromHex !== undefined) return nativeFromHex.call(Uint8Array, hex);
  const bytes = new Uint8Array(hex.length / 2);
  putDigits(hex, bytes, 0);
  return bytes;
}

/** For platforms whose arrays cannot read hex. */
function putDigits(hex: string, target: Uint8Array, at: number): void {
  for (let digit = 0; digit < hex.length; digit += 2) {
    const high = valueOfDigit(hex.charCodeAt(digit));
    target[at + digit / 2] = high << 4 | valueOfDigit(hex.charCodeAt(digit + 1));
  }
}

/** Of "0" to "9" and "a" to "f". */
function valueOfDigit(code: number): number {
  return code < 0x40 ? code - 0x30 : code - 0x57;
}

export function utf8(text: string): Uint8Array<ArrayBuffer> {
  return textEncoder.encode(text);
}

/** Text of well-formed UTF-8. Throws `CodecError` otherwise. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return textDecoder.decode(bytes);
  } catch {
    throw new CodecError("Cannot read text: the bytes are not UTF-8");
  }
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && compareBytes(a, b) === 0;
}

/** Order of byte strings: byte by byte, a prefix before what it begins. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at++) {
    const difference = a[at]! - b[at]!;
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

export function concatBytes(...parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** Bytes that `value` takes as a varint. */
export function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length++;
  return length;
}

/**
 * Reads a canonical encoding from the front. What it hands out are views of the same memory
 * (copying each field costs five times as much), so the input must not be changed afterwards.
 * Every method throws `CodecError` when the bytes end early.
 */
export class ByteReader {
  offset = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #hex: string | undefined;

  /** `hex`: that of all the bytes, where many parts are wanted in hex: they are cut out of it. */
  constructor(bytes: Uint8Array, hex?: string) {
    this.#bytes = bytes;
    this.#hex = hex;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.#bytes.length - this.offset;
  }

  u8(): number {
    return this.#bytes[this.#advance(1)]!;
  }

  /** Four bytes, little endian. */
  u32(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  /** Eight bytes, little endian. */
  u64(): bigint {
    return this.#view.getBigUint64(this.#advance(8), true);
  }

  /** Unsigned LEB128, minimal form only, at most 2^53-1 (the multiformats varint, eight bytes). */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (let length = 1; length <= 8; length++) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (byte === 0 && length > 1) throw new CodecError("Cannot read varint: not minimal");
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new CodecError("Cannot read varint: larger than 2^53-1");
  }

  /** A view of the next `length` bytes. */
  take(length: number): Uint8Array {
    if (length === 0) return NO_BYTES;
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** Goes on behind the next `length` bytes. */
  skip(length: number): void {
    this.#advance(length);
  }

  /** The next `length` bytes in hex. */
  hex(length: number): string {
    if (this.#hex === undefined) return toHex(this.take(length));
    const start = this.#advance(length);
    return this.#hex.substring(2 * start, 2 * (start + length));
  }

  /** A view of what was read since `start` (an earlier `offset`). */
  since(start: number): Uint8Array {
    return this.between(start, this.offset);
  }

  /** A view of the bytes from `start` to before `end`, which were read already. */
  between(start: number, end: number): Uint8Array {
    return this.#bytes.subarray(start, end);
  }

  /** Throws unless everything was read. */
  end(): void {
    if (this.remaining !== 0) {
      throw new CodecError(`Cannot decode: ${this.remaining} bytes left over`);
    }
  }

  #advance(length: number): number {
    if (length > this.remaining) throw new CodecError("Cannot decode: the bytes end early");
    const start = this.offset;
    this.offset += length;
    return start;
  }
}

/** Writes what `ByteReader` reads. Grows as needed. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    const at = this.#grow(1); // First, because growing replaces the memory.
    this.#bytes[at] = value;
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  u64(value: bigint): this {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, value, true);
    return this;
  }

  /** `value` must be a safe integer, not negative; throws `RangeError` otherwise. */
  varint(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`Cannot write varint: ${value} is not an integer from 0 to 2^53-1`);
    }
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.u8(rest);
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#grow(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** The bytes of an id or another text that is known to be lower-case hex. */
  hex(hex: string): this {
    const at = this.#grow(hex.length / 2);
    putHex(hex, this.#bytes, at);
    return this;
  }

  /** The bytes written, without slack. The writer must not be used afterwards. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.length === this.#length ? this.#bytes : this.#bytes.slice(0, this.#length);
  }

  #grow(extra: number): number {
    const at = this.#length;
    this.#length += extra;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}
