import assert from "node:assert/strict";
import { OUTBOUND_RELAYED } from "../../../lib/net/dial_loop.ts";
import { type SimNode, SimWorld } from "../../support/sim_nodes.ts";

function sessionOf(node: SimNode, peerId: string) {
  return node.manager.sessions().find((session) => session.peerId === peerId);
}

/** Two nodes with a session through a relay, each seed with other delays. */
async function relayedPair(seed = 1) {
  const world = new SimWorld(seed);
  world.network.relay(() => true);
  const [a, b] = [world.start("a"), world.start("b")];
  a.manager.found({ peerId: "b", addresses: [b.address], source: "gossip" });
  await world.clock.advance(3_000);
  assert.equal(sessionOf(a, "b")?.isRelayed, true);
  assert.equal(sessionOf(b, "a")?.isRelayed, true);
  return { world, a, b };
}

Deno.test("a session through a relay is replaced by a direct one, and both sides agree", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { world, a, b } = await relayedPair(seed);
    world.network.relay(() => false);
    a.transport.meetDirectly(b.transport); // As when a hole has been punched.
    await world.clock.advance(5_000);
    assert.equal(sessionOf(a, "b")?.isRelayed, false, `seed ${seed}`);
    assert.equal(sessionOf(b, "a")?.isRelayed, false);
    const directions = [sessionOf(a, "b")!.direction, sessionOf(b, "a")!.direction];
    assert.notEqual(directions[0], directions[1], "it is one and the same");
    assert.equal(world.network.connections, 1, `seed ${seed}: and nothing else is left`);
  }
});

Deno.test("a direct way to somebody known through a relay is tried until there is one", async () => {
  const { world, a, b } = await relayedPair();
  await world.clock.advance(3_600_000);
  assert.equal(sessionOf(a, "b")?.isRelayed, true);
  const { failuresInARow } = a.book.get("b")!;
  assert.equal(failuresInARow, 0, "the peer is there: nobody is to think otherwise");
  world.network.relay(() => false);
  const isDirect = () => sessionOf(a, "b")?.isRelayed === false;
  assert.ok(await world.clock.advanceUntil(isDirect, 11 * 60_000));
  assert.equal(sessionOf(b, "a")?.isRelayed, false);
});

Deno.test("an address that was just heard of is tried at once", async () => {
  const { world, a, b } = await relayedPair();
  await world.clock.advance(3_600_000);
  world.network.relay(() => false);
  const moved = world.network.join({ peerId: "b", address: "/ip4/10.0.7.7/tcp/3000" });
  assert.equal(moved.peerId, b.peerId);
  a.manager.found({ peerId: "b", addresses: ["/ip4/10.0.7.7/tcp/3000"], source: "lan" });
  const isTried = () =>
    a.book.get("b")!.addresses.some((known) =>
      known.address.includes("10.0.7.7") && known.lastAttemptMs > 0
    );
  assert.ok(await world.clock.advanceUntil(isTried, 1_000));
});

Deno.test("a session through a relay never replaces a direct one", async () => {
  for (let seed = 1; seed <= 10; seed++) {
    const world = new SimWorld(seed);
    const [a, b] = [world.start("a"), world.start("b")];
    b.manager.found({ peerId: "a", addresses: [a.address], source: "gossip" });
    await world.clock.advance(3_000);
    world.network.relay(() => true);
    // The smaller id's would stay, were both direct.
    const stream = await openFrom(world, a, b);
    await world.clock.advance(3_000);
    assert.equal(sessionOf(b, "a")?.isRelayed, false, `seed ${seed}`);
    assert.equal(sessionOf(b, "a")?.direction, "outbound");
    stream.reset();
  }
});

Deno.test("only some outbound sessions go through relays", async () => {
  const world = new SimWorld();
  world.network.relay(() => true);
  const a = world.start("a", { gossip: false });
  for (let n = 0; n < 8; n++) {
    const peerId = `p${n}`;
    const address = `/ip4/45.1.2.${n + 1}/tcp/3000/p2p/RELAY/p2p-circuit`;
    world.start(peerId, { host: { address }, gossip: false });
    a.manager.found({ peerId, addresses: [address], source: "gossip" });
  }
  await world.clock.advance(60_000);
  assert.equal(a.manager.stats().outbound, OUTBOUND_RELAYED);
});

async function openFrom(world: SimWorld, from: SimNode, to: SimNode) {
  const opened = from.transport.open({ peerId: to.peerId, addresses: [to.address] });
  await world.clock.advance(1_000);
  return await opened;
}
