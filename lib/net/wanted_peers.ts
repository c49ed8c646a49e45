/** The peers that the user named with `--peer`: tried for as long as the node runs. */
import { BACKOFF_LONELY_MS, backoffMs } from "../peers/dial_policy.ts";
import { DialError, type DialTarget, type PeerStream } from "./transport.ts";

/** A server of the DHT was named: it serves as a bootstrap, and may become a node one day. */
const NO_PROTOCOL_PAUSE_MS = 60_000;
/** More than any user types; the API adds to them. */
const WANTED_MAX = 100;

export interface WantedPeer {
  readonly target: DialTarget;
  /** Known from the start, or since the address answered. */
  peerId: string | undefined;
  isDialing: boolean;
  failuresInARow: number;
  nextMs: number;
}

export class WantedPeers {
  #peers: WantedPeer[] = [];

  constructor(targets: readonly DialTarget[]) {
    for (const target of targets) this.add(target);
  }

  add(target: DialTarget): void {
    const same = this.find(target);
    if (same !== undefined) {
      same.nextMs = 0;
      same.failuresInARow = 0;
      return;
    }
    const fresh = { isDialing: false, failuresInARow: 0, nextMs: 0 };
    this.#peers.push({ target, peerId: target.peerId, ...fresh });
    if (this.#peers.length > WANTED_MAX) this.#peers.shift();
  }

  find(target: DialTarget): WantedPeer | undefined {
    return this.#peers.find((wanted) =>
      wanted.target.peerId === target.peerId &&
      wanted.target.addresses.join() === target.addresses.join()
    );
  }

  includes(peerId: string): boolean {
    return this.#peers.some((wanted) => wanted.peerId === peerId);
  }

  /** Those to dial now. */
  due(nowMs: number, isTaken: (peerId: string) => boolean): WantedPeer[] {
    return this.#idle(isTaken).filter((wanted) => wanted.nextMs <= nowMs);
  }

  /** When the next one is to be dialled; undefined when none is. */
  nextDueMs(isTaken: (peerId: string) => boolean): number | undefined {
    const times = this.#idle(isTaken).map((wanted) => wanted.nextMs);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Notes how a dial ended. A stream is not yet a session, but the address is right. */
  note(wanted: WantedPeer, outcome: PeerStream | DialError, nowMs: number): void {
    if (!(outcome instanceof DialError)) {
      wanted.peerId = outcome.peerId;
      return;
    }
    // The address may belong to another node by now: only a named id is held on to.
    wanted.peerId = wanted.target.peerId;
    wanted.failuresInARow++;
    const pauseMs = outcome.failure === "no-protocol"
      ? NO_PROTOCOL_PAUSE_MS
      : backoffMs(wanted.failuresInARow, BACKOFF_LONELY_MS);
    wanted.nextMs = nowMs + pauseMs;
  }

  /** A session with the peer has begun: failures are over. */
  onSuccess(peerId: string): void {
    for (const wanted of this.#peers) {
      if (wanted.peerId === peerId) wanted.failuresInARow = 0;
    }
  }

  /** A stream with the peer ended, or led to no session: next try after `pauseMs`, growing. */
  onFailure(peerId: string, pauseMs: number, nowMs: number): void {
    for (const wanted of this.#peers) {
      if (wanted.peerId !== peerId) continue;
      const grownMs = Math.max(pauseMs, backoffMs(wanted.failuresInARow, BACKOFF_LONELY_MS));
      wanted.failuresInARow++;
      wanted.nextMs = nowMs + grownMs;
    }
  }

  /** Our machine is in another network: all are due at once. */
  onNetworkChanged(): void {
    for (const wanted of this.#peers) {
      wanted.failuresInARow = 0;
      wanted.nextMs = 0;
    }
  }

  #idle(isTaken: (peerId: string) => boolean): WantedPeer[] {
    return this.#peers.filter((wanted) =>
      !wanted.isDialing && (wanted.peerId === undefined || !isTaken(wanted.peerId))
    );
  }
}
