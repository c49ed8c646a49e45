/** Where a rendezvous phrase is kept in the DHT. */
import { CID } from "multiformats/cid";
import * as Digest from "multiformats/hashes/digest";
import { utf8 } from "../../base/bytes.ts";
import { sha256 } from "../../primitives/hash.ts";

/** Codes of the multicodec table. */
const RAW = 0x55;
const SHA2_256 = 0x12;

/**
 * CIDv1(raw, sha2-256(phrase)): what go-libp2p's RoutingDiscovery provides and looks up
 * (go-libp2p `p2p/discovery/routing`, function `nsToCid`), so that any libp2p program meets there.
 */
export function providerKey(rendezvous: string): CID {
  return CID.createV1(RAW, Digest.create(SHA2_256, sha256(utf8(rendezvous))));
}
