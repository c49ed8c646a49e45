/** News for peers: blocks at once and header first, transactions in batches. */
import type { Cancel, Clock } from "../base/clock.ts";
import type { Chain } from "../chain/chain.ts";
import type { Mempool } from "../mempool/mempool.ts";
import type { BlockHeader } from "../primitives/block.ts";
import type { BlockId, TxId } from "../primitives/ids.ts";
import type { Transaction } from "../primitives/transaction.ts";
import { MAX_INV_ITEMS } from "../wire/inventory.ts";
import type { SyncLimits } from "./limits.ts";
import type { RemotePeer } from "./remote_peer.ts";

export interface RelayParts {
  readonly chain: Chain;
  readonly mempool: Mempool;
  readonly clock: Clock;
  readonly limits: SyncLimits;
  readonly peers: () => Iterable<RemotePeer>;
  /** Whether the wallet of this node made the payment. */
  readonly isOwn: (transaction: Transaction) => boolean;
}

export class Relay {
  #cancelBatch: Cancel | undefined;

  constructor(private readonly parts: RelayParts) {}

  /**
   * Tells of new headers, parents first, whose bodies are here: the header itself to peers that
   * know its parent, the id to others, nothing to those who have it.
   */
  announceHeaders(headers: readonly BlockHeader[]): void {
    for (const peer of this.parts.peers()) {
      const unknown = headers.findIndex((header) => !this.#knows(peer, header.id, header.height));
      if (unknown >= 0) this.#tell(peer, headers.slice(unknown));
    }
  }

  /** Tells one peer of our tip, whatever its `version` said: ours may have moved meanwhile. */
  announceTip(peer: RemotePeer): void {
    const tip = this.parts.chain.tip();
    if (this.#knows(peer, tip.id, tip.height)) return;
    peer.knownBlocks.add(tip.id);
    peer.session.send({ type: "inv", items: [{ kind: "block", id: tip.id }] });
  }

  /** Announces a transaction with the next batch to everyone who does not have it. */
  announceTransaction(id: TxId): void {
    for (const peer of this.parts.peers()) this.#queue(peer, id);
  }

  /** Announces the whole mempool to a new peer, own payments first if not all fit. */
  announceMempool(peer: RemotePeer): void {
    const entries = this.parts.mempool.entries();
    const isCut = entries.length > this.parts.limits.outboxTransactions;
    const own = isCut ? entries.filter((entry) => this.parts.isOwn(entry.transaction)) : [];
    for (const entry of [...own, ...entries]) this.#queue(peer, entry.transaction.id);
  }

  /** Announces own unconfirmed payments once more, to those who have heard of them too. */
  repeatOwn(): void {
    for (const { transaction } of this.parts.mempool.entries()) {
      if (!this.parts.isOwn(transaction)) continue;
      for (const peer of this.parts.peers()) {
        peer.knownTransactions.delete(transaction.id);
        this.#queue(peer, transaction.id);
      }
    }
  }

  stop(): void {
    this.#cancelBatch?.();
    this.#cancelBatch = undefined;
  }

  #tell(peer: RemotePeer, headers: readonly BlockHeader[]): void {
    const first = headers[0]!;
    const last = headers.at(-1)!;
    const isFollowing = this.#knows(peer, first.previous, first.height - 1);
    for (const header of headers) peer.knownBlocks.add(header.id);
    if (isFollowing) peer.session.send({ type: "headers", headers });
    else peer.session.send({ type: "inv", items: [{ kind: "block", id: last.id }] });
  }

  /** Whether the peer knows the header: it told of it, was told of it, or its chain has it. */
  #knows(peer: RemotePeer, id: BlockId, height: number): boolean {
    const { chain, limits } = this.parts;
    if (id === chain.genesisId || peer.knownBlocks.has(id)) return true;
    let best = peer.best;
    if (best === undefined || best.height < height) return false;
    if (chain.isOnMainChain(best.id)) return chain.isOnMainChain(id);
    for (let step = 0; step < limits.announceHeaders && best !== undefined; step++) {
      if (best.height <= height) return best.id === id;
      best = chain.header(best.previous);
    }
    return false;
  }

  #queue(peer: RemotePeer, id: TxId): void {
    if (peer.knownTransactions.has(id)) return;
    if (peer.outbox.size >= this.parts.limits.outboxTransactions) return;
    peer.outbox.add(id);
    this.#scheduleBatch();
  }

  #scheduleBatch(): void {
    if (this.#cancelBatch !== undefined) return;
    this.#cancelBatch = this.parts.clock.after(this.parts.limits.relayEveryMs, () => {
      this.#cancelBatch = undefined;
      for (const peer of this.parts.peers()) this.#sendBatch(peer);
    });
  }

  #sendBatch(peer: RemotePeer): void {
    const ids = [...peer.outbox].filter((id) =>
      this.parts.mempool.has(id) && peer.knownTransactions.add(id)
    );
    peer.outbox.clear();
    for (let from = 0; from < ids.length; from += MAX_INV_ITEMS) {
      const items = ids.slice(from, from + MAX_INV_ITEMS)
        .map((id) => ({ kind: "tx" as const, id }));
      peer.session.send({ type: "inv", items });
    }
  }
}
