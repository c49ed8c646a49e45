/** What is remembered of one peer, and how each event changes it. Pure. */
import { bareAddress, isRelayedAddress } from "./address_class.ts";

/** How a peer came to be known. `known`: from the book, after a restart. */
export type PeerSource = "known" | "peer" | "lan" | "dht" | "own-dht" | "gossip" | "inbound";

/** All times are milliseconds since 1970; 0 means never. */
export interface KnownAddress {
  /** Multiaddr without `/p2p/ID`. */
  readonly address: string;
  readonly heardMs: number;
  readonly lastAttemptMs: number;
  readonly lastSuccessMs: number;
  readonly failuresInARow: number;
}

export interface PeerRecord {
  readonly peerId: string;
  /** At least one, at most `MAX_ADDRESSES`. */
  readonly addresses: readonly KnownAddress[];
  /** Where it was first heard of. */
  readonly source: PeerSource;
  readonly firstSeenMs: number;
  /** When it was last heard of or spoken with. */
  readonly lastSeenMs: number;
  readonly lastSuccessMs: number;
  readonly lastAttemptMs: number;
  readonly failuresInARow: number;
  /** When the failures in a row began; 0 while there are none. */
  readonly failingSinceMs: number;
  /** Merit, 0 to `MAX_SCORE`: sessions held and useful things given; halved by a fault. */
  readonly score: number;
  /** One of the two long-lived peers that a restart goes back to first. */
  readonly anchor: boolean;
}

export type PeerEvent =
  | { kind: "heard"; addresses: readonly string[]; source: PeerSource }
  | { kind: "attempt"; addresses: readonly string[] }
  | { kind: "failure"; addresses: readonly string[] }
  /** These addresses did not answer while the peer was connected in another way. */
  | { kind: "unanswered"; addresses: readonly string[] }
  /** `address`: the one that answered, when it is one of ours to dial. */
  | { kind: "success"; address?: string }
  | { kind: "session-end" }
  | { kind: "useful" }
  | { kind: "fault" }
  /** Our own machine is in another network: what failed in the former one says nothing of this. */
  | { kind: "network-changed" }
  | { kind: "anchor"; value: boolean };

/** As many as a signed record may name. */
export const MAX_ADDRESSES = 8;
/** As many as a node reserves for itself: what a peer names beyond that is out of date, or noise. */
export const MAX_RELAYED_ADDRESSES = 2;
/** Merit stops growing here, so that a newcomer can catch up within some days. */
export const MAX_SCORE = 100;
/** An address that worked once may be given up for a new one after so many failures. */
const FAILURES_TO_REPLACE = 3;

/** A record for a peer heard of for the first time; undefined when no address is valid. */
export function newRecord(
  peerId: string,
  heard: { addresses: readonly string[]; source: PeerSource },
  nowMs: number,
): PeerRecord | undefined {
  const addresses = withAddresses([], heard.addresses, nowMs);
  if (addresses.length === 0) return undefined;
  return {
    peerId,
    addresses,
    source: heard.source,
    firstSeenMs: nowMs,
    lastSeenMs: nowMs,
    lastSuccessMs: 0,
    lastAttemptMs: 0,
    failuresInARow: 0,
    failingSinceMs: 0,
    score: 0,
    anchor: false,
  };
}

/** The record after `event`. */
export function applyEvent(record: PeerRecord, event: PeerEvent, nowMs: number): PeerRecord {
  switch (event.kind) {
    case "heard":
      return heard(record, event, nowMs);
    case "attempt": {
      const addresses = record.addresses.map((known) =>
        event.addresses.includes(known.address) ? { ...known, lastAttemptMs: nowMs } : known
      );
      return { ...record, addresses, lastAttemptMs: nowMs };
    }
    case "failure":
      return failed(record, event.addresses, nowMs);
    case "unanswered":
      return { ...record, addresses: failedAddresses(record, event.addresses) };
    case "success":
      return succeeded(record, event.address, nowMs);
    case "session-end":
      return { ...record, lastSeenMs: nowMs, lastSuccessMs: nowMs };
    case "useful":
      return { ...record, score: Math.min(MAX_SCORE, record.score + 1) };
    case "network-changed":
      return withShortPauses(record);
    case "fault":
      return { ...record, score: Math.floor(record.score / 2), anchor: false };
    case "anchor":
      return { ...record, anchor: event.value };
  }
}

