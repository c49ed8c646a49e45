/**
 * The values of the schema: one codec each, all followed by a CRC-32 of their bytes, so that a
 * damaged record is noticed where it is read and never believed.
 */
import { ByteReader, ByteWriter, CodecError, fromUtf8, utf8 } from "../base/bytes.ts";
import { EXIT, UserError } from "../base/errors.ts";
import type { Coin, OwnedCoin } from "../consensus/coins.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import { amount } from "../primitives/amount.ts";
import { type BlockHeader, decodeHeader, HEADER_BYTES } from "../primitives/block.ts";
import {
  asBlockId,
  asLock,
  asTxId,
  type BlockId,
  HASH_BYTES,
  idBytes,
  LOCK_BYTES,
  type TxId,
} from "../primitives/ids.ts";

const CHECKSUM_BYTES = 4;

/** What is stored under a key is not what was written there. */
export class DamagedRecord extends UserError {
  constructor(readonly record: string, options?: ErrorOptions) {
    super(
      EXIT.damaged,
      `Record "${record}" is damaged or missing: run "moim reindex" to rebuild it`,
      options,
    );
    this.name = "DamagedRecord";
  }
}

export interface HeaderRecord {
  readonly header: BlockHeader;
  readonly context: HeaderContext;
  /** The rule that the block or a block below it breaks, once that is known. */
  readonly brokenRule?: string;
}

/** How far an index has come. `toward`: entries up to that block may be there already. */
export interface IndexRecord {
  readonly tip: BlockId;
  readonly toward?: BlockId;
}

export interface Move {
  readonly from: BlockId;
  readonly to: BlockId;
}

/** A step of the chain, for clients that replay what they missed. */
export interface EventRecord {
  readonly kind: "connected" | "disconnected";
  readonly id: BlockId;
  readonly height: number;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** CRC-32 (ISO-HDLC: the one of zip and Ethernet). */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let at = 0; at < bytes.length; at++) {
    crc = CRC_TABLE[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  }
  return (crc ^ 0xffffffff) >>> 0;
}

/** `payload` with its checksum behind it. */
export function sealed(payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const value = new Uint8Array(payload.length + CHECKSUM_BYTES);
  value.set(payload);
  new DataView(value.buffer).setUint32(payload.length, crc32(payload), true);
  return value;
}

/** The payload of `value`, a view. Throws `DamagedRecord` naming `record`. */
export function opened(value: Uint8Array | null, record: string): Uint8Array {
  if (value === null || value.length < CHECKSUM_BYTES) throw new DamagedRecord(record);
  const payload = value.subarray(0, value.length - CHECKSUM_BYTES);
  const view = new DataView(value.buffer, value.byteOffset + payload.length, CHECKSUM_BYTES);
  if (view.getUint32(0, true) !== crc32(payload)) throw new DamagedRecord(record);
  return payload;
}

/** Decodes a whole sealed value. Throws `DamagedRecord` naming `record`. */
export function decodeRecord<Value>(
  value: Uint8Array | null,
  record: string,
  read: (reader: ByteReader) => Value,
): Value {
  const reader = new ByteReader(opened(value, record));
  try {
    const decoded = read(reader);
    reader.end();
    return decoded;
  } catch (error) {
    if (error instanceof CodecError || error instanceof RangeError) {
      throw new DamagedRecord(record, { cause: error });
    }
    throw error;
  }
}

export function encodeHeaderRecord(record: HeaderRecord): Uint8Array {
  const { header, context, brokenRule = "" } = record;
  const work = bigintBytes(context.totalWork);
  const rule = utf8(brokenRule);
  const writer = new ByteWriter(HEADER_BYTES + 64)
    .bytes(header.bytes)
    .u32(context.childScheduledBits)
    .u8(work.length).bytes(work)
    .u8(rule.length).bytes(rule);
  return sealed(writer.finish());
}

export function readHeaderRecord(reader: ByteReader): HeaderRecord {
  const header = decodeHeader(reader.take(HEADER_BYTES));
  const { id, previous, height, timeMs, bits } = header;
  const childScheduledBits = reader.u32();
  const totalWork = bigintOf(reader.take(reader.u8()));
  const rule = fromUtf8(reader.take(reader.u8()));
  const context = { id, previous, height, timeMs, bits, childScheduledBits, totalWork };
  return { header, context, ...(rule !== "" && { brokenRule: rule }) };
}

export function encodeCoin(coin: Coin): Uint8Array {
  const flags = coin.isCoinbase ? 1 : 0;
  return sealed(new ByteWriter(20).varint(coin.amount).varint(coin.height).u8(flags).finish());
}

