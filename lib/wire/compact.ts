/**
 * `compactblock`, `getblocktxn` and `blocktxn`: a new block in short ids, for peers who have most of
 * its transactions, and those that they lack (the idea of BIP 152).
 */
import { type ByteReader, type ByteWriter, CodecError } from "../base/bytes.ts";
import { type BlockHeader, HEADER_BYTES, readHeader } from "../primitives/block.ts";
import { asBlockId, type BlockId, HASH_BYTES, idBytes } from "../primitives/ids.ts";
import { type Codec, readBytes, readList, writeList } from "./codec.ts";
import { MAX_BLOCK_MESSAGE_BYTES, MAX_TX_MESSAGE_BYTES } from "./payload.ts";

/** A payment has at least 135 bytes, so that 3,883 fill the largest block. */
export const MAX_BLOCK_TRANSACTIONS = 4_000;
/** An index or a length before each transaction: up to 2 and 3 bytes. */
const PLACED_BYTES = 2 + 3;
const COUNT_BYTES = 2;
/** Header, nonce, both counts; a whole block's transactions with index and length. */
export const MAX_COMPACT_BLOCK_BYTES = HEADER_BYTES + 8 + 2 * COUNT_BYTES +
  MAX_BLOCK_MESSAGE_BYTES + MAX_BLOCK_TRANSACTIONS * PLACED_BYTES;
export const MAX_GET_BLOCK_TXN_BYTES = HASH_BYTES + COUNT_BYTES + MAX_BLOCK_TRANSACTIONS * 2;
export const MAX_BLOCK_TXN_BYTES = HASH_BYTES + COUNT_BYTES + MAX_BLOCK_MESSAGE_BYTES +
  MAX_BLOCK_TRANSACTIONS * PLACED_BYTES;

/** A transaction that is sent whole, not yet decoded. */
export interface PlacedTransaction {
  /** Its place in the block. */
  readonly index: number;
  readonly bytes: Uint8Array;
}

export interface CompactBlockBody {
  readonly header: BlockHeader;
  /** Chosen by the sender; with the header it makes the key of the short ids. */
  readonly nonce: bigint;
  /** Of the transactions that are not placed, in the block's order: see `ShortIds`. */
  readonly shortIds: readonly number[];
  /** By rising index. */
  readonly placed: readonly PlacedTransaction[];
}

export interface GetBlockTxnBody {
  readonly id: BlockId;
  /** Places in the block, rising. */
  readonly indexes: readonly number[];
}

export interface BlockTxnBody {
  readonly id: BlockId;
  /** In the order in which they were asked for. */
  readonly transactions: readonly Uint8Array[];
}

export const compactBlockCodec: Codec<CompactBlockBody> = {
  read(reader) {
    const header = readHeader(reader);
    const nonce = reader.u64();
    const shortIds = readList(reader, MAX_BLOCK_TRANSACTIONS, readShortId);
    const places = new Rising(MAX_BLOCK_TRANSACTIONS);
    const placed = readList(reader, MAX_BLOCK_TRANSACTIONS, (from): PlacedTransaction => ({
      index: places.read(from),
      bytes: readBytes(from, MAX_TX_MESSAGE_BYTES),
    }));
    const count = shortIds.length + placed.length;
    if (count > MAX_BLOCK_TRANSACTIONS || (placed.at(-1)?.index ?? -1) >= count) {
      throw new CodecError(`Cannot decode compactblock: a place beyond its ${count} transactions`);
    }
    return { header, nonce, shortIds, placed };
  },
  write(writer, { header, nonce, shortIds, placed }) {
    writer.bytes(header.bytes).u64(nonce);
    writeList(writer, MAX_BLOCK_TRANSACTIONS, shortIds, writeShortId);
    const places = new Rising(MAX_BLOCK_TRANSACTIONS);
    writeList(writer, MAX_BLOCK_TRANSACTIONS, placed, (to, { index, bytes }) => {
      places.write(to, index);
      to.varint(bytes.length).bytes(bytes);
    });
  },
};

export const getBlockTxnCodec: Codec<GetBlockTxnBody> = {
  read(reader) {
    const id = asBlockId(reader.take(HASH_BYTES));
    const places = new Rising(MAX_BLOCK_TRANSACTIONS);
    return { id, indexes: readList(reader, MAX_BLOCK_TRANSACTIONS, (from) => places.read(from)) };
  },
  write(writer, { id, indexes }) {
    writer.bytes(idBytes(id));
    const places = new Rising(MAX_BLOCK_TRANSACTIONS);
    writeList(writer, MAX_BLOCK_TRANSACTIONS, indexes, (to, index) => places.write(to, index));
  },
};

export const blockTxnCodec: Codec<BlockTxnBody> = {
  read: (reader) => ({
    id: asBlockId(reader.take(HASH_BYTES)),
    transactions: readList(
      reader,
      MAX_BLOCK_TRANSACTIONS,
      (from) => readBytes(from, MAX_TX_MESSAGE_BYTES),
    ),
  }),
  write(writer, { id, transactions }) {
    writer.bytes(idBytes(id));
    writeList(writer, MAX_BLOCK_TRANSACTIONS, transactions, (to, bytes) => {
      to.varint(bytes.length).bytes(bytes);
    });
  },
};

/** Numbers that rise, below `limit`, each written as what it is beyond the one before it plus 1. */
class Rising {
  #next = 0;

  constructor(private readonly limit: number) {}

  read(reader: ByteReader): number {
    const number = this.#next + reader.varint();
    if (number >= this.limit) {
      throw new CodecError(`Cannot decode place: ${number} is not below ${this.limit}`);
    }
    this.#next = number + 1;
    return number;
  }

  write(writer: ByteWriter, number: number): void {
    writer.varint(number - this.#next);
    this.#next = number + 1;
  }
}

function readShortId(reader: ByteReader): number {
  const low = reader.u32();
  return (reader.u8() + reader.u8() * 0x100) * 2 ** 32 + low;
}

function writeShortId(writer: ByteWriter, id: number): void {
  const high = Math.floor(id / 2 ** 32);
  writer.u32(id % 2 ** 32).u8(high & 0xff).u8(high >>> 8);
}
