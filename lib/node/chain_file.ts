/**
 * The file in which blocks and payments are carried from one machine to another:
 *
 *     "moimfile"  version (1 byte)  genesis id (32)  network's name (varint length, UTF-8)  check
 *     kind (1 byte: 1 block, 2 payment)  length (varint)  encoding  check     … any number of these
 *     0 (1 byte)  number of records (varint)  check
 *
 * A check is the first 16 bytes of SHA-256 over the hash before it and what stands since, so that
 * nothing can be changed, left out, added or put elsewhere without a notice. It protects from bad
 * discs, not from people: whoever takes blocks in judges them as anybody's.
 */
import { ByteWriter, CodecError, equalBytes, fromUtf8, utf8 } from "../base/bytes.ts";
import { MAX_BLOCK_BYTES, MAX_TRANSACTION_BYTES } from "../consensus/limits.ts";
import { sha256 } from "../primitives/hash.ts";
import { asBlockId, type BlockId, HASH_BYTES, idBytes } from "../primitives/ids.ts";

/** Of which network the records are. */
export type ChainFileHeader = { genesisId: BlockId; network: string };

/** A block's or a payment's encoding. */
export type ChainFileRecord = { kind: "block" | "payment"; bytes: Uint8Array };

/** Puts bytes behind those before. */
export type Sink = (bytes: Uint8Array) => Promise<void>;

const MAGIC = utf8("moimfile");
const VERSION = 1;
const CHECK_BYTES = 16;
const END = 0;
/** Longest name in bytes; a network's parameters allow less. */
const NAME_BYTES_MAX = 1_024;
/** Written at a time. */
const WRITE_BYTES = 65_536;

const KINDS = {
  block: { code: 1, bytesMax: MAX_BLOCK_BYTES },
  payment: { code: 2, bytesMax: MAX_TRANSACTION_BYTES },
} as const;

/** Bytes that are not a whole file as described above. */
export class ChainFileError extends Error {
  /** foreign: another kind of file; version: of a later moim; cut: it ends early. */
  constructor(readonly kind: "foreign" | "version" | "damaged" | "cut", message: string) {
    super(message);
    this.name = "ChainFileError";
  }
}

/** Whether a file's first bytes are those of a file with blocks or payments. */
export function isChainFile(start: Uint8Array): boolean {
  return start.length >= MAGIC.length && equalBytes(start.subarray(0, MAGIC.length), MAGIC);
}

/** Writes a file from its beginning to its end, in pieces of some size. */
export class ChainFileWriter {
  readonly #sink: Sink;
  readonly #waiting: Uint8Array[] = [];
  #waitingBytes = 0;
  #state: Uint8Array = new Uint8Array();
  #records = 0;
  /** Bytes of the file so far. */
  bytes = 0;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  async begin({ genesisId, network }: ChainFileHeader): Promise<void> {
    const name = utf8(network);
    const head = new ByteWriter().bytes(MAGIC).u8(VERSION).bytes(idBytes(genesisId));
    await this.#checked(head.varint(name.length).bytes(name).finish());
  }

  async add({ kind, bytes }: ChainFileRecord): Promise<void> {
    const head = new ByteWriter(16).u8(KINDS[kind].code).varint(bytes.length).finish();
    this.#records++;
    await this.#checked(head, bytes);
  }

  /** Nothing can be added afterwards. */
  async end(): Promise<void> {
    await this.#checked(new ByteWriter(16).u8(END).varint(this.#records).finish());
    await this.#flush();
  }

