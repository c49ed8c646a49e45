/** News for peers: blocks at once and header first, transactions in batches. */
import type { Cancel, Clock } from "../base/clock.ts";
import type { Chain } from "../chain/chain.ts";
import type { Mempool } from "../mempool/mempool.ts";
import type { Block } from "../primitives/block.ts";
import type { BlockId, TxId } from "../primitives/ids.ts";
import type { Transaction } from "../primitives/transaction.ts";
import type { CompactBlockBody } from "../wire/compact.ts";
import { MAX_INV_ITEMS } from "../wire/inventory.ts";
import { isSentWhole, makeCompact } from "./compact_block.ts";
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
  /** Drawn once a run: makes the short ids of this node's compact blocks its own. */
  readonly nonce: bigint;
}

export class Relay {
  #cancelBatch: Cancel | undefined;

  constructor(private readonly parts: RelayParts) {}

  /**
   * Tells of new blocks, parents first, whose bodies are here: in compact form or by the header to
   * peers that know the parent, by the id to others, nothing to those who have them.
   */
  announceBlocks(blocks: readonly Block[]): void {
    const shared = new Map<Block, CompactBlockBody>();
    for (const peer of this.parts.peers()) {
      const unknown = blocks.findIndex(({ id, header }) => !this.#knows(peer, id, header.height));
      if (unknown >= 0) this.#tell(peer, blocks.slice(unknown), shared);
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

  #tell(
    peer: RemotePeer,
    blocks: readonly Block[],
    shared: Map<Block, CompactBlockBody>,
  ): void {
    const { header: first } = blocks[0]!;
    const last = blocks.at(-1)!;
    const isFollowing = this.#knows(peer, first.previous, first.height - 1);
    for (const { id } of blocks) peer.knownBlocks.add(id);
    if (!isFollowing) {
      peer.session.send({ type: "inv", items: [{ kind: "block", id: last.id }] });
    } else if (peer.takesCompact && blocks.length <= this.parts.limits.compactBlocksAtOnce) {
      for (const block of blocks) {
        peer.session.send({ type: "compactblock", ...this.#compact(block, peer, shared) });
      }
      peer.givenHeight = last.header.height;
    } else {
      peer.session.send({ type: "headers", headers: blocks.map(({ header }) => header) });
    }
  }

  /** The block as it suits the peer. One that is sent whole is the same to everyone: made once. */
  #compact(
    block: Block,
    peer: RemotePeer,
    shared: Map<Block, CompactBlockBody>,
  ): CompactBlockBody {
    const { limits, nonce } = this.parts;
    const former = shared.get(block);
    if (former !== undefined) return former;
    const compact = makeCompact(block, nonce, (id) => peer.knownTransactions.has(id), limits);
    if (isSentWhole(block, limits)) shared.set(block, compact);
    return compact;
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
