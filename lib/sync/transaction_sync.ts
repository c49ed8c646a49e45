/** Loose transactions: asks announcers for what is new, and gives it to the mempool. */
import { CodecError } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { RecentSet } from "../base/recent_set.ts";
import type { Chain } from "../chain/chain.ts";
import type { Mempool } from "../mempool/mempool.ts";
import type { TxId } from "../primitives/ids.ts";
import { decodeTransaction, type Transaction } from "../primitives/transaction.ts";
import { TransactionRequests } from "./inventory.ts";
import type { SyncLimits } from "./limits.ts";
import type { RemotePeer } from "./remote_peer.ts";

export interface TransactionSyncParts {
  readonly chain: Chain;
  readonly mempool: Mempool;
  readonly clock: Clock;
  readonly limits: SyncLimits;
  readonly peers: ReadonlyMap<string, RemotePeer>;
  /** While far behind a payment cannot be judged: it is remembered and asked for later. */
  readonly isBehind: () => boolean;
}

export class TransactionSync {
  readonly #requests: TransactionRequests;
  readonly #refused: RecentSet<TxId>;
  readonly #checking = new Set<TxId>();

  constructor(private readonly parts: TransactionSyncParts) {
    this.#requests = new TransactionRequests(parts.limits);
    this.#refused = new RecentSet(parts.limits.refusedTransactions);
  }

  get isAsking(): boolean {
    return this.#requests.asked > 0;
  }

  /** `peer` has these. */
  told(peer: RemotePeer, ids: readonly TxId[]): void {
    for (const id of ids) {
      peer.knownTransactions.add(id);
      this.#wantFrom(peer, id);
    }
    this.assign();
  }

  /** Takes a `tx` message, asked for or not. Punishes the sender of an invalid one. */
  async take(peer: RemotePeer, bytes: Uint8Array): Promise<void> {
    const transaction = this.#decode(peer, bytes);
    if (transaction === undefined) return;
    const { id } = transaction;
    peer.knownTransactions.add(id);
    this.#requests.settled(id);
    if (this.#isKnown(id) || this.parts.isBehind()) return;
    this.#checking.add(id);
    try {
      await this.#judge(peer, transaction);
    } finally {
      this.#checking.delete(id);
    }
    if (2 * this.#requests.load(peer.id) <= this.parts.limits.transactionsInFlightPerPeer) {
      this.assign();
    }
  }

  notFound(peer: RemotePeer, id: TxId): void {
    this.#requests.notFound(id, peer.id);
  }

  gone(peer: RemotePeer): void {
    this.#requests.gone(peer.id);
    this.assign();
  }

  expire(nowMs: number): void {
    this.#requests.expire(nowMs);
    this.assign();
  }

  /** The tip has moved: what was refused may be right now. */
  tipMoved(): void {
    this.#refused.clear();
    this.assign();
  }

  /** Sends the requests that are due. */
  assign(): void {
    if (this.parts.isBehind()) return;
    for (const [peer, ids] of this.#requests.assign(this.parts.clock.monotonicMs())) {
      const items = ids.map((id) => ({ kind: "tx" as const, id }));
      this.parts.peers.get(peer)?.session.send({ type: "getdata", items });
    }
  }

  #isKnown(id: TxId): boolean {
    return this.parts.mempool.has(id) || this.#refused.has(id) || this.#checking.has(id);
  }

  #wantFrom(peer: RemotePeer, id: TxId): void {
    if (!this.#isKnown(id)) this.#requests.announced(id, peer.id);
  }

  #decode(peer: RemotePeer, bytes: Uint8Array): Transaction | undefined {
    try {
      return decodeTransaction(bytes);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      peer.session.punish("invalid", error.message);
      return undefined;
    }
  }

  async #judge(peer: RemotePeer, transaction: Transaction): Promise<void> {
    const outcome = await this.parts.mempool.accept(transaction);
    switch (outcome.kind) {
      case "accepted":
        peer.session.creditUseful();
        break;
      case "orphan":
        // Who sent the child has its parents, or has seen them mined.
        for (const { txId } of outcome.missing) this.#wantFrom(peer, txId);
        break;
      case "rejected":
        this.#refused.add(transaction.id);
        if (outcome.fault === "invalid") peer.session.punish("invalid", outcome.detail);
        break;
      case "known":
    }
  }
}
