/**
 * The little of Protocol Buffers that we write by hand: fields of bytes and of small numbers, and
 * messages with their length in front, as libp2p's protocols send them.
 */
import { ByteReader, ByteWriter, CodecError } from "../../base/bytes.ts";

/** A message of more bytes is refused: an answer of the DHT names at most 40 peers. */
export const PROTOBUF_BYTES_MAX = 1 << 18;

/** Writes a field that holds bytes; `field` is its number times eight plus two. */
export function writeBytes(writer: ByteWriter, field: number, bytes: Uint8Array): ByteWriter {
  return writer.varint(field).varint(bytes.length).bytes(bytes);
}

/** The message with its length in front. */
export function framed(message: Uint8Array): Uint8Array {
  return new ByteWriter(message.length + 4).varint(message.length).bytes(message).finish();
}

/**
 * The first message of `bytes` without its length, or `undefined` while it is incomplete.
 * Throws `CodecError` when it announces more than `bytesMax`.
 */
export function takeFrame(
  bytes: Uint8Array,
  bytesMax = PROTOBUF_BYTES_MAX,
): Uint8Array | undefined {
  const lengthEnd = bytes.findIndex((byte) => byte < 0x80);
  if (lengthEnd < 0 && bytes.length < 4) return undefined;
  const reader = new ByteReader(bytes);
  const length = reader.varint();
  if (length > bytesMax) throw new CodecError("Cannot read protobuf message: too large");
  // An empty one too has its place in `bytes`, from which one knows where the next begins.
  const start = reader.offset;
  return reader.remaining < length ? undefined : bytes.subarray(start, start + length);
}

/** What to do with a message's fields; others are skipped. */
export type FieldReader = {
  onBytes?: (field: number, bytes: Uint8Array) => void;
  onNumber?: (field: number, value: number) => void;
};

/** Reads all fields. Throws `CodecError` on anything that is not protobuf. */
export function readFields(message: Uint8Array, { onBytes, onNumber }: FieldReader): void {
  const reader = new ByteReader(message);
  while (reader.remaining > 0) {
    const field = reader.varint();
    switch (field & 7) {
      case 0:
        readNumber(reader, (value) => onNumber?.(field, value));
        break;
      case 1:
        reader.take(8);
        break;
      case 2: {
        // Taken before: without a handler the call's arguments would not be looked at.
        const bytes = reader.take(reader.varint());
        onBytes?.(field, bytes);
        break;
      }
      case 5:
        reader.take(4);
        break;
      default:
        throw new CodecError("Cannot read protobuf message: unknown wire type");
    }
  }
}

/** A negative number takes ten bytes, more than the reader's own varint allows: it is passed over. */
function readNumber(reader: ByteReader, onNumber: (value: number) => void): void {
  let value = 0;
  for (let shift = 0;; shift += 7) {
    const byte = reader.u8();
    if (shift < 49) value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return shift < 49 ? onNumber(value) : undefined;
  }
}
