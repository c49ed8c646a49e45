/** One round trip with one DHT server: tell it where we are, ask it who else is there. */
import type { Connection } from "@libp2p/interface";
import { peerIdFromMultihash } from "@libp2p/peer-id";
import { multiaddr } from "@multiformats/multiaddr";
import * as Digest from "multiformats/hashes/digest";
import { compareBytes } from "../../base/bytes.ts";
import { sha256 } from "../../primitives/hash.ts";
import { splitPeerId } from "../addresses.ts";
import { decodeAnswer, encodeAddProvider, encodeGetProviders, type WirePeer } from "./messages.ts";
import { readMessage } from "../libp2p/stream_message.ts";

/** A peer that an answer names. */
export type DhtPeer = { peerId: string; addresses: string[] };

export type Answer = {
  /** Peers that advertised under the phrase. */
  providers: DhtPeer[];
  /** Other servers, the nearest to the key first. */
  closer: DhtPeer[];
};

export type Exchange = {
  connection: Connection;
  /** Protocol id of the DHT. */
  protocol: string;
  /** Multihash of the record's key. */
  key: Uint8Array;
  self: { peerId: Connection["remotePeer"]; addresses: string[] };
  signal: AbortSignal;
};

/**
 * Sends ADD_PROVIDER and GET_PROVIDERS over one stream. The server works them off in order, so its
 * answer comes after it has dealt with our record. Throws `UnsupportedProtocolError` where the
 * other side is no server of this DHT, or whatever else failed.
 */
export async function exchangeProviders(exchange: Exchange): Promise<Answer> {
  const { connection, protocol, key, self, signal } = exchange;
  const stream = await connection.newStream(protocol, { signal });
  try {
    const own: WirePeer = {
      id: self.peerId.toMultihash().bytes,
      addresses: self.addresses.map((address) => multiaddr(splitPeerId(address).base).bytes),
    };
    if (own.addresses.length > 0) stream.send(encodeAddProvider(key, own));
    stream.send(encodeGetProviders(key));
    const answer = decodeAnswer(await readMessage(stream, signal));
    void stream.close({ signal }).catch(() => stream.abort(new Error("Cannot close in time")));
    const closer = nearestFirst(answer.closer, key);
    return { providers: answer.providers.flatMap(readPeer), closer: closer.flatMap(readPeer) };
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}

/** By Kademlia's distance of ids (multihashes) to a key: the exclusive or of both sides' SHA-256. */
export function nearestFirst<Peer extends { id: Uint8Array }>(
  peers: readonly Peer[],
  key: Uint8Array,
): Peer[] {
  const target = sha256(key);
  const distance = (peer: Peer) => sha256(peer.id).map((byte, at) => byte ^ target[at]!);
  return peers.map((peer) => ({ peer, distance: distance(peer) }))
    .sort((a, b) => compareBytes(a.distance, b.distance))
    .map(({ peer }) => peer);
}

/** A peer whose id or addresses cannot be read is somebody else's mistake: it is left out. */
function readPeer(peer: WirePeer): DhtPeer[] {
  try {
    const peerId = peerIdFromMultihash(Digest.decode(peer.id)).toString();
    return [{ peerId, addresses: peer.addresses.flatMap(readAddress) }];
  } catch {
    return [];
  }
}

function readAddress(bytes: Uint8Array): string[] {
  try {
    return [splitPeerId(multiaddr(bytes).toString()).base];
  } catch {
    return [];
  }
}
