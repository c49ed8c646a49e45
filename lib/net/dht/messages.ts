/**
 * The two Kademlia messages that discovery lives on, by hand: libp2p's `dht.proto` (specifications,
 * kad-dht, "RPC messages"), of which only the fields named here are read.
 *
 * kad-dht's own queries begin when its routing table has verified a peer, and then visit the whole
 * neighbourhood. Asking the first server directly, as soon as it is connected, took the time from
 * start to connected from over a second to a few tenths of one on loopback.
 */
import { ByteWriter } from "../../base/bytes.ts";
import { framed, readFields, writeBytes } from "../libp2p/protobuf.ts";

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
  readFields(message, {
    onBytes: (field, bytes) => {
      if (field === FIELD.providers) answer.providers.push(decodePeer(bytes));
      if (field === FIELD.closer) answer.closer.push(decodePeer(bytes));
    },
  });
  return answer;
}

function head(type: number, key: Uint8Array): ByteWriter {
  const writer = new ByteWriter().varint(FIELD.type).varint(type);
  writeBytes(writer, FIELD.key, key);
  return writer;
}

function decodePeer(bytes: Uint8Array): WirePeer {
  const peer: WirePeer = { id: new Uint8Array(), addresses: [] };
  readFields(bytes, {
    onBytes: (field, value) => {
      if (field === FIELD.peerId) peer.id = value;
      if (field === FIELD.peerAddress) peer.addresses.push(value);
    },
  });
  return peer;
}
