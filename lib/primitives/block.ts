/**
 * Blocks and their one canonical encoding, little endian:
 *
 *   version u32 · height u32 · previous 32 · merkle root 32 · time u64 (ms) · bits u32 · nonce u64
 *   varint count ‖ transactions
 */
import { ByteReader, ByteWriter, CodecError, concatBytes, toHex } from "../base/bytes.ts";
import { sha256dHex } from "./hash.ts";
import { asBlockId, asHash, type BlockId, type Hash, HASH_BYTES, idBytes } from "./ids.ts";
import { merkleRootOfIds } from "./merkle.ts";
import { type KnownHashes, readTransaction, type Transaction } from "./transaction.ts";

export const HEADER_BYTES = 92;
/** Where the nonce stands in an encoded header. */
export const NONCE_OFFSET = 84;
/** A transaction is at least version, two counts, memo length: the decoder's bound on counts. */
const TRANSACTION_BYTES_MIN = 4;

export interface HeaderFields {
  readonly version: number;
  readonly height: number;
  readonly previous: BlockId;
  readonly merkleRoot: Hash;
  /** Milliseconds since 1970, below 2^53. */
  readonly timeMs: number;
  /** The target in Bitcoin's compact form. */
  readonly bits: number;
  readonly nonce: bigint;
}

export interface BlockHeader extends HeaderFields {
  readonly id: BlockId;
  /** The 92 bytes. */
  readonly bytes: Uint8Array;
}

export interface Block {
  readonly id: BlockId;
  readonly header: BlockHeader;
  readonly transactions: readonly Transaction[];
  readonly bytes: Uint8Array;
}

/** Throws `CodecError` unless `bytes` is exactly one header. */
export function decodeHeader(bytes: Uint8Array): BlockHeader {
  const reader = new ByteReader(bytes);
  const header = readHeader(reader);
  reader.end();
  return header;
}

/** Reads one header and leaves the reader behind it. Throws `CodecError`. */
export function readHeader(reader: ByteReader): BlockHeader {
  const start = reader.offset;
  const version = reader.u32();
  const height = reader.u32();
  const previous = asBlockId(reader.take(HASH_BYTES));
  const root = asHash(reader.take(HASH_BYTES));
  const time = reader.u64();
  if (time > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new CodecError("Cannot decode header: time is 2^53 or later");
  }
  const bits = reader.u32();
  const nonce = reader.u64();
  const bytes = reader.since(start);
  const id = sha256dHex(bytes) as BlockId;
  const timeMs = Number(time);
  return { id, version, height, previous, merkleRoot: root, timeMs, bits, nonce, bytes };
}

/** Encodes what `decodeHeader` reads. Throws `CodecError` for what it would refuse. */
export function encodeHeader(fields: HeaderFields): BlockHeader {
  const writer = new ByteWriter(HEADER_BYTES)
    .u32(fields.version)
    .u32(fields.height)
    .bytes(idBytes(fields.previous))
    .bytes(idBytes(fields.merkleRoot))
    .u64(BigInt(fields.timeMs))
    .u32(fields.bits)
    .u64(fields.nonce);
  return decodeHeader(writer.finish());
}

/**
 * Throws `CodecError` unless `bytes` is exactly one block. Nothing is copied, and nothing hashed
 * that is `known`: ids and locks are then cut out of one text, which lasts as long as one of them.
 */
export function decodeBlock(bytes: Uint8Array, known?: KnownHashes): Block {
  const reader = new ByteReader(bytes, known && toHex(bytes));
  const header = readHeader(reader);
  const count = reader.varint();
  if (count * TRANSACTION_BYTES_MIN > reader.remaining) {
    throw new CodecError(`Cannot decode block: ${count} transactions do not fit in the bytes left`);
  }
  const transactions = new Array<Transaction>(count);
  for (let at = 0; at < count; at++) transactions[at] = readTransaction(reader, known);
  reader.end();
  return { id: header.id, header, transactions, bytes };
}

/**
 * As `encodeBlock`, with `transactions` as they are: each is of one piece already, so none is read
 * or hashed again.
 */
export function blockOf(
  parts: { readonly header: HeaderFields; readonly transactions: readonly Transaction[] },
): Block {
  const { transactions } = parts;
  const header = encodeHeader(parts.header);
  const count = new ByteWriter(8).varint(transactions.length).finish();
  const bytes = concatBytes(header.bytes, count, ...transactions.map((each) => each.bytes));
  return { id: header.id, header, transactions, bytes };
}

/** Puts header and transactions together. Whether they belong together is for `consensus`. */
export function encodeBlock(
  parts: { readonly header: HeaderFields; readonly transactions: readonly Transaction[] },
): Block {
  return decodeBlock(blockOf(parts).bytes);
}

/** The Merkle root over the ids of `transactions`. */
export function transactionsRoot(transactions: readonly Transaction[]): Hash {
  return asHash(merkleRootOfIds(transactions.map(({ id }) => id)));
}

/** A coinbase's memo: the height as a varint, so that ids never repeat, then `extra`. */
export function coinbaseMemo(height: number, extra: Uint8Array = new Uint8Array()): Uint8Array {
  return concatBytes(new ByteWriter(8).varint(height).finish(), extra);
}
