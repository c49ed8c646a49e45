/**
 * Ten nodes that mint and pay while connections break, islands form and nodes lose power; then the
 * network is whole again and all must agree. Each seed is one history: a failure names its seed.
 *
 *   MOIM_SIM_ROUNDS=200 deno test -A tests/simulation/faults_test.ts     a longer campaign
 *   MOIM_SIM_SEED=17    deno test -A tests/simulation/faults_test.ts     one history again
 */
import assert from "node:assert/strict";
import { randomBelow } from "../../lib/base/random.ts";
import { World, type WorldNode } from "../support/world.ts";
import { assertAgreed, assertInvariants } from "../support/world_checks.ts";

const NODES = 10;
const MINUTES = 10;
const ROUNDS = Number(Deno.env.get("MOIM_SIM_ROUNDS") ?? 8);
const FIRST_SEED = Number(Deno.env.get("MOIM_SIM_SEED") ?? 1);

for (let seed = FIRST_SEED; seed < FIRST_SEED + ROUNDS; seed++) {
  Deno.test(`ten nodes agree after the faults stop (SEED=${seed})`, async () => {
    const world = new World({ seed });
    for (let made = 0; made < NODES; made++) {
      // A line of acquaintances: the rest is found by gossip. Clocks are some seconds off.
      const peers = world.nodes.slice(-2);
      await world.add({ peers, skewMs: randomBelow(world.random, 10_000) - 5_000 });
    }
    try {
      await world.run(10_000);
      await withFaults(world);
      await assertInvariants(world);
      await heal(world);
      await world.until(() => world.isAgreed(), 30 * 60_000, "all agree");
      assertAgreed(world);
      await assertInvariants(world);
      await assertPaid(world);
      assert(world.nodes[0]!.chain.tip().height > MINUTES, world.describe());
    } finally {
      await world.stop();
    }
  });
}

/** Some minutes in which something happens every few seconds. */
async function withFaults(world: World): Promise<void> {
  for (let second = 0; second < MINUTES * 60; second += 5) {
    await step(world);
    await world.run(5_000);
  }
}

async function step(world: World): Promise<void> {
  const node = world.pick(world.running);
  const chance = world.random.float();
  if (node === undefined) return await startOne(world);
  if (chance < 0.35) await node.mint();
  else if (chance < 0.7) await payOne(world, node);
  else if (chance < 0.76) world.net.loseConnections(0.3);
  else if (chance < 0.8) partition(world);
  else if (chance < 0.84) world.net.heal();
  else if (chance < 0.87) await node.crash();
  else if (chance < 0.89) await node.stop();
  else if (chance < 0.97) await startOne(world);
}

async function payOne(world: World, node: WorldNode): Promise<void> {
  await node.pay(world.pick(world.nodes)!, 1 + randomBelow(world.random, 100_000));
}

function partition(world: World): void {
  const islands = 2 + randomBelow(world.random, 2);
  const islandOf = new Map(
    world.nodes.map((node) => [node.name, randomBelow(world.random, islands)]),
  );
  world.net.partition((peerId) => islandOf.get(peerId));
}

async function startOne(world: World): Promise<void> {
  await world.pick(world.nodes.filter((node) => !node.isUp))?.start();
}

async function heal(world: World): Promise<void> {
  world.net.heal();
  for (const node of world.nodes) if (!node.isUp) await node.start();
}

/** Every payment that any node holds is soon held by all, and the next block takes it. */
async function assertPaid(world: World): Promise<void> {
  const waiting = () => world.running.map((node) => node.mempool.size);
  const idsOf = ({ mempool }: WorldNode) =>
    mempool.entries().map(({ transaction }) => transaction.id).sort().join();
  const isShared = () => new Set(world.running.map(idsOf)).size === 1;
  await world.until(isShared, 15 * 60_000, `all hold the same payments (${waiting()})`);
  await world.nodes[0]!.mint();
  await world.until(() => world.isAgreed(), 60_000, "all have the last block");
  assert.deepEqual(waiting(), world.running.map(() => 0));
}
