import assert from "node:assert/strict";
import { seededRandom } from "../../../lib/base/random.ts";
import { RelayKeeper } from "../../../lib/net/relay/keeper.ts";
import { SimClock } from "../../support/sim_clock.ts";

/** A node among relays, as its keeper sees it. */
class Surroundings {
  readonly clock = new SimClock();
  readonly released: string[] = [];
  readonly asked: string[] = [];
  serving: string[] = [];
  refusing = new Set<string>();
  isWanted = true;
  readonly keeper = new RelayKeeper({
    clock: this.clock,
    random: seededRandom(1),
    isWanted: () => this.isWanted,
    candidates: () => this.serving,
    reserve: (relayId) => {
      this.asked.push(relayId);
      return this.refusing.has(relayId) ? Promise.reject(new Error("full")) : Promise.resolve();
    },
    release: (relayId) => void this.released.push(relayId),
  });

  async kick(): Promise<string[]> {
    this.keeper.kick();
    await this.clock.advance(0);
    return this.keeper.relays().sort();
  }
}

Deno.test("a node keeps places at two of the members that serve, and at no third", async () => {
  const world = new Surroundings();
  assert.deepEqual(await world.kick(), []);
  world.serving = ["a"];
  assert.deepEqual(await world.kick(), ["a"]);
  world.serving = ["a", "b", "c", "d"];
  assert.equal((await world.kick()).length, 2);
  await world.clock.advance(600_000);
  assert.equal(world.asked.length, 2);
  assert.ok(world.keeper.relays().includes("a"), "and stays with the one it has");
});

Deno.test("a lost place is replaced at once, by another relay if there is one", async () => {
  const world = new Surroundings();
  world.serving = ["a", "b"];
  assert.deepEqual(await world.kick(), ["a", "b"]);
  world.serving = ["b", "c"];
  world.keeper.onLost("a");
  await world.clock.advance(0);
  assert.deepEqual(world.keeper.relays().sort(), ["b", "c"]);
});

Deno.test("a relay that refuses is left alone longer each time, and others are asked", async () => {
  const world = new Surroundings();
  world.serving = ["a", "b", "c"];
  world.refusing = new Set(["a", "b"]);
  assert.deepEqual(await world.kick(), ["c"]);
  const before = world.asked.length;
  await world.clock.advance(3_600_000);
  const tries = world.asked.slice(before);
  assert.ok(tries.length > 4 && tries.length < 40, `${tries.length} tries in an hour`);
  world.refusing.clear();
  await world.clock.advance(700_000);
  assert.equal(world.keeper.relays().length, 2);
});

Deno.test("a relay that stops to serve keeps its place for a moment, no longer", async () => {
  const world = new Surroundings();
  world.serving = ["a"];
  await world.kick();
  world.serving = [];
  assert.deepEqual(await world.kick(), ["a"]);
  world.serving = ["a"];
  await world.clock.advance(60_000);
  assert.deepEqual(world.released, [], "it came back");
  world.serving = ["b"];
  await world.clock.advance(60_000);
  assert.deepEqual([world.released, world.keeper.relays()], [["a"], ["b"]]);
});

Deno.test("a node that others reach gives its places up", async () => {
  const world = new Surroundings();
  world.serving = ["a", "b"];
  await world.kick();
  world.isWanted = false;
  assert.deepEqual(await world.kick(), []);
  assert.deepEqual(world.released.sort(), ["a", "b"]);
  await world.clock.advance(600_000);
  assert.equal(world.asked.length, 2);
  world.isWanted = true;
  assert.deepEqual(await world.kick(), ["a", "b"]);
});

Deno.test("after the end no place is taken any more", async () => {
  const world = new Surroundings();
  world.serving = ["a"];
  world.keeper.kick();
  world.keeper.stop();
  await world.clock.advance(60_000);
  assert.deepEqual(world.keeper.relays(), []);
  assert.deepEqual(world.released, ["a"], "one that comes late is given back");
});
