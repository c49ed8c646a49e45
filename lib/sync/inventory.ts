/** What peers have told of: who to ask for a transaction next. Pure. */
import type { TxId } from "../primitives/ids.ts";

/** announced -> asked -> (stalled or not found: announced again, by the others) -> forgotten */
type Announced =
  | { readonly at: "announced"; readonly peers: readonly string[] }
  | {
    readonly at: "asked";
    readonly peers: readonly string[];
    readonly peer: string;
    readonly sinceMs: number;
  };

export interface TransactionRequestLimits {
  readonly transactionsInFlightPerPeer: number;
  readonly transactionStallMs: number;
  readonly announcedTransactions: number;
  readonly announcersPerTransaction: number;
}

/** Announced transactions that we do not have: each asked of one announcer at a time. */
export class TransactionRequests {
  readonly #byId = new Map<TxId, Announced>();
  /** The ids whose state is "announced", in order: what `assign` looks at. */
  readonly #waiting = new Set<TxId>();
  readonly #inFlight = new Map<string, number>();

  constructor(private readonly limits: TransactionRequestLimits) {}

  get size(): number {
    return this.#byId.size;
  }

  /** Requests without an answer yet. */
  get asked(): number {
    let total = 0;
    for (const count of this.#inFlight.values()) total += count;
    return total;
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
    }
  }

  /** Requests of `peer` without an answer yet. */
  load(peer: string): number {
    return this.#inFlight.get(peer) ?? 0;
  }

  /** Whom to ask for what now. What is returned counts as asked. */
  assign(nowMs: number): Map<string, TxId[]> {
    const asks = new Map<string, TxId[]>();
    for (const id of this.#waiting) {
      const state = this.#byId.get(id)!;
      const peer = state.peers.find((each) => this.load(each) < this.#perPeer);
      if (peer === undefined) continue;
      this.#waiting.delete(id);
      this.#byId.set(id, { at: "asked", peers: state.peers, peer, sinceMs: nowMs });
      this.#inFlight.set(peer, this.load(peer) + 1);
      const ids = asks.get(peer);
      if (ids === undefined) asks.set(peer, [id]);
      else ids.push(id);
    }
    return asks;
  }

  /** The transaction is here, or is not wanted any more. */
  settled(id: TxId): void {
    const state = this.#byId.get(id);
    if (state === undefined) return;
    this.#forget(id);
    if (state.at === "asked") this.#release(state.peer);
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
    this.#inFlight.delete(peer);
  }

  /** Requests that waited too long are free for the next announcer. */
  expire(nowMs: number): void {
    for (const [id, state] of this.#byId) {
      if (state.at !== "asked") continue;
      if (nowMs - state.sinceMs >= this.limits.transactionStallMs) {
        this.#without(id, state, state.peer);
      }
    }
  }

  get #perPeer(): number {
    return this.limits.transactionsInFlightPerPeer;
  }

  #wait(id: TxId, peers: readonly string[]): void {
    this.#byId.set(id, { at: "announced", peers });
    this.#waiting.add(id);
  }

  #forget(id: TxId): void {
    this.#byId.delete(id);
    this.#waiting.delete(id);
  }

  #release(peer: string): void {
    const left = this.load(peer) - 1;
    if (left > 0) this.#inFlight.set(peer, left);
    else this.#inFlight.delete(peer);
  }

  #without(id: TxId, state: Announced, peer: string): void {
    const peers = state.peers.filter((each) => each !== peer);
    const wasAsked = state.at === "asked" && state.peer === peer;
    if (wasAsked) this.#release(peer);
    if (peers.length === 0) this.#forget(id);
    else if (wasAsked || state.at === "announced") this.#wait(id, peers);
    else this.#byId.set(id, { ...state, peers });
  }
}
