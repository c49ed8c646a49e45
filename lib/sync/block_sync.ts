/**
 * Blocks: fetches what is missing from several peers at once, hands it to the chain in order, and
 * judges the senders by what the chain says.
 */
import type { Clock } from "../base/clock.ts";
import { RecentSet } from "../base/recent_set.ts";
import { getLogger } from "../base/log.ts";
import type { Chain } from "../chain/chain.ts";
import type { ChainChange, Outcome } from "../chain/outcome.ts";
import { checkBlock, checkBlockBody } from "../consensus/check_block.ts";
import { decodeCheckedHeader } from "../consensus/check_header.ts";
import { isBetterTip } from "../consensus/fork_choice.ts";
import { RuleError } from "../consensus/rules.ts";
import {
  type Block,
  type BlockHeader,
  decodeBlock,
  decodeHeader,
  HEADER_BYTES,
} from "../primitives/block.ts";
import { CodecError } from "../base/bytes.ts";
import { sha256dHex } from "../primitives/hash.ts";
import type { BlockId } from "../primitives/ids.ts";
import {
  type BlockBody,
  BlockDownload,
  type HeldBlock,
  type WantedBlock,
} from "./block_download.ts";
import type { HeaderSync } from "./header_sync.ts";
import type { SyncLimits } from "./limits.ts";
import type { Relay } from "./relay.ts";
import type { RemotePeer } from "./remote_peer.ts";
import type { Serving } from "./serving.ts";

const log = getLogger("sync", "blocks");

export interface BlockSyncParts {
  readonly chain: Chain;
  readonly clock: Clock;
  readonly limits: SyncLimits;
  readonly peers: ReadonlyMap<string, RemotePeer>;
  readonly headers: HeaderSync;
  readonly relay: Relay;
  readonly serving: Serving;
  readonly download: BlockDownload;
  /** Whether the block is being put together from a compact one: it is not fetched meanwhile. */
  readonly isComing: (id: BlockId) => boolean;
  /** The chain could not be written: nothing more is fetched. */
  readonly onFailure: (error: unknown) => void;
}

export class BlockSync {
  readonly #setAside: RecentSet<BlockId>;
  readonly #runs = new Set<Promise<void>>();
  /** Blocks that were passed on before their senders had checked them. */
  readonly #early: RecentSet<BlockId>;
  /** Blocks that the chain has refused of late. */
  readonly #refused: RecentSet<BlockId>;
  /** Blocks that no peer sent and that the chain is judging. */
  readonly #offered = new Set<BlockId>();
  /** Of the window, on the way to the best header. */
  #highest: BlockId | undefined;
  #isStopped = false;
  #isCheckDue = false;

  constructor(private readonly parts: BlockSyncParts) {
    this.#setAside = new RecentSet(parts.limits.blocksSetAside);
    this.#early = new RecentSet(parts.limits.checkingBlocks);
    this.#refused = new RecentSet(parts.limits.checkingBlocks);
  }

  /** Far behind: blocks are committed by the run, and nothing is relayed. */
  get isBulk(): boolean {
    const { chain, limits } = this.parts;
    const best = chain.bestHeader();
    const tip = chain.tip();
    return best.height - tip.height > limits.bulkBlocks && isBetterTip(best, tip);
  }