export function readCoin(reader: ByteReader): Coin {
  const grains = amount(reader.varint());
  const height = reader.varint();
  const flags = reader.u8();
  if (flags > 1) throw new CodecError(`Cannot read coin: unknown flags ${flags}`);
  return { amount: grains, height, isCoinbase: flags === 1 };
}

/** Undo data: the coins that a block spent, in order. Not sealed: its parts are. */
export function encodeUndo(coins: readonly OwnedCoin[]): Uint8Array {
  const writer = new ByteWriter(16 + 80 * coins.length).varint(coins.length);
  for (const { lock, outPoint, amount, height, isCoinbase } of coins) {
    writer.bytes(idBytes(lock)).bytes(idBytes(outPoint.txId)).varint(outPoint.index);
    writer.varint(amount).varint(height).u8(isCoinbase ? 1 : 0);
  }
  return writer.finish();
}

/** Throws `CodecError`. */
export function decodeUndo(bytes: Uint8Array): OwnedCoin[] {
  const reader = new ByteReader(bytes);
  const coins: OwnedCoin[] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const lock = asLock(reader.take(LOCK_BYTES));
    const txId = asTxId(reader.take(HASH_BYTES));
    const index = reader.varint();
    coins.push({ ...readCoin(reader), lock, outPoint: { txId, index } });
  }
  reader.end();
  return coins;
}

export function encodeBlockId(id: BlockId): Uint8Array {
  return sealed(idBytes(id));
}

export function readBlockId(reader: ByteReader): BlockId {
  return asBlockId(reader.take(HASH_BYTES));
}

export function encodeTxId(id: TxId): Uint8Array {
  return sealed(idBytes(id));
}

export function readTxId(reader: ByteReader): TxId {
  return asTxId(reader.take(HASH_BYTES));
}

export function encodePlace(place: { height: number; position: number }): Uint8Array {
  return sealed(new ByteWriter(16).varint(place.height).varint(place.position).finish());
}

export function readPlace(reader: ByteReader): { height: number; position: number } {
  return { height: reader.varint(), position: reader.varint() };
}

export function encodeIndexRecord({ tip, toward }: IndexRecord): Uint8Array {
  const writer = new ByteWriter(80).bytes(idBytes(tip)).u8(toward === undefined ? 0 : 1);
  if (toward !== undefined) writer.bytes(idBytes(toward));
  return sealed(writer.finish());
}

export function readIndexRecord(reader: ByteReader): IndexRecord {
  const tip = readBlockId(reader);
  return reader.u8() === 0 ? { tip } : { tip, toward: readBlockId(reader) };
}

export function encodeMove({ from, to }: Move): Uint8Array {
  return sealed(new ByteWriter(64).bytes(idBytes(from)).bytes(idBytes(to)).finish());
}

export function readMove(reader: ByteReader): Move {
  return { from: readBlockId(reader), to: readBlockId(reader) };
}

export function encodeTipMove(move: Move & { firstEvent: number }): Uint8Array {
  const writer = new ByteWriter(72).bytes(idBytes(move.from)).bytes(idBytes(move.to));
  return sealed(writer.varint(move.firstEvent).finish());
}

export function readTipMove(reader: ByteReader): Move & { firstEvent: number } {
  return { ...readMove(reader), firstEvent: reader.varint() };
}

export function encodeIdentity(identity: { schema: number; genesisId: BlockId }): Uint8Array {
  const writer = new ByteWriter(40).varint(identity.schema).bytes(idBytes(identity.genesisId));
  return sealed(writer.finish());
}

export function readIdentity(reader: ByteReader): { schema: number; genesisId: BlockId } {
  return { schema: reader.varint(), genesisId: readBlockId(reader) };
}

export function encodeEvent({ kind, id, height }: EventRecord): Uint8Array {
  const writer = new ByteWriter(40).u8(kind === "connected" ? 1 : 0).bytes(idBytes(id));
  return sealed(writer.varint(height).finish());
}

export function readEvent(reader: ByteReader): EventRecord {
  const kind = reader.u8() === 1 ? "connected" : "disconnected";
  return { kind, id: readBlockId(reader), height: reader.varint() };
}

function bigintBytes(value: bigint): Uint8Array {
  const digits = value.toString(16);
  const hex = digits.length % 2 === 0 ? digits : `0${digits}`;
  return Uint8Array.from(
    { length: hex.length / 2 },
    (_, at) => Number.parseInt(hex.slice(2 * at, 2 * at + 2), 16),
  );
}

function bigintOf(bytes: Uint8Array): bigint {
  let value = 0n;
  for (const byte of bytes) value = (value << 8n) | BigInt(byte);
  return value;
}
