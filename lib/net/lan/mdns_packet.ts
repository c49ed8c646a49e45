/**
 * The little of DNS (RFC 1035 section 4) that multicast discovery needs: questions, and PTR and TXT
 * records. Everything else is passed over. Names are compared in lower case.
 *
 * By hand, because dns-packet 5.6.1 begins again at the first byte after a TXT record that is cut off,
 * once for each record that the header counts: 33 bytes cost it 0.9 s, 9 kB a process its memory. And
 * it writes every name in full: a question that names those already known would fill two packets.
 */
import { utf8 } from "../../base/bytes.ts";

export type MdnsRecord =
  | { readonly type: "PTR"; readonly name: string; readonly target: string }
  | { readonly type: "TXT"; readonly name: string; readonly texts: readonly string[] };

export type MdnsMessage = {
  readonly isResponse: boolean;
  /** Names asked for with PTR or ANY. */
  readonly questions: readonly string[];
  readonly records: readonly MdnsRecord[];
};

const TYPE = { PTR: 12, TXT: 16, ANY: 255 } as const;
const CLASS_IN = 1;
/** "Authoritative answer" and "response", as RFC 6762 section 18 asks. */
const RESPONSE_FLAGS = 0x8400;
/** Nothing is kept by it here; 120 s is what others of this kind say. */
const TTL_S = 120;
const LABEL_BYTES_MAX = 63;
const NAME_BYTES_MAX = 255;
/** A name has 127 labels at most, and a pointer stands behind one: more only cost whoever reads. */
const POINTERS_PER_NAME_MAX = 127;
/** RFC 6762 section 17. */
const MESSAGE_BYTES_MAX = 9_000;
/** One string of a TXT record. */
export const TEXT_BYTES_MAX = 255;
const HEADER_BYTES = 12;
/** Two high bits set: the rest of the name stands elsewhere. */
const POINTER = 0xc0;
const POINTER_OFFSET_MAX = 0x3fff;

const decoder = new TextDecoder();

/** Throws `RangeError` for names and texts that have no place in DNS. */
export function encodeMdns(message: MdnsMessage): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writer.u16(0); // The id; always 0 in multicast.
  writer.u16(message.isResponse ? RESPONSE_FLAGS : 0);
  for (const count of [message.questions.length, message.records.length, 0, 0]) writer.u16(count);
  for (const name of message.questions) {
    writer.name(name);
    writer.u16(TYPE.PTR);
    writer.u16(CLASS_IN);
  }
  for (const record of message.records) {
    writer.name(record.name);
    writer.u16(TYPE[record.type]);
    writer.u16(CLASS_IN);
    writer.u16(0);
    writer.u16(TTL_S);
    writer.sized(() => {
      if (record.type === "PTR") writer.name(record.target);
      else for (const text of record.texts) writer.text(text, TEXT_BYTES_MAX);
    });
  }
  return writer.bytes();
}

/** Undefined for what is not a whole message. */
export function decodeMdns(bytes: Uint8Array): MdnsMessage | undefined {
  try {
    return readMessage(new Reader(bytes));
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readMessage(reader: Reader): MdnsMessage {
  reader.u16();
  const isResponse = (reader.u16() & 0x8000) !== 0;
  const questionCount = reader.u16();
  const recordCount = reader.u16() + reader.u16() + reader.u16();
  const questions: string[] = [];
  for (let at = 0; at < questionCount; at++) {
    const name = reader.name();
    const type = reader.u16();
    reader.u16();
    if (type === TYPE.PTR || type === TYPE.ANY) questions.push(name);
  }
  const records: MdnsRecord[] = [];
  for (let at = 0; at < recordCount; at++) {
    const name = reader.name();
    const type = reader.u16();
    reader.skip(6); // Class and time to live.
    const end = reader.u16() + reader.at;
    if (type === TYPE.PTR) records.push({ type: "PTR", name, target: reader.name() });
    if (type === TYPE.TXT) records.push({ type: "TXT", name, texts: reader.texts(end) });
    reader.goTo(end);
  }
  return { isResponse, questions, records };
}

class Writer {
  readonly #bytes: number[] = [];
  /** Where each name, or the end of one, was written first. */
  readonly #names = new Map<string, number>();

  bytes(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from(this.#bytes);
  }

  u16(value: number): void {
    this.#bytes.push((value >> 8) & 0xff, value & 0xff);
  }

  text(text: string, bytesMax: number): void {
    const bytes = utf8(text);
    if (bytes.length > bytesMax) {
      throw new RangeError(`Cannot write a text: over ${bytesMax} bytes`);
    }
    this.#bytes.push(bytes.length, ...bytes);
  }

  name(name: string): void {
    if (utf8(name).length + 2 > NAME_BYTES_MAX) {
      throw new RangeError("Cannot write a name: too long");
    }
    const labels = name.split(".");
    for (const [at, label] of labels.entries()) {
      const rest = labels.slice(at).join(".").toLowerCase();
      const earlier = this.#names.get(rest);
      if (earlier !== undefined) return this.u16((POINTER << 8) | earlier);
      if (this.#bytes.length <= POINTER_OFFSET_MAX) this.#names.set(rest, this.#bytes.length);
      this.text(label, LABEL_BYTES_MAX);
    }
    this.#bytes.push(0);
  }

  /** What `write` writes, behind its length in two bytes. */
  sized(write: () => void): void {
    const at = this.#bytes.length;
    this.u16(0);
    write();
    const length = this.#bytes.length - at - 2;
    this.#bytes[at] = length >> 8;
    this.#bytes[at + 1] = length & 0xff;
  }
}

/** Throws `RangeError` at the end of the bytes. */
class Reader {
  readonly #bytes: Uint8Array;
  at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    if (bytes.length < HEADER_BYTES) throw new RangeError("No header");
    if (bytes.length > MESSAGE_BYTES_MAX) throw new RangeError("Message too long");
  }

  u8(): number {
    const value = this.#bytes[this.at++];
    if (value === undefined) throw new RangeError("Message ends early");
    return value;
  }

  u16(): number {
    return (this.u8() << 8) | this.u8();
  }

  skip(count: number): void {
    this.goTo(this.at + count);
  }

  goTo(at: number): void {
    if (at < this.at || at > this.#bytes.length) throw new RangeError("Length beyond the message");
    this.at = at;
  }

  text(length: number): string {
    const from = this.at;
    this.skip(length);
    return decoder.decode(this.#bytes.subarray(from, this.at));
  }

  texts(end: number): string[] {
    const texts: string[] = [];
    while (this.at < end) texts.push(this.text(this.u8()));
    return texts;
  }

  name(): string {
    const labels: string[] = [];
    let length = 0;
    let next: number | undefined;
    let earliest = this.at;
    let pointers = 0;
    for (;;) {
      const size = this.u8();
      if (size === 0) break;
      if ((size & POINTER) === POINTER) {
        const target = ((size & ~POINTER) << 8) | this.u8();
        next ??= this.at;
        // Only ever further back, so that no name is endless.
        if (target >= earliest) throw new RangeError("A name points forward");
        if (++pointers > POINTERS_PER_NAME_MAX) throw new RangeError("A name points too often");
        earliest = target;
        this.at = target;
        continue;
      }
      length += size + 1;
      if (size > LABEL_BYTES_MAX || length > NAME_BYTES_MAX) throw new RangeError("Name too long");
      labels.push(this.text(size).toLowerCase());
    }
    if (next !== undefined) this.at = next;
    return labels.join(".");
  }
}