  async #checked(...parts: Uint8Array[]): Promise<void> {
    this.#state = sha256(this.#state, ...parts);
    for (const part of [...parts, this.#state.subarray(0, CHECK_BYTES)]) {
      this.#waiting.push(part);
      this.#waitingBytes += part.length;
      this.bytes += part.length;
    }
    if (this.#waitingBytes >= WRITE_BYTES) await this.#flush();
  }

  async #flush(): Promise<void> {
    const joined = new ByteWriter(this.#waitingBytes);
    for (const part of this.#waiting.splice(0)) joined.bytes(part);
    this.#waitingBytes = 0;
    await this.#sink(joined.finish());
  }
}

/** Reads a file from its beginning to its end; holds one record at a time. */
export class ChainFileReader {
  readonly #input: ByteStream;
  #state: Uint8Array = new Uint8Array();
  readonly header: ChainFileHeader;

  private constructor(input: ByteStream, state: Uint8Array, header: ChainFileHeader) {
    this.#input = input;
    this.#state = state;
    this.header = header;
  }

  /** Reads the header. Throws `ChainFileError`. */
  static async open(chunks: AsyncIterable<Uint8Array>): Promise<ChainFileReader> {
    const input = new ByteStream(chunks);
    const magic = await input.upTo(MAGIC.length);
    if (!isChainFile(magic)) {
      const text = "it was not written by moim export";
      throw new ChainFileError("foreign", magic.length === 0 ? "it is empty" : text);
    }
    const version = await input.take(1);
    if (version[0] !== VERSION) {
      const text = `it has version ${version[0]}, this moim reads version ${VERSION}`;
      throw new ChainFileError("version", text);
    }
    const id = await input.take(HASH_BYTES);
    const length = await input.varint(NAME_BYTES_MAX, "its header is damaged");
    const name = await input.take(length.value);
    const state = sha256(magic, version, id, length.bytes, name);
    await checkNext(input, state, "its header is damaged");
    const header = { genesisId: asBlockId(id), network: nameOf(name) };
    return new ChainFileReader(input, state, header);
  }

  /** Bytes read so far. */
  get bytes(): number {
    return this.#input.taken;
  }

  /**
   * The records in order, each after its check. Throws `ChainFileError` at the first thing that is
   * not as it was written; what came before is as it was.
   */
  async *records(): AsyncGenerator<ChainFileRecord> {
    for (let count = 0;; count++) {
      const where = `it is damaged behind record ${count}`;
      const code = await this.#input.take(1);
      const kind = kindOf(code[0]!);
      if (kind === undefined && code[0] !== END) throw new ChainFileError("damaged", where);
      const most = kind === undefined ? Number.MAX_SAFE_INTEGER : KINDS[kind].bytesMax;
      const length = await this.#input.varint(most, where);
      const bytes = kind === undefined ? new Uint8Array() : await this.#input.take(length.value);
      this.#state = sha256(this.#state, code, length.bytes, bytes);
      await checkNext(this.#input, this.#state, where);
      if (kind === undefined) return await this.#end(length.value === count, where);
      yield { kind, bytes };
    }
  }

  async #end(isComplete: boolean, where: string): Promise<void> {
    const rest = await this.#input.upTo(1);
    if (!isComplete) throw new ChainFileError("damaged", where);
    if (rest.length > 0) throw new ChainFileError("damaged", "something stands behind its end");
  }
}

async function checkNext(input: ByteStream, state: Uint8Array, where: string): Promise<void> {
  const check = await input.take(CHECK_BYTES);
  if (equalBytes(check, state.subarray(0, CHECK_BYTES))) return;
  throw new ChainFileError("damaged", where);
}

function kindOf(code: number): ChainFileRecord["kind"] | undefined {
  if (code === KINDS.block.code) return "block";
  return code === KINDS.payment.code ? "payment" : undefined;
}

function nameOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new ChainFileError("damaged", "its header is damaged");
  }
}

/** Takes exact pieces from chunks of any size. What it hands out is not changed afterwards. */
class ByteStream {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array();
  #isOver = false;
  taken = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next `length` bytes, or what is left where that is less. */
  async upTo(length: number): Promise<Uint8Array> {
    if (this.#chunk.length < length) await this.#gather(length);
    const piece = this.#chunk.subarray(0, length);
    this.#chunk = this.#chunk.subarray(piece.length);
    this.taken += piece.length;
    return piece;
  }

  /** Throws `ChainFileError` "cut" where there are not so many. */
  async take(length: number): Promise<Uint8Array> {
    const piece = await this.upTo(length);
    if (piece.length === length) return piece;
    throw new ChainFileError("cut", "it ends early: it was cut off, or not copied to its end");
  }

  /** A number up to `most`, and the bytes it was written in. Throws `ChainFileError`. */
  async varint(most: number, where: string): Promise<{ value: number; bytes: Uint8Array }> {
    const writer = new ByteWriter(8);
    let value = 0;
    for (let scale = 1;; scale *= 0x80) {
      const [byte] = await this.take(1);
      writer.u8(byte!);
      value += (byte! & 0x7f) * scale;
      if (value > most) throw new ChainFileError("damaged", where);
      if (byte! < 0x80) return { value, bytes: writer.finish() };
      if (writer.length >= 8) throw new ChainFileError("damaged", where);
    }
  }

  async #gather(length: number): Promise<void> {
    const parts = [this.#chunk];
    let bytes = this.#chunk.length;
    while (bytes < length && !this.#isOver) {
      const { value, done } = await this.#chunks.next();
      this.#isOver = done === true;
      if (value !== undefined) {
        parts.push(value);
        bytes += value.length;
      }
    }
    const joined = new ByteWriter(bytes);
    for (const part of parts) joined.bytes(part);
    this.#chunk = joined.finish();
  }
}
