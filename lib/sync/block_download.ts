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

/** A block as it came: raw while far behind, checked against its header near the tip. */
export type BlockBody = Uint8Array | Block;

/** A connected peer as the download sees it. */
export interface BlockSource {
  readonly peer: string;
  /** Whether the peer said, or its chain implies, that it has the block. */
  has(wanted: WantedBlock): boolean;
}

type SlotState =
  | { readonly at: "waiting" }
  | { readonly at: "asked"; readonly peer: string; readonly sinceMs: number }
  | { readonly at: "held"; readonly peer: string; readonly body: BlockBody }
  | { readonly at: "checking"; readonly peer: string; readonly bytes: number };

const WAITING: SlotState = { at: "waiting" };

interface Slot {
  readonly wanted: WantedBlock;
  state: SlotState;
  /** Requests that failed, which the patience with the next one grows by. */
  tries: number;
  /** Peers that did not deliver it, if any; cleared when all have been tried. */
  failedPeers: Set<string> | undefined;
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
  readonly id: BlockId;
  readonly previous: BlockId;
  readonly body: BlockBody;
  readonly peer: string;
}

/** A new size counts as one of so many in the mean of sizes. */
const SIZES_IN_MEAN = 8;

export class BlockDownload {
  /** In order of height (the order of `want`). */
  #slots = new Map<BlockId, Slot>();
  readonly #peers = new Map<string, PeerRecord>();
  /** Slots in each state. */
  readonly #counts = { waiting: 0, asked: 0, held: 0, checking: 0 };
  #bytesHeld = 0;
  #bytesChecking = 0;
  /** Of the blocks that came last. What is not known yet may be as large as blocks can be. */
  #meanBytes: number;

