/**
 * Blocks: fetches what is missing from several peers at once, hands it to the chain in order, and
 * judges the senders by what the chain says.
 */
import type { Clock } from "../base/clock.ts";
import { RecentSet } from "../base/recent_set.ts";
import { getLogger } from "../base/log.ts";
import type { Chain } from "../chain/chain.ts";
import type { ChainChange, Outcome } from "../chain/outcome.ts";
import { checkBlockBody } from "../consensus/check_block.ts";
import { isBetterTip } from "../consensus/fork_choice.ts";
import { RuleError } from "../consensus/rules.ts";
import { type Block, type BlockHeader, decodeHeader, HEADER_BYTES } from "../primitives/block.ts";
import { CodecError } from "../base/bytes.ts";
import type { BlockId } from "../primitives/ids.ts";
import { BlockDownload, type HeldBlock, type WantedBlock } from "./block_download.ts";
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
  /** The chain could not be written: nothing more is fetched. */
  readonly onFailure: (error: unknown) => void;
}

export class BlockSync {
  readonly #setAside: RecentSet<BlockId>;
  readonly #runs = new Set<Promise<void>>();
  #isStopped = false;

  constructor(private readonly parts: BlockSyncParts) {
    this.#setAside = new RecentSet(parts.limits.blocksSetAside);
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
    const { chain, download, headers, limits } = this.parts;
    const best = chain.bestHeader();
    const wanted = new Map<BlockId, WantedBlock>();
    if (isBetterTip(best, chain.tip())) {
      this.#want(wanted, chain.missingBlocks(limits.windowBlocks));
    }
    if (wanted.size < limits.windowBlocks) headers.resume();
    for (const peer of this.parts.peers.values()) this.#wantBranchOf(peer, wanted);
    download.want([...wanted.values()]);
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
  async take(peer: RemotePeer, bytes: Uint8Array): Promise<void> {
    const { chain, download, headers } = this.parts;
    const header = this.#headerOf(peer, bytes);
    if (header === undefined) return;
    peer.knownBlocks.add(header.id);
    if (chain.hasBlock(header.id) || download.isHere(header.id)) return;
    if (chain.header(header.id) === undefined) {
      await headers.take(peer, [header], false);
      if (chain.header(header.id) === undefined) return;
    }
    if (download.lacks(header.id)) this.#takeWanted(peer, header, bytes);
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
    this.#setAside.clear();
    const newest = change.connected.at(-1);
    if (newest === undefined || this.isBulk) return;
    this.parts.serving.remember(newest.id, newest.bytes);
    const latest = change.connected.slice(-this.parts.limits.announceHeaders);
    this.parts.relay.announceHeaders(latest.map((block) => block.header));
  }

  /** Asks for nothing more and waits until the chain has judged what it was given. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#runs);
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

  #takeWanted(peer: RemotePeer, header: BlockHeader, bytes: Uint8Array): void {
    const { clock, download } = this.parts;
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
    download.arrived(block, peer.id, clock.monotonicMs());
    this.#announceEarly(block);
    if (download.wantsMore(peer.id)) this.assign();
    this.#check();
  }

  /** Header first: a body that is here is told of before it is checked, and served after. */
  #announceEarly(block: Block): void {
    const { chain, relay, serving } = this.parts;
    const context = chain.header(block.id);
    if (context === undefined || this.isBulk || !isBetterTip(context, chain.tip())) return;
    if (!chain.hasBlock(context.previous)) return;
    serving.remember(block.id, block.bytes);
    relay.announceHeaders([block.header]);
  }

  /** Hands what is complete to the chain. */
  #check(): void {
    const { chain, download, limits, onFailure } = this.parts;
    while (!this.#isStopped && this.#runs.size < limits.runsAtOnce) {
      const run = download.takeRun((id) => chain.hasBlock(id), limits.runBlocks);
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
  }

  #goOn(): void {
    const { download, limits } = this.parts;
    // Moving the window costs a walk over it, so not for every block of a long sync.
    if (download.size < limits.windowBlocks * 3 / 4) this.refill();
    this.#check();
  }

  async #checkRun(run: readonly HeldBlock[]): Promise<void> {
    const outcomes = await this.parts.chain.acceptMany(run.map((held) => held.block));
    const refused = new Set<BlockId>();
    outcomes.forEach((outcome, at) => this.#judge(run[at]!, outcome, refused));
    this.parts.serving.settled(run.map((held) => held.block.id), this.parts.peers.values());
  }

  #judge({ block, peer }: HeldBlock, outcome: Outcome, refused: Set<BlockId>): void {
    const { download, peers } = this.parts;
    const session = peers.get(peer)?.session;
    if (outcome.kind === "rejected" && outcome.senderOnly) download.retry(block.id, peer);
    else download.settled(block.id);
    switch (outcome.kind) {
      case "connected":
      case "reorganized":
        session?.creditUseful();
        break;
      case "orphan":
        this.#setAside.add(block.id);
        break;
      case "side-branch":
        if (!outcome.stored) this.#setAside.add(block.id);
        break;
      case "rejected": {
        // A block on a bad one is only as bad as its parent: who sent the parent is punished.
        const isOnRefused = refused.has(block.header.previous);
        refused.add(block.id);
        if (outcome.fault === "invalid" && !isOnRefused) {
          session?.punish("invalid", outcome.detail);
        } else this.#setAside.add(block.id);
        break;
      }
      case "known":
    }
  }

  #want(wanted: Map<BlockId, WantedBlock>, missing: readonly { id: BlockId }[]): void {
    const { chain } = this.parts;
    for (const { id } of missing) {
      if (wanted.has(id) || this.#setAside.has(id)) continue;
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
