import assert from "node:assert/strict";
import { randomBelow } from "../../../lib/base/random.ts";
import { type SimNode, SimWorld } from "../../support/sim_nodes.ts";

const ROUNDS = 30;

/** A node stops, rests, and starts again with its book on another port. */
async function restart(world: SimWorld, node: SimNode, port: number): Promise<void> {
  const records = await world.stop(node);
  world.nodes.splice(world.nodes.indexOf(node), 1);
  await world.clock.advance(5_000 * world.random.float());
  const address = node.address.replace(/\d+$/, String(port));
  world.start(node.peerId, { records, host: { address } });
}

for (let seed = 1; seed <= 6; seed++) {
  Deno.test(`after faults stop, every pair holds one stream (SEED=${seed})`, async () => {
    const slowest = seed % 3 === 0 ? 800 : 60;
    const world = new SimWorld(seed, { latencyMs: { min: 1, max: slowest } });
    const count = 3 + seed % 5;
    const wanted = [{ addresses: [world.hostOf("n0").address] }];
    for (let at = 0; at < count; at++) {
      world.start(`n${at}`, at > 0 && seed % 2 === 1 ? { wanted } : {});
    }
    for (const node of seed % 2 === 0 ? world.nodes : []) {
      for (const { peerId, address } of world.nodes) {
        node.manager.found({ peerId, addresses: [address], source: "dht" });
      }
    }
    for (let round = 0; round < ROUNDS; round++) {
      if (round % 10 === 5) world.network.partition((peerId) => peerId < "n2");
      if (round % 10 === 8) world.network.heal();
      world.network.loseConnections(0.2);
      if (round % 7 === 3) {
        await restart(world, world.nodes[randomBelow(world.random, count)]!, 4_000 + round);
      }
      await world.clock.advance(20_000 * world.random.float());
    }
    world.network.heal();
    await world.clock.advance(11 * 60_000);
    assert.equal(world.pairs().length, count * (count - 1) / 2);
    assert.equal(world.network.connections, world.pairs().length);
    for (const node of world.nodes) {
      assert.equal(node.manager.sessions().length, count - 1);
      assert.deepEqual(node.manager.stats().refused, {}, "an honest node is never refused");
    }
  });
}
