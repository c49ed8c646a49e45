/**
 * Compact blocks as they come: the header is checked first, then the block is put together from what
 * was sent along and our own payments; what is missing is asked of the sender, once or twice. A block
 * that does not come together so is fetched whole, like any other.
 *
 *   reserved --header is good--> asked --blocktxn--> done, or given up
 *      |                                                ^
 *      +--nothing is missing, or it is not wanted-------+
 *
 * Who is to blame: a peer passes a block on before it has checked it, so a block that proves bad by
 * its coins or signatures says nothing of its sender; that is the price of speed, and the work in its
 * header keeps it rare. A bad header, bytes that are no transactions, and transactions that came from
 * the peer alone and are not those of the header are lies: no honest peer has ever seen such a block.
 */
import { CodecError } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { getLogger } from "../base/log.ts";
import type { Chain } from "../chain/chain.ts";
import { isBetterTip } from "../consensus/fork_choice.ts";
import type { Mempool } from "../mempool/mempool.ts";
import type { Block } from "../primitives/block.ts";
import type { BlockId } from "../primitives/ids.ts";
import type { Transaction } from "../primitives/transaction.ts";
import type { MessageOf } from "../wire/messages.ts";
import { Rebuild } from "./compact_block.ts";
import type { HeaderSync } from "./header_sync.ts";
import type { SyncLimits } from "./limits.ts";
import type { RemotePeer } from "./remote_peer.ts";

const log = getLogger("sync", "compact");

export interface CompactSyncParts {
  readonly chain: Chain;
  readonly mempool: Mempool;
  readonly clock: Clock;
  readonly limits: SyncLimits;
  readonly headers: HeaderSync;
  /** Far behind, the newest block is of no use yet. */
  readonly isBehind: () => boolean;
  /** Whether the body is here and waits to be checked. */
  readonly isHere: (id: BlockId) => boolean;
  /** A block has come together whose transactions are those of its header. */
  readonly onBlock: (peer: RemotePeer, block: Block) => void;
  /** A block will not come this way. */
  readonly onGivenUp: () => void;
}

type State =
  /** The header is being checked; nobody else may ask for the body meanwhile. */
  | { readonly at: "reserved"; readonly peer: RemotePeer }
  | {
    readonly at: "asked";
    readonly peer: RemotePeer;
    readonly rebuild: Rebuild;
    readonly sinceMs: number;
  };

export class CompactSync {
  readonly #states = new Map<BlockId, State>();

  constructor(private readonly parts: CompactSyncParts) {}

  /** Whether the block may come together: then it is not fetched. */
  has(id: BlockId): boolean {
    return this.#states.has(id);
  }

  get isAsking(): boolean {
    return this.#states.size > 0;
  }

  /** Takes a `compactblock` message. Punishes the sender of a bad header or of no transactions. */
  async take(peer: RemotePeer, message: MessageOf<"compactblock">): Promise<void> {
    const { chain, isHere, limits } = this.parts;
    const { id } = message.header;
    peer.knownBlocks.add(id);
    const known = chain.header(id);
    if (known !== undefined) peer.shows(known);
    if (chain.hasBlock(id) || isHere(id) || this.has(id)) return;
    const isFull = this.#states.size >= limits.rebuildsAtOnce;
    if (!isFull) this.#states.set(id, { at: "reserved", peer });
    if (known === undefined) await this.parts.headers.take(peer, [message.header], false);
    if (isFull) return;
    const isStillOurs = this.#states.get(id)?.peer === peer;
    if (isStillOurs && !this.#begin(peer, message)) this.#giveUp(id);
  }

  /** Takes a `blocktxn` message; what nobody waits for is passed over. */
  takeTransactions(peer: RemotePeer, { id, transactions }: MessageOf<"blocktxn">): void {
    const state = this.#states.get(id);
    if (state?.at !== "asked" || state.peer !== peer) return;
    const isGoing = this.#orPunish(peer, () => {
      state.rebuild.fill(transactions);
      return this.#goOn(peer, state.rebuild);
    });
    if (!isGoing) this.#giveUp(id);
  }

  /** `peer` has not got what was asked for any more. Returns whether anything was. */
  notFound(peer: RemotePeer, id: BlockId): boolean {
    if (this.#states.get(id)?.peer !== peer) return false;
    this.#giveUp(id);
    return true;
  }

  gone(peer: RemotePeer): void {
    for (const [id, state] of [...this.#states]) if (state.peer === peer) this.#giveUp(id);
  }

  /** Gives up on answers that are late: the block is fetched from whoever has it. */
  expire(nowMs: number): void {
    for (const [id, state] of [...this.#states]) {
      if (state.at !== "asked" || nowMs - state.sinceMs < this.parts.limits.rebuildStallMs) {
        continue;
      }
      log.debug("Peer {peer} is late with transactions of {id}", { peer: state.peer.id, id });
      this.#giveUp(id);
    }
  }

  /** Whether the block is wanted, and on its way or done. */
  #begin(peer: RemotePeer, message: MessageOf<"compactblock">): boolean {
    const { chain, isBehind, isHere } = this.parts;
    const { id } = message.header;
    const context = chain.header(id);
    if (context === undefined || chain.isInvalid(id) || isBehind()) return false;
    if (!isBetterTip(context, chain.tip()) || chain.hasBlock(id) || isHere(id)) return false;
    return this.#orPunish(
      peer,
      () => this.#goOn(peer, new Rebuild(message, this.#pool())),
    );
  }

  /** The payments that a block is looked for in: enough for the block, no more than a moment's. */
  *#pool(): Generator<Transaction, void> {
    let left = this.parts.limits.rebuildPoolEntries;
    for (const { transaction } of this.parts.mempool.entries()) {
      if (left-- <= 0) return;
      yield transaction;
    }
  }

  /** Hands the block on, or asks for what is missing. False when it will not come together. */
  #goOn(peer: RemotePeer, rebuild: Rebuild): boolean {
    if (rebuild.missing.length === 0) {
      const block = rebuild.block();
      if (block !== undefined) {
        this.#states.delete(block.id);
        this.parts.onBlock(peer, block);
        return true;
      }
      // One of our own payments has the short id of another: with the peer's own there is no doubt.
      if (!rebuild.giveBack()) {
        const why = `Block "${rebuild.id}" came with transactions that its header does not name`;
        peer.session.punish("invalid", why);
        return false;
      }
    }
    const { id, missing: indexes } = rebuild;
    const sinceMs = this.parts.clock.monotonicMs();
    this.#states.set(id, { at: "asked", peer, rebuild, sinceMs });
    return peer.session.send({ type: "getblocktxn", id, indexes });
  }

  #orPunish(peer: RemotePeer, step: () => boolean): boolean {
    try {
      return step();
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      peer.session.punish("invalid", error.message);
      return false;
    }
  }

  #giveUp(id: BlockId): void {
    if (this.#states.delete(id)) this.parts.onGivenUp();
  }
}
