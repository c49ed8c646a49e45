/**
 * The door of the chain: blocks come in, each leaves with a named outcome. Blocks that come while
 * others are being committed wait together and are committed together; that is what makes a first
 * sync fast, with no other path than a single block takes.
 */
import { assert } from "../base/assert.ts";
import type { Clock } from "../base/clock.ts";
import { CodecError } from "../base/bytes.ts";
import type { SerialQueue } from "../base/serial_queue.ts";
import { checkBlock } from "../consensus/check_block.ts";
import { checkHeader, decodeCheckedHeader, latestTimeMs } from "../consensus/check_header.ts";
import { compactToTarget } from "../consensus/compact.ts";
import { isBetterTip } from "../consensus/fork_choice.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import { MAX_BLOCK_BYTES } from "../consensus/limits.ts";
import { RuleError, RULES } from "../consensus/rules.ts";
import { hashMeetsBits, workOf } from "../consensus/work.ts";
import { type Block, type BlockHeader, decodeBlock, HEADER_BYTES } from "../primitives/block.ts";
import type { BlockId } from "../primitives/ids.ts";
import type { Candidate, ChainMover } from "./chain_mover.ts";
import type { ChainState } from "./chain_state.ts";
import type { Outcome, Rejected } from "./outcome.ts";
import type { Checking } from "./signature_checker.ts";
import { Turns } from "./turns.ts";
import { EarlyBlocks, Orphans } from "./waiting_blocks.ts";

/** One commit takes up to this many blocks; bounds the memory and the wait of the first of them. */
const RUN_BLOCKS_MAX = 100;
const RUN_BYTES_MAX = 64 * 1_024;
/**
 * A branch whose end has less work than the tip less this many of its blocks is kept as headers only
 * until its headers beat the chain: on an easy network old branches cost nothing to make.
 */
const BRANCH_MARGIN_BLOCKS = 288n;

/** Blocks below this size have next to nothing in them to check: sending them around costs more. */
const DIGESTED_BYTES_MIN = 1_000;

interface Item {
  readonly input: Uint8Array | Block;
  /** What another thread found out about `input`; undefined when it found it not right. */
  readonly digest?: Promise<Uint8Array | undefined>;
  readonly resolve: (outcome: Outcome) => void;
  readonly reject: (error: unknown) => void;
}

type Examined =
  | { readonly outcome: Outcome }
  | { readonly candidate: Candidate };

export class BlockAcceptor {
  readonly orphans = new Orphans();
  readonly early: EarlyBlocks;
  readonly #state: ChainState;
  readonly #mover: ChainMover;
  readonly #queue: SerialQueue;
  readonly #clock: Clock;
  readonly #checking: Checking | undefined;
  #inbox: Item[] = [];
  #isTurnDue = false;
  /** Blocks of the run being gathered, each with whom to tell. */
  #run: { candidate: Candidate; item: Item }[] = [];
  #runBytes = 0;
  #turns: Turns;

  constructor({ state, mover, queue, clock, checking }: {
    state: ChainState;
    mover: ChainMover;
    queue: SerialQueue;
    clock: Clock;
    checking: Checking | undefined;
  }) {
    this.#state = state;
    this.#mover = mover;
    this.#queue = queue;
    this.#clock = clock;
    this.#checking = checking;
    this.#turns = new Turns(clock);
    this.early = new EarlyBlocks(clock, (block) => {
      this.accept(block).catch(() => {}); // Whoever meets the failing store next says so.
    });
  }