  constructor(private readonly limits: SyncLimits) {
    this.#meanBytes = limits.blockBytesMax;
  }

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
    return this.#counts.asked;
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
      let slot = before.get(each.id);
      if (slot === undefined) {
        slot = { wanted: each, state: WAITING, tries: 0, failedPeers: undefined };
        this.#counts.waiting++;
      } else before.delete(each.id);
      this.#slots.set(each.id, slot);
    }
    for (const [id, slot] of before) {
      // What is being checked stays until it is settled; the rest is not wanted any more.
      if (slot.state.at === "checking") this.#slots.set(id, slot);
      else this.#forget(slot);
    }
  }

  /** Whom to ask for what now, lowest block first. What is returned counts as asked. */
  assign(nowMs: number, sources: readonly BlockSource[]): Map<string, BlockId[]> {
    const asks = new Map<string, BlockId[]>();
    if (this.#counts.waiting === 0) return asks;
    let room = sources.reduce((sum, { peer }) => sum + this.#room(peer), 0);
    let unseen = this.#counts.waiting;
    let isFirst = true;
    for (const slot of this.#slots.values()) {
      if (slot.state.at === "waiting") {
        if (room <= 0 || unseen-- === 0) break;
        if (!isFirst && this.#bytesHeld >= this.limits.windowBytes) break;
        const source = this.#choose(slot, sources, nowMs);
        if (source !== undefined) {
          this.#ask(slot, source.peer, nowMs, asks);
          room--;
        }
      }
      isFirst = false;
    }
    return asks;
  }

  /**
   * A body whose header has the id came from `peer`. Returns whether it was missing and there is
   * room for it; what was asked of another peer meanwhile is still welcome from this one.
   */
  arrived(id: BlockId, body: BlockBody, peer: string, nowMs: number): boolean {
    const record = this.#record(peer);
    record.lastArrivalMs = nowMs;
    record.stallsInARow = 0;
    record.benchedUntilMs = 0;
    record.capacity = Math.min(this.limits.inFlightPerPeer, record.capacity + 1);
    const size = sizeOf(body);
    this.#meanBytes += (size - this.#meanBytes) / SIZES_IN_MEAN;
    const slot = this.#slots.get(id);
    if (slot === undefined || !this.lacks(id)) return false;
    // Sizes are guessed when blocks are asked for; what is too much is asked for once more.
    const isTooMuch = this.#bytesHeld + size > 2 * this.limits.windowBytes;
    this.#enter(slot, isTooMuch && !this.#isNext(slot) ? WAITING : { at: "held", peer, body });
    return slot.state.at === "held";
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
      slot.failedPeers?.delete(peer);
    }
    this.#peers.delete(peer);
  }

  /** Takes late requests from their peers and says which. */
  expire(nowMs: number): Stall[] {
    const stalls: Stall[] = [];
    // Everything in the window was asked for: whoever is late now holds up all others.
    const isIdle = this.#counts.waiting === 0;
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
   * Takes all that can be checked now, and no more than may be checked at a time: each block's
   * parent is stored, or being checked. The blocks are "checking" until `settled` or `retry`.
   */
  takeRun(isStored: (id: BlockId) => boolean): HeldBlock[] {
    const run: HeldBlock[] = [];
    let unseen = this.#counts.held;
    const { checkingBlocks, checkingBytes } = this.limits;
    for (const slot of this.#slots.values()) {
      if (this.#counts.checking >= checkingBlocks || this.#bytesChecking >= checkingBytes) break;
      if (unseen === 0) break;
      const { state, wanted: { id, previous } } = slot;
      if (state.at !== "held") continue;
      unseen--;
      const isFollowing = this.#slots.get(previous)?.state.at === "checking";
      if (!isFollowing && !isStored(previous)) continue;
      run.push({ id, previous, body: state.body, peer: state.peer });
      this.#enter(slot, { at: "checking", peer: state.peer, bytes: sizeOf(state.body) });
    }
    return run;
  }

  /** The chain has judged the block, whatever the verdict. */
  settled(id: BlockId): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#forget(slot);
    this.#slots.delete(id);
  }

  /** What `peer` sent was not the block: it is missing again. */
  retry(id: BlockId, peer: string): void {
    const slot = this.#slots.get(id);
    if (slot === undefined) return;
    this.#fail(slot, peer);
  }

  /** Whether it is time to ask the peer for more: half of what it may be given is free. O(1). */
  wantsMore(peer: string): boolean {
    if (this.#counts.waiting === 0) return false;
    const record = this.#record(peer);
    return 2 * record.inFlight <= this.#limitOf(record);
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
    return Math.max(0, this.#limitOf(record) - record.inFlight);
  }

  /** Blocks that a peer may be asked for at a time: many while blocks are small. */
  #limitOf(record: PeerRecord): number {
    const fitting = Math.floor(this.limits.bytesInFlightPerPeer / this.#meanBytes);
    return Math.min(record.capacity, Math.max(1, fitting));
  }

  /** The least loaded peer that has it, did not fail to deliver it and is not benched, if any. */
  #choose(slot: Slot, sources: readonly BlockSource[], nowMs: number): BlockSource | undefined {
    let [isHad, isUsable, isAwake] = [false, false, false];
    let best: BlockSource | undefined;
    let bestLoad = 1;
    for (const source of sources) {
      if (!source.has(slot.wanted)) continue;
      isHad = true;
      if (slot.failedPeers?.has(source.peer)) continue;
      isUsable = true;
      const isBenched = this.isBenched(source.peer, nowMs);
      if (isBenched && isAwake) continue;
      // The first who is awake stands above all who are benched.
      if (!isBenched && !isAwake) [isAwake, best, bestLoad] = [true, undefined, 1];
      const record = this.#record(source.peer);
      const load = record.inFlight / this.#limitOf(record);
      if (load < bestLoad) [best, bestLoad] = [source, load];
    }
    if (!isHad || isUsable) return best;
    slot.failedPeers = undefined;
    return this.#choose(slot, sources, nowMs);
  }

  #ask(slot: Slot, peer: string, nowMs: number, asks: Map<string, BlockId[]>): void {
    this.#enter(slot, { at: "asked", peer, sinceMs: nowMs });
    const ids = asks.get(peer);
    if (ids === undefined) asks.set(peer, [slot.wanted.id]);
    else ids.push(slot.wanted.id);
  }

  /** Whether it is the lowest of all: the others wait for it. */
  #isNext(slot: Slot): boolean {
    for (const first of this.#slots.values()) {
      if (first.state.at !== "checking") return first === slot;
    }
    return false;
  }

  #patienceMs(slot: Slot): number {
    return Math.min(this.limits.blockStallMs * 2 ** slot.tries, this.limits.blockStallMsMax);
  }

  /** Moves a slot from one state to the next; every count follows. */
  #enter(slot: Slot, state: SlotState): void {
    this.#count(slot.state, -1);
    slot.state = state;
    this.#count(state, 1);
  }

  /** The slot leaves the window. */
  #forget(slot: Slot): void {
    this.#count(slot.state, -1);
  }

  #count(state: SlotState, change: 1 | -1): void {
    this.#counts[state.at] += change;
    if (state.at === "asked") this.#record(state.peer).inFlight += change;
    if (state.at === "held") this.#bytesHeld += change * sizeOf(state.body);
    if (state.at === "checking") this.#bytesChecking += change * state.bytes;
  }

  #fail(slot: Slot, peer: string): void {
    this.#enter(slot, WAITING);
    slot.tries++;
    (slot.failedPeers ??= new Set()).add(peer);
  }

  #punishStall(peer: string, nowMs: number): void {
    const record = this.#record(peer);
    record.capacity = Math.max(1, Math.floor(this.#limitOf(record) / 2));
    record.stallsInARow++;
    const beyond = record.stallsInARow - this.limits.stallsInARow;
    if (beyond < 0) return;
    record.benchedUntilMs = nowMs +
      Math.min(this.limits.benchMs * 2 ** beyond, this.limits.benchMsMax);
  }
}

function sizeOf(body: BlockBody): number {
  return body instanceof Uint8Array ? body.length : body.bytes.length;
}
