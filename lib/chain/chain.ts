/** The chain as others see it: one object, whose changes all run through one queue. */
import type { Clock } from "../base/clock.ts";
import { SerialQueue } from "../base/serial_queue.ts";
import { Signal, type Unsubscribe } from "../base/signals.ts";
import { checkHeader } from "../consensus/check_header.ts";
import type { Coin, CoinLookup, CoinName, OwnedCoin } from "../consensus/coins.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import type { Network } from "../consensus/network.ts";
import { RuleError } from "../consensus/rules.ts";
import { isSettled, SETTLED_WINDOW } from "../consensus/settled.ts";
import { workOf } from "../consensus/work.ts";
import type { Block, BlockHeader } from "../primitives/block.ts";
import type { BlockId, Lock, TxId } from "../primitives/ids.ts";
import { type OutPoint, outPointKey, type Transaction } from "../primitives/transaction.ts";
import { COIN_CACHE_LIMITS, type CoinCacheLimits } from "../store/coin_cache.ts";
import type { PageLimits } from "../store/sorted_pages.ts";
import type { Store } from "../store/store.ts";
import { BlockAcceptor } from "./block_acceptor.ts";
import { ChainMover } from "./chain_mover.ts";
import type { ChainState } from "./chain_state.ts";
import { ChainIndexes } from "./indexes.ts";
import { headersOf } from "./load_headers.ts";
import type {
  ChainChange,
  FoundTransaction,
  HeadersAccepted,
  HistoryPage,
  IndexProgress,
  OnProgress,
  Outcome,
  VerifyReport,
} from "./outcome.ts";
import { openState } from "./recover.ts";
import { type Checking, SignatureChecker } from "./signature_checker.ts";
import { Turns } from "./turns.ts";
import { Verifier } from "./verify.ts";

/** A locator names this many blocks from the tip down before its steps double. */
const LOCATOR_DENSE = 10;

export interface ChainOptions {
  readonly store: Store;
  readonly network: Network;
  readonly clock: Clock;
  /** Told while opening takes long: recovery, rebuilding. */
  readonly onProgress?: OnProgress;
  /** Checks blocks and signatures elsewhere: a pool of workers. Its owner ends it. */
  readonly checking?: Checking;
  readonly coinLimits?: CoinCacheLimits;
  readonly indexLimits?: PageLimits;
  /** Builds coins and indexes anew from the blocks, whatever state they are in. */
  readonly rebuild?: boolean;
}

/** What is made anew when the chain is rebuilt. */
interface Parts {
  readonly state: ChainState;
  readonly mover: ChainMover;
  readonly acceptor: BlockAcceptor;
  readonly indexes: ChainIndexes;
}

export class Chain {
  readonly store: Store;
  readonly network: Network;
  readonly #clock: Clock;
  readonly #options: ChainOptions;
  readonly #queue = new SerialQueue();
  readonly #changes = new Signal<ChainChange>();
  readonly #signatures: SignatureChecker;
  #parts!: Parts;
  #isClosed = false;

  private constructor(options: ChainOptions) {
    this.#options = options;
    this.store = options.store;
    this.network = options.network;
    this.#clock = options.clock;
    const { genesisId } = options.store;
    this.#signatures = new SignatureChecker(genesisId, options.clock, options.checking);
  }

  /**
   * Opens the chain in `store`, finishing or repairing what the last process left.
   * Throws `UserError`: "damaged", naming `moim reindex`, or "failed" when the disk does.
   */
  static async open(options: ChainOptions): Promise<Chain> {
    const chain = new Chain(options);
    await chain.#openParts(options.onProgress ?? (() => {}), options.rebuild ?? false);
    return chain;
  }

  get genesisId(): BlockId {
    return this.store.genesisId;
  }

  tip(): HeaderContext {
    return this.#state.tip;
  }

  /** The known header with the most work, whether its blocks are here or not. */
  bestHeader(): HeaderContext {
    return this.#state.tree.best();
  }

  header(id: BlockId): HeaderContext | undefined {
    return this.#state.tree.get(id);
  }

  /** On the main chain. */
  headerAt(height: number): HeaderContext | undefined {
    return this.#state.contextAt(height);
  }

  blockIdAt(height: number): BlockId | undefined {
    return this.#state.idAt(height);
  }

  isOnMainChain(id: BlockId): boolean {
    return this.#state.isOnMainChain(id);
  }

  /**
   * Headers of the last `count` blocks that were stored, on the main chain or beside it, the one
   * stored last first.
   */
  lastStored(count: number): HeaderContext[] {
    const { tree } = this.#state;
    const headers: HeaderContext[] = [];
    for (let slot = tree.storedCount - 1; slot >= 0 && headers.length < count; slot--) {
      headers.push(tree.contextAt(slot));
    }
    return headers;
  }

