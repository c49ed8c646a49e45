/** Peer records: a peer's addresses, signed by it, as they travel with libp2p and with our gossip. */
import { peerIdFromString } from "@libp2p/peer-id";
import { PeerRecord, RecordEnvelope } from "@libp2p/peer-record";
import { multiaddr } from "@multiformats/multiaddr";
import { equalBytes } from "../../base/bytes.ts";
import type { Clock } from "../../base/clock.ts";
import { classOf, splitPeerId } from "../addresses.ts";
import type { PeerRecordContent } from "../transport.ts";
import type { Host } from "./host.ts";

/** A record of ours names at most this many addresses (network.md, `addr` gossip). */
const RECORD_ADDRESSES_MAX = 8;

/** Our own record of now, signed. */
export async function signRecord(host: Host, clock: Clock): Promise<Uint8Array> {
  const addresses = farthestFirst(host.addresses()).slice(0, RECORD_ADDRESSES_MAX);
  const record = new PeerRecord({
    peerId: host.node.peerId,
    multiaddrs: addresses.map((address) => multiaddr(splitPeerId(address).base)),
    seqNumber: BigInt(Math.floor(clock.nowMs())),
  });
  return (await RecordEnvelope.seal(record, host.privateKey)).marshal();
}

/** The peer's record as identify brought it, if it did. */
export async function storedRecord(host: Host, peerId: string): Promise<Uint8Array | undefined> {
  try {
    const peer = await host.node.peerStore.get(peerIdFromString(peerId));
    return peer.peerRecordEnvelope;
  } catch {
    return undefined;
  }
}

/** Throws when the signature is wrong or somebody else's, or the bytes are not a record's only form. */
export async function readRecord(bytes: Uint8Array): Promise<PeerRecordContent> {
  const envelope = await RecordEnvelope.openAndCertify(bytes, PeerRecord.DOMAIN);
  // libp2p reads lenient protobuf: a record must not exist in many forms.
  if (!equalBytes(envelope.marshal(), bytes)) {
    throw new Error("Cannot use a peer record: not in its one encoding");
  }
  const record = PeerRecord.createFromProtobuf(envelope.payload);
  const peerId = record.peerId.toString();
  // A right signature by somebody else says nothing about this peer.
  if (!record.peerId.publicKey?.equals(envelope.publicKey)) {
    throw new Error(`Cannot use the record of ${peerId}: somebody else signed it`);
  }
  return {
    peerId,
    addresses: record.multiaddrs.map((address) => splitPeerId(address.toString()).base),
    sequence: record.seqNumber,
  };
}

/** Public addresses and those through relays first: a record has room for eight. */
function farthestFirst(addresses: string[]): string[] {
  const rank = (address: string) => {
    const kind = classOf(address);
    return kind === "public" || kind === "name" ? 0 : kind === "private" ? 1 : 2;
  };
  return [...addresses].sort((a, b) => rank(a) - rank(b));
}
