/** The book of peers: bounded, in memory, every change told so that a store can follow. */
import { type Random, randomBelow } from "../base/random.ts";
import { publicSubnet } from "./address_class.ts";
import {
  BACKOFF_MAX_MS,
  BEST_KEPT,
  compareWorth,
  dialWeight,
  dueMs,
  isForgettable,
  isProven,
} from "./dial_policy.ts";
import {
  applyEvent,
  newRecord,
  type PeerEvent,
  type PeerRecord,
  type PeerSource,
} from "./peer_record.ts";

/** A class has 30 nodes, a village 300; more would only be an attacker's choice. */
export const MAX_RECORDS = 1_000;
/** Hearsay from one public subnet; a proven peer is not counted. */
export const MAX_UNPROVEN_PER_SUBNET = 32;

export interface BookChange {
  readonly peerId: string;
  /** Absent when the peer was forgotten. */
  readonly record?: PeerRecord;
}

/** What a draw asks for. */
export interface DrawOptions {
  readonly nowMs: number;
  readonly random: Random;
  readonly count: number;
  /** False for peers that are connected, being dialled, discouraged … */
  readonly isWanted: (record: PeerRecord) => boolean;
  /** The longest pause after failures, when it is not the usual. */
  readonly backoffMaxMs?: number;
}

export class PeerBook {
  readonly #records = new Map<string, PeerRecord>();
  readonly #loaded = new Set<string>();
  readonly #random: Random;
  readonly #onChange: (change: BookChange) => void;

  constructor(options: { random: Random; onChange?: (change: BookChange) => void }) {
    this.#random = options.random;
    this.#onChange = options.onChange ?? (() => {});
  }

