/**
 * Which block is asked of whom, over a moving window. A pure state machine: it sends nothing and
 * reads no clock; `sync.ts` carries out what it says.
 *
 *   waiting --assign--> asked --arrived--> held --takeRun--> checking --settled--> (forgotten)
 *      ^                  |                                     |
 *      |<--expire, notFound, gone (the next peer's turn)        |
 *      |<--retry (the body did not match its header) -----------|
 *
 * A peer that stalls is given less at a time, and after some stalls in a row is asked last.
 */
import type { Block } from "../primitives/block.ts";
import type { BlockId } from "../primitives/ids.ts";
import type { SyncLimits } from "./limits.ts";

/** A block that is missing. */
export interface WantedBlock {
  readonly id: BlockId;
  readonly previous: BlockId;
  readonly height: number;
}

/** A connected peer as the download sees it. */
export interface BlockSource {
  readonly peer: string;
  /** Whether the peer said, or its chain implies, that it has the block. */
  has(wanted: WantedBlock): boolean;
}

type SlotState =
  | { readonly at: "waiting" }
  | { readonly at: "asked"; readonly peer: string; readonly sinceMs: number }
  | { readonly at: "held"; readonly peer: string; readonly block: Block }
  | { readonly at: "checking"; readonly peer: string };

interface Slot {
  readonly wanted: WantedBlock;
  state: SlotState;
  /** Requests that failed, which the patience with the next one grows by. */
  tries: number;
  /** Peers that did not deliver it; cleared when all have been tried. */
  failedPeers: Set<string>;
}

interface PeerRecord {
  inFlight: number;
  /** How many it is given at a time: halved by a stall, one more for each arrival. */
  capacity: number;
  stallsInARow: number;
  benchedUntilMs: number;
  lastArrivalMs: number;
}

/** A request that was not answered in time. */
export interface Stall {
  readonly peer: string;
  readonly id: BlockId;
}

export interface HeldBlock {
  readonly block: Block;
  readonly peer: string;
}

export class BlockDownload {
  /** In order of height (the order of `want`). */
  #slots = new Map<BlockId, Slot>();
  readonly #peers = new Map<string, PeerRecord>();
  #bytesHeld = 0;

  constructor(private readonly limits: SyncLimits) {}

  /** Slots in the window, whatever their state. */
  get size(): number {
    return this.#slots.size;
  }

  /** Bytes of blocks that wait for an earlier one. */
  get bytesHeld(): number {
    return this.#bytesHeld;
  }

