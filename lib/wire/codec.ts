/** What every message's codec is made of: one reader, one writer, bounded lists and texts. */
import { ByteReader, ByteWriter, CodecError, fromUtf8, utf8 } from "../base/bytes.ts";

/**
 * Reads and writes one body. `read` throws `CodecError`; `write` throws `RangeError` past a limit.
 */
export interface Codec<Body> {
  read(reader: ByteReader): Body;
  write(writer: ByteWriter, body: Body): void;
}

/** How many messages of a kind a peer may send without being asked: `count` in `everyMs`. */
export interface Quota {
  readonly count: number;
  readonly everyMs: number;
}

/**
 * Everything that a terminal would obey or hide instead of show: control characters, marks that
 * turn the writing direction, line and paragraph separators, invisible signs, lone surrogates.
 */
const UNSHOWABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;

/** A stranger's text made safe to print: every unshowable character becomes `?`. */
export function cleanText(text: string): string {
  return text.replace(UNSHOWABLE, "?");
}

/** Reads length ‖ UTF-8 of at most `bytesMax` bytes and cleans it. Throws `CodecError`. */
export function readText(reader: ByteReader, bytesMax: number): string {
  return cleanText(fromUtf8(readBytes(reader, bytesMax)));
}

/** Writes what `readText` reads; what is too long is cut at a whole character. */
export function writeText(writer: ByteWriter, text: string, bytesMax: number): void {
  const bytes = utf8(clipText(cleanText(text), bytesMax));
  writer.varint(bytes.length).bytes(bytes);
}

/** The longest beginning of `text` that takes at most `bytesMax` bytes of UTF-8. */
export function clipText(text: string, bytesMax: number): string {
  if (utf8(text).length <= bytesMax) return text;
  let clipped = "";
  let length = 0;
  for (const character of text) {
    length += utf8(character).length;
    if (length > bytesMax) break;
    clipped += character;
  }
  return clipped;
}

/** Reads length ‖ bytes, at most `bytesMax` of them. Throws `CodecError`. */
export function readBytes(reader: ByteReader, bytesMax: number): Uint8Array {
  const length = reader.varint();
  if (length > bytesMax) {
    throw new CodecError(`Cannot decode: ${length} bytes where ${bytesMax} are allowed`);
  }
  return reader.take(length);
}

/** Reads count ‖ items, at most `countMax` of them. Throws `CodecError`. */
export function readList<Item>(
  reader: ByteReader,
  countMax: number,
  readItem: (reader: ByteReader) => Item,
): Item[] {
  const count = reader.varint();
  if (count > countMax) {
    throw new CodecError(`Cannot decode: ${count} items where ${countMax} are allowed`);
  }
  const items: Item[] = [];
  for (let at = 0; at < count; at++) items.push(readItem(reader));
  return items;
}

/**
 * Writes what `readList` reads. Throws `RangeError` for more than `countMax` items: our own bug.
 */
export function writeList<Item>(
  writer: ByteWriter,
  countMax: number,
  items: readonly Item[],
  writeItem: (writer: ByteWriter, item: Item) => void,
): void {
  if (items.length > countMax) {
    throw new RangeError(`Cannot encode ${items.length} items: at most ${countMax} are allowed`);
  }
  writer.varint(items.length);
  for (const item of items) writeItem(writer, item);
}
