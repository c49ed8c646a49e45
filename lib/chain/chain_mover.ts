/**
 * Moves the end of the main chain: load (coins, undo data) -> decide (pure rules on a view) ->
 * commit (one write) -> publish (in memory, in one go) -> tell. A step that proves bad has changed
 * nothing but the mark on the block that is bad.
 */
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import { meter } from "../base/telemetry.ts";
import { decodeDigested } from "../consensus/block_digest.ts";
import { type CoinName, coinsWanted } from "../consensus/coins.ts";
import { connectBlock } from "../consensus/connect.ts";
import { isBetterTip } from "../consensus/fork_choice.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import { RuleError } from "../consensus/rules.ts";
import type { Block } from "../primitives/block.ts";
import type { TxId } from "../primitives/ids.ts";
import { DamagedRecord } from "../store/records.ts";
import type { StoredBlock } from "../store/store.ts";
import type { ChainState } from "./chain_state.ts";
import { CoinView } from "./coin_view.ts";
import type { ChainChange } from "./outcome.ts";
import type { Checking, SignatureChecker } from "./signature_checker.ts";
import { Turns } from "./turns.ts";

/** Stored blocks that extend the tip are connected this many at a time. */
const STEP_BLOCKS_MAX = 100;
/** Stored blocks read and checked ahead of those that are being connected. */
const READ_BLOCKS = 16;
const log = getLogger("chain");
const validation = meter("block-validation-seconds");

/** A block whose header and body are right, and whose coins were not looked at yet. */
export interface Candidate {
  readonly block: Block;
  readonly context: HeaderContext;
  readonly isStored: boolean;
}

interface Decided {
  readonly connected: StoredBlock[];
  /** The first block that broke a rule; those before it are in `connected`. */
  readonly failure?: { readonly candidate: Candidate; readonly error: RuleError };
}

/** A reorganisation or an advance that was made. */
export interface Moved {
  readonly from: HeaderContext;
  /** Blocks of the former chain that were taken off. */
  readonly depth: number;
}

export class ChainMover {
  readonly #state: ChainState;
  readonly #signatures: SignatureChecker;
  readonly #checking: Checking | undefined;
  readonly #clock: Clock;
  readonly #onChange: (change: ChainChange) => void;
  /** Blocks whose signatures were found right already. */
  readonly #signedRight = new WeakSet<Block>();
  #flush: Promise<void> | undefined;

  constructor(parts: {
    state: ChainState;
    signatures: SignatureChecker;
    checking: Checking | undefined;
    clock: Clock;
    onChange: (change: ChainChange) => void;
  }) {
    this.#state = parts.state;
    this.#signatures = parts.signatures;
    this.#checking = parts.checking;
    this.#clock = parts.clock;
    this.#onChange = parts.onChange;
  }

  /** The block of `bytes`, which were checked elsewhere and found right, signatures included. */
  digested(bytes: Uint8Array, digest: Uint8Array): Block {
    const block = decodeDigested(bytes, digest);
    this.#signedRight.add(block);
    return block;
  }

  /**
   * Puts `run`, blocks one upon the other, on the tip in one commit. Returns the first failure;
   * the blocks before it are connected and it is marked. Throws when the store fails.
   */
  async extend(run: readonly Candidate[]): Promise<RuleError | undefined> {
    const view = new CoinView();
    const { connected, failure } = await this.#decide(view, run);
    if (failure !== undefined) await this.#markInvalid(failure.candidate, failure.error);
    if (connected.length > 0) await this.#commit(view, [], connected);
    return failure?.error;
  }

  /** Keeps blocks beside the main chain, their parents being stored. */
  async store(candidates: readonly Candidate[]): Promise<void> {
    const blocks = candidates.map(({ block, context }): StoredBlock => ({
      block,
      record: { header: block.header, context },
      isStored: false,
    }));
    await this.#state.write(() => this.#state.store.putBlocks(blocks));
    for (const { block, context } of candidates) {
      this.#state.tree.addStored(context);
      this.#state.remember(block);
    }
  }

