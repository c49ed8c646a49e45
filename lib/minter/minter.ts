/**
 * When to mint, and for whom. Two ways in: `start()` keeps minting by the policy asked for, and
 * `mintNow()` makes one block at once. Both give the block to the chain as any peer's block is.
 */
import { type Clock, delay } from "../base/clock.ts";
import { getLogger } from "../base/log.ts";
import type { Random } from "../base/random.ts";
import { SerialQueue } from "../base/serial_queue.ts";
import { Signal } from "../base/signals.ts";
import { earliestTimeMs } from "../consensus/check_header.ts";
import { workOf } from "../consensus/work.ts";
import type { Block } from "../primitives/block.ts";
import { sumAmounts } from "../primitives/amount.ts";
import type { Lock } from "../primitives/ids.ts";
import type { Chain } from "../chain/chain.ts";
import type { Mempool } from "../mempool/mempool.ts";
import type { Grind } from "./grinder.ts";
import { buildTemplate } from "./template.ts";

/** How long one template is worked on: then time, difficulty and payments are taken anew. */
const TEMPLATE_AGE_MS = 2_000;
/** After a block of ours was refused: a bug or a race, neither of which haste mends. */
const REFUSED_PAUSE_MS = 1_000;
/** A target that takes fewer hashes than this is met at once by everybody who tries. */
const EASY_WORK = 2n ** 24n;

/** pending: only while payments wait. always: without a pause. */
export type MintWhen = "pending" | "always";

/** What minting is doing, for people. */
export type MinterState = "stopped" | "waiting for payments" | "waiting for a peer" | "minting";

export interface MinterParts {
  chain: Chain;
  mempool: Mempool;
  clock: Clock;
  random: Random;
  grind: Grind;
  /** Peers connected now, and whether this node ever had one on this network. */
  peers: () => { connected: number; everHad: boolean };
}

export interface MinterPolicy {
  lock: Lock;
  when: MintWhen;
  /** Mint without waiting for the peers that this node once had. */
  solo: boolean;
}

/** A block of ours that has become the tip. */
export interface Minted {
  block: Block;
  height: number;
}

export class Minter {
  /** A nonce was found; told before the chain takes the block. */
  readonly found: Signal<Block> = new Signal();
  readonly #parts: MinterParts;
  /** One block at a time: two at once would be rivals. */
  readonly #queue = new SerialQueue();
  /** Aborted by `stop()`, for everything begun before it. */
  #stop = new AbortController();
  #loop: Promise<void> | undefined;
  #state: MinterState = "stopped";
  readonly #log = getLogger("minter");

  constructor(parts: MinterParts) {
    this.#parts = parts;
  }

  get state(): MinterState {
    return this.#state;
  }

  /** Mints by `policy` until `stop()`. */
  start(policy: MinterPolicy): void {
    if (this.#loop !== undefined) return;
    this.#loop = this.#run(policy, this.#stop.signal);
  }

  /** Ends minting, by policy and by `mintNow()`; what is under way is given up. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#loop;
    await this.#queue.idle();
    this.#loop = undefined;
    this.#stop = new AbortController();
    this.#state = "stopped";
  }

  /**
   * Makes the next block for `lock`, however often others are first; undefined when `signal` or
   * `stop()` came before. `onWait` hears how long the network's minimum gap makes it wait.
   */
  async mintNow(
    lock: Lock,
    signal: AbortSignal,
    onWait: (waitMs: number) => void = () => {},
  ): Promise<Minted | undefined> {
    const ended = AbortSignal.any([signal, this.#stop.signal]);
    while (!ended.aborted) {
      const minted = await this.#queue.run(() => this.#mintOnce(lock, ended, onWait));
      if (minted !== undefined) return minted;
    }
    return undefined;
  }

  async #run(policy: MinterPolicy, stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      this.#state = this.#whatToDo(policy);
      if (this.#state !== "minting") {
        await this.#somethingNew(stop);
        continue;
      }
      try {
        await this.#queue.run(() => this.#mintByPolicy(policy, stop));
      } catch (error) {
        this.#log.error("Minting failed: {error}", { error });
        await delay(this.#parts.clock, REFUSED_PAUSE_MS, stop);
      }
    }
  }

  #whatToDo(policy: MinterPolicy): MinterState {
    const { mempool, peers } = this.#parts;
    if (policy.when === "pending" && !mempool.hasMineable()) return "waiting for payments";
    const { connected, everHad } = peers();
    // Whoever mints alone while the others are merely out of reach builds a fork.
    if (everHad && connected === 0 && !policy.solo) return "waiting for a peer";
    return "minting";
  }

  /**
   * With peers and an easy target every minter would answer a payment at the same moment with a
   * block of its own: a random pause makes it one block, not one a node.
   */
  async #mintByPolicy(policy: MinterPolicy, stop: AbortSignal): Promise<void> {
    const { chain, clock, random, peers } = this.#parts;
    const tip = chain.tip();
    if (peers().connected > 0 && workOf(tip.bits) < EASY_WORK) {
      const pauseMs = random.float() * chain.network.spacingMs / 2;
      await this.#untilTipMoves(stop, (moved) => delay(clock, pauseMs, moved));
      if (chain.tip().id !== tip.id) return; // Somebody was first: decide anew.
    }
    await this.#mintOnce(policy.lock, stop, () => {});
  }

