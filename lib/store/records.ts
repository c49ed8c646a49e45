/**
 * The values of the schema: one codec each, all followed by a CRC-32 of their bytes, so that a
 * damaged record is noticed where it is read and never believed.
 */
import { ByteReader, ByteWriter, CodecError } from "../base/bytes.ts";
import { EXIT, UserError } from "../base/errors.ts";
import type { Coin, OwnedCoin } from "../consensus/coins.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import { amount } from "../primitives/amount.ts";
import type { BlockHeader } from "../primitives/block.ts";
import {
  asBlockId,
  asLock,
  asTxId,
  type BlockId,
  HASH_BYTES,
  idBytes,
  LOCK_BYTES,
} from "../primitives/ids.ts";

const CHECKSUM_BYTES = 4;
/** Calling the platform costs as much as this many bytes here. */
const NATIVE_FROM = 256;
let nativeCrc32: ((bytes: Uint8Array) => number) | undefined;

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
}

const CRC_TABLE_0 = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});
/** What a byte does to the sum one, two and three bytes later. */
const CRC_TABLE_1 = CRC_TABLE_0.map(crcOfZero);
const CRC_TABLE_2 = CRC_TABLE_1.map(crcOfZero);
const CRC_TABLE_3 = CRC_TABLE_2.map(crcOfZero);

function crcOfZero(crc: number): number {
  return CRC_TABLE_0[crc & 0xff]! ^ (crc >>> 8);
}

/**
 * CRC-32 (ISO-HDLC: the one of zip and Ethernet), four bytes a step, or for longer bytes the
 * platform's own once that is loaded.
 */
export function crc32(bytes: Uint8Array): number {
  const { length } = bytes;
  if (length >= NATIVE_FROM && nativeCrc32 !== undefined) return nativeCrc32(bytes);
  let crc = 0xffffffff;
  let at = 0;
  for (; at + 4 <= length; at += 4) {
    const low = crc ^ bytes[at]! ^ (bytes[at + 1]! << 8);
    const high = (crc >>> 16) ^ bytes[at + 2]! ^ (bytes[at + 3]! << 8);
    crc = CRC_TABLE_3[low & 0xff]! ^ CRC_TABLE_2[(low >>> 8) & 0xff]! ^
      CRC_TABLE_1[high & 0xff]! ^ CRC_TABLE_0[(high >>> 8) & 0xff]!;
  }
  for (; at < length; at++) crc = CRC_TABLE_0[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/**
 * Loads the platform's CRC-32, thirty times as fast for whole pages, for who is about to check
 * megabytes: node:zlib takes longer to load than a whole command.
 */
export async function loadNativeCrc32(): Promise<void> {
  nativeCrc32 ??= (await import("node:zlib")).crc32;
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

function readCoin(reader: ByteReader): Coin {
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
    writer.hex(lock).hex(outPoint.txId).varint(outPoint.index);
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

export function encodeIdentity(identity: { schema: number; genesisId: BlockId }): Uint8Array {
  const writer = new ByteWriter(40).varint(identity.schema).bytes(idBytes(identity.genesisId));
  return sealed(writer.finish());
}

export function readIdentity(reader: ByteReader): { schema: number; genesisId: BlockId } {
  return { schema: reader.varint(), genesisId: readBlockId(reader) };
}