  /**
   * Makes the stored valid branch with the most work the main chain; branches that prove bad on the
   * way are marked, and the next best is tried. Undefined when nothing is better than the tip.
   */
  async activateBest(onStep?: (tip: HeaderContext) => void): Promise<Moved | undefined> {
    const from = this.#state.tip;
    let depth = 0;
    for (;;) {
      const target = this.#state.tree.bestStoredAbove(this.#state.tip);
      if (target === undefined) break;
      depth = Math.max(depth, await this.#moveTo(target));
      onStep?.(this.#state.tip);
    }
    return this.#state.tip.id === from.id ? undefined : { from, depth };
  }

  /** Writes the coins of the tip to disk. */
  async flush(): Promise<void> {
    await this.#flush;
    if (this.#state.coins.onDisk === this.#state.tip.id) return;
    this.#startFlush();
    await this.#flush;
    this.#state.assertWritable();
  }

  /** Goes to `target` or to the last valid block before it. Returns how many were taken off. */
  async #moveTo(target: HeaderContext): Promise<number> {
    const { tree, tip } = this.#state;
    const way = tree.way(tip.id, target.id);
    const view = new CoinView();
    const disconnected: Block[] = [];
    for (const slot of way.down) {
      const block = await this.#storedBlock(slot);
      view.disconnect(block, await this.#state.store.undo(block));
      disconnected.push(block);
    }
    // An advance may stop anywhere; a reorganisation is worth it only as a whole.
    const up = way.down.length === 0 ? way.up.slice(0, STEP_BLOCKS_MAX) : way.up;
    const { connected, failure } = await this.#decideStored(view, up);
    if (failure !== undefined) await this.#markInvalid(failure.candidate, failure.error);
    const end = connected.at(-1)?.record.context;
    if (end === undefined || !isBetterTip(end, tip)) return 0;
    await this.#commit(view, disconnected, connected);
    return disconnected.length;
  }

  async #decideStored(view: CoinView, slots: readonly number[]): Promise<Decided> {
    const connected: StoredBlock[] = [];
    let next = this.#candidates(slots.slice(0, READ_BLOCKS));
    for (let at = 0; at < slots.length; at += READ_BLOCKS) {
      const run = await next;
      next = this.#candidates(slots.slice(at + READ_BLOCKS, at + 2 * READ_BLOCKS));
      next.catch(() => {}); // It is told when its turn comes, if it does.
      const step = await this.#decide(view, run);
      connected.push(...step.connected);
      if (step.failure !== undefined) return { connected, failure: step.failure };
    }
    return { connected };
  }

  /** Stored blocks, checked elsewhere where that can be done. Throws `DamagedRecord`. */
  async #candidates(slots: readonly number[]): Promise<Candidate[]> {
    const { tree } = this.#state;
    if (this.#checking === undefined) {
      return await Promise.all(slots.map((slot) => this.#stored(slot)));
    }
    const encoded = await this.#state.blockBytesMany(slots.map((slot) => tree.idAt(slot)));
    return await Promise.all(slots.map(async (slot, at) => {
      const bytes = encoded[at];
      const digest = bytes && await this.#checking!.digest(bytes);
      if (digest === undefined) return await this.#stored(slot);
      const block = this.digested(bytes!, digest);
      if (block.id !== tree.idAt(slot)) throw new DamagedRecord(`block ${tree.idAt(slot)}`);
      return { block, context: tree.contextAt(slot), isStored: true };
    }));
  }

  async #stored(slot: number): Promise<Candidate> {
    const context = this.#state.tree.contextAt(slot);
    return { block: await this.#storedBlock(slot), context, isStored: true };
  }

  /** As `#judge`, and tells how long each block took where somebody wants to know. */
  async #decide(view: CoinView, run: readonly Candidate[]): Promise<Decided> {
    if (!validation.isObserved) return await this.#judge(view, run);
    const startMs = this.#clock.monotonicMs();
    const decided = await this.#judge(view, run);
    const seconds = (this.#clock.monotonicMs() - startMs) / 1_000;
    for (let told = 0; told < run.length; told++) validation.tell(seconds / run.length);
    return decided;
  }

  /** Applies the rules of coins and signatures to blocks one upon the other, in `view`. */
  async #judge(view: CoinView, run: readonly Candidate[]): Promise<Decided> {
    const turns = new Turns(this.#clock);
    const inside = new Set<TxId>();
    for (const { block } of run) for (const { id } of block.transactions) inside.add(id);
    const wanted: CoinName[] = [];
    for (const { block } of run) {
      for (const name of coinsWanted(block.transactions, inside)) wanted.push(name);
      await turns.next();
    }
    const loading = this.#state.coins.load(view.unknown(wanted));
    // Signatures need no coins, so those of a block alone are checked while its coins are read.
    const alone = run.length === 1 && !this.#signedRight.has(run[0]!.block);
    const signed = alone ? this.#signatures.checkNews(run[0]!.block.transactions) : undefined;
    signed?.catch(() => {}); // What is wrong with its coins is told first.
    view.addLoaded(await loading);
    const connected: StoredBlock[] = [];
    for (const candidate of run) {
      const { block, context, isStored } = candidate;
      try {
        const delta = connectBlock(block, view.lookup, this.#state.network);
        await turns.next();
        if (!this.#signedRight.has(block)) {
          await (signed ?? this.#signatures.checkNews(block.transactions));
        }
        view.connect(delta);
        const record = { header: block.header, context };
        connected.push({ block, record, undo: delta.spent, isStored });
      } catch (error) {
        if (!(error instanceof RuleError)) throw error;
        return { connected, failure: { candidate, error } };
      }
      await turns.next();
    }
    return { connected };
  }

  /** One write, then the new state in one go, then the news. */
  async #commit(
    view: CoinView,
    disconnected: readonly Block[],
    connected: readonly StoredBlock[],
  ): Promise<void> {
    const state = this.#state;
    const end = connected.at(-1)!.record.context;
    const forkHeight = connected[0]!.record.context.height - 1;
    const place = ({ id, header }: Block) => ({ id, height: header.height });
    const step = {
      to: { id: end.id, height: end.height },
      disconnected: disconnected.map(place),
      connected: connected.map(({ block }) => place(block)),
    };
    await state.write(() => state.store.commitTip(step, connected));
    for (const { record } of connected) state.tree.addStored(record.context);
    // The others are soon garbage, and the cheaper the sooner: a long sync is made of such runs.
    state.remember(connected.at(-1)!.block);
    state.coins.apply(view.changes());
    state.moveTip(forkHeight, connected.map(({ block }) => state.tree.slotOf(block.id)!));
    const blocks = connected.map(({ block }) => block);
    this.#onChange({ disconnected, connected: blocks, tip: end });
    await this.#flushIfDue();
  }

  /** A block that breaks a rule of coins or signatures breaks it wherever it is met again. */
  async #markInvalid(candidate: Candidate, error: RuleError): Promise<void> {
    const { block, context, isStored } = candidate;
    log.info("Block {height} {id} is invalid: {why}", {
      height: context.height,
      id: block.id,
      why: error.message,
    });
    this.#state.tree.markInvalid(block.id, error.rule);
    if (!isStored) return;
    await this.#state.write(() => this.#state.store.headers.markInvalid(block.id, error.rule));
  }

  async #storedBlock(slot: number): Promise<Block> {
    const id = this.#state.tree.idAt(slot);
    const block = await this.#state.block(id);
    if (block === undefined) throw new DamagedRecord(`block ${id}`);
    return block;
  }

  /** Begins a flush beside the next blocks; waits only when the one before has not ended. */
  async #flushIfDue(): Promise<void> {
    if (!this.#state.coins.isFlushDue) return;
    await this.#flush;
    this.#state.assertWritable();
    this.#startFlush();
  }

  #startFlush(): void {
    const { coins, tip } = this.#state;
    this.#flush = this.#state.write(() => coins.flush(tip.id)).catch((error) => {
      // The failure is kept in the state: the next change meets it there.
      log.error("Cannot flush the coins: {why}", { why: messageOf(error) });
    });
  }
}
