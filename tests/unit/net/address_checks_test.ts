import assert from "node:assert/strict";
import { seededRandom } from "../../../lib/base/random.ts";
import { AddressChecks } from "../../../lib/net/reach/address_checks.ts";
import type { Verdict } from "../../../lib/net/reach/autonat.ts";
import { SimClock } from "../../support/sim_clock.ts";

const OURS = "/ip4/45.1.2.3/tcp/3000";

class Outsiders {
  readonly clock = new SimClock();
  readonly asked: string[] = [];
  changes = 0;
  addresses = [OURS];
  /** What each peer answers. */
  answers: Record<string, Verdict> = {};
  readonly checks = new AddressChecks({
    clock: this.clock,
    random: seededRandom(1),
    addresses: () => this.addresses,
    peers: () => Object.keys(this.answers),
    ask: (peerId) => {
      this.asked.push(peerId);
      return Promise.resolve(this.answers[peerId]!);
    },
    onChange: () => void this.changes++,
  });

  async verdictAfter(ms: number): Promise<string | undefined> {
    this.checks.kick();
    await this.clock.advance(ms);
    return this.checks.verdictOf(OURS);
  }
}

Deno.test("one dial that gets through is enough", async () => {
  const world = new Outsiders();
  assert.equal(await world.verdictAfter(60_000), undefined, "nobody is there to ask");
  world.answers = { a: "open", b: "open" };
  assert.equal(await world.verdictAfter(0), "open");
  assert.deepEqual([world.asked.length, world.changes], [1, 1]);
  await world.clock.advance(29 * 60_000);
  assert.equal(world.asked.length, 1);
  await world.clock.advance(2 * 60_000);
  assert.equal(world.asked.length, 2, "and it is asked again from time to time");
  world.checks.stop();
});

Deno.test("a firewall is believed after two dials that failed, of two peers where there are two", async () => {
  const world = new Outsiders();
  world.answers = { a: "closed", b: "closed" };
  assert.equal(await world.verdictAfter(0), undefined);
  assert.equal(await world.verdictAfter(10_000), "closed");
  assert.deepEqual(world.asked.sort(), ["a", "b"]);
  const alone = new Outsiders();
  alone.answers = { a: "closed" };
  assert.equal(await alone.verdictAfter(10_000), "closed");
  assert.equal(alone.asked.length, 2);
});

Deno.test("a liar does not close what another can dial", async () => {
  for (let seed = 0; seed < 5; seed++) {
    const world = new Outsiders();
    world.answers = { liar: "closed", honest: "open" };
    assert.equal(await world.verdictAfter(10_000), "open");
  }
});

Deno.test("a firewall that was opened, and one that was shut, are noticed", async () => {
  const world = new Outsiders();
  world.answers = { a: "closed" };
  assert.equal(await world.verdictAfter(10_000), "closed");
  world.answers = { a: "open" };
  assert.equal(await world.verdictAfter(11 * 60_000), "open");
  world.answers = { a: "closed" };
  assert.equal(await world.verdictAfter(31 * 60_000), "closed");
});

Deno.test("who cannot tell is asked rarely, the others first", async () => {
  const world = new Outsiders();
  world.answers = { a: "undecided", b: "undecided" };
  assert.equal(await world.verdictAfter(600_000), undefined);
  assert.ok(world.asked.length <= 14, `${world.asked.length} questions in ten minutes`);
  world.answers.c = "open";
  assert.equal(await world.verdictAfter(120_000), "open");
});

Deno.test("what was found in another network is forgotten", async () => {
  const world = new Outsiders();
  world.answers = { a: "open" };
  assert.equal(await world.verdictAfter(0), "open");
  world.checks.forget();
  assert.equal(world.checks.verdictOf(OURS), undefined);
  assert.equal(await world.verdictAfter(0), "open");
  world.addresses = [];
  assert.equal(await world.verdictAfter(0), undefined);
});
