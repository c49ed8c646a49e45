/** Records as JSON bytes for the store, and back, whatever has happened to the bytes meanwhile. */
import { utf8 } from "../base/bytes.ts";
import { bareAddress } from "./address_class.ts";
import {
  type KnownAddress,
  MAX_ADDRESSES,
  MAX_SCORE,
  type PeerRecord,
  type PeerSource,
} from "./peer_record.ts";

const SOURCES: readonly PeerSource[] = [
  "known",
  "peer",
  "lan",
  "dht",
  "own-dht",
  "gossip",
  "inbound",
];
const PEER_ID = /^[1-9A-Za-z_.-]{1,128}$/;

export function encodeRecord(record: PeerRecord): Uint8Array {
  return utf8(JSON.stringify(record));
}

/** The record in `bytes`, or undefined when they are damaged or hold no valid address. */
export function decodeRecord(bytes: Uint8Array): PeerRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined; // A lost record costs a search; it is not worth more than that.
  }
  if (!isObject(value) || typeof value.peerId !== "string" || !PEER_ID.test(value.peerId)) {
    return undefined;
  }
  const addresses = Array.isArray(value.addresses) ? readAddresses(value.addresses) : [];
  if (addresses.length === 0) return undefined;
  const source = SOURCES.find((known) => known === value.source) ?? "known";
  return {
    peerId: value.peerId,
    addresses,
    source,
    firstSeenMs: count(value.firstSeenMs),
    lastSeenMs: count(value.lastSeenMs),
    lastSuccessMs: count(value.lastSuccessMs),
    lastAttemptMs: count(value.lastAttemptMs),
    failuresInARow: count(value.failuresInARow),
    failingSinceMs: count(value.failingSinceMs),
    score: Math.min(MAX_SCORE, count(value.score)),
    anchor: value.anchor === true,
  };
}

function readAddresses(values: readonly unknown[]): KnownAddress[] {
  const byAddress = new Map<string, KnownAddress>();
  for (const value of values) {
    if (!isObject(value) || typeof value.address !== "string") continue;
    const address = bareAddress(value.address);
    if (address === undefined || byAddress.size === MAX_ADDRESSES) continue;
    byAddress.set(address, {
      address,
      heardMs: count(value.heardMs),
      lastAttemptMs: count(value.lastAttemptMs),
      lastSuccessMs: count(value.lastSuccessMs),
      failuresInARow: count(value.failuresInARow),
    });
  }
  return [...byAddress.values()];
}

/** A whole number that is not negative; anything else counts as 0. */
function count(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
