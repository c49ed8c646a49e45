/**
 * Headers first: asks the peer that claims the most work, one at a time, and takes what it shows.
 * News from any peer is followed at once.
 */
import type { Clock } from "../base/clock.ts";
import { getLogger } from "../base/log.ts";
import type { Chain } from "../chain/chain.ts";
import { latestTimeMs } from "../consensus/check_header.ts";
import { RuleError } from "../consensus/rules.ts";
import type { BlockHeader } from "../primitives/block.ts";
import type { BlockId } from "../primitives/ids.ts";
import { MAX_LOCATOR_IDS } from "../wire/headers.ts";
import { type BranchView, type HeaderStep, OPEN, takeHeaders } from "./header_branch.ts";
import type { SyncLimits } from "./limits.ts";
import { QUIET, type RemotePeer } from "./remote_peer.ts";

const log = getLogger("sync", "headers");

/** A header that is too early is asked for again not sooner than this. */
const EARLY_RETRY_MS_MIN = 50;

export interface HeaderSyncParts {
  readonly chain: Chain;
  readonly clock: Clock;
  readonly limits: SyncLimits;
  readonly peers: () => Iterable<RemotePeer>;
  /** Headers are new, or somebody new has their bodies: there may be blocks to fetch. */
  readonly onHeaders: () => void;
}

export class HeaderSync {
  /** The chain keeps no more headers until blocks have caught up. */
  #isFull = false;

  constructor(private readonly parts: HeaderSyncParts) {}

  /** Whether an answer is awaited from anyone. */
  get isAsking(): boolean {
    for (const peer of this.parts.peers()) if (peer.request.at === "asked") return true;
    return false;
  }

  /** Takes what a new peer said in `version`. */
  meet(peer: RemotePeer): void {
    const { tipId: id, tipHeight: height, totalWork } = peer.session.remote;
    // Equal work counts: of two equal tips the smaller id wins, and that must be found out.
    if (totalWork >= this.parts.chain.tip().totalWork) peer.claim = { id, height, totalWork };
    this.#settleClaim(peer, { id, totalWork });
    this.next();
  }

  /** `peer` told of an unknown block: asks at once, but not for all of a long chain twice. */
  told(peer: RemotePeer): void {
    if (this.#isLoadingFrom(peer)) peer.hasNews = true;
    else this.#ask(peer, this.#locator());
  }

  /** Blocks have caught up with headers: what was put off is asked for. */
  resume(): void {
    if (!this.#isFull) return;
    this.#isFull = false;
    for (const peer of this.parts.peers()) {
      if (!peer.isPaused) continue;
      peer.isPaused = false;
      this.told(peer);
    }
    this.next();
  }

  /** Asks the peer that claims most, unless another is being asked and still in time. */
  next(): void {
    const nowMs = this.parts.clock.monotonicMs();
    let best: RemotePeer | undefined;
    const withNews: RemotePeer[] = [];
    for (const peer of this.parts.peers()) {
      if (peer.hasNews) withNews.push(peer);
      if (peer.request.at === "asked") {
        if (nowMs - peer.request.sinceMs < this.parts.limits.headerStallMs) return;
        continue;
      }
      if (peer.claim !== undefined) this.#settleClaim(peer, peer.claim);
      const claim = peer.claim;
      if (claim === undefined) continue;
      if (best?.claim === undefined || claim.totalWork > best.claim.totalWork) best = peer;
    }
    if (this.#isFull) return;
    if (best !== undefined) this.#ask(best, this.#locator());
    else for (const peer of withNews) this.#ask(peer, this.#locator());
  }

  /**
   * Takes a `headers` message, or the header of a block that came unasked (`isAnswer` false).
   * Punishes the sender of invalid ones.
   */
  async take(peer: RemotePeer, headers: readonly BlockHeader[], isAnswer = true): Promise<void> {
    const { request } = peer;
    if (isAnswer) {
      peer.request = QUIET;
      peer.isLoading = false;
    }
    for (const header of headers.slice(-this.parts.limits.announceHeaders)) {
      peer.knownBlocks.add(header.id);
    }
    try {
      await this.#follow(peer, this.#withoutEarly(peer, headers));
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      peer.claim = undefined;
      peer.branch = OPEN;
      peer.session.punish(error.fault, error.message);
    }
    const isAgainDue = isAnswer && request.at === "asked" && request.isAgainDue;
    if (isAgainDue && peer.request.at === "quiet") this.told(peer);
    this.next();
  }

  /** Gives up on peers that do not answer: what they claim counts for nothing. */
  expire(nowMs: number): void {
    for (const peer of this.parts.peers()) {
      if (peer.request.at !== "asked") continue;
      if (nowMs - peer.request.sinceMs < this.parts.limits.headerGiveUpMs) continue;
      log.debug("Peer {peer} does not answer getheaders", { peer: peer.id });
      peer.request = QUIET;
      peer.branch = OPEN;
      peer.claim = undefined;
    }
    this.next();
  }

  async #follow(peer: RemotePeer, headers: readonly BlockHeader[]): Promise<void> {
    const { chain } = this.parts;
    const first = headers[0];
    if (first !== undefined && this.#isOnInvalid(headers)) {
      // Whoever relays a header has not always checked its ancestors' bodies: no reason to punish.
      peer.claim = undefined;
      return;
    }
    const step = takeHeaders(peer.branch, headers, this.#view());
    peer.branch = step.branch;
    if (step.kind === "unconnected") return this.#connect(peer);
    if (step.kind === "accept") {
      // The next are on their way while these are checked; if these are bad, the session ends.
      const isAhead = step.next !== "nothing" && this.#hasRoomAhead();
      if (isAhead) this.#goOn(peer, step);
      const { last, full } = await chain.acceptHeaders(step.accept);
      peer.shows(last);
      this.parts.onHeaders();
      if (full) {
        this.#isFull = true;
        peer.isPaused = true;
        return;
      }
      if (isAhead) return;
    } else if (headers.length > 0) {
      const known = chain.header(headers.at(-1)!.id);
      if (known !== undefined) {
        peer.shows(known);
        // Who showed it before may keep its body back.
        if (!chain.hasBlock(known.id)) this.parts.onHeaders();
      }
    }
    this.#goOn(peer, step);
  }

  /** Asks for what comes next, or settles that the peer has no more. */
  #goOn(peer: RemotePeer, step: Exclude<HeaderStep, { kind: "unconnected" }>): void {
    if (step.next === "nothing") {
      peer.claim = undefined;
      peer.fruitlessRounds = 0;
      return;
    }
    const isFruitless = step.kind === "nothing" && step.branch.at === "open";
    peer.fruitlessRounds = isFruitless ? peer.fruitlessRounds + 1 : 0;
    if (peer.fruitlessRounds > this.parts.limits.fruitlessRounds) {
      peer.claim = undefined;
      return;
    }
    peer.isLoading = true;
    this.#ask(peer, [step.next.after, ...this.#locator()]);
  }

  /** Whether the chain will surely keep what an answer brings. */
  #hasRoomAhead(): boolean {
    const { chain, limits } = this.parts;
    return chain.bestHeader().height - chain.tip().height < limits.headersAhead;
  }

  /** Headers whose parents are not known: asks for those between, but not for ever. */
  #connect(peer: RemotePeer): void {
    peer.fruitlessRounds++;
    if (peer.fruitlessRounds > this.parts.limits.fruitlessRounds) peer.claim = undefined;
    else this.told(peer);
  }