  /** Requests without an answer yet. */
  get asked(): number {
    let count = 0;
    for (const record of this.#peers.values()) count += record.inFlight;
    return count;
  }

  /** Whether the block is in the window and its body is not here yet. */
  lacks(id: BlockId): boolean {
    const at = this.#slots.get(id)?.state.at;
    return at === "waiting" || at === "asked";
  }

  has(id: BlockId): boolean {
    return this.#slots.has(id);
  }

  /** The body is here and is being checked, or waits for that. */
  isHere(id: BlockId): boolean {
    const at = this.#slots.get(id)?.state.at;
    return at === "held" || at === "checking";
  }

  /** Moves the window: `wanted`, parents first, is all that is missing now. */
  want(wanted: readonly WantedBlock[]): void {
    const before = this.#slots;
    this.#slots = new Map();
    for (const each of wanted) {
      const slot = before.get(each.id) ??
        { wanted: each, state: { at: "waiting" }, tries: 0, failedPeers: new Set() };
      before.delete(each.id);
      this.#slots.set(each.id, slot);
    }
    for (const [id, slot] of before) {
      // What is being checked stays until it is settled; the rest is not wanted any more.
      if (slot.state.at === "checking") this.#slots.set(id, slot);
      else this.#leave(slot);
    }
  }

  /** Whom to ask for what now, lowest block first. What is returned counts as asked. */
  assign(nowMs: number, sources: readonly BlockSource[]): Map<string, BlockId[]> {
    const asks = new Map<string, BlockId[]>();
    let isFirst = true;
    for (const slot of this.#slots.values()) {
      if (slot.state.at === "waiting") {
        if (!sources.some((source) => this.#room(source.peer) > 0)) break;
        if (!isFirst && this.#bytesHeld >= this.limits.windowBytes) break;
        const source = this.#choose(slot, sources, nowMs);
        if (source !== undefined) this.#ask(slot, source.peer, nowMs, asks);
      }
      isFirst = false;
    }
    return asks;
  }

  /**
   * A body that matches its header came from `peer`. Returns whether it was missing; what was asked
   * of another peer meanwhile is still welcome from this one.
   */
  arrived(block: Block, peer: string, nowMs: number): boolean {
    const record = this.#record(peer);
    record.lastArrivalMs = nowMs;
    record.stallsInARow = 0;
    record.benchedUntilMs = 0;
    record.capacity = Math.min(this.limits.inFlightPerPeer, record.capacity + 1);
    const slot = this.#slots.get(block.id);
    if (slot === undefined || !this.lacks(block.id)) return false;
    this.#leave(slot);
    slot.state = { at: "held", peer, block };
    this.#bytesHeld += block.bytes.length;
    return true;
  }

  /** `peer` was asked and has not got the block: not a stall. */
  notFound(id: BlockId, peer: string): void {
    const slot = this.#slots.get(id);
    if (slot?.state.at === "asked" && slot.state.peer === peer) this.#fail(slot, peer);
  }

  /** `peer` disconnected. Its requests are free; what it brought stays. */
  gone(peer: string): void {
    for (const slot of this.#slots.values()) {
      if (slot.state.at === "asked" && slot.state.peer === peer) this.#fail(slot, peer);
      slot.failedPeers.delete(peer);
    }
    this.#peers.delete(peer);
  }

  /** Takes late requests from their peers and says which. */
  expire(nowMs: number): Stall[] {
    const stalls: Stall[] = [];
    const isIdle = this.#isIdle();
    let isFirst = true;
    for (const slot of this.#slots.values()) {
      const state = slot.state;
      if (state.at === "asked") {
        const record = this.#record(state.peer);
        // A peer that delivers in turn is not late; but it may not hold up a window that is full.
        const newsMs = isFirst && isIdle
          ? state.sinceMs
          : Math.max(state.sinceMs, record.lastArrivalMs);
        if (nowMs - newsMs >= this.#patienceMs(slot)) {
          stalls.push({ peer: state.peer, id: slot.wanted.id });
          this.#fail(slot, state.peer);
        }
      }
      isFirst = false;
    }
    for (const peer of new Set(stalls.map((stall) => stall.peer))) this.#punishStall(peer, nowMs);
    return stalls;
  }

  /**
   * Takes the longest run that can be checked now: each block's parent is stored, or being checked.
   * The blocks are then "checking" until `settled` or `retry`.
   */
  takeRun(isStored: (id: BlockId) => boolean, blocksMax: number): HeldBlock[] {
    const run: HeldBlock[] = [];
    let bytes = 0;
    let last: BlockId | undefined;
    for (const slot of this.#slots.values()) {
      if (run.length >= blocksMax || bytes >= this.limits.runBytes) break;
      const { state, wanted } = slot;
      if (state.at !== "held") {
        if (run.length > 0) break;
        continue;
      }
      if (last !== undefined && wanted.previous !== last) break;
      const isFollowing = this.#slots.get(wanted.previous)?.state.at === "checking";
      if (!isFollowing && !isStored(wanted.previous)) continue;
      this.#bytesHeld -= state.block.bytes.length;
      bytes += state.block.bytes.length;
      run.push({ block: state.block, peer: state.peer });
      slot.state = { at: "checking", peer: state.peer };
      last = wanted.id;
    }
    return run;
  }

  /** The chain has judged the block, whatever the verdict. */
  settled(id: BlockId): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#leave(slot);
    this.#slots.delete(id);
  }

  /** What `peer` sent was not the block: it is missing again. */
  retry(id: BlockId, peer: string): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#fail(slot, peer);
  }

  /** Whether it is time to ask the peer for more: half of what it may be given is free. */
  wantsMore(peer: string): boolean {
    const record = this.#record(peer);
    return 2 * record.inFlight <= record.capacity;
  }

  /** Whether the peer stalled so often that others are asked first. */
  isBenched(peer: string, nowMs: number): boolean {
    return (this.#peers.get(peer)?.benchedUntilMs ?? 0) > nowMs;
  }

  #record(peer: string): PeerRecord {
    let record = this.#peers.get(peer);
    if (record === undefined) {
      record = {
        inFlight: 0,
        capacity: this.limits.inFlightPerPeer,
        stallsInARow: 0,
        benchedUntilMs: 0,
        lastArrivalMs: 0,
      };
      this.#peers.set(peer, record);
    }
    return record;
  }

  #room(peer: string): number {
    const record = this.#record(peer);
    return record.capacity - record.inFlight;
  }

  /** The least loaded peer that has it, did not fail to deliver it and is not benched, if any. */
  #choose(
    slot: Slot,
    sources: readonly BlockSource[],
    nowMs: number,
  ): BlockSource | undefined {
    const having = sources.filter((source) => source.has(slot.wanted));
    if (having.length === 0) return undefined;
    if (having.every((source) => slot.failedPeers.has(source.peer))) slot.failedPeers.clear();
    const isUsable = (source: BlockSource) => !slot.failedPeers.has(source.peer);
    const awake = having.filter((each) => isUsable(each) && !this.isBenched(each.peer, nowMs));
    const candidates = awake.length > 0 ? awake : having.filter(isUsable);
    let best: BlockSource | undefined;
    let bestLoad = 1;
    for (const source of candidates) {
      const record = this.#record(source.peer);
      const load = record.inFlight / record.capacity;
      if (load < bestLoad) [best, bestLoad] = [source, load];
    }
    return best;
  }

