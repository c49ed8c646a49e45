/** When a peer is dialled again, how likely it is drawn, when it is forgotten. Pure. */
import { isRelayedAddress } from "./address_class.ts";
import type { KnownAddress, PeerRecord } from "./peer_record.ts";

/** The first pause after a failure; each further one doubles it. */
export const BACKOFF_FIRST_MS = 1_000;
/** The longest pause: a node that comes back is found within it even if it finds nobody itself. */
export const BACKOFF_MAX_MS = 10 * 60_000;
/** The longest pause while nobody else is connected: there is nothing better to do. */
export const BACKOFF_LONELY_MS = 30_000;
/** A new address of a failing peer is tried this soon: peers come back on other ports. */
const NEW_ADDRESS_PAUSE_MS = 1_000;
export const FORGET_FAILURES = 5;
export const FORGET_FAILING_MS = 24 * 3_600_000;
export const FORGET_UNSEEN_MS = 30 * 24 * 3_600_000;
/** The best peers survive every rule, so that a long holiday does not cut the node off. */
export const BEST_KEPT = 8;

/** The pause after so many failures in a row, in milliseconds. */
export function backoffMs(failuresInARow: number, maxMs: number = BACKOFF_MAX_MS): number {
  if (failuresInARow === 0) return 0;
  return Math.min(maxMs, BACKOFF_FIRST_MS * 2 ** Math.min(failuresInARow - 1, 30));
}

/** The moment from which `known` may be dialled. A time in the future comes of a clock set back. */
function addressDueMs(known: KnownAddress, nowMs: number, maxMs: number): number {
  return Math.min(known.lastAttemptMs, nowMs) + backoffMs(known.failuresInARow, maxMs);
}

/** The moment from which the peer may be dialled: its own pause and that of its best address. */
export function dueMs(record: PeerRecord, nowMs: number, maxMs: number = BACKOFF_MAX_MS): number {
  const isFresh = record.addresses.some((known) => known.lastAttemptMs === 0);
  const pauseMs = backoffMs(record.failuresInARow, isFresh ? NEW_ADDRESS_PAUSE_MS : maxMs);
  const ownMs = Math.min(record.lastAttemptMs, nowMs) + pauseMs;
  const addresses = record.addresses.map((known) => addressDueMs(known, nowMs, maxMs));
  return Math.max(ownMs, Math.min(...addresses));
}

/** The addresses to dial now: those that are due, what worked last first, then the newest. */
export function dueAddresses(
  record: PeerRecord,
  nowMs: number,
  maxMs: number = BACKOFF_MAX_MS,
): string[] {
  return record.addresses
    .filter((known) => addressDueMs(known, nowMs, maxMs) <= nowMs)
    .sort((a, b) => b.lastSuccessMs - a.lastSuccessMs || b.heardMs - a.heardMs)
    .map((known) => known.address);
}

/** As `dueAddresses`, without those that lead through a relay. */
export function dueDirectAddresses(record: PeerRecord, nowMs: number): string[] {
  return dueAddresses(record, nowMs).filter((address) => !isRelayedAddress(address));
}

/** When the first address without a relay falls due; `undefined` when there is none. */
export function nextDirectDueMs(record: PeerRecord, nowMs: number): number | undefined {
  const dues = record.addresses.filter(({ address }) => !isRelayedAddress(address))
    .map((known) => addressDueMs(known, nowMs, BACKOFF_MAX_MS));
  return dues.length === 0 ? undefined : Math.min(...dues);
}

/** Whether we ever had a session with the peer. Anything else about it is hearsay. */
export function isProven(record: PeerRecord): boolean {
  return record.lastSuccessMs > 0;
}

/** Relative weight with which `record` is drawn for the next dial, in (0, 101]. */
export function dialWeight(record: PeerRecord, nowMs: number): number {
  const idleDays = Math.max(0, nowMs - record.lastSeenMs) / 86_400_000;
  return (1 + record.score) * 0.66 ** Math.min(record.failuresInARow, 8) / (1 + idleDays);
}

/** Order of worth: proven before unproven, then by weight, then by the last success. */
export function compareWorth(a: PeerRecord, b: PeerRecord, nowMs: number): number {
  return Number(isProven(b)) - Number(isProven(a)) ||
    dialWeight(b, nowMs) - dialWeight(a, nowMs) || b.lastSuccessMs - a.lastSuccessMs;
}

/** Whether the forgetting rule names `record`; the `BEST_KEPT` best are excepted by the book. */
export function isForgettable(record: PeerRecord, nowMs: number): boolean {
  const isFailing = record.failuresInARow >= FORGET_FAILURES &&
    nowMs - record.failingSinceMs >= FORGET_FAILING_MS;
  return isFailing || nowMs - record.lastSeenMs >= FORGET_UNSEEN_MS;
}
