/**
 * Answers to what peers ask: headers, blocks, transactions. Each peer has a queue of its own, so
 * that one who reads slowly keeps nobody waiting, us included.
 */
import type { Chain } from "../chain/chain.ts";
import type { Mempool } from "../mempool/mempool.ts";
import type { PeerSession } from "../net/hub.ts";
import type { BlockId, TxId } from "../primitives/ids.ts";
import type { MessageOf } from "../wire/messages.ts";
import type { InvItem } from "../wire/inventory.ts";
import { SerialQueue } from "../base/serial_queue.ts";
import type { SyncLimits } from "./limits.ts";
import type { RemotePeer } from "./remote_peer.ts";

export interface ServingParts {
  readonly chain: Chain;
  readonly mempool: Mempool;
  readonly limits: SyncLimits;
  /** Whether the block's body is here and is being checked. */
  readonly isBeingChecked: (id: BlockId) => boolean;
}

export class Serving {
  readonly #queues = new Map<PeerSession, SerialQueue>();
  readonly #waiting = new Map<PeerSession, number>();
  /** Bodies of the newest blocks, oldest first. */
  readonly #recent = new Map<BlockId, Uint8Array>();

  constructor(private readonly parts: ServingParts) {}

  /** Keeps the body of a new block at hand. */
  remember(id: BlockId, bytes: Uint8Array): void {
    this.#recent.set(id, bytes);
    if (this.#recent.size <= this.parts.limits.recentBodies) return;
    for (const oldest of this.#recent.keys()) {
      this.#recent.delete(oldest);
      break;
    }
  }

  getHeaders(peer: RemotePeer, message: MessageOf<"getheaders">): void {
    const { chain, limits } = this.parts;
    this.#serve(peer.session, 1, async () => {
      const { locator, stop } = message;
      const headers = await chain.headersAfter([...locator], stop, limits.headersPerMessage);
      const last = headers.at(-1);
      if (last !== undefined) peer.knownBlocks.add(last.id);
      await peer.session.sendPaced({ type: "headers", headers });
    });
  }

  getData(peer: RemotePeer, items: readonly InvItem[]): void {
    if (items.length === 0) return;
    this.#serve(peer.session, items.length, async () => {
      const missing: InvItem[] = [];
      for (const item of items) {
        if (!peer.session.isOpen) return;
        const isSent = item.kind === "block"
          ? await this.#sendBlock(peer, item.id)
          : await this.#sendTransaction(peer, item.id);
        if (!isSent) missing.push(item);
      }
      if (missing.length > 0) peer.session.send({ type: "notfound", items: missing });
    });
  }

  /** The chain has judged blocks: peers that asked for them meanwhile get their answer. */
  settled(ids: readonly BlockId[], peers: Iterable<RemotePeer>): void {
    for (const peer of peers) {
      if (peer.awaited.size === 0) continue;
      const items = ids.filter((id) => peer.awaited.delete(id))
        .map((id): InvItem => ({ kind: "block", id }));
      this.getData(peer, items);
    }
  }

  gone(session: PeerSession): void {
    this.#queues.delete(session);
    this.#waiting.delete(session);
  }

  async #sendBlock(peer: RemotePeer, id: BlockId): Promise<boolean> {
    const { chain, limits, isBeingChecked } = this.parts;
    if (!chain.isOnMainChain(id)) {
      // A side branch may never have been checked against its coins, and who passes on a bad block
      // is discouraged: it is answered when we know, or not at all.
      if (!isBeingChecked(id) || peer.awaited.size >= limits.awaitedPerPeer) return false;
      peer.awaited.add(id);
      return true;
    }
    const bytes = this.#recent.get(id) ?? await chain.blockBytes(id);
    if (bytes === undefined) return false;
    // It will have the block in a moment, and does not tell those who gave it.
    peer.shows(chain.header(id)!);
    await peer.session.sendPaced({ type: "block", bytes });
    return true;
  }

  async #sendTransaction(peer: RemotePeer, id: TxId): Promise<boolean> {
    const entry = this.parts.mempool.get(id);
    if (entry === undefined) return false;
    peer.knownTransactions.add(id);
    await peer.session.sendPaced({ type: "tx", bytes: entry.transaction.bytes });
    return true;
  }

  #serve(session: PeerSession, count: number, task: () => Promise<void>): void {
    const waiting = (this.#waiting.get(session) ?? 0) + count;
    if (waiting > this.parts.limits.servedPerPeer) {
      session.close("other", "More was asked for than can be sent");
      return;
    }
    let queue = this.#queues.get(session);
    if (queue === undefined) this.#queues.set(session, queue = new SerialQueue());
    this.#waiting.set(session, waiting);
    queue.run(async () => {
      if (session.isOpen) await task();
    }).finally(() => {
      const left = this.#waiting.get(session);
      if (left !== undefined) this.#waiting.set(session, left - count);
    }).catch(() => session.close("other", "Reading what was asked for failed"));
  }
}
