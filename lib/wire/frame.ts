/**
 * Frames: varint length ‖ type byte ‖ body, where the length counts type byte and body.
 * A frame's size is judged as soon as its type byte is here, before any of its body is kept.
 */
import { ByteReader, ByteWriter, CodecError } from "../base/bytes.ts";
import type { Codec } from "./codec.ts";
import { WireError } from "./error.ts";
import { type Message, MESSAGES, type MessageType, typeOfCode } from "./messages.ts";

/** A body whose size is right, not yet decoded. */
export interface Frame {
  readonly type: MessageType;
  readonly body: Uint8Array;
}

/** A length of a frame takes at most four bytes: the largest message is below 2^28. */
const MAX_LENGTH_BYTES = 4;

/**
 * The bytes of one message on the wire. Throws `RangeError` when it passes a limit: our own bug.
 */
export function encodeFrame(message: Message): Uint8Array {
  const { code, bytesMax, codec } = MESSAGES[message.type];
  const body = new ByteWriter();
  (codec as Codec<Message>).write(body, message);
  if (body.length > bytesMax) {
    throw new RangeError(
      `Cannot encode ${message.type}: ${body.length} bytes are over ${bytesMax}`,
    );
  }
  const bytes = body.finish();
  return new ByteWriter(bytes.length + 1 + MAX_LENGTH_BYTES)
    .varint(bytes.length + 1).u8(code).bytes(bytes).finish();
}

/** The message in a frame. Throws `WireError` unless the body is exactly one. */
export function decodeFrame(frame: Frame): Message {
  const reader = new ByteReader(frame.body);
  let body: object;
  try {
    body = (MESSAGES[frame.type].codec as Codec<object>).read(reader);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new WireError("malformed", `Cannot decode ${frame.type}: ${error.message}`);
  }
  if (reader.remaining !== 0) {
    throw new WireError("leftover", `Cannot decode ${frame.type}: bytes left over`);
  }
  return { type: frame.type, ...body } as Message;
}

type ReaderState =
  | { at: "length"; value: number; bytes: number }
  | { at: "type"; length: number }
  | { at: "body"; type: MessageType; body: Uint8Array; filled: number };

const START: ReaderState = { at: "length", value: 0, bytes: 0 };

/** Cuts a stream's chunks into frames. Holds at most one unfinished frame. */
export class FrameReader {
  #state: ReaderState = START;

  /**
   * Yields the frames that `chunk` completes, in order; take all of them before the next chunk.
   * Throws `WireError` at the first wrong byte, after which the reader must not be used.
   */
  *read(chunk: Uint8Array): Generator<Frame, void> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#state.at !== "body") {
        this.#state = this.#header(this.#state, chunk[at++]!);
      } else {
        const { body, filled } = this.#state;
        const part = chunk.subarray(at, at + body.length - filled);
        body.set(part, filled);
        this.#state = { ...this.#state, filled: filled + part.length };
        at += part.length;
      }
      if (this.#state.at === "body" && this.#state.filled === this.#state.body.length) {
        const { type, body } = this.#state;
        this.#state = START;
        yield { type, body };
      }
    }
  }

  /** Says that the stream has ended. Throws `WireError` if that cuts a frame. */
  end(): void {
    if (this.#state !== START) {
      throw new WireError("truncated", "Cannot read frame: the stream ended inside it");
    }
  }

  #header(state: Exclude<ReaderState, { at: "body" }>, byte: number): ReaderState {
    if (state.at === "length") {
      const value = state.value + (byte & 0x7f) * 0x80 ** state.bytes;
      const bytes = state.bytes + 1;
      if (byte >= 0x80) {
        if (bytes < MAX_LENGTH_BYTES) return { at: "length", value, bytes };
        throw new WireError("bad-length", "Cannot read frame: its length takes over four bytes");
      }
      if (byte === 0) throw new WireError("bad-length", "Cannot read frame: not a minimal length");
      return { at: "type", length: value };
    }
    const type = typeOfCode(byte);
    if (type === undefined) {
      throw new WireError("unknown-type", `Cannot read frame: no message has type byte ${byte}`);
    }
    const length = state.length - 1;
    if (length > MESSAGES[type].bytesMax) {
      throw new WireError("oversize", `Cannot read ${type}: ${length} bytes are too many`);
    }
    return { at: "body", type, body: new Uint8Array(length), filled: 0 };
  }
}