  #ask(peer: RemotePeer, locator: readonly BlockId[]): void {
    if (peer.request.at === "asked") {
      peer.request = { ...peer.request, isAgainDue: true };
      return;
    }
    const isSent = peer.session.send({
      type: "getheaders",
      locator: locator.slice(0, MAX_LOCATOR_IDS),
    });
    if (!isSent) return;
    peer.hasNews = false;
    const sinceMs = this.parts.clock.monotonicMs();
    peer.request = { at: "asked", sinceMs, isAgainDue: false };
  }

  /** Whether a long chain is coming from another peer, one message after the other. */
  #isLoadingFrom(exceptPeer: RemotePeer): boolean {
    const nowMs = this.parts.clock.monotonicMs();
    for (const peer of this.parts.peers()) {
      if (peer === exceptPeer || !peer.isLoading || peer.request.at !== "asked") continue;
      if (nowMs - peer.request.sinceMs < this.parts.limits.headerStallMs) return true;
    }
    return false;
  }

  /** From the best header known: what an interrupted sync has fetched is not fetched again. */
  #locator(): BlockId[] {
    const { chain } = this.parts;
    const best = chain.bestHeader();
    return best.id === chain.tip().id ? chain.locator() : [best.id, ...chain.locator()];
  }

  #settleClaim(peer: RemotePeer, claim: { id: BlockId; totalWork: bigint }): void {
    const known = this.parts.chain.header(claim.id);
    if (known !== undefined && !this.parts.chain.isInvalid(claim.id)) peer.shows(known);
    const isSmaller = claim.totalWork < this.parts.chain.tip().totalWork;
    if (known !== undefined || isSmaller) peer.claim = undefined;
  }

  /** The headers before the first that lies in the future; that one is asked for in its time. */
  #withoutEarly(peer: RemotePeer, headers: readonly BlockHeader[]): readonly BlockHeader[] {
    const { chain, clock, limits } = this.parts;
    const latestMs = latestTimeMs(clock.nowMs(), chain.network);
    const at = headers.findIndex((header) => header.timeMs > latestMs);
    if (at < 0) return headers;
    const waitMs = Math.min(headers[at]!.timeMs - latestMs, limits.earlyRetryMsMax);
    peer.cancelEarlyRetry?.();
    peer.cancelEarlyRetry = clock.after(Math.max(EARLY_RETRY_MS_MIN, waitMs), () => {
      peer.cancelEarlyRetry = undefined;
      this.told(peer);
    });
    return headers.slice(0, at);
  }

  #isOnInvalid(headers: readonly BlockHeader[]): boolean {
    const { chain } = this.parts;
    if (chain.isInvalid(headers[0]!.previous)) return true;
    // Behind the first unknown one there is none that is known.
    const unknown = headers.findIndex((header) => chain.header(header.id) === undefined);
    const known = unknown < 0 ? headers : headers.slice(0, unknown);
    return known.some((header) => chain.isInvalid(header.id));
  }

  #view(): BranchView {
    const { chain, clock, limits } = this.parts;
    const tip = chain.tip();
    const low = chain.headerAt(Math.max(0, tip.height - limits.sideBranchBlocks));
    return {
      network: chain.network,
      nowMs: clock.nowMs(),
      workMin: low?.totalWork ?? 0n,
      headersPerMessage: limits.headersPerMessage,
      weighedMessagesMax: limits.weighedMessagesMax,
      header: (id) => chain.header(id),
    };
  }
}
