/** What sync remembers of one connected peer. */
import type { Cancel } from "../base/clock.ts";
import { RecentSet } from "../base/recent_set.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import { isBetterTip } from "../consensus/fork_choice.ts";
import type { PeerSession } from "../net/hub.ts";
import type { BlockId, TxId } from "../primitives/ids.ts";
import { FLAG_COMPACT_BLOCKS } from "../wire/version.ts";
import type { WantedBlock } from "./block_download.ts";
import { type Branch, OPEN } from "./header_branch.ts";
import type { SyncLimits } from "./limits.ts";

/** A tip that the peer told of and whose headers it has not shown yet. */
export interface Claim {
  readonly id: BlockId;
  readonly height: number;
  readonly totalWork: bigint;
}

/** quiet -> asked -> quiet (answered, or given up) */
export type HeaderRequest =
  | { readonly at: "quiet" }
  /** `isAgainDue`: something new was told meanwhile, so the answer may already be old. */
  | { readonly at: "asked"; readonly sinceMs: number; readonly isAgainDue: boolean };

export const QUIET: HeaderRequest = { at: "quiet" };

export class RemotePeer {
  readonly knownBlocks: RecentSet<BlockId>;
  readonly knownTransactions: RecentSet<TxId>;
  /** More work than ours that it claims; undefined once shown or given up. */
  claim: Claim | undefined;
  request: HeaderRequest = QUIET;
  branch: Branch = OPEN;
  /** It told of a block while a long chain came from another: to be asked for afterwards. */
  hasNews = false;
  /** Its last answer was full and more was asked for. */
  isLoading = false;
  /** It has more headers, to be asked for when blocks have caught up. */
  isPaused = false;
  /** `headers` in a row that brought nothing new, or did not connect. */
  fruitlessRounds = 0;
  /** Transactions to announce to it at the next batch. */
  readonly outbox = new Set<TxId>();
  /** Blocks it asked for that we are still checking. */
  readonly awaited = new Set<BlockId>();
  /** Set while a header from the future waits to be asked for again. */
  cancelEarlyRetry: Cancel | undefined;
  /** The height of the newest block given to it: it does not tell those who gave it. */
  givenHeight = 0;
  #best: HeaderContext | undefined;
  /** It lacks blocks from this height on, though its headers say otherwise. */
  #lacksFrom = Infinity;

  constructor(readonly session: PeerSession, limits: SyncLimits) {
    this.knownBlocks = new RecentSet(limits.knownBlocksPerPeer);
    this.knownTransactions = new RecentSet(limits.knownTransactionsPerPeer);
  }

  get id(): string {
    return this.session.peerId;
  }

  /** Whether new blocks are sent to it as compact blocks. */
  get takesCompact(): boolean {
    return (this.session.remote.flags & FLAG_COMPACT_BLOCKS) !== 0;
  }

  /** The best header it has shown. */
  get best(): HeaderContext | undefined {
    return this.#best;
  }

  /** The best header whose block it can be expected to have. */
  get offer(): HeaderContext | undefined {
    return this.#best !== undefined && this.#best.height < this.#lacksFrom ? this.#best : undefined;
  }

  /** It has the chain that ends in `header`. */
  shows(header: HeaderContext): void {
    this.knownBlocks.add(header.id);
    if (this.#best !== undefined && !isBetterTip(header, this.#best)) return;
    this.#best = header;
    this.#lacksFrom = Infinity;
  }

  /** What it showed last is void: an invalid branch. */
  forgetBest(): void {
    this.#best = undefined;
  }

  /** It was asked for the block and does not have it. */
  lacks(id: BlockId, height: number): void {
    this.knownBlocks.delete(id);
    this.#lacksFrom = Math.min(this.#lacksFrom, height);
  }

  /** Whether it told of the block, or its chain reaches that height. */
  has(wanted: WantedBlock): boolean {
    if (this.knownBlocks.has(wanted.id)) return true;
    const best = this.#best;
    return best !== undefined && wanted.height <= best.height && wanted.height < this.#lacksFrom;
  }
}
