/** A mempool over a chain whose genesis gives the miner coins to spend. */
import type { Chain } from "../../../lib/chain/chain.ts";
import type { Network } from "../../../lib/consensus/network.ts";
import { Mempool } from "../../../lib/mempool/mempool.ts";
import type { MempoolLimits, RemovalReason } from "../../../lib/mempool/policy.ts";
import { sumAmounts } from "../../../lib/primitives/amount.ts";
import type { OwnedCoin } from "../../../lib/consensus/coins.ts";
import type { TxId } from "../../../lib/primitives/ids.ts";
import type { Transaction } from "../../../lib/primitives/transaction.ts";
import { BlockTree, LATE_MS, openChain, short, StoppedClock } from "../../support/chain_builder.ts";
import { fundedNetwork, fundsOf } from "../../support/funded_network.ts";

export class MempoolStage {
  readonly tree: BlockTree;
  readonly clock = new StoppedClock(LATE_MS);
  readonly funds: OwnedCoin[];
  /** What subscribers were told, in order. */
  readonly told: { readonly id: TxId; readonly what: "added" | RemovalReason }[] = [];
  chain!: Chain;
  mempool!: Mempool;

  private constructor(
    network: Network,
    readonly limits: Partial<MempoolLimits>,
    readonly batchSignatures: number | undefined,
  ) {
    this.tree = new BlockTree(network);
    this.funds = fundsOf(network);
  }

  static async open(
    funds: number,
    { limits = {}, network = {}, batchSignatures }: {
      limits?: Partial<MempoolLimits>;
      network?: Partial<Network>;
      batchSignatures?: number;
    } = {},
  ): Promise<MempoolStage> {
    const stage = new MempoolStage(fundedNetwork(funds, network), limits, batchSignatures);
    stage.chain = await openChain({ network: stage.tree.network, clock: stage.clock });
    stage.#newMempool();
    return stage;
  }

  /** The outcome in a word. */
  async accept(transaction: Transaction, options: { local?: boolean } = {}): Promise<string> {
    const outcome = await this.mempool.accept(transaction, options);
    return outcome.kind === "rejected" ? outcome.reason : outcome.kind;
  }

  /** Mines `transactions`, all of which wait, in a block `name` on `parent`. */
  async mine(
    name: string,
    parent: string,
    transactions: readonly Transaction[],
  ): Promise<string> {
    const fees = sumAmounts(transactions.map(({ id }) => this.mempool.get(id)!.fee));
    const block = this.tree.add(name, parent, { transactions, fees });
    const outcome = short(await this.chain.accept(block));
    await this.mempool.idle();
    return outcome;
  }

  /** Saves the mempool and opens another from what was saved, as a restart does. */
  async restart(): Promise<void> {
    await this.mempool.save();
    await this.reopen();
  }

  /** Opens another mempool from what was saved last, as after a crash. */
  async reopen(): Promise<void> {
    this.mempool.close();
    this.#newMempool();
    await this.mempool.load();
  }

  ids(): TxId[] {
    return this.mempool.entries().map(({ transaction }) => transaction.id).sort();
  }

  async close(): Promise<void> {
    this.mempool.close();
    await this.chain.close();
  }

  #newMempool(): void {
    const { chain, clock, limits, batchSignatures } = this;
    this.mempool = new Mempool({
      chain,
      clock,
      limits,
      ...(batchSignatures !== undefined && { batchSignatures }),
    });
    this.told.length = 0;
    this.mempool.subscribe(({ added, removed }) => {
      if (added !== undefined) this.told.push({ id: added.id, what: "added" });
      if (removed === undefined) return;
      this.told.push({ id: removed.transaction.id, what: removed.reason });
    });
  }
}