function heard(
  record: PeerRecord,
  event: { addresses: readonly string[]; source: PeerSource },
  nowMs: number,
): PeerRecord {
  // A peer that came to us and is then found by a search was, for the user, found by the search.
  const isFound = record.source === "inbound" &&
    ["dht", "own-dht", "lan", "peer"].includes(event.source);
  const addresses = withAddresses(record.addresses, event.addresses, nowMs);
  const news = { source: isFound ? event.source : record.source, lastSeenMs: nowMs };
  // The local network names only who answers there right now: a long pause would be a mistake.
  if (event.source !== "lan") return { ...record, ...news, addresses };
  return withShortPauses({ ...record, ...news, addresses });
}

/** As after a single failure. When the failing began is kept, so that the dead are still forgotten. */
function withShortPauses(record: PeerRecord): PeerRecord {
  return {
    ...record,
    failuresInARow: Math.min(1, record.failuresInARow),
    addresses: record.addresses.map((known) => ({
      ...known,
      failuresInARow: Math.min(1, known.failuresInARow),
    })),
  };
}

function failedAddresses(record: PeerRecord, tried: readonly string[]): readonly KnownAddress[] {
  return record.addresses.map((known) =>
    tried.includes(known.address) ? { ...known, failuresInARow: known.failuresInARow + 1 } : known
  );
}

function failed(record: PeerRecord, tried: readonly string[], nowMs: number): PeerRecord {
  const addresses = failedAddresses(record, tried);
  const failingSinceMs = record.failuresInARow === 0 ? nowMs : record.failingSinceMs;
  return { ...record, addresses, failingSinceMs, failuresInARow: record.failuresInARow + 1 };
}

function succeeded(record: PeerRecord, address: string | undefined, nowMs: number): PeerRecord {
  const addresses = record.addresses.map((known) =>
    known.address === address ? { ...known, lastSuccessMs: nowMs, failuresInARow: 0 } : known
  );
  return {
    ...record,
    addresses,
    lastSeenMs: nowMs,
    lastSuccessMs: nowMs,
    failuresInARow: 0,
    failingSinceMs: 0,
    score: Math.min(MAX_SCORE, record.score + 1),
  };
}

/**
 * `known` with what is new of `texts`. Adding never costs what works: when there are too many, the
 * longest failing goes first, then the oldest untried; the address that worked last always stays.
 */
function withAddresses(
  known: readonly KnownAddress[],
  texts: readonly string[],
  nowMs: number,
): readonly KnownAddress[] {
  const result = known.map((entry) => ({ ...entry }));
  for (const text of texts.slice(0, 4 * MAX_ADDRESSES)) {
    const address = bareAddress(text);
    if (address === undefined) continue;
    const entry = result.find((candidate) => candidate.address === address);
    if (entry !== undefined) {
      entry.heardMs = nowMs;
      continue;
    }
    const relayed = isRelayedAddress(address) ? result.filter(isRelayed) : [];
    if (relayed.length === MAX_RELAYED_ADDRESSES) {
      // A peer changes its relays, and the former ones know nothing of it any more.
      const oldest = relayed.sort((a, b) => a.heardMs - b.heardMs)[0]!;
      if (oldest.heardMs === nowMs) continue;
      result.splice(result.indexOf(oldest), 1);
    } else if (result.length === MAX_ADDRESSES) {
      const worst = replaceable(result, nowMs);
      if (worst === undefined) break;
      result.splice(result.indexOf(worst), 1);
    }
    const untried = { lastAttemptMs: 0, lastSuccessMs: 0, failuresInARow: 0 };
    result.push({ address, heardMs: nowMs, ...untried });
  }
  return result;
}

function isRelayed(known: KnownAddress): boolean {
  return isRelayedAddress(known.address);
}

/** The address to give up for a new one; undefined while all are at least as good as a rumour. */
function replaceable<Entry extends KnownAddress>(
  known: readonly Entry[],
  nowMs: number,
): Entry | undefined {
  const lastSuccessMs = Math.max(...known.map((entry) => entry.lastSuccessMs));
  const badness = (entry: KnownAddress) => {
    if (entry.lastSuccessMs > 0 && entry.lastSuccessMs === lastSuccessMs) return 0;
    if (entry.lastSuccessMs > 0 && entry.failuresInARow < FAILURES_TO_REPLACE) return 0;
    if (entry.failuresInARow > 0) return 2 + entry.failuresInARow;
    return entry.heardMs < nowMs ? 1 : 0; // Not one that came with the same news.
  };
  const worst = [...known].sort((a, b) => badness(b) - badness(a) || a.heardMs - b.heardMs)[0];
  return worst !== undefined && badness(worst) > 0 ? worst : undefined;
}