  #ask(slot: Slot, peer: string, nowMs: number, asks: Map<string, BlockId[]>): void {
    slot.state = { at: "asked", peer, sinceMs: nowMs };
    this.#record(peer).inFlight++;
    const ids = asks.get(peer);
    if (ids === undefined) asks.set(peer, [slot.wanted.id]);
    else ids.push(slot.wanted.id);
  }

  /** Everything in the window was asked for: whoever is late now holds up all others. */
  #isIdle(): boolean {
    for (const slot of this.#slots.values()) if (slot.state.at === "waiting") return false;
    return true;
  }

  #patienceMs(slot: Slot): number {
    return Math.min(this.limits.blockStallMs * 2 ** slot.tries, this.limits.blockStallMsMax);
  }

  /** Ends whatever the slot's state holds. */
  #leave(slot: Slot): void {
    if (slot.state.at === "asked") this.#record(slot.state.peer).inFlight--;
    if (slot.state.at === "held") this.#bytesHeld -= slot.state.block.bytes.length;
    slot.state = { at: "waiting" };
  }

  #fail(slot: Slot, peer: string): void {
    this.#leave(slot);
    slot.tries++;
    slot.failedPeers.add(peer);
  }

  #punishStall(peer: string, nowMs: number): void {
    const record = this.#record(peer);
    record.capacity = Math.max(1, Math.floor(record.capacity / 2));
    record.stallsInARow++;
    const beyond = record.stallsInARow - this.limits.stallsInARow;
    if (beyond < 0) return;
    record.benchedUntilMs = nowMs +
      Math.min(this.limits.benchMs * 2 ** beyond, this.limits.benchMsMax);
  }
}
