/** Several byte strings as one: each behind its length as a varint. */
import { ByteReader, ByteWriter } from "./bytes.ts";

/** The parts one behind the other, each behind its length. */
export function packParts(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = parts.reduce((sum, { length }) => sum + length + 4, 0);
  const writer = new ByteWriter(bytes);
  for (const part of parts) writer.varint(part.length).bytes(part);
  return writer.finish();
}

/** The parts of `packParts`, as views of the same memory. Throws `CodecError`. */
export function unpackParts(bytes: Uint8Array): Uint8Array[] {
  const reader = new ByteReader(bytes);
  const parts: Uint8Array[] = [];
  while (reader.remaining > 0) parts.push(reader.take(reader.varint()));
  return parts;
}
