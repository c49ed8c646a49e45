/**
 * Keeps this node's chain and mempool in step with its peers. One owner of everything sync knows;
 * messages, chain changes and a tick while something is outstanding are all that moves it.
 */
import { type Cancel, type Clock, every } from "../base/clock.ts";
import { getLogger } from "../base/log.ts";
import { type Random, systemRandom } from "../base/random.ts";
import type { Unsubscribe } from "../base/signals.ts";
import type { Chain } from "../chain/chain.ts";
import type { ChainChange, Outcome } from "../chain/outcome.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import type { Mempool } from "../mempool/mempool.ts";
import type { PeerSession, SessionHub, SyncMessage } from "../net/hub.ts";
import type { BlockId, TxId } from "../primitives/ids.ts";
import type { Transaction } from "../primitives/transaction.ts";
import type { InvItem } from "../wire/inventory.ts";
import { BlockDownload } from "./block_download.ts";
import { BlockSync } from "./block_sync.ts";
import { CompactSync } from "./compact_sync.ts";
import { HeaderSync } from "./header_sync.ts";
import { SYNC_LIMITS, type SyncLimits } from "./limits.ts";
import { etaMs, RateMeter, type SyncPhase, type SyncState } from "./progress.ts";
import { Relay } from "./relay.ts";
import { RemotePeer } from "./remote_peer.ts";
import { Serving } from "./serving.ts";
import { TransactionSync } from "./transaction_sync.ts";

const log = getLogger("sync");

export interface SyncOptions {
  readonly chain: Chain;
  readonly mempool: Mempool;
  /** Sessions with peers of our network: the peer manager. */
  readonly peers: SessionHub;
  readonly clock: Clock;
  /** Whether this node's wallet made the payment: such are told again every ten minutes. */
  readonly isOwn?: (transaction: Transaction) => boolean;
  /** The chain could not be written, so sync has stopped asking: the node should stop. */
  readonly onFailure?: (error: unknown) => void;
  readonly limits?: Partial<SyncLimits>;
  readonly random?: Random;
}

export class Sync {
  readonly #chain: Chain;
  readonly #clock: Clock;
  readonly #hub: SessionHub;
  readonly #mempool: Mempool;
  readonly #limits: SyncLimits;
  readonly #peers = new Map<string, RemotePeer>();
  readonly #download: BlockDownload;
  readonly #headers: HeaderSync;
  readonly #blocks: BlockSync;
  readonly #compact: CompactSync;
  readonly #transactions: TransactionSync;
  readonly #relay: Relay;
  readonly #serving: Serving;
  readonly #meter = new RateMeter();
  readonly #listeners = new Set<(state: SyncState) => void>();
  readonly #cancels: Cancel[] = [];
  #cancelTick: Cancel | undefined;
  #cancelProgress: Cancel | undefined;
  #told: { readonly phase: SyncPhase; readonly height: number; readonly atMs: number };