  /** Moves the window to what is missing now and asks for it. */
  refill(): void {
    if (this.#isStopped) return;
    this.#moveWindow();
    this.assign();
  }

  /** Sends the requests that are due. */
  assign(): void {
    if (this.#isStopped || this.parts.download.size === 0) return;
    const { clock, download, peers } = this.parts;
    const sources = [...peers.values()]
      .map((each) => ({ peer: each.id, has: (wanted: WantedBlock) => each.has(wanted) }));
    for (const [peer, ids] of download.assign(clock.monotonicMs(), sources)) {
      const items = ids.map((id) => ({ kind: "block" as const, id }));
      peers.get(peer)?.session.send({ type: "getdata", items });
    }
  }

  /** Takes a `block` message, asked for or not. Punishes the sender of a wrong one. */
  take(peer: RemotePeer, bytes: Uint8Array): void | Promise<void> {
    if (!this.isBulk || bytes.length <= HEADER_BYTES) return this.#takeOne(peer, bytes);
    // Far behind the chain judges a body, in its workers: here not even the header is read. What is
    // too small for them is read while the chain waits for the disk.
    const isSmall = bytes.length < this.parts.limits.readAheadBytes;
    const body = isSmall ? goodBlock(bytes) ?? bytes : bytes;
    const id = body instanceof Uint8Array ? headerId(bytes) : body.id;
    if (this.parts.download.lacks(id)) return this.#hold(peer, id, body);
    return this.#takeOne(peer, bytes);
  }

  /** Whether the block's body is here and is being checked, or waits for that. */
  isHere(id: BlockId): boolean {
    return this.parts.download.isHere(id) || this.#offered.has(id);
  }

  /** Takes a block that no peer sent. It is passed on as theirs are, before it is checked. */
  async offer(bytes: Uint8Array): Promise<Outcome> {
    const { chain, peers, serving } = this.parts;
    const block = await this.#examine(bytes);
    if (block === undefined || this.isHere(block.id)) return await chain.accept(bytes);
    this.#offered.add(block.id);
    try {
      this.#announceEarly(block);
      return await chain.accept(block);
    } finally {
      this.#offered.delete(block.id);
      serving.settled([block.id], peers.values());
    }
  }

  /** Takes a block that has come together: `peer` has not checked it before it passed it on. */
  takeRebuilt(peer: RemotePeer, block: Block): void {
    if (this.#isStopped) return;
    this.#moveWindow();
    if (!this.parts.download.lacks(block.id)) return;
    this.#early.add(block.id);
    this.#announceEarly(block);
    this.#hold(peer, block.id, block);
  }

  /** `peer` does not have a block it was asked for. */
  notFound(peer: RemotePeer, id: BlockId): void {
    const context = this.parts.chain.header(id);
    if (context !== undefined) peer.lacks(id, context.height);
    this.parts.download.notFound(id, peer.id);
  }

  gone(peer: RemotePeer): void {
    this.parts.download.gone(peer.id);
    this.refill();
  }

  /** Moves late requests to other peers. */
  expire(nowMs: number): void {
    const stalls = this.parts.download.expire(nowMs);
    if (stalls.length === 0) return;
    log.debug("{count} blocks are late, the first from {peer}", {
      count: stalls.length,
      peer: stalls[0]!.peer,
    });
    this.assign();
  }

  /** The main chain has changed: tells those who want to know. */
  changed(change: ChainChange): void {
    const { limits, relay, serving } = this.parts;
    this.#setAside.clear();
    if (change.connected.length === 0 || this.isBulk) return;
    for (const block of change.connected.slice(-limits.recentBodies)) serving.remember(block);
    relay.announceBlocks(change.connected.slice(-limits.announceHeaders));
  }

  /** Asks for nothing more and waits until the chain has judged what it was given. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#runs);
  }

  async #takeOne(peer: RemotePeer, bytes: Uint8Array): Promise<void> {
    const { chain, download, headers } = this.parts;
    const header = this.#headerOf(peer, bytes);
    if (header === undefined) return;
    peer.knownBlocks.add(header.id);
    if (chain.hasBlock(header.id) || this.isHere(header.id)) return;
    if (chain.header(header.id) === undefined) {
      await headers.take(peer, [header], false);
      if (chain.header(header.id) === undefined) return;
    }
    if (download.lacks(header.id)) this.#takeWanted(peer, header, bytes);
  }

  #headerOf(peer: RemotePeer, bytes: Uint8Array): BlockHeader | undefined {
    try {
      return decodeHeader(bytes.subarray(0, HEADER_BYTES));
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      peer.session.punish("invalid", error.message);
      return undefined;
    }
  }

  /** The block, if its header keeps the rules and its transactions are those of the header. */
  async #examine(bytes: Uint8Array): Promise<Block | undefined> {
    try {
      const block = checkBlockBody(decodeCheckedHeader(bytes.subarray(0, HEADER_BYTES)), bytes);
      await this.parts.chain.acceptHeaders([block.header]);
      return block;
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      return undefined; // The chain says what is wrong.
    }
  }

  #takeWanted(peer: RemotePeer, header: BlockHeader, bytes: Uint8Array): void {
    const { download } = this.parts;
    let block: Block;
    try {
      block = checkBlockBody(header, bytes);
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      download.retry(header.id, peer.id);
      peer.session.punish(error.fault, error.message);
      this.assign();
      return;
    }
    this.#announceEarly(block);
    this.#hold(peer, block.id, block);
  }

  /** Keeps a block until it is its turn. */
  #hold(peer: RemotePeer, id: BlockId, body: BlockBody): void {
    const { clock, download } = this.parts;
    download.arrived(id, body, peer.id, clock.monotonicMs());
    if (download.wantsMore(peer.id)) this.assign();
    this.#scheduleCheck();
  }

  /** Once for all blocks that come in one turn. */
  #scheduleCheck(): void {
    if (this.#isCheckDue) return;
    this.#isCheckDue = true;
    queueMicrotask(() => {
      this.#isCheckDue = false;
      this.#check();
    });
  }