  /** One attempt on the present tip: undefined when the tip moved, the template aged or `stop`. */
  async #mintOnce(
    lock: Lock,
    stop: AbortSignal,
    onWait: (waitMs: number) => void,
  ): Promise<Minted | undefined> {
    const { chain, mempool, clock, grind } = this.#parts;
    await mempool.idle();
    return await this.#untilTipMoves(stop, async (moved) => {
      // Others take a block at most two spacings ahead of their clocks; stay well below.
      const aheadMs = earliestTimeMs(chain.tip(), chain.network) - clock.nowMs();
      if (aheadMs > chain.network.spacingMs) {
        onWait(aheadMs - chain.network.spacingMs);
        await delay(clock, aheadMs - chain.network.spacingMs, moved);
      }
      if (moved.aborted) return undefined;
      const aged = new AbortController();
      const cancel = clock.after(TEMPLATE_AGE_MS, () => aged.abort());
      try {
        const found = await grind(this.#template(lock), AbortSignal.any([moved, aged.signal]));
        return found && await this.#submit(found, moved);
      } finally {
        cancel();
      }
    });
  }

  #template(lock: Lock): Block {
    const { chain, mempool, clock } = this.#parts;
    const payments = mempool.select();
    const fees = sumAmounts(payments.flatMap(({ id }) => mempool.get(id)?.fee ?? []));
    const { network } = chain;
    return buildTemplate({
      network,
      parent: chain.tip(),
      payments,
      fees,
      lock,
      nowMs: clock.nowMs(),
    });
  }

  async #submit(block: Block, moved: AbortSignal): Promise<Minted | undefined> {
    const { chain, clock } = this.#parts;
    this.found.emit(block);
    const outcome = await chain.accept(block);
    if (outcome.kind === "connected" || outcome.kind === "reorganized") {
      return { block, height: block.header.height };
    }
    this.#log.warn("A block of ours was not taken: {outcome}", { outcome });
    if (outcome.kind === "rejected") await delay(clock, REFUSED_PAUSE_MS, moved);
    return undefined;
  }

  /** Runs `work` with a signal that comes when the tip moves, or with `stop`. */
  async #untilTipMoves<Result>(
    stop: AbortSignal,
    work: (moved: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    const tipMoved = new AbortController();
    const unsubscribe = this.#parts.chain.subscribe(() => tipMoved.abort());
    try {
      return await work(AbortSignal.any([stop, tipMoved.signal]));
    } finally {
      unsubscribe();
    }
  }

  /** Waits for a payment, a block, or (peers tell nothing here) a short while. */
  async #somethingNew(stop: AbortSignal): Promise<void> {
    const { chain, mempool, clock } = this.#parts;
    const news = new AbortController();
    const unsubscribes = [
      chain.subscribe(() => news.abort()),
      mempool.subscribe(() => news.abort()),
    ];
    await delay(clock, TEMPLATE_AGE_MS, AbortSignal.any([stop, news.signal]));
    for (const unsubscribe of unsubscribes) unsubscribe();
  }
}