  hasBlock(id: BlockId): boolean {
    return this.#state.tree.isStored(id);
  }

  /** Whether the block, or one below it, is known to break a rule. */
  isInvalid(id: BlockId): boolean {
    return this.#state.tree.isInvalid(id);
  }

  /** Ids of the main chain from the tip down: 10 in a row, then in doubling steps, genesis last. */
  locator(): BlockId[] {
    const ids: BlockId[] = [];
    let step = 1;
    for (let height = this.tip().height; height > 0; height -= step) {
      ids.push(this.#state.idAt(height)!);
      if (ids.length >= LOCATOR_DENSE) step *= 2;
    }
    return [...ids, this.genesisId];
  }

  /**
   * Headers of the main chain after the first block of `locator` that is on it, up to and with
   * `stop`, at most `limit`. Throws `DamagedRecord` when a block is damaged as well as its header.
   */
  async headersAfter(
    locator: readonly BlockId[],
    stop: BlockId | undefined,
    limit: number,
  ): Promise<BlockHeader[]> {
    const start = locator.find((id) => this.isOnMainChain(id)) ?? this.genesisId;
    const lowest = this.header(start)!.height + 1;
    const ids: BlockId[] = [];
    while (ids.length < limit) {
      const id = this.#state.idAt(lowest + ids.length);
      if (id === undefined) break;
      ids.push(id);
      if (id === stop) break;
    }
    return ids.length === 0 ? [] : await headersOf(this.store, this.#state.tree, ids, lowest);
  }

  /**
   * Takes in headers ahead of their blocks, a parent before its child. Throws `RuleError` at the
   * first bad one; those before it are kept.
   */
  async acceptHeaders(headers: readonly BlockHeader[]): Promise<HeadersAccepted> {
    const { tree } = this.#state;
    const turns = new Turns(this.#clock);
    let added = 0;
    let last = tree.get(this.genesisId)!;
    for (const header of headers) {
      const known = tree.get(header.id);
      if (tree.isInvalid(header.id) || (known === undefined && tree.isInvalid(header.previous))) {
        throw new RuleError(
          tree.brokenRule(known === undefined ? header.previous : header.id)!,
          `Header "${header.id}" is of a block that breaks a rule, or builds on one`,
        );
      }
      const context = known ?? this.#checkHeader(header);
      if (known === undefined) {
        if (!tree.addPending(header, context)) return { added, last, full: true };
        added++;
      }
      last = context;
      await turns.next();
    }
    return { added, last, full: false };
  }

  /** Blocks that are not here on the way to `target` (the best header), lowest first. */
  missingBlocks(limit: number, target?: BlockId): { id: BlockId; height: number }[] {
    const { tree } = this.#state;
    if (target !== undefined && !tree.has(target)) return [];
    return tree.missing(limit, target ?? tree.best().id);
  }

  /**
   * Takes in a block. Resolved means on disk. Calls made while others are under way are committed
   * together. Rejects with `UserError` when the store fails, and never for what the block is.
   */
  accept(block: Uint8Array | Block): Promise<Outcome> {
    return this.#parts.acceptor.accept(block);
  }

  /** As `accept` for each, in order and in as few commits as possible. */
  acceptMany(blocks: readonly (Uint8Array | Block)[]): Promise<Outcome[]> {
    return Promise.all(blocks.map((block) => this.accept(block)));
  }

  /** A stored block, on the main chain or not. Throws `DamagedRecord`. */
  block(id: BlockId): Promise<Block | undefined> {
    return this.#state.block(id);
  }

  /** Encodings of stored blocks, in the order of `ids`, not decoded. Throws `DamagedRecord`. */
  blockBytesMany(ids: readonly BlockId[]): Promise<(Uint8Array | undefined)[]> {
    return this.#state.blockBytesMany(ids);
  }

  /** The coin if `lock` owns it and it is not spent on the main chain. Throws `DamagedRecord`. */
  async coin(lock: Lock, outPoint: OutPoint): Promise<Coin | undefined> {
    return (await this.#state.coins.peek([{ lock, outPoint }]))[0];
  }

  /** All coins of `lock` on the main chain. */
  coinsOf(lock: Lock): Promise<OwnedCoin[]> {
    return this.#state.coins.coinsOf(lock);
  }

  /** The coins among `wanted`, as a lookup for the rules. */
  async lookup(wanted: readonly CoinName[]): Promise<CoinLookup> {
    const coins = new Map<string, OwnedCoin>();
    for (const coin of await this.#state.coins.peek(wanted)) {
      coins.set(outPointKey(coin.outPoint), coin);
    }
    return (lock, outPoint) => {
      const coin = coins.get(outPointKey(outPoint));
      return coin?.lock === lock ? coin : undefined;
    };
  }

  /** Throws `RuleError` "bad-signature". What was checked once is not checked again in a block. */
  checkSignatures(transaction: Transaction): Promise<void> {
    return this.#signatures.checkOne(transaction);
  }

  /** A transaction on the main chain, by its index: see `indexesReady`. */
  transaction(id: TxId): Promise<FoundTransaction | undefined> {
    return this.#parts.indexes.transaction(id);
  }

  /** Transactions on the main chain that changed the balance of `lock`, newest first. */
  history(lock: Lock, page: { before?: string; limit: number }): Promise<HistoryPage> {
    return this.#parts.indexes.history(lock, page);
  }

  /** Whether `transaction` and `history` know the whole main chain. */
  indexesReady(): boolean {
    return this.#parts.indexes.areReady;
  }

  /** Blocks may come in a moment: indexes that are far behind make way for them. */
  expectBlocks(): void {
    this.#parts.indexes.poke();
  }

  indexProgress(): IndexProgress {
    return { height: this.#parts.indexes.height, target: this.tip().height };
  }

  /** `listener` is called after each change, in order, once it is on disk. */
  subscribe(listener: (change: ChainChange) => void): Unsubscribe {
    return this.#changes.subscribe(listener);
  }

  /** Writes the coins to disk, so that the next opening has nothing to replay. */
  flush(): Promise<void> {
    return this.#queue.run(() => this.#parts.mover.flush());
  }

  /** Ends the work under way and flushes. The store is left to its owner to close. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#parts.acceptor.close();
    await this.#parts.indexes.close();
    await this.#queue.run(async () => {
      if (this.failure() !== undefined) return;
      await this.#parts.mover.flush();
      const { tree } = this.#state;
      await this.store.saveHeaderPages(tree.storedCount, tree.changedPages());
    });
  }

  /** Replays everything from genesis and compares. Blocks that come meanwhile wait. */
  verify(onProgress: OnProgress = () => {}): Promise<VerifyReport> {
    return this.#queue.run(async () => {
      await this.#parts.mover.flush();
      return await new Verifier(this.#state, this.#signatures, onProgress).run();
    });
  }

  /** Rebuilds coins and indexes from the blocks. Blocks that come meanwhile wait. */
  reindex(onProgress: OnProgress = () => {}): Promise<void> {
    return this.#queue.run(async () => {
      await this.#parts.mover.flush();
      const { indexes, acceptor } = this.#parts;
      await indexes.close();
      acceptor.close();
      await this.#openParts(onProgress, true);
      acceptor.handOver(this.#parts.acceptor);
    });
  }

  /** Work of the hardest of the last blocks: what settling is measured by. */
  recentHardestWork(): bigint {
    let hardest = 0n;
    const { height } = this.tip();
    for (let at = Math.max(0, height - SETTLED_WINDOW + 1); at <= height; at++) {
      const work = workOf(this.headerAt(at)!.bits);
      if (work > hardest) hardest = work;
    }
    return hardest;
  }

  /** Whether the block at `height` has enough work above it to be relied on. */
  isSettled(height: number): boolean {
    const context = this.headerAt(height);
    if (context === undefined) return false;
    return isSettled(this.tip().totalWork - context.totalWork, this.recentHardestWork());
  }

  /** Why the chain takes nothing in any more: a write failed. */
  failure(): Error | undefined {
    return this.#state.failure;
  }

  get #state(): ChainState {
    return this.#parts.state;
  }

  #checkHeader(header: BlockHeader): HeaderContext {
    const parent = this.#state.tree.get(header.previous);
    if (parent === undefined) {
      const detail = `Header "${header.id}" builds on "${header.previous}", which is not known`;
      throw new RuleError("missing-parent", detail);
    }
    return checkHeader(header, parent, this.network, this.#clock.nowMs());
  }

  async #openParts(onProgress: OnProgress, rebuild: boolean): Promise<void> {
    const { store, network, checking, coinLimits = COIN_CACHE_LIMITS, indexLimits } = this.#options;
    const state = await openState({ store, network, onProgress, coinLimits, checking, rebuild });
    const indexes = await ChainIndexes.open(state, this.#clock, indexLimits);
    // Listeners are not led through the whole chain once more when it is rebuilt.
    let isOpen = false;
    const onChange = (change: ChainChange) => {
      indexes.poke();
      if (isOpen) this.#changes.emit(change);
    };
    const clock = this.#clock;
    const signatures = this.#signatures;
    const mover = new ChainMover({ state, signatures, checking, clock, onChange });
    const acceptor = new BlockAcceptor({ state, mover, queue: this.#queue, clock, checking });
    const total = state.tree.best().height;
    await mover.activateBest(({ height }) => onProgress({ phase: "connect", done: height, total }));
    if (rebuild) await mover.flush();
    indexes.start();
    isOpen = true;
    this.#parts = { state, mover, acceptor, indexes };
  }
}