  /** Takes up what a store kept; nothing is reported as a change. */
  load(records: Iterable<PeerRecord>): void {
    for (const record of records) {
      if (this.#records.size >= MAX_RECORDS) break;
      this.#records.set(record.peerId, record);
      this.#loaded.add(record.peerId);
    }
  }

  get size(): number {
    return this.#records.size;
  }

  all(): PeerRecord[] {
    return [...this.#records.values()];
  }

  get(peerId: string): PeerRecord | undefined {
    return this.#records.get(peerId);
  }

  /** How this run learned of the peer: `known` when it came from the store. */
  sourceOf(peerId: string): PeerSource | undefined {
    return this.#loaded.has(peerId) ? "known" : this.#records.get(peerId)?.source;
  }

  /** The peer that was last met at `address` (a multiaddr without `/p2p/ID`). */
  peerAt(address: string): PeerRecord | undefined {
    const timeOf = (record: PeerRecord) =>
      record.addresses.find((known) => known.address === address)?.lastSuccessMs ?? 0;
    return this.all().filter((record) => timeOf(record) > 0)
      .sort((a, b) => timeOf(b) - timeOf(a))[0];
  }

  /**
   * Notes an event. `heard` makes a record when there is none, unless it has no valid address or
   * the book is full of better ones; other events of unknown peers change nothing.
   */
  note(peerId: string, event: PeerEvent, nowMs: number): PeerRecord | undefined {
    const earlier = this.#records.get(peerId);
    const record = earlier === undefined
      ? this.#admit(peerId, event, nowMs)
      : applyEvent(earlier, event, nowMs);
    if (record === undefined) return undefined;
    this.#records.set(peerId, record);
    this.#onChange({ peerId, record });
    return record;
  }

  /** Removes a peer at once: one that turned out not to be a node, say. */
  remove(peerId: string): void {
    if (!this.#records.delete(peerId)) return;
    this.#loaded.delete(peerId);
    this.#onChange({ peerId });
  }

  /** Applies the forgetting rule. The best are never forgotten. */
  forget(nowMs: number): void {
    const best = new Set(this.best(nowMs).map((record) => record.peerId));
    for (const record of this.all()) {
      if (!best.has(record.peerId) && isForgettable(record, nowMs)) this.remove(record.peerId);
    }
  }

  /** Our machine is in another network: nobody is to wait for failures of the former one. */
  onNetworkChanged(nowMs: number): void {
    for (const { peerId, failuresInARow, addresses } of this.all()) {
      const isWaiting = failuresInARow > 1 || addresses.some((known) => known.failuresInARow > 1);
      if (isWaiting) this.note(peerId, { kind: "network-changed" }, nowMs);
    }
  }

  /** The proven peers that are never forgotten, best first. */
  best(nowMs: number): PeerRecord[] {
    return this.all().filter(isProven).sort((a, b) => compareWorth(a, b, nowMs))
      .slice(0, BEST_KEPT);
  }

  /** The peers that a restart goes back to first. */
  anchors(): PeerRecord[] {
    return this.all().filter((record) => record.anchor);
  }

  /** Makes exactly `peerIds` the anchors. */
  setAnchors(peerIds: readonly string[], nowMs: number): void {
    for (const record of this.all()) {
      const value = peerIds.includes(record.peerId);
      if (record.anchor !== value) this.note(record.peerId, { kind: "anchor", value }, nowMs);
    }
  }

  /**
   * Peers to dial now, without repetition: anchors, then of each three two proven ones drawn by
   * weight and one never met, by turns the newest heard of (dead records of a popular phrase must
   * not hide the living) and any (a flood of news must not hide the rest).
   */
  candidates(options: DrawOptions): PeerRecord[] {
    const { nowMs, random, count } = options;
    const due = this.all().filter((record) =>
      options.isWanted(record) && dueMs(record, nowMs, options.backoffMaxMs) <= nowMs
    );
    const drawn = due.filter((record) => record.anchor).slice(0, count);
    const others = due.filter((record) => !record.anchor);
    const proven = others.filter(isProven);
    const fresh = others.filter((record) => !isProven(record)).sort(compareNews);
    for (let turn = 0; drawn.length < count; turn++) {
      const takesFresh = turn % 3 === 2 ? fresh.length > 0 : proven.length === 0;
      const next = takesFresh
        ? takeAt(fresh, turn % 2 === 0 ? 0 : randomBelow(random, fresh.length))
        : takeAt(proven, drawByWeight(proven, nowMs, random));
      if (next === undefined) break;
      drawn.push(next);
    }
    return drawn;
  }

  /** One untried peer, to learn whether it is there. */
  feeler(options: Omit<DrawOptions, "count">): PeerRecord | undefined {
    const untried = this.all().filter((record) =>
      !isProven(record) && options.isWanted(record) &&
      dueMs(record, options.nowMs, options.backoffMaxMs) <= options.nowMs
    );
    return untried[randomBelow(options.random, untried.length)];
  }

  /** When the next of the wanted peers is due; undefined when there is none. */
  nextDueMs(options: Pick<DrawOptions, "nowMs" | "isWanted" | "backoffMaxMs">): number | undefined {
    let next: number | undefined;
    for (const record of this.#records.values()) {
      if (!options.isWanted(record)) continue;
      const due = dueMs(record, options.nowMs, options.backoffMaxMs ?? BACKOFF_MAX_MS);
      if (next === undefined || due < next) next = due;
    }
    return next;
  }

  #admit(peerId: string, event: PeerEvent, nowMs: number): PeerRecord | undefined {
    if (event.kind !== "heard") return undefined;
    const record = newRecord(peerId, event, nowMs);
    if (record === undefined || this.#isCrowded(record)) return undefined;
    if (this.#records.size < MAX_RECORDS) return record;
    const unproven = this.all().filter((other) => !isProven(other));
    const failing = unproven.filter((other) => other.failuresInARow > 0);
    const victims = failing.length > 0 ? failing : unproven;
    const victim = victims[randomBelow(this.#random, victims.length)];
    if (victim === undefined) return undefined;
    this.remove(victim.peerId);
    return record;
  }

  #isCrowded(record: PeerRecord): boolean {
    const subnets = subnetsOf(record);
    if (subnets.length === 0) return false;
    const count = new Map<string, number>();
    for (const other of this.#records.values()) {
      if (isProven(other)) continue;
      for (const subnet of subnetsOf(other)) count.set(subnet, (count.get(subnet) ?? 0) + 1);
    }
    return subnets.some((subnet) => (count.get(subnet) ?? 0) >= MAX_UNPROVEN_PER_SUBNET);
  }
}

/** The public subnets that a record's addresses lie in. */
function subnetsOf(record: PeerRecord): string[] {
  const subnets = record.addresses.map((known) => publicSubnet(known.address));
  return [...new Set(subnets.filter((subnet) => subnet !== undefined))];
}

/** Never dialled first, then the newest. */
function compareNews(a: PeerRecord, b: PeerRecord): number {
  return Number(a.lastAttemptMs > 0) - Number(b.lastAttemptMs > 0) || b.lastSeenMs - a.lastSeenMs;
}

function takeAt(records: PeerRecord[], index: number): PeerRecord | undefined {
  return records.splice(index, 1)[0];
}

function drawByWeight(records: readonly PeerRecord[], nowMs: number, random: Random): number {
  const weights = records.map((record) => dialWeight(record, nowMs));
  let point = random.float() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [index, weight] of weights.entries()) {
    point -= weight;
    if (point < 0) return index;
  }
  return records.length - 1;
}
