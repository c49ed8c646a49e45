/** The stage of a story: a chain with its mempool, blocks by name, and what must come of them. */
import assert from "node:assert/strict";
import type { Chain } from "../../lib/chain/chain.ts";
import { Mempool } from "../../lib/mempool/mempool.ts";
import type { MempoolChange, MempoolOutcome, RemovalReason } from "../../lib/mempool/policy.ts";
import type { Network } from "../../lib/consensus/network.ts";
import type { Transaction } from "../../lib/primitives/transaction.ts";
import type { KvStore } from "../../lib/store/kv.ts";
import { MemoryKv } from "../../lib/store/memory_kv.ts";
import {
  assertSound,
  BlockTree,
  LATE_MS,
  openChain,
  short,
  StoppedClock,
} from "../support/chain_builder.ts";
import { EASY_NETWORK } from "../support/easy_chain.ts";

export class Story {
  readonly changes: MempoolChange[] = [];

  private constructor(
    readonly tree: BlockTree,
    readonly clock: StoppedClock,
    readonly chain: Chain,
    readonly mempool: Mempool,
  ) {
    mempool.subscribe((change) => this.changes.push(change));
  }

  static async open(
    network: Network = EASY_NETWORK,
    kv: KvStore = new MemoryKv(),
  ): Promise<Story> {
    const clock = new StoppedClock(LATE_MS);
    const chain = await openChain({ kv, network, clock });
    return new Story(new BlockTree(network), clock, chain, new Mempool({ chain, clock }));
  }

  /** Feeds one block and says what became of it. */
  async feed(name: string): Promise<string> {
    return short(await this.chain.accept(this.tree.block(name).bytes));
  }

  /** Feeds blocks one after the other; each must have this outcome. */
  async each(names: string[], outcome: string): Promise<void> {
    for (const name of names) assert.equal(await this.feed(name), outcome, name);
  }

  tipIs(name: string): void {
    assert.equal(this.tree.name(this.chain.tip().id), name);
  }

  async pay(transaction: Transaction): Promise<MempoolOutcome> {
    return await this.mempool.accept(transaction);
  }

  async accepted(transaction: Transaction): Promise<void> {
    const outcome = await this.pay(transaction);
    assert.equal(outcome.kind, "accepted", JSON.stringify(outcome));
  }

  /** The transactions that wait, in any order. */
  async waiting(transactions: Transaction[]): Promise<void> {
    await this.mempool.idle();
    assert.deepEqual(
      this.mempool.entries().map(({ transaction }) => transaction.id).sort(),
      transactions.map(({ id }) => id).sort(),
    );
  }

  /** Why a transaction left the mempool last. */
  removal(transaction: Transaction): RemovalReason | undefined {
    return this.changes.findLast(({ removed }) => removed?.transaction.id === transaction.id)
      ?.removed?.reason;
  }

  async end(): Promise<void> {
    await this.mempool.idle();
    await assertSound(this.chain);
    this.mempool.close();
    await this.chain.close();
  }
}

/** A test that is a story: told on a fresh stage, which must be sound at its end. */
export function story(
  name: string,
  tell: (stage: Story) => Promise<void>,
  network?: Network,
): void {
  Deno.test(`story: ${name}`, async () => {
    const stage = await Story.open(network);
    await tell(stage);
    await stage.end();
  });
}
