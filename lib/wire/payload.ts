/** `block` and `tx`: the thing itself, as bytes; whether they decode is for the rules to say. */
import { CodecError } from "../base/bytes.ts";
import type { Codec } from "./codec.ts";

/**
 * As in the rules (lib/consensus/limits.ts); retyped, since a message may change while they stay.
 */
export const MAX_BLOCK_MESSAGE_BYTES = 524_288;
export const MAX_TX_MESSAGE_BYTES = 100_000;

export interface PayloadBody {
  readonly bytes: Uint8Array;
}

export const payloadCodec: Codec<PayloadBody> = {
  read(reader) {
    if (reader.remaining === 0) throw new CodecError("Cannot decode: the body is empty");
    return { bytes: reader.take(reader.remaining) };
  },
  write: (writer, { bytes }) => void writer.bytes(bytes),
};
