/**
 * Answers to what peers ask: headers, blocks, transactions. Each peer has a queue of its own, so
 * that one who reads slowly keeps nobody waiting, us included.
 */
import type { Chain } from "../chain/chain.ts";
import type { Mempool } from "../mempool/mempool.ts";
import type { PeerSession } from "../net/hub.ts";
import type { Block } from "../primitives/block.ts";
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
  /** The newest blocks, oldest first. */
  readonly #recent = new Map<BlockId, Block>();
  /** Of the blocks that were read last. */
  #meanBytes: number;

  constructor(private readonly parts: ServingParts) {
    this.#meanBytes = parts.limits.blockBytesMax;
  }

  /** Keeps a new block at hand. */
  remember(block: Block): void {
    this.#recent.set(block.id, block);
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
      this.#forgetEarlyNews(peer);
      await peer.session.sendPaced({ type: "headers", headers });
    });
  }

  /**
   * Whoever asks for headers may have made nothing of blocks that we told of before they were
   * checked, and the answer does not hold them: it is told again when they are connected.
   */
  #forgetEarlyNews(peer: RemotePeer): void {
    for (const id of this.#recent.keys()) {
      if (!this.#isServed(id)) peer.knownBlocks.delete(id);
    }
  }

  getData(peer: RemotePeer, items: readonly InvItem[]): void {
    if (items.length === 0) return;
    this.#serve(peer.session, items.length, async () => {
      const missing: InvItem[] = [];
      const stored: BlockId[] = [];
      for (const item of items) {
        if (!peer.session.isOpen) return;
        if (item.kind === "block" && this.#isServed(item.id)) {
          stored.push(item.id);
          continue;
        }
        // Answers leave in the order of the questions.
        missing.push(...await this.#sendBlocks(peer, stored.splice(0)));
        const isSent = item.kind === "block"
          ? this.#letWait(peer, item.id)
          : await this.#sendTransaction(peer, item.id);
        if (!isSent) missing.push(item);
      }
      missing.push(...await this.#sendBlocks(peer, stored));
      if (missing.length > 0) peer.session.send({ type: "notfound", items: missing });
    });
  }

  /**
   * Answers who puts a compact block of ours together: only for new blocks, and before they are
   * checked, as they were told of. Punishes who asks for what no such block has.
   */
  getBlockTransactions(peer: RemotePeer, { id, indexes }: MessageOf<"getblocktxn">): void {
    this.#serve(peer.session, 1, async () => {
      const block = this.#recent.get(id);
      if (block === undefined || this.parts.chain.isInvalid(id)) {
        peer.session.send({ type: "notfound", items: [{ kind: "block", id }] });
        return;
      }
      const transactions: Uint8Array[] = [];
      for (const index of indexes) {
        const transaction = block.transactions[index];
        if (transaction === undefined) {
          peer.session.punish("invalid", `Block "${id}" has no transaction ${index}`);
          return;
        }
        transactions.push(transaction.bytes);
      }
      await peer.session.sendPaced({ type: "blocktxn", id, transactions });
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

  /**
   * Whether the block is passed on. One of a side branch may never have been checked against its
   * coins, and who passes on a bad block is discouraged.
   */
  #isServed(id: BlockId): boolean {
    return this.parts.chain.isOnMainChain(id);
  }

  /** A block that is being checked is answered when we know, or not at all. */
  #letWait(peer: RemotePeer, id: BlockId): boolean {
    const { limits, isBeingChecked } = this.parts;
    if (!isBeingChecked(id) || peer.awaited.size >= limits.awaitedPerPeer) return false;
    peer.awaited.add(id);
    return true;
  }

  /** Reads and sends blocks of the main chain, some at a time. Returns those that are not there. */
  async #sendBlocks(peer: RemotePeer, ids: readonly BlockId[]): Promise<InvItem[]> {
    const { chain, limits } = this.parts;
    const missing: InvItem[] = [];
    for (let from = 0; from < ids.length && peer.session.isOpen;) {
      const { servedBlocksAtOnce, servedBytesAtOnce } = limits;
      const fitting = Math.max(1, Math.floor(servedBytesAtOnce / this.#meanBytes));
      const part = ids.slice(from, from + Math.min(servedBlocksAtOnce, fitting));
      from += part.length;
      const bodies = await this.#bodiesOf(part);
      const blocks = bodies.filter((bytes) => bytes !== undefined);
      part.forEach((id, at) => bodies[at] ?? missing.push({ kind: "block", id }));
      if (blocks.length === 0) continue;
      const bytes = blocks.reduce((sum, { length }) => sum + length, 0);
      this.#meanBytes = (this.#meanBytes + bytes) / (1 + blocks.length);
      // It will have the blocks in a moment, and does not tell those who gave them.
      const last = chain.header(part.at(-1)!);
      if (last !== undefined) peer.shows(last);
      await peer.session.sendPaced(...blocks.map((bytes) => ({ type: "block" as const, bytes })));
    }
    return missing;
  }

  async #bodiesOf(ids: readonly BlockId[]): Promise<(Uint8Array | undefined)[]> {
    const recent = ids.map((id) => this.#recent.get(id)?.bytes);
    if (!recent.includes(undefined)) return recent;
    return await this.parts.chain.blockBytesMany(ids);
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
