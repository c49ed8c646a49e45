/**
 * autonat v1 among members: they dial an address of ours that looks public and tell whether we answer
 * there; we do it for them. libp2p's own module believes a failure only after peers of eight different
 * networks saw it, which no small chain has.
 */
import type { Connection, Stream } from "@libp2p/interface";
import { peerIdFromMultihash, peerIdFromString } from "@libp2p/peer-id";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import * as Digest from "multiformats/hashes/digest";
import { bareAddress, isRelayedAddress } from "../../peers/address_class.ts";
import { classOf, splitPeerId } from "../addresses.ts";
import {
  AUTONAT_BYTES_MAX,
  AUTONAT_PROTOCOL,
  decodeDial,
  decodeDialResponse,
  DIAL_STATUS,
  encodeDial,
  encodeDialResponse,
} from "./autonat_messages.ts";
import type { Host } from "../libp2p/host.ts";
import { readMessage } from "../libp2p/stream_message.ts";

/** A dial that a firewall swallows ends after this; the one who asked waits a little longer. */
const DIAL_MS = 5_000;
const ANSWER_MS = 8_000;
/** Addresses dialled for one question. */
const ADDRESSES_MAX = 4;
/** Questions worked on at a time, over all peers. */
const DIALS_MAX = 8;

/** `undecided`: the peer would not, or could not, tell. */
export type Verdict = "open" | "closed" | "undecided";

/** Asks a connected peer to dial `address` (a multiaddr of ours). Never throws. */
export async function askToDial(
  host: Host,
  peerId: string,
  address: string,
): Promise<Verdict> {
  const connection = host.connectionTo(peerId);
  if (connection === undefined) return "undecided";
  const signal = AbortSignal.timeout(ANSWER_MS);
  let stream: Stream | undefined;
  try {
    stream = await connection.newStream(AUTONAT_PROTOCOL, { signal });
    const id = peerIdFromString(host.peerId).toMultihash().bytes;
    stream.send(encodeDial({ id, addresses: [multiaddr(address).bytes] }));
    const status = decodeDialResponse(await readMessage(stream, signal, AUTONAT_BYTES_MAX));
    void stream.close({ signal }).catch(() => {});
    if (status === DIAL_STATUS.ok) return "open";
    return status === DIAL_STATUS.failed ? "closed" : "undecided";
  } catch (error) {
    stream?.abort(error instanceof Error ? error : new Error(String(error)));
    return "undecided";
  }
}

/** Answers such questions of members, for the address alone from which each asks. */
export async function serveAutonat(
  host: Host,
  isMember: (peerId: string) => boolean,
): Promise<void> {
  let dials = 0;
  const onStream = async (stream: Stream, connection: Connection) => {
    const signal = AbortSignal.timeout(ANSWER_MS);
    try {
      const question = decodeDial(await readMessage(stream, signal, AUTONAT_BYTES_MAX));
      const wanted = question === undefined ? [] : addressesToDial(question.addresses, connection);
      const isOwn = question !== undefined && isSender(question.id, connection);
      const isServed = isOwn && wanted.length > 0 && dials < DIALS_MAX &&
        isMember(connection.remotePeer.toString());
      const status = question === undefined || !isOwn
        ? DIAL_STATUS.badRequest
        : DIAL_STATUS.refused;
      if (!isServed) return stream.send(encodeDialResponse(status));
      dials++;
      try {
        stream.send(await dialOneOf(host, wanted));
      } finally {
        dials--;
      }
    } finally {
      await stream.close({ signal: AbortSignal.timeout(1_000) });
    }
  };
  await host.node.handle(AUTONAT_PROTOCOL, (stream, connection) => {
    onStream(stream, connection).catch((error) => stream.abort(error));
  }, { maxInboundStreams: 2 });
}

async function dialOneOf(host: Host, addresses: Multiaddr[]): Promise<Uint8Array> {
  for (const address of addresses) {
    const signal = AbortSignal.timeout(DIAL_MS / addresses.length);
    try {
      // By the transport itself: a connection that exists already would say nothing.
      const connection = await host.internals.transportManager.dial(address, { signal });
      void connection.close().catch((error) => connection.abort(error));
      return encodeDialResponse(DIAL_STATUS.ok, address.bytes);
    } catch {
      continue;
    }
  }
  return encodeDialResponse(DIAL_STATUS.failed, addresses[0]!.bytes);
}

function isSender(id: Uint8Array, connection: Connection): boolean {
  return peerIdFromMultihash(Digest.decode(id)).equals(connection.remotePeer);
}

/**
 * Those at the host from which the peer asks, and public: else we could be made to knock at the doors
 * of strangers, or of our own network.
 */
function addressesToDial(addresses: Uint8Array[], connection: Connection): Multiaddr[] {
  const from = splitPeerId(connection.remoteAddr.toString()).base;
  if (!connection.direct || classOf(from) !== "public") return [];
  return addresses.slice(0, ADDRESSES_MAX).flatMap((bytes) => {
    const address = bareAddress(multiaddr(bytes).toString());
    const isSame = address !== undefined && !isRelayedAddress(address) &&
      hostOf(address) === hostOf(from);
    return isSame ? [multiaddr(`${address}/p2p/${connection.remotePeer}`)] : [];
  });
}

/** Such as `/ip4/45.1.2.3`. */
function hostOf(address: string): string {
  return address.split("/").slice(0, 3).join("/");
}
