/** Which signed peer records are believed and passed on. Pure; the signature was checked before. */
import { type AddressClass, addressClass, bareAddress, isRelayedAddress } from "./address_class.ts";
import { MAX_ADDRESSES, MAX_RELAYED_ADDRESSES } from "./peer_record.ts";

/** A sequence is the signer's clock; further ahead of ours it would outlive every correction. */
export const MAX_SEQUENCE_AHEAD_MS = 3_600_000;

export interface RecordContent {
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly sequence: bigint;
}

export type RecordVerdict =
  | { kind: "accepted"; addresses: string[] }
  | {
    kind: "refused";
    reason: "from-the-future" | "too-many-addresses" | "no-address" | "not-newer";
  };

/**
 * Judges a record that came over a session whose other end has the class `via`.
 * `knownSequence` is that of the record already held of the same peer.
 */
export function judgeRecord(
  content: RecordContent,
  via: AddressClass,
  nowMs: number,
  knownSequence?: bigint,
): RecordVerdict {
  const refused = (reason: (RecordVerdict & { kind: "refused" })["reason"]) =>
    ({ kind: "refused", reason }) as const;
  if (content.sequence > BigInt(Math.floor(nowMs) + MAX_SEQUENCE_AHEAD_MS)) {
    return refused("from-the-future");
  }
  if (content.addresses.length > MAX_ADDRESSES) return refused("too-many-addresses");
  if (knownSequence !== undefined && content.sequence <= knownSequence) {
    return refused("not-newer");
  }
  const addresses = travellingAddresses(content.addresses, via);
  return addresses.length === 0 ? refused("no-address") : { kind: "accepted", addresses };
}

/** Those of `addresses` that may be told over a session whose other end has the class `via`. */
export function travellingAddresses(addresses: readonly string[], via: AddressClass): string[] {
  let relayed = 0;
  return addresses.flatMap((text) => {
    const kind = addressClass(text);
    const address = bareAddress(text);
    if (kind === undefined || address === undefined || !mayTravel(kind, via)) return [];
    if (isRelayedAddress(address) && ++relayed > MAX_RELAYED_ADDRESSES) return [];
    return [address];
  });
}

/**
 * Loopback addresses travel only between peers on loopback; private ones between peers of the same
 * private network or host; link-local ones, which mean nothing without an interface, never.
 */
function mayTravel(kind: AddressClass, via: AddressClass): boolean {
  if (kind === "loopback") return via === "loopback";
  if (kind === "private") return via === "loopback" || via === "private";
  return kind !== "link-local";
}
