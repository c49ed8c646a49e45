/** What peers have told of: who to ask for a transaction next. Pure. */
import type { TxId } from "../primitives/ids.ts";

/** announced -> asked -> (stalled or not found: announced again, by the others) -> forgotten */
type Announced =
  | { readonly at: "announced"; readonly peers: readonly string[] }
  | {
    readonly at: "asked";
    readonly peers: readonly string[];
    readonly peer: string;
    readonly slot: Slot;
    readonly sinceMs: number;
  };

/** Requests of a peer that it has not answered, and answers of it that are being judged. */
interface Slot {
  inUse: number;
}

export interface TransactionRequestLimits {
  readonly transactionsInFlightPerPeer: number;
  readonly transactionStallMs: number;
  readonly announcedTransactions: number;
  readonly announcersPerTransaction: number;
}

/** Announced transactions that we do not have: each asked of one announcer at a time. */
export class TransactionRequests {
  readonly #byId = new Map<TxId, Announced>();
  /** By announcer, the ids whose state is "announced", in order: what `assign` looks at. */
  readonly #waiting = new Map<string, Set<TxId>>();
  /** The ids whose state is "asked", the longest ago first. */
  readonly #asked = new Set<TxId>();
  readonly #slots = new Map<string, Slot>();

  constructor(private readonly limits: TransactionRequestLimits) {}

  get size(): number {
    return this.#byId.size;
  }

  /** Requests without an answer yet. */
  get asked(): number {
    return this.#asked.size;
  }

  /** `peer` has the transaction. Beyond the limit the announcement is not remembered. */
  announced(id: TxId, peer: string): void {
    const known = this.#byId.get(id);
    if (known === undefined) {
      if (this.#byId.size >= this.limits.announcedTransactions) return;
      this.#wait(id, [peer]);
    } else if (
      !known.peers.includes(peer) && known.peers.length < this.limits.announcersPerTransaction
    ) {
      this.#byId.set(id, { ...known, peers: [...known.peers, peer] });
      if (known.at === "announced") this.#queueOf(peer).add(id);
    }
  }

  /** Requests of `peer` without an answer yet, and answers not judged yet. */
  load(peer: string): number {
    return this.#slots.get(peer)?.inUse ?? 0;
  }

  /** Whom to ask for what now. What is returned counts as asked. */
  assign(nowMs: number): Map<string, TxId[]> {
    const asks = new Map<string, TxId[]>();
    for (const [announcer, ids] of this.#waiting) {
      for (const id of ids) {
        if (!this.#hasRoom(announcer)) break;
        const { peers } = this.#byId.get(id)!;
        // Who told of it first, if he has room: at least this announcer has.
        const peer = peers.find((each) => this.#hasRoom(each))!;
        this.#ask(id, peers, peer, nowMs);
        const asked = asks.get(peer);
        if (asked === undefined) asks.set(peer, [id]);
        else asked.push(id);
      }
    }
    return asks;
  }

  /** Whether `peer` owes us the transaction. */
  isAskedOf(id: TxId, peer: string): boolean {
    const state = this.#byId.get(id);
    return state?.at === "asked" && state.peer === peer;
  }

  /**
   * The transaction is here. Who was asked for it counts as busy until the returned function is
   * called, once, when it is judged.
   */
  arrived(id: TxId): () => void {
    const state = this.#byId.get(id);
    if (state === undefined) return () => {};
    this.#forget(id, state);
    if (state.at !== "asked") return () => {};
    return () => this.#release(state);
  }

  /** The transaction is here and needs no judging, or is not wanted any more. */
  settled(id: TxId): void {
    this.arrived(id)();
  }

  /** `peer` was asked and does not have it: the next announcer's turn. */
  notFound(id: TxId, peer: string): void {
    const state = this.#byId.get(id);
    if (state === undefined) return;
    this.#without(id, state, peer);
  }

  gone(peer: string): void {
    for (const [id, state] of this.#byId) {
      if (state.peers.includes(peer)) this.#without(id, state, peer);
    }
    this.#waiting.delete(peer);
    this.#slots.delete(peer);
  }

  /** Requests that waited too long are free for the next announcer. */
  expire(nowMs: number): void {
    for (const id of this.#asked) {
      const state = this.#byId.get(id)!;
      if (state.at !== "asked" || nowMs - state.sinceMs < this.limits.transactionStallMs) break;
      this.#without(id, state, state.peer);
    }
  }

  #hasRoom(peer: string): boolean {
    return this.load(peer) < this.limits.transactionsInFlightPerPeer;
  }

  #queueOf(peer: string): Set<TxId> {
    let ids = this.#waiting.get(peer);
    if (ids === undefined) this.#waiting.set(peer, ids = new Set());
    return ids;
  }

  #wait(id: TxId, peers: readonly string[]): void {
    this.#byId.set(id, { at: "announced", peers });
    for (const peer of peers) this.#queueOf(peer).add(id);
  }

  #ask(id: TxId, peers: readonly string[], peer: string, nowMs: number): void {
    this.#unqueue(id, peers);
    let slot = this.#slots.get(peer);
    if (slot === undefined) this.#slots.set(peer, slot = { inUse: 0 });
    slot.inUse++;
    this.#byId.set(id, { at: "asked", peers, peer, slot, sinceMs: nowMs });
    this.#asked.add(id);
  }

  #unqueue(id: TxId, peers: readonly string[]): void {
    for (const peer of peers) this.#waiting.get(peer)?.delete(id);
  }

  #forget(id: TxId, { at, peers }: Announced): void {
    this.#byId.delete(id);
    if (at === "asked") this.#asked.delete(id);
    else this.#unqueue(id, peers);
  }

  #release({ peer, slot }: Announced & { at: "asked" }): void {
    slot.inUse--;
    // A peer that left and came back has a slot of its own by now.
    if (slot.inUse === 0 && this.#slots.get(peer) === slot) this.#slots.delete(peer);
  }

  #without(id: TxId, state: Announced, peer: string): void {
    const peers = state.peers.filter((each) => each !== peer);
    const wasAsked = state.at === "asked" && state.peer === peer;
    if (state.at === "asked" && !wasAsked) {
      this.#byId.set(id, { ...state, peers });
      return;
    }
    this.#forget(id, state);
    if (wasAsked) this.#release(state);
    if (peers.length > 0) this.#wait(id, peers);
  }
}
