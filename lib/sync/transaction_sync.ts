/** Loose transactions: asks announcers for what is new, and gives it to the mempool. */
import { AssertionFailure } from "../base/assert.ts";
import { CodecError } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { getLogger } from "../base/log.ts";
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
  /** Told after requests were sent, which may be at any time. */
  readonly onAsked: () => void;
}

const log = getLogger("sync");

export class TransactionSync {
  readonly #requests: TransactionRequests;
  readonly #refused: RecentSet<TxId>;
  readonly #checking = new Set<TxId>();
  /** Bytes of transactions that their senders do not wait for. */
  #bytesAside = 0;

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

  /**
   * Takes a `tx` message, asked for or not. Punishes the sender of an invalid one. Settles when the
   * next message may be read: what was asked for is judged beside it, so that many can be looked at
   * together, as long as there is room; whoever sends unasked waits until we are done with it.
   */
  take(peer: RemotePeer, bytes: Uint8Array): void | Promise<void> {
    const transaction = this.#decode(peer, bytes);
    if (transaction === undefined) return;
    const { id } = transaction;
    peer.knownTransactions.add(id);
    if (this.#isKnown(id) || this.parts.isBehind()) return this.#requests.settled(id);
    const isAsked = this.#requests.isAskedOf(id, peer.id);
    const judged = this.#check(peer, transaction, this.#requests.arrived(id));
    const { length } = bytes;
    if (!isAsked || this.#bytesAside + length > this.parts.limits.transactionBytesAside) {
      return judged;
    }
    this.#bytesAside += length;
    judged.catch((error) => fail(peer, error)).finally(() => this.#bytesAside -= length);
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
    const asks = this.#requests.assign(this.parts.clock.monotonicMs());
    for (const [peer, ids] of asks) {
      const items = ids.map((id) => ({ kind: "tx" as const, id }));
      this.parts.peers.get(peer)?.session.send({ type: "getdata", items });
    }
    if (asks.size > 0) this.parts.onAsked();
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

  /** `release` frees the place that the request took. */
  async #check(peer: RemotePeer, transaction: Transaction, release: () => void): Promise<void> {
    const { id } = transaction;
    this.#checking.add(id);
    try {
      await this.#judge(peer, transaction);
    } finally {
      this.#checking.delete(id);
      release();
    }
    if (2 * this.#requests.load(peer.id) <= this.parts.limits.transactionsInFlightPerPeer) {
      this.assign();
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

/** A failure of ours, not the peer's. A broken assertion must stop the node. */
function fail({ session }: RemotePeer, error: unknown): void {
  log.error("Cannot take a payment of {peer}: {error}", { peer: session.peerId, error });
  if (error instanceof AssertionFailure) {
    queueMicrotask(() => {
      throw error;
    });
  }
  session.close("other", "internal error");
}