  constructor(options: SyncOptions) {
    const { chain, clock, mempool } = options;
    const limits = { ...SYNC_LIMITS, ...options.limits };
    this.#chain = chain;
    this.#clock = clock;
    this.#mempool = mempool;
    this.#hub = options.peers;
    this.#limits = limits;
    this.#told = { phase: "idle", height: chain.tip().height, atMs: -Infinity };
    const download = this.#download = new BlockDownload(limits);
    const peers = () => this.#peers.values();
    const isOwn = options.isOwn ?? (() => false);
    const nonce = new DataView((options.random ?? systemRandom).bytes(8).buffer).getBigUint64(0);
    this.#relay = new Relay({ chain, mempool, clock, limits, peers, isOwn, nonce });
    const isHere = (id: BlockId) => this.#blocks.isHere(id);
    this.#serving = new Serving({ chain, mempool, limits, isBeingChecked: isHere });
    const onHeaders = () => this.#blocks.refill();
    const headers = this.#headers = new HeaderSync({ chain, clock, limits, peers, onHeaders });
    const isBehind = () => this.#blocks.isBulk;
    this.#compact = new CompactSync({
      ...{ chain, mempool, clock, limits, headers, isBehind, isHere },
      onBlock: (peer, block) => this.#blocks.takeRebuilt(peer, block),
      onGivenUp: () => this.#blocks.refill(),
    });
    this.#blocks = new BlockSync({
      chain,
      clock,
      limits,
      download,
      peers: this.#peers,
      headers,
      isComing: (id) => this.#compact.has(id),
      relay: this.#relay,
      serving: this.#serving,
      onFailure: (error) => {
        log.error("Cannot write the chain: {error}", { error });
        options.onFailure?.(error);
      },
    });
    const onAsked = () => this.#moved();
    const transactions = { chain, mempool, clock, limits, peers: this.#peers, isBehind, onAsked };
    this.#transactions = new TransactionSync(transactions);
  }

  /** Begins with the sessions that are open now and every later one. */
  start(): void {
    this.#cancels.push(
      this.#hub.onSession((session) => this.#meet(session)),
      this.#hub.onSessionEnd((session) => this.#part(session)),
      this.#hub.onMessage((session, message) => this.#take(session, message)),
      this.#chain.subscribe((change) => this.#changed(change)),
      this.#mempool.subscribe(({ added }) => {
        if (added !== undefined) this.#relay.announceTransaction(added.id);
      }),
      every(this.#clock, this.#limits.repeatOwnEveryMs, () => this.#relay.repeatOwn()),
    );
    for (const session of this.#hub.sessions()) this.#meet(session);
  }

  /** Ends all timers and waits for what the chain was given. Sessions stay open. */
  async stop(): Promise<void> {
    for (const cancel of this.#cancels.splice(0)) cancel();
    this.#cancelTick?.();
    this.#cancelProgress?.();
    this.#relay.stop();
    for (const peer of this.#peers.values()) peer.cancelEarlyRetry?.();
    this.#peers.clear();
    await this.#blocks.stop();
  }

  /** Where we stand; cheap. */
  state(): SyncState {
    const tip = this.#chain.tip();
    const { phase, target } = this.#goal(tip);
    const targetHeight = Math.max(target, tip.height);
    const rate = phase === "blocks" || phase === "headers"
      ? this.#meter.rate(this.#clock.monotonicMs())
      : 0;
    return {
      phase,
      height: tip.height,
      targetHeight,
      blocksPerSecond: rate,
      etaMs: phase === "idle" ? undefined : etaMs(targetHeight - tip.height, rate),
    };
  }

  /** Tells of each new phase at once, and of progress a few times a second. */
  onProgress(listener: (state: SyncState) => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** As `Chain.accept`, for a block that no peer sent: peers hear of it before it is checked. */
  offer(bytes: Uint8Array): Promise<Outcome> {
    return this.#blocks.offer(bytes);
  }

  /** What we know of a peer's chain: the height of what it has shown or was given. */
  heightOf(peerId: string): number | undefined {
    const peer = this.#peers.get(peerId);
    return peer && Math.max(peer.best?.height ?? 0, peer.givenHeight);
  }

  #meet(session: PeerSession): void {
    const former = this.#peers.get(session.peerId);
    if (former?.session === session) return;
    if (former !== undefined) this.#part(former.session);
    const peer = new RemotePeer(session, this.#limits);
    this.#peers.set(session.peerId, peer);
    this.#headers.meet(peer);
    if (session.remote.totalWork <= this.#chain.tip().totalWork) this.#relay.announceTip(peer);
    this.#relay.announceMempool(peer);
    this.#blocks.refill();
    this.#moved();
  }

  #part(session: PeerSession): void {
    const peer = this.#peers.get(session.peerId);
    if (peer === undefined || peer.session !== session) return;
    this.#peers.delete(session.peerId);
    peer.cancelEarlyRetry?.();
    this.#serving.gone(session);
    this.#compact.gone(peer);
    this.#blocks.gone(peer);
    this.#transactions.gone(peer);
    this.#headers.next();
    this.#moved();
  }

  /** What can be handled at once is: a promise for each message of a first sync is too much. */
  #take(session: PeerSession, message: SyncMessage): void | Promise<void> {
    const peer = this.#peers.get(session.peerId);
    if (peer === undefined || peer.session !== session) return;
    const handled = this.#handle(peer, message);
    if (handled !== undefined) return handled.then(() => this.#moved());
    // A block that waits for its turn moves nothing yet.
    if (message.type === "block") this.#scheduleTick();
    else this.#moved();
  }

  #handle(peer: RemotePeer, message: SyncMessage): void | Promise<void> {
    switch (message.type) {
      case "getheaders":
        return this.#serving.getHeaders(peer, message);
      case "headers":
        return this.#headers.take(peer, message.headers);
      case "inv":
        return this.#takeInventory(peer, message.items);
      case "getdata":
        return this.#serving.getData(peer, message.items);
      case "notfound":
        return this.#takeNotFound(peer, message.items);
      case "block":
        return this.#blocks.take(peer, message.bytes);
      case "compactblock":
        return this.#compact.take(peer, message);
      case "getblocktxn":
        return this.#serving.getBlockTransactions(peer, message);
      case "blocktxn":
        return this.#compact.takeTransactions(peer, message);
      case "tx":
        return this.#transactions.take(peer, message.bytes);
    }
  }

  #takeInventory(peer: RemotePeer, items: readonly InvItem[]): void {
    const transactions: TxId[] = [];
    let isMissing = false;
    for (const item of items) {
      if (item.kind === "tx") transactions.push(item.id);
      else if (this.#takeBlockNews(peer, item.id)) isMissing = true;
    }
    // A header may be known from somebody who keeps its body back: here is one who has it.
    if (isMissing) this.#blocks.refill();
    this.#transactions.told(peer, transactions);
  }

  /** Whether only the body of the block is missing here. */
  #takeBlockNews(peer: RemotePeer, id: BlockId): boolean {
    peer.knownBlocks.add(id);
    const known = this.#chain.header(id);
    if (known === undefined) {
      this.#headers.told(peer);
      return false;
    }
    peer.shows(known);
    return !this.#chain.hasBlock(id);
  }

  #takeNotFound(peer: RemotePeer, items: readonly InvItem[]): void {
    for (const item of items) {
      if (item.kind === "tx") this.#transactions.notFound(peer, item.id);
      else if (!this.#compact.notFound(peer, item.id)) this.#blocks.notFound(peer, item.id);
    }
    this.#transactions.assign();
    this.#blocks.assign();
  }

  #changed(change: ChainChange): void {
    this.#meter.sample(this.#clock.monotonicMs(), change.tip.height);
    this.#blocks.changed(change);
    this.#transactions.tipMoved();
    this.#moved();
  }

  /** After anything happened: keeps the tick running while it is needed, and tells of progress. */
  #moved(): void {
    this.#scheduleTick();
    this.#tellProgress();
  }

  #scheduleTick(): void {
    if (this.#cancelTick !== undefined) return;
    const isWaiting = this.#headers.isAsking || this.#download.asked > 0 ||
      this.#compact.isAsking || this.#transactions.isAsking;
    if (!isWaiting || this.#cancels.length === 0) return;
    this.#cancelTick = this.#clock.after(this.#limits.tickMs, () => {
      this.#cancelTick = undefined;
      const nowMs = this.#clock.monotonicMs();
      this.#headers.expire(nowMs);
      this.#blocks.expire(nowMs);
      this.#compact.expire(nowMs);
      this.#transactions.expire(nowMs);
      this.#moved();
    });
  }

  #tellProgress(): void {
    if (this.#listeners.size === 0 || this.#cancels.length === 0) return;
    const nowMs = this.#clock.monotonicMs();
    const { phase, height } = this.state();
    if (phase === this.#told.phase && height === this.#told.height) return;
    const waitMs = this.#told.atMs + this.#limits.progressEveryMs - nowMs;
    if (phase === this.#told.phase && waitMs > 0) {
      this.#cancelProgress ??= this.#clock.after(waitMs, () => {
        this.#cancelProgress = undefined;
        this.#tellProgress();
      });
      return;
    }
    this.#told = { phase, height, atMs: nowMs };
    const state = this.state();
    for (const listener of this.#listeners) listener(state);
  }

  /** What the peers that are connected now give us to do. */
  #goal(tip: HeaderContext): { phase: SyncPhase; target: number } {
    if (this.#peers.size === 0) return { phase: "idle", target: tip.height };
    const nowMs = this.#clock.monotonicMs();
    let claimed = 0;
    let shown = 0;
    for (const { claim, offer, id } of this.#peers.values()) {
      if (claim !== undefined && claim.totalWork > tip.totalWork) {
        claimed = Math.max(claimed, claim.height);
      }
      const isMore = offer !== undefined && offer.totalWork > tip.totalWork;
      // Who shows headers and never gives their blocks has shown nothing.
      if (isMore && !this.#chain.isInvalid(offer.id) && !this.#download.isBenched(id, nowMs)) {
        shown = Math.max(shown, offer.height);
      }
    }
    const target = Math.max(claimed, shown);
    if (claimed > 0) return { phase: "headers", target };
    return { phase: shown > 0 ? "blocks" : "synced", target };
  }
}
