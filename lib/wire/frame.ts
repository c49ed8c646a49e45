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
/** A body this much smaller than the chunk it came in is copied, or it would keep the chunk. */
const CHUNK_PART_KEPT = 4;
/** Copies of small blocks share memory: an array of its own for each costs a twentieth of a sync. */
const SLAB_BYTES = 4 * 1024;
const SLAB_PART_MAX = 4;
const NOTHING = new Uint8Array();

/**
 * The bytes of one message on the wire. Throws `RangeError` when it passes a limit: our own bug.
 */
export function encodeFrame(message: Message): Uint8Array {
  return new FrameWriter().add(message).take();
}

/** Frames one behind the other, to leave in one write. */
export class FrameWriter {
  #writer = new ByteWriter();

  /** Bytes of the frames added since the last `take`. */
  get length(): number {
    return this.#writer.length;
  }

  /** Throws `RangeError`, and adds nothing, when the message passes a limit: our own bug. */
  add(message: Message): this {
    const { code, bytesMax, codec } = MESSAGES[message.type];
    // A payload is its body: copied once, here.
    const body = message.type === "block" || message.type === "tx"
      ? message.bytes
      : encodeBody(codec as Codec<Message>, message);
    if (body.length > bytesMax) {
      throw new RangeError(
        `Cannot encode ${message.type}: ${body.length} bytes are over ${bytesMax}`,
      );
    }
    this.#writer.varint(body.length + 1).u8(code).bytes(body);
    return this;
  }

  /** All that was added. The writer is empty afterwards. */
  take(): Uint8Array {
    const bytes = this.#writer.finish();
    this.#writer = new ByteWriter();
    return bytes;
  }
}

function encodeBody(codec: Codec<Message>, message: Message): Uint8Array {
  const writer = new ByteWriter();
  codec.write(writer, message);
  return writer.finish();
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

/**
 * Cuts a stream's chunks into frames. Holds at most one unfinished frame. A body that makes up much
 * of its chunk is a view of it, so a chunk must not be changed once it was read.
 */
export class FrameReader {
  /** What is read next: bytes of the length, the type byte, or the body. */
  #at: "length" | "type" | "body" = "length";
  #length = 0;
  #lengthBytes = 0;
  #type: MessageType = "version";
  #body = NOTHING;
  #filled = 0;
  #slab = NOTHING;
  #slabUsed = 0;

  /**
   * Yields the frames that `chunk` completes, in order; take all of them before the next chunk.
   * Throws `WireError` at the first wrong byte, after which the reader must not be used.
   */
  *read(chunk: Uint8Array): Generator<Frame, void> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#at === "length") {
        this.#takeLength(chunk[at++]!);
        continue;
      }
      if (this.#at === "type") {
        this.#takeType(chunk[at++]!);
        if (chunk.length - at < this.#length) {
          this.#begin();
        } else {
          const body = this.#bodyIn(chunk, at);
          at += this.#length;
          yield this.#finish(body);
        }
        continue;
      }
      const part = chunk.subarray(at, at + this.#length - this.#filled);
      this.#body.set(part, this.#filled);
      this.#filled += part.length;
      at += part.length;
      if (this.#filled === this.#length) yield this.#finish(this.#body);
    }
  }

  /** Says that the stream has ended. Throws `WireError` if that cuts a frame. */
  end(): void {
    if (this.#at !== "length" || this.#lengthBytes > 0) {
      throw new WireError("truncated", "Cannot read frame: the stream ended inside it");
    }
  }

  #takeLength(byte: number): void {
    this.#length += (byte & 0x7f) * 0x80 ** this.#lengthBytes++;
    if (byte >= 0x80) {
      if (this.#lengthBytes < MAX_LENGTH_BYTES) return;
      throw new WireError("bad-length", "Cannot read frame: its length takes over four bytes");
    }
    if (byte === 0) throw new WireError("bad-length", "Cannot read frame: not a minimal length");
    this.#at = "type";
  }

  #takeType(byte: number): void {
    const type = typeOfCode(byte);
    if (type === undefined) {
      throw new WireError("unknown-type", `Cannot read frame: no message has type byte ${byte}`);
    }
    this.#length--; // It counted the type byte.
    if (this.#length > MESSAGES[type].bytesMax) {
      throw new WireError("oversize", `Cannot read ${type}: ${this.#length} bytes are too many`);
    }
    this.#type = type;
  }

  /** The body goes on in the next chunk. */
  #begin(): void {
    this.#at = "body";
    this.#body = new Uint8Array(this.#length);
    this.#filled = 0;
  }

  #finish(body: Uint8Array): Frame {
    this.#at = "length";
    this.#length = 0;
    this.#lengthBytes = 0;
    this.#body = NOTHING;
    return { type: this.#type, body };
  }

  #bodyIn(chunk: Uint8Array, at: number): Uint8Array {
    const body = chunk.subarray(at, at + this.#length);
    if (body.length * CHUNK_PART_KEPT >= chunk.length) return body;
    // Blocks of a sync are soon dropped; a payment may stay for hours and would keep its neighbours.
    const isShared = this.#type === "block" && body.length * SLAB_PART_MAX <= SLAB_BYTES;
    return isShared ? this.#inSlab(body) : body.slice();
  }

  #inSlab(body: Uint8Array): Uint8Array {
    if (this.#slabUsed + body.length > this.#slab.length) {
      this.#slab = new Uint8Array(SLAB_BYTES);
      this.#slabUsed = 0;
    }
    const start = this.#slabUsed;
    this.#slabUsed += body.length;
    this.#slab.set(body, start);
    return this.#slab.subarray(start, this.#slabUsed);
  }
}