  /** Rejects only when the store fails (`UserError`). */
  accept(input: Uint8Array | Block): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const digest = this.#digest(input);
      this.#inbox.push({ input, resolve, reject, ...(digest && { digest }) });
      this.#wake();
    });
  }

  /** One turn in the queue for all that has come until it begins: others would only pile up. */
  #wake(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    void this.#queue.run(() => this.#drain()); // It never rejects, but tells those who wait.
  }

  /** Has a block of some size checked elsewhere while those before it are connected. */
  #digest(input: Uint8Array | Block): Promise<Uint8Array | undefined> | undefined {
    if (!(input instanceof Uint8Array) || input.length > MAX_BLOCK_BYTES) return undefined;
    return input.length < DIGESTED_BYTES_MIN ? undefined : this.#checking?.digest(input);
  }

  /** Forgets the blocks that wait for their time. */
  close(): void {
    this.early.close();
  }

  /** Leaves the blocks not looked at yet to the acceptor that takes this one's place. */
  handOver(successor: BlockAcceptor): void {
    for (const { input, resolve, reject } of this.#inbox) {
      successor.accept(input).then(resolve, reject);
    }
    this.#inbox = [];
  }

  async #drain(): Promise<void> {
    const work = this.#inbox;
    this.#inbox = [];
    this.#isTurnDue = false;
    this.#turns = new Turns(this.#clock);
    try {
      // The list grows at its end by orphans that find their parents.
      for (let at = 0; at < work.length;) {
        for (; at < work.length; at++) {
          await this.#take(work[at]!, work);
          await this.#turns.next();
        }
        await this.#connectRun(work);
      }
    } catch (error) {
      this.#run = [];
      this.#runBytes = 0;
      for (const { reject } of work) reject(error); // Harmless for those that are settled.
    }
  }

  async #take(item: Item, work: Item[]): Promise<void> {
    this.#state.assertWritable();
    const input = await this.#decoded(item);
    const id = this.#idOf(input);
    if (this.#run.some(({ candidate }) => candidate.block.id === id)) await this.#connectRun(work);
    const examined = await this.#examine(input);
    if ("outcome" in examined) {
      item.resolve(examined.outcome);
      if (id !== undefined) this.#freeOrphans(id, work);
      return;
    }
    const { candidate } = examined;
    if (candidate.context.previous === this.#runEnd()) {
      this.#run.push({ candidate, item });
      this.#runBytes += candidate.block.bytes.length;
      const isFull = this.#run.length >= RUN_BLOCKS_MAX || this.#runBytes >= RUN_BYTES_MAX;
      if (isFull) await this.#connectRun(work);
      return;
    }
    await this.#connectRun(work);
    item.resolve(await this.#branch(candidate));
    this.#freeOrphans(candidate.block.id, work);
  }

  /** The block itself where another thread has found its bytes right; it counts as checked. */
  async #decoded({ input, digest }: Item): Promise<Uint8Array | Block> {
    if (digest === undefined || !(input instanceof Uint8Array)) return input;
    const found = await digest;
    return found === undefined ? input : this.#mover.digested(input, found);
  }

  #runEnd(): BlockId {
    return this.#run.at(-1)?.candidate.block.id ?? this.#state.tip.id;
  }

  async #connectRun(work: Item[]): Promise<void> {
    const run = this.#run;
    if (run.length === 0) return;
    this.#run = [];
    this.#runBytes = 0;
    const failure = await this.#mover.extend(run.map(({ candidate }) => candidate));
    for (const { candidate: { block, context }, item } of run) {
      if (this.#state.isOnMainChain(block.id)) {
        item.resolve({ kind: "connected", id: block.id, height: context.height });
      } else {
        // The block that failed, or one above it.
        assert(failure !== undefined, "a run connects or fails");
        const isCulprit = this.#state.tree.isStored(context.previous);
        item.resolve(isCulprit ? rejected(block.id, failure) : this.#ofInvalidBranch(block.id));
      }
      this.#freeOrphans(block.id, work);
    }
  }

  /** Orphans whose parent has been judged, whichever way, can be judged too. */
  #freeOrphans(id: BlockId, work: Item[]): void {
    const { tree } = this.#state;
    if (!tree.isStored(id) && !tree.isInvalid(id)) return;
    for (const input of this.orphans.take(id)) {
      work.push({ input, resolve: () => {}, reject: () => {} });
    }
  }

  /** A block that does not extend the tip: kept beside it, and followed if it is better. */
  async #branch(candidate: Candidate): Promise<Outcome> {
    const { block: { id }, context } = candidate;
    if (!this.#isWorthKeeping(context)) return { kind: "side-branch", id, stored: false };
    await this.#mover.store([candidate]);
    if (!isBetterTip(context, this.#state.tip)) return { kind: "side-branch", id, stored: true };
    const moved = await this.#mover.activateBest();
    if (this.#state.tree.isInvalid(id)) return this.#ofInvalidBranch(id);
    if (moved === undefined || !this.#state.isOnMainChain(id)) {
      return { kind: "side-branch", id, stored: true };
    }
    const { from, depth } = moved;
    const to = this.#state.tip.id;
    return { kind: "reorganized", id, height: context.height, from: from.id, to, depth };
  }

  #isWorthKeeping(context: HeaderContext): boolean {
    const { tip, tree } = this.#state;
    const margin = BRANCH_MARGIN_BLOCKS * workOf(tip.bits);
    return context.totalWork + margin >= tip.totalWork || tree.isWanted(context.id);
  }

  #idOf(input: Uint8Array | Block): BlockId | undefined {
    if (!(input instanceof Uint8Array)) return input.id;
    try {
      return decodeCheckedHeader(input.subarray(0, HEADER_BYTES)).id;
    } catch {
      return undefined; // Examined and refused in a moment.
    }
  }

  /** Everything that can be said without the coins. */
  async #examine(input: Uint8Array | Block): Promise<Examined> {
    let header: BlockHeader | undefined;
    try {
      header = input instanceof Uint8Array
        ? decodeCheckedHeader(input.subarray(0, HEADER_BYTES))
        : input.header;
      return await this.#examineBlock(header, input);
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      return { outcome: rejected(header?.id, error) };
    }
  }

  async #examineBlock(header: BlockHeader, input: Uint8Array | Block): Promise<Examined> {
    const { tree } = this.#state;
    const { id, previous } = header;
    if (tree.isInvalid(id)) return { outcome: this.#ofInvalidBranch(id) };
    if (tree.isStored(id)) return { outcome: { kind: "known", id } };
    if (!tree.has(previous)) return { outcome: this.#orphan(header, input) };
    if (tree.isInvalid(previous)) return { outcome: this.#aboveInvalid(header) };
    const context = tree.get(id) ?? this.#checkHeader(header, tree.get(previous)!, input);
    const block = bodyOf(input);
    // Meanwhile headers may come and pending ones go; what follows asks the tree again.
    await this.#turns.next();
    this.#checkBody(block, context);
    tree.keepPending(header, context);
    if (!tree.isStored(previous) && previous !== this.#runEnd()) {
      this.orphans.add(block);
      return { outcome: { kind: "orphan", id, missing: previous } };
    }
    return { candidate: { block, context, isStored: false } };
  }

  /** Holds the block back when only its time is wrong. Throws `RuleError`. */
  #checkHeader(
    header: BlockHeader,
    parent: HeaderContext,
    input: Uint8Array | Block,
  ): HeaderContext {
    const nowMs = this.#clock.nowMs();
    const { network } = this.#state;
    try {
      return checkHeader(header, parent, network, nowMs);
    } catch (error) {
      if (error instanceof RuleError && error.fault === "too-early") {
        const block = bodyOf(input);
        checkBlock(block);
        this.early.add(block, header.timeMs - latestTimeMs(nowMs, network));
      }
      throw error;
    }
  }

  /** A matching body that breaks a rule marks the block; another body says nothing about it. */
  #checkBody(block: Block, context: HeaderContext): void {
    try {
      checkBlock(block);
    } catch (error) {
      if (error instanceof RuleError && !error.senderOnly) {
        this.#state.tree.keepPending(block.header, context);
        this.#state.tree.markInvalid(block.id, error.rule);
      }
      throw error;
    }
  }

  /** Keeps a block without a known parent, if it at least did the work that it claims. */
  #orphan(header: BlockHeader, input: Uint8Array | Block): Outcome {
    const limit = compactToTarget(this.#state.network.limitBits);
    if (!claimsAtMost(header.bits, limit) || !hashMeetsBits(header.id, header.bits)) {
      const detail = `Block "${header.id}" does not meet the easiest target of this network`;
      throw new RuleError("insufficient-work", detail);
    }
    const block = bodyOf(input);
    checkBlock(block);
    this.orphans.add(block);
    return { kind: "orphan", id: header.id, missing: header.previous };
  }

  /** Its header is kept, if there is room, so that what builds on it is known for what it is. */
  #aboveInvalid(header: BlockHeader): Rejected {
    const { tree, network } = this.#state;
    const parent = tree.get(header.previous)!;
    tree.addPending(header, checkHeader(header, parent, network, this.#clock.nowMs()));
    return this.#ofInvalidBranch(header.id, parent.id);
  }

  #ofInvalidBranch(id: BlockId, ancestor: BlockId = id): Rejected {
    const rule = this.#state.tree.brokenRule(ancestor);
    assert(rule !== undefined, "what is invalid broke a rule");
    const detail = `Block "${id}" is, or builds on, a block that breaks a rule`;
    return { kind: "rejected", id, rule, fault: RULES[rule], detail, senderOnly: false };
  }
}

function rejected(id: BlockId | undefined, error: RuleError): Rejected {
  const { rule, fault, detail, senderOnly } = error;
  return { kind: "rejected", ...(id !== undefined && { id }), rule, fault, detail, senderOnly };
}

/** The block in the bytes. Throws `RuleError` "bad-body". */
function bodyOf(input: Uint8Array | Block): Block {
  if (!(input instanceof Uint8Array)) return input;
  if (input.length > MAX_BLOCK_BYTES) {
    throw new RuleError("bad-body", `Block of ${input.length} bytes, more than ${MAX_BLOCK_BYTES}`);
  }
  try {
    return decodeBlock(input);
  } catch (error) {
    if (error instanceof CodecError) throw new RuleError("bad-body", error.message);
    throw error;
  }
}

/** Whether `bits` are a target, and one not easier than `limit`. */
function claimsAtMost(bits: number, limit: bigint): boolean {
  try {
    return compactToTarget(bits) <= limit;
  } catch {
    return false;
  }
}
