/** A node from chain to sync on a hub of scripted peers: no network, no disk, time by hand. */
import assert from "node:assert/strict";
import { type Clock, yieldToOthers } from "../../lib/base/clock.ts";
import { Chain } from "../../lib/chain/chain.ts";
import { genesisBlock } from "../../lib/consensus/genesis.ts";
import type { Network } from "../../lib/consensus/network.ts";
import { Mempool } from "../../lib/mempool/mempool.ts";
import { MemoryKv } from "../../lib/store/memory_kv.ts";
import { Store } from "../../lib/store/store.ts";
import { Sync, type SyncOptions } from "../../lib/sync/sync.ts";
import { EASY_NETWORK, type Minted } from "./easy_chain.ts";
import { ScriptedHub } from "./scripted_peer.ts";
import { SimClock } from "./sim_clock.ts";

/** Long after the last block of any test, so that no header lies in the future. */
export const NOW_MS = EASY_NETWORK.timeMs + 1_000_000 * EASY_NETWORK.spacingMs;

export interface SyncNode {
  readonly chain: Chain;
  readonly clock: SimClock;
  readonly hub: ScriptedHub;
  readonly mempool: Mempool;
  readonly sync: Sync;
  /** Gives the chain blocks as its own. */
  take(minted: readonly Minted[]): Promise<void>;
  stop(): Promise<void>;
}

export async function openChain(network: Network, clock: Clock, kv = new MemoryKv()) {
  const store = await Store.open(kv, genesisBlock(network).id);
  return await Chain.open({ store, network, clock });
}

/** Runs `test` with a node that has `blocks` and is started, and closes it afterwards. */
export async function withNode(
  setup: Partial<Pick<SyncOptions, "limits" | "isOwn">> & {
    readonly blocks?: readonly Minted[];
    readonly nowMs?: number;
  },
  test: (node: SyncNode) => Promise<void>,
): Promise<void> {
  const clock = new SimClock(setup.nowMs ?? NOW_MS);
  const chain = await openChain(EASY_NETWORK, clock);
  const mempool = new Mempool({ chain, clock });
  const hub = new ScriptedHub();
  const { limits, isOwn } = setup;
  const sync = new Sync({
    chain,
    mempool,
    clock,
    peers: hub,
    ...(limits && { limits }),
    ...(isOwn && { isOwn }),
    onFailure: (error) => {
      throw error;
    },
  });
  const take = async (minted: readonly Minted[]) => {
    await chain.acceptMany(minted.map(({ block }) => block));
    assert.equal(chain.tip().id, minted.at(-1)!.block.id);
  };
  const stop = async () => {
    await sync.stop();
    await mempool.idle();
    mempool.close();
    await chain.close();
  };
  if (setup.blocks?.length) await take(setup.blocks);
  sync.start();
  try {
    await test({ chain, clock, hub, mempool, sync, take, stop });
  } finally {
    await stop();
  }
}

/** Lets everything that is under way come to rest, without time passing on the clock. */
export async function settle(rounds = 20): Promise<void> {
  for (let round = 0; round < rounds; round++) await yieldToOthers();
}

/** Waits, without time passing on the clock, until `condition` holds. */
export async function until(condition: () => boolean, what = "the condition"): Promise<void> {
  for (let round = 0; round < 5_000; round++) {
    if (condition()) return;
    await yieldToOthers();
  }
  assert.fail(`${what} does not come true`);
}
