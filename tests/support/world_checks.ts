/** What must hold in a world at any moment, and what once its network is whole again. */
import assert from "node:assert/strict";
import { checkBlock } from "../../lib/consensus/check_block.ts";
import { checkHeader } from "../../lib/consensus/check_header.ts";
import type { OwnedCoin } from "../../lib/consensus/coins.ts";
import { connectBlock } from "../../lib/consensus/connect.ts";
import { genesisBlock, genesisDelta } from "../../lib/consensus/genesis.ts";
import { genesisContext } from "../../lib/consensus/header_context.ts";
import { rewardAt } from "../../lib/consensus/reward.ts";
import { checkSignatures, signatureChecks } from "../../lib/consensus/signatures.ts";
import type { Chain } from "../../lib/chain/chain.ts";
import { outPointKey } from "../../lib/primitives/transaction.ts";
import type { World, WorldNode } from "./world.ts";

/**
 * Every node's chain keeps the rules from genesis on, its coins are what a replay gives, and they
 * sum to what was issued. Nodes on one tip are checked once.
 */
export async function assertInvariants(world: World): Promise<void> {
  const checked = new Map<string, Map<string, OwnedCoin>>();
  for (const node of world.running) {
    const { id } = node.chain.tip();
    const coins = checked.get(id) ?? await replay(node);
    checked.set(id, coins);
    await assertCoins(node.chain, coins, node.name);
  }
}

/** All running nodes have the tip with the most work that any of them knows. */
export function assertAgreed(world: World): void {
  const tips = world.running.map((node) => node.chain.tip());
  const best = tips.reduce((one, other) =>
    other.totalWork > one.totalWork || other.totalWork === one.totalWork && other.id < one.id
      ? other
      : one
  );
  for (const tip of tips) assert.equal(tip.id, best.id, world.describe());
}

/** Walks a node's main chain by the rules alone. Returns the coins at its end. */
async function replay(node: WorldNode): Promise<Map<string, OwnedCoin>> {
  const { chain, world: { network } } = node;
  const genesis = genesisBlock(network);
  const coins = new Map<string, OwnedCoin>();
  for (const coin of genesisDelta(genesis).created.values()) {
    coins.set(outPointKey(coin.outPoint), coin);
  }
  let issued = sumOf(coins.values());
  let parent = genesisContext(network, genesis);
  for (let height = 1; height <= chain.tip().height; height++) {
    const block = await chain.block(chain.blockIdAt(height)!);
    assert(block !== undefined, `${node.name} has block ${height}`);
    checkBlock(block);
    parent = checkHeader(block.header, parent, network, Infinity);
    const delta = connectBlock(block, (lock, outPoint) => {
      const coin = coins.get(outPointKey(outPoint));
      return coin?.lock === lock ? coin : undefined;
    }, network);
    for (const transaction of block.transactions) {
      assert(checkSignatures(signatureChecks(transaction, chain.genesisId)));
    }
    for (const coin of delta.spent) coins.delete(outPointKey(coin.outPoint));
    for (const coin of delta.created.values()) coins.set(outPointKey(coin.outPoint), coin);
    issued += rewardAt(height, network);
  }
  assert.equal(parent.id, chain.tip().id);
  assert.equal(sumOf(coins.values()), issued, `coins of ${node.name} sum to what was issued`);
  return coins;
}

async function assertCoins(
  chain: Chain,
  coins: ReadonlyMap<string, OwnedCoin>,
  name: string,
): Promise<void> {
  const locks = new Set([...coins.values()].map((coin) => coin.lock));
  let count = 0;
  for (const lock of locks) {
    for (const coin of await chain.coinsOf(lock)) {
      count++;
      const expected = coins.get(outPointKey(coin.outPoint));
      assert.equal(expected?.amount, coin.amount, `${name} has a coin that a replay has not`);
    }
  }
  assert.equal(count, coins.size, `${name} has all coins of a replay`);
}

function sumOf(coins: Iterable<OwnedCoin>): number {
  let sum = 0;
  for (const coin of coins) sum += coin.amount;
  return sum;
}