  /**
   * A body that is here is passed on before it is checked, header first: what is left to be wrong
   * with it costs its maker the work of a block. A block that is known to be bad never gets here.
   */
  #announceEarly(block: Block): void {
    const { chain, relay, serving } = this.parts;
    const context = chain.header(block.id);
    if (context === undefined || this.isBulk || !isBetterTip(context, chain.tip())) return;
    if (!chain.hasBlock(context.previous) && !this.isHere(context.previous)) return;
    if (chain.isInvalid(block.id)) return;
    serving.remember(block);
    relay.announceBlocks([block]);
  }

  #moveWindow(): void {
    const { chain, download, headers, limits } = this.parts;
    const best = chain.bestHeader();
    const wanted = new Map<BlockId, WantedBlock>();
    if (isBetterTip(best, chain.tip())) {
      const missing = chain.missingBlocks(limits.windowBlocks);
      this.#highest = missing.at(-1)?.id;
      this.#want(wanted, missing);
    }
    if (wanted.size < limits.windowBlocks) headers.resume();
    for (const peer of this.parts.peers.values()) this.#wantBranchOf(peer, wanted);
    download.want([...wanted.values()]);
  }

  /** Hands what is complete to the chain, which works on many and answers in order. */
  #check(): void {
    const { chain, download, onFailure } = this.parts;
    if (this.#isStopped) return;
    const run = download.takeRun((id) => chain.hasBlock(id));
    if (run.length === 0) return;
    const done = this.#checkRun(run).catch((error) => {
      this.#isStopped = true;
      onFailure(error);
    }).then(() => {
      this.#runs.delete(done);
      this.#goOn();
    });
    this.#runs.add(done);
  }

  #goOn(): void {
    const { download, limits } = this.parts;
    // Moving the window costs a walk over it, so not for every block of a long sync.
    const isLow = download.size < limits.windowBlocks / 2 && !this.#reachesBest;
    if (isLow || download.size < limits.bulkBlocks) this.refill();
    else this.assign();
    this.#check();
  }

  /** Whether the window went up to the best header when it was moved. */
  get #reachesBest(): boolean {
    return this.#highest === this.parts.chain.bestHeader().id;
  }

  async #checkRun(run: readonly HeldBlock[]): Promise<void> {
    const outcomes = await this.parts.chain.acceptMany(run.map((held) => held.body));
    outcomes.forEach((outcome, at) => this.#judge(run[at]!, outcome));
    this.parts.serving.settled(run.map((held) => held.id), this.parts.peers.values());
  }

  #judge({ id, previous, peer }: HeldBlock, outcome: Outcome): void {
    const { download, peers } = this.parts;
    const session = peers.get(peer)?.session;
    const isEarly = this.#early.has(id);
    this.#early.delete(id);
    if (outcome.kind === "rejected" && outcome.senderOnly) download.retry(id, peer);
    else download.settled(id);
    switch (outcome.kind) {
      case "connected":
      case "reorganized":
        session?.creditUseful();
        break;
      case "orphan":
        this.#setAside.add(id);
        break;
      case "side-branch":
        if (!outcome.stored) this.#setAside.add(id);
        break;
      case "rejected": {
        // A block on a bad one is only as bad as its parent: who sent the parent is punished, but
        // not for one that every peer passes on before it knows.
        const isOnRefused = this.#refused.has(previous);
        this.#refused.add(id);
        if (outcome.fault === "invalid" && !isOnRefused && !isEarly) {
          session?.punish("invalid", outcome.detail);
        } else this.#setAside.add(id);
        break;
      }
      case "known":
    }
  }

  #want(wanted: Map<BlockId, WantedBlock>, missing: readonly { id: BlockId }[]): void {
    const { chain } = this.parts;
    for (const { id } of missing) {
      if (wanted.has(id) || this.#setAside.has(id)) continue;
      if (this.parts.isComing(id) || this.#offered.has(id)) continue;
      const context = chain.header(id);
      if (context === undefined) continue;
      wanted.set(id, { id, previous: context.previous, height: context.height });
    }
  }

  /**
   * The body of the best header may be withheld; so a branch that a peer shows and that is better
   * than ours is fetched too if little of it is missing.
   */
  #wantBranchOf(peer: RemotePeer, wanted: Map<BlockId, WantedBlock>): void {
    const { chain, limits } = this.parts;
    const best = peer.best;
    if (best === undefined || wanted.has(best.id)) return;
    if (chain.isInvalid(best.id)) return peer.forgetBest();
    const tip = chain.tip();
    if (!isBetterTip(best, tip) || best.id === chain.bestHeader().id) return;
    if (best.height > tip.height + limits.sideFetchBlocks) return;
    const missing = chain.missingBlocks(limits.sideFetchBlocks + 1, best.id);
    if (missing.length > limits.sideFetchBlocks) return;
    for (const { id } of missing) peer.knownBlocks.add(id);
    this.#want(wanted, missing);
  }
}

function headerId(bytes: Uint8Array): BlockId {
  return sha256dHex(bytes.subarray(0, HEADER_BYTES)) as BlockId;
}

/** The block of `bytes` if it keeps the rules that bytes alone can break; the chain says which not. */
function goodBlock(bytes: Uint8Array): Block | undefined {
  try {
    const block = decodeBlock(bytes);
    checkBlock(block);
    return block;
  } catch (error) {
    if (error instanceof CodecError || error instanceof RuleError) return undefined;
    throw error;
  }
}
