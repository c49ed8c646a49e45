/** Replays the whole chain from genesis and compares the coins on disk with what comes out. */
import { checkBlock } from "../consensus/check_block.ts";
import { checkHeader } from "../consensus/check_header.ts";
import type { OwnedCoin } from "../consensus/coins.ts";
import { connectBlock } from "../consensus/connect.ts";
import { genesisBlock, genesisDelta } from "../consensus/genesis.ts";
import { genesisContext, type HeaderContext } from "../consensus/header_context.ts";
import { RuleError } from "../consensus/rules.ts";
import type { Block } from "../primitives/block.ts";
import { outPointKey } from "../primitives/transaction.ts";
import { DamagedRecord } from "../store/records.ts";
import type { ChainState } from "./chain_state.ts";
import type { OnProgress, VerifyReport } from "./outcome.ts";
import type { SignatureChecker } from "./signature_checker.ts";

/** Blocks between two reports of progress. */
const PROGRESS_BLOCKS = 100;
/** Enough to see what is wrong. */
const PROBLEMS_MAX = 20;

/**
 * Checks every rule of every block on the main chain again, and that undo data and coins on disk are
 * exactly those of the replay. Call with the coins flushed and nothing else changing the chain.
 * Holds all coins in memory.
 */
export class Verifier {
  readonly #problems: string[] = [];
  readonly #coins = new Map<string, OwnedCoin>();
  #transactions = 0;

  constructor(
    private readonly state: ChainState,
    private readonly signatures: SignatureChecker,
    private readonly onProgress: OnProgress,
  ) {}

  async run(): Promise<VerifyReport> {
    const { network, tip } = this.state;
    const genesis = genesisBlock(network);
    this.#add(genesisDelta(genesis).created.values());
    this.#transactions = 1;
    let parent = genesisContext(network, genesis);
    while (parent.height < tip.height) {
      const context = await this.#replay(parent);
      if (context === undefined) break; // What comes after cannot be judged.
      parent = context;
      if (parent.height % PROGRESS_BLOCKS === 0 || parent.height === tip.height) {
        this.onProgress({ phase: "verify", done: parent.height, total: tip.height });
      }
    }
    if (parent.height === tip.height) await this.#compareCoins();
    return {
      blocks: parent.height + 1,
      transactions: this.#transactions,
      coins: this.#coins.size,
      problems: this.#problems,
    };
  }

  /** The block above `parent`, or undefined when it is bad or cannot be read. */
  async #replay(parent: HeaderContext): Promise<HeaderContext | undefined> {
    const height = parent.height + 1;
    try {
      // Not from memory: what is on disk is in question.
      const block = await this.state.store.block({ id: this.state.idAt(height)!, height });
      if (block === undefined) throw new DamagedRecord(`block ${height}`);
      const { network } = this.state;
      const context = checkHeader(block.header, parent, network, block.header.timeMs);
      checkBlock(block);
      await this.#connect(block);
      this.#transactions += block.transactions.length;
      return context;
    } catch (error) {
      if (!(error instanceof RuleError) && !(error instanceof DamagedRecord)) throw error;
      this.#problem(`Block ${height}: ${error.message}`);
      return undefined;
    }
  }

  async #connect(block: Block): Promise<void> {
    const delta = connectBlock(block, (lock, outPoint) => {
      const coin = this.#coins.get(outPointKey(outPoint));
      return coin?.lock === lock ? coin : undefined;
    }, this.state.network);
    await this.signatures.check(block.transactions);
    const undo = await this.state.store.undo(block);
    if (!sameCoins(undo, delta.spent)) {
      this.#problem(`Block ${block.header.height}: its undo data is not what it spent`);
    }
    for (const coin of delta.spent) this.#coins.delete(outPointKey(coin.outPoint));
    this.#add(delta.created.values());
  }

  async #compareCoins(): Promise<void> {
    const left = new Map(this.#coins);
    for await (const coins of this.state.coins.stored()) {
      for (const coin of coins) {
        const key = outPointKey(coin.outPoint);
        const expected = left.get(key);
        left.delete(key);
        if (expected === undefined) this.#problem(`Coin ${key} is on disk and should not be`);
        else if (!sameCoins([coin], [expected])) this.#problem(`Coin ${key} on disk is wrong`);
      }
    }
    for (const key of left.keys()) this.#problem(`Coin ${key} is missing on disk`);
  }

  #add(coins: readonly OwnedCoin[]): void {
    for (const coin of coins) this.#coins.set(outPointKey(coin.outPoint), coin);
  }

  #problem(text: string): void {
    if (this.#problems.length < PROBLEMS_MAX) this.#problems.push(text);
  }
}

function sameCoins(a: readonly OwnedCoin[], b: readonly OwnedCoin[]): boolean {
  return a.length === b.length && a.every((coin, at) => coinText(coin) === coinText(b[at]!));
}

function coinText({ lock, outPoint, amount, height, isCoinbase }: OwnedCoin): string {
  return `${lock} ${outPointKey(outPoint)} ${amount} ${height} ${isCoinbase}`;
}
