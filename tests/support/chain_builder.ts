/**
 * A chain under test and the blocks to feed it: blocks have names, and build on each other by
 * name, whether the chain has seen them or not.
 */
import assert from "node:assert/strict";
import type { Clock } from "../../lib/base/clock.ts";
import { Chain, type ChainOptions } from "../../lib/chain/chain.ts";
import type { Outcome, VerifyReport } from "../../lib/chain/outcome.ts";
import type { OwnedCoin } from "../../lib/consensus/coins.ts";
import { genesisBlock } from "../../lib/consensus/genesis.ts";
import { genesisContext, type HeaderContext } from "../../lib/consensus/header_context.ts";
import type { Network } from "../../lib/consensus/network.ts";
import { type Amount, amount } from "../../lib/primitives/amount.ts";
import type { Block } from "../../lib/primitives/block.ts";
import type { Lock } from "../../lib/primitives/ids.ts";
import type { Transaction } from "../../lib/primitives/transaction.ts";
import { MemoryKv } from "../../lib/store/memory_kv.ts";
import type { KvStore } from "../../lib/store/kv.ts";
import { Store } from "../../lib/store/store.ts";
import { EASY_NETWORK, mint, type MintOptions } from "./easy_chain.ts";
import { type EasyKey, easyKey, payment } from "./easy_payment.ts";

/** Mines all blocks of stories. */
export const MINER = easyKey(1);
export const ALICE = easyKey(2);
export const BOB = easyKey(3);

/** A clock that stands still until it is set; `after` waits for that. */
export class StoppedClock implements Clock {
  #nowMs: number;
  readonly #waiting = new Set<{ atMs: number; action: () => void }>();

  constructor(nowMs: number) {
    this.#nowMs = nowMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): () => void {
    const entry = { atMs: this.#nowMs + delayMs, action };
    this.#waiting.add(entry);
    return () => this.#waiting.delete(entry);
  }

  /** Moves the time and does what is due. */
  set(nowMs: number): void {
    this.#nowMs = nowMs;
    for (const entry of [...this.#waiting].sort((a, b) => a.atMs - b.atMs)) {
      if (entry.atMs > nowMs || !this.#waiting.delete(entry)) continue;
      entry.action();
    }
  }
}

/** Far enough behind genesis that no block of a test is too early. */
export const LATE_MS = EASY_NETWORK.timeMs + 10_000 * EASY_NETWORK.spacingMs;

/** Opens the chain in `kv`, a new one in memory unless given. */
export async function openChain(
  options: Partial<Omit<ChainOptions, "store">> & { kv?: KvStore } = {},
): Promise<Chain> {
  const { kv = new MemoryKv(), network = EASY_NETWORK, ...rest } = options;
  const store = await Store.open(kv, genesisBlock(network).id);
  return await Chain.open({ store, network, clock: new StoppedClock(LATE_MS), ...rest });
}

/** Blocks by name. `genesis` is there from the start. */
export class BlockTree {
  readonly network: Network;
  readonly #blocks = new Map<string, Block>();
  readonly #contexts = new Map<string, HeaderContext>();

  constructor(network: Network = EASY_NETWORK) {
    this.network = network;
    this.#blocks.set("genesis", genesisBlock(network));
    this.#contexts.set("genesis", genesisContext(network));
  }

  /** Makes block `name` on block `parent`, paying its miner the reward and `fees`. */
  add(name: string, parent: string, options: MintOptions = {}): Block {
    const { block, context } = mint(this.context(parent), {
      network: this.network,
      mark: name,
      lock: MINER.lock,
      ...options,
    });
    this.#blocks.set(name, block);
    this.#contexts.set(name, context);
    return block;
  }

  /** `count` blocks named `prefix1`, `prefix2` … on `parent`. */
  branch(prefix: string, parent: string, count: number, options: MintOptions = {}): Block[] {
    return Array.from(
      { length: count },
      (_, at) => this.add(`${prefix}${at + 1}`, at === 0 ? parent : `${prefix}${at}`, options),
    );
  }

  block(name: string): Block {
    return this.#blocks.get(name) ?? assert.fail(`there is no block ${name}`);
  }

  context(name: string): HeaderContext {
    return this.#contexts.get(name) ?? assert.fail(`there is no block ${name}`);
  }

  name(id: string): string {
    for (const [name, block] of this.#blocks) if (block.id === id) return name;
    return id;
  }

  /** The coin that the coinbase of a block made. */
  reward(name: string): OwnedCoin {
    const block = this.block(name);
    const [output] = block.transactions[0]!.outputs;
    const outPoint = { txId: block.transactions[0]!.id, index: 0 };
    return { ...output!, height: block.header.height, isCoinbase: true, outPoint };
  }

  /** Spends one coin: `pays` grains to `to`, the rest less the fee back to its owner. */
  pay(coin: Pick<OwnedCoin, "amount" | "outPoint">, parts: {
    from?: EasyKey;
    to?: Lock;
    pays?: number;
    fee?: number;
  } = {}): Transaction {
    const { from = MINER, to = ALICE.lock, pays = 1_000_000, fee = 1_000 } = parts;
    return payment({
      key: from,
      coins: [coin],
      to,
      pays: amount(pays),
      fee: amount(fee),
      genesisId: this.block("genesis").id,
    });
  }
}

/** The output of a payment as a coin that can be spent. */
export function outputOf(
  { id, outputs }: Transaction,
  index: number,
): { amount: Amount; outPoint: { txId: Transaction["id"]; index: number } } {
  return { amount: outputs[index]!.amount, outPoint: { txId: id, index } };
}

/** Everything on disk and in memory is as a replay from genesis has it. */
export async function assertSound(chain: Chain): Promise<VerifyReport> {
  const report = await chain.verify();
  assert.deepEqual(report.problems, []);
  assert.equal(report.blocks, chain.tip().height + 1);
  return report;
}

/** The outcome in short: its kind, or the rule that was broken. */
export function short(outcome: Outcome): string {
  return outcome.kind === "rejected" ? outcome.rule : outcome.kind;
}
