/**
 * The two Kademlia messages that discovery lives on, by hand: libp2p's `dht.proto` (specifications,
 * kad-dht, "RPC messages"), of which only the fields named here are read.
 *
 * kad-dht's own queries begin when its routing table has verified a peer, and then visit the whole
 * neighbourhood. Asking the first server directly, as soon as it is connected, took the time from
 * start to connected from over a second to a few tenths of one on loopback.
 */
import { ByteReader, ByteWriter, CodecError } from "../base/bytes.ts";

/** A message of more bytes is refused: an answer names at most 40 peers of a few addresses. */
export const DHT_MESSAGE_BYTES_MAX = 1 << 18;

/** One peer of an answer: the id as multihash bytes, multiaddrs as bytes. */
export type WirePeer = { id: Uint8Array; addresses: Uint8Array[] };

const ADD_PROVIDER = 2;
const GET_PROVIDERS = 3;

/** Field number and wire type (0 varint, 2 bytes) of each field that we write or read. */
const FIELD = {
  type: 0x08,
  key: 0x12,
  closer: 0x42,
  providers: 0x4a,
  peerId: 0x0a,
  peerAddress: 0x12,
} as const;

/** Asks a server who provides `key` (a multihash). With its length in front, as it is sent. */
export function encodeGetProviders(key: Uint8Array): Uint8Array {
  return framed(head(GET_PROVIDERS, key).finish());
}

/** Tells a server that `provider` provides `key`. With its length in front, as it is sent. */
export function encodeAddProvider(key: Uint8Array, provider: WirePeer): Uint8Array {
  const peer = new ByteWriter();
  writeBytes(peer, FIELD.peerId, provider.id);
  for (const address of provider.addresses) writeBytes(peer, FIELD.peerAddress, address);
  const message = head(ADD_PROVIDER, key);
  writeBytes(message, FIELD.providers, peer.finish());
  return framed(message.finish());
}

/**
 * Who provides the key, and which servers are nearer to it, as an answer says.
 * Throws `CodecError` on anything that is not protobuf.
 */
export function decodeAnswer(message: Uint8Array): { providers: WirePeer[]; closer: WirePeer[] } {
  const answer = { providers: [] as WirePeer[], closer: [] as WirePeer[] };
  readFields(message, (field, bytes) => {
    if (field === FIELD.providers) answer.providers.push(decodePeer(bytes));
    if (field === FIELD.closer) answer.closer.push(decodePeer(bytes));
  });
  return answer;
}

/**
 * The first message of `bytes` without its length, or `undefined` while it is incomplete.
 * Throws `CodecError` when it announces more than the largest message.
 */
export function takeFrame(bytes: Uint8Array): Uint8Array | undefined {
  const lengthEnd = bytes.findIndex((byte) => byte < 0x80);
  if (lengthEnd < 0 && bytes.length < 4) return undefined;
  const reader = new ByteReader(bytes);
  const length = reader.varint();
  if (length > DHT_MESSAGE_BYTES_MAX) throw new CodecError("Cannot read DHT message: too large");
  return reader.remaining < length ? undefined : reader.take(length);
}

function head(type: number, key: Uint8Array): ByteWriter {
  const writer = new ByteWriter().varint(FIELD.type).varint(type);
  writeBytes(writer, FIELD.key, key);
  return writer;
}

function framed(message: Uint8Array): Uint8Array {
  return new ByteWriter(message.length + 4).varint(message.length).bytes(message).finish();
}

function writeBytes(writer: ByteWriter, field: number, bytes: Uint8Array): void {
  writer.varint(field).varint(bytes.length).bytes(bytes);
}

function decodePeer(bytes: Uint8Array): WirePeer {
  const peer: WirePeer = { id: new Uint8Array(), addresses: [] };
  readFields(bytes, (field, value) => {
    if (field === FIELD.peerId) peer.id = value;
    if (field === FIELD.peerAddress) peer.addresses.push(value);
  });
  return peer;
}

/** Calls `onBytes` for each field that holds bytes; skips the others. */
function readFields(message: Uint8Array, onBytes: (field: number, bytes: Uint8Array) => void) {
  const reader = new ByteReader(message);
  while (reader.remaining > 0) {
    const field = reader.varint();
    switch (field & 7) {
      case 0:
        // A negative number takes ten bytes, more than the reader's own varint allows.
        while (reader.u8() >= 0x80);
        break;
      case 1:
        reader.take(8);
        break;
      case 2:
        onBytes(field, reader.take(reader.varint()));
        break;
      case 5:
        reader.take(4);
        break;
      default:
        throw new CodecError("Cannot read DHT message: unknown wire type");
    }
  }
}
