/** `version`: who speaks, on which network, with how much work. First on every stream, and once. */
import { type ByteReader, type ByteWriter, CodecError } from "../base/bytes.ts";
import { asBlockId, type BlockId, HASH_BYTES, idBytes } from "../primitives/ids.ts";
import { type Codec, readBytes, readText, writeText } from "./codec.ts";

/** The protocol this code speaks; rises when messages are added within `/moim/1.0.0`. */
export const PROTOCOL_VERSION = 1;
/** Bit of `flags`: the sender understands `compactblock` and its kin. */
export const FLAG_COMPACT_BLOCKS = 1;
export const MAX_AGENT_BYTES = 64;
/** A rendezvous phrase has at most 200 bytes. */
export const MAX_NETWORK_NAME_BYTES = 200;
/** Work is a sum of at most 2^32 terms below 2^256: 36 bytes. */
export const MAX_WORK_BYTES = 36;

export interface VersionBody {
  readonly protocol: number;
  readonly genesisId: BlockId;
  readonly tipId: BlockId;
  readonly tipHeight: number;
  readonly totalWork: bigint;
  readonly agent: string;
  /** The sender's clock, in milliseconds since 1970. */
  readonly timeMs: number;
  /** Drawn once a run: meeting one's own is meeting oneself. */
  readonly nonce: bigint;
  /** Bits for abilities, such as `FLAG_COMPACT_BLOCKS`; unknown ones are ignored. */
  readonly flags: number;
  readonly networkName: string;
}

export const versionCodec: Codec<VersionBody> = {
  read: (reader) => ({
    protocol: reader.varint(),
    genesisId: asBlockId(reader.take(HASH_BYTES)),
    tipId: asBlockId(reader.take(HASH_BYTES)),
    tipHeight: reader.varint(),
    totalWork: readWork(reader),
    agent: readText(reader, MAX_AGENT_BYTES),
    timeMs: reader.varint(),
    nonce: reader.u64(),
    flags: reader.varint(),
    networkName: readText(reader, MAX_NETWORK_NAME_BYTES),
  }),
  write(writer, body) {
    writer.varint(body.protocol).bytes(idBytes(body.genesisId)).bytes(idBytes(body.tipId));
    writer.varint(body.tipHeight);
    writeWork(writer, body.totalWork);
    writeText(writer, body.agent, MAX_AGENT_BYTES);
    writer.varint(body.timeMs).u64(body.nonce).varint(body.flags);
    writeText(writer, body.networkName, MAX_NETWORK_NAME_BYTES);
  },
};

/** Length ‖ big-endian bytes, no leading zero byte, so that each number has one form. */
function readWork(reader: ByteReader): bigint {
  const bytes = readBytes(reader, MAX_WORK_BYTES);
  if (bytes[0] === 0) throw new CodecError("Cannot decode work: it begins with a zero byte");
  let work = 0n;
  for (const byte of bytes) work = (work << 8n) | BigInt(byte);
  return work;
}

function writeWork(writer: ByteWriter, work: bigint): void {
  const bytes: number[] = [];
  for (let rest = work; rest > 0n; rest >>= 8n) bytes.unshift(Number(rest & 0xffn));
  if (bytes.length > MAX_WORK_BYTES) throw new RangeError("Cannot encode work: 36 bytes at most");
  writer.varint(bytes.length).bytes(Uint8Array.from(bytes));
}
