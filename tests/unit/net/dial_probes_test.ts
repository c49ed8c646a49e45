/** Whole peer managers among lies of DHT servers, on the simulated network. */
import assert from "node:assert/strict";
import { newRecord } from "../../../lib/peers/peer_record.ts";
import { type SimNode, SimWorld } from "../../support/sim_nodes.ts";

const LIES = 1_000;

/** An answer of a server that names the peers given among a thousand that are nowhere. */
function lie(node: SimNode, toldBy: string, truths: readonly SimNode[] = []): void {
  for (let at = 0; at < LIES; at++) {
    const addresses = [`/ip4/45.${at % 200}.${Math.floor(at / 200)}.9/tcp/4001`];
    node.manager.found({ peerId: `fake-${at}`, addresses, source: "dht", toldBy });
    const truth = at === LIES / 2 ? truths : [];
    for (const { transport, address } of truth) {
      node.manager.found({
        peerId: transport.peerId,
        addresses: [address],
        source: "dht",
        toldBy,
      });
    }
  }
}

function isConnected(node: SimNode, peerId: string): boolean {
  return node.manager.sessions().some((session) => session.peerId === peerId);
}

async function until(world: SimWorld, condition: () => boolean, atMostMs: number): Promise<void> {
  assert.ok(await world.clock.advanceUntil(condition, atMostMs), `not within ${atMostMs} ms`);
}

Deno.test("one true peer among a thousand lies is met, and the book learns of it alone", async () => {
  for (let seed = 1; seed <= 3; seed++) {
    const world = new SimWorld(seed);
    const a = world.start("a");
    const b = world.start("b");
    lie(a, "liar", [b]);
    await until(world, () => isConnected(a, "b"), 25_000);
    assert.deepEqual(a.book.all().map(({ peerId }) => peerId), ["b"]);
    assert.equal(a.manager.sessions()[0]!.found, "dht");
  }
});

Deno.test("lies hold up neither named, known nor near peers, nor those of an honest server", async () => {
  const world = new SimWorld(1);
  const others = ["known", "near", "named", "honest"].map((name) => world.start(name));
  const [known, near, named, honest] = others as [SimNode, SimNode, SimNode, SimNode];
  const record = newRecord("known", { addresses: [known.address], source: "lan" }, 1)!;
  const a = world.start("a", {
    records: [{ ...record, lastSuccessMs: 1 }],
    wanted: [{ addresses: [named.address] }],
  });
  for (let liar = 0; liar < 3; liar++) lie(a, `liar-${liar}`);
  a.manager.found({ peerId: "near", addresses: [near.address], source: "lan" });
  a.manager.found({
    peerId: "honest",
    addresses: [honest.address],
    source: "dht",
    toldBy: "honest server",
  });
  await until(
    world,
    () => others.every(({ transport }) => isConnected(a, transport.peerId)),
    3_000,
  );
});

Deno.test("a lie about where a peer is does not keep it away", async () => {
  const world = new SimWorld(1);
  const a = world.start("a");
  const b = world.start("b");
  const wrong = Array.from({ length: 8 }, (_, at) => `/ip4/45.1.1.${at + 1}/tcp/4001`);
  for (let liar = 0; liar < 5; liar++) {
    a.manager.found({ peerId: "b", addresses: wrong, source: "dht", toldBy: `liar-${liar}` });
  }
  await world.clock.advance(60_000);
  a.manager.found({ peerId: "b", addresses: [b.address], source: "own-dht", toldBy: "member" });
  await until(world, () => isConnected(a, "b"), 20_000);
});

Deno.test("a libp2p program named as a peer is left alone, and its connection ended", async () => {
  const world = new SimWorld(1);
  const a = world.start("a");
  const server = world.start("server", { host: { hasProtocol: false } });
  a.manager.found({
    peerId: "server",
    addresses: [server.address],
    source: "dht",
    toldBy: "liar",
  });
  await world.clock.advance(10_000);
  assert.equal(a.manager.stats().dialing, 0);
  assert.equal(world.network.connections, 0);
  assert.equal(a.book.size, 0);
});

Deno.test("whoever was named by a server and then comes by itself was found by the search", async () => {
  const world = new SimWorld(1);
  const a = world.start("a", { outboundTarget: 0 });
  const b = world.start("b");
  a.manager.found({ peerId: "b", addresses: [b.address], source: "dht", toldBy: "server" });
  b.manager.found({ peerId: "a", addresses: [a.address], source: "dht", toldBy: "server" });
  await until(world, () => isConnected(a, "b"), 5_000);
  assert.equal(a.manager.sessions()[0]!.found, "dht");
});
