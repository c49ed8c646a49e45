import assert from "node:assert/strict";
import type { SessionHub } from "../../../lib/net/hub.ts";
import { signRecord } from "../../../lib/net/memory_transport.ts";
import type { PeerManager } from "../../../lib/net/peer_manager.ts";
import { newRecord, type PeerRecord } from "../../../lib/peers/peer_record.ts";
import { asBlockId } from "../../../lib/primitives/ids.ts";
import { localVersion, SIM_GENESIS, type SimNode, SimWorld } from "../../support/sim_nodes.ts";
import { WirePeer } from "../../support/wire_peer.ts";

const US = { genesisId: SIM_GENESIS, networkName: "sim" };

/** As `sync` sees the manager: a type error here is the test's failure. */
export const asHub = (manager: PeerManager): SessionHub => manager;

function isConnected(node: SimNode, peerId: string): boolean {
  return node.manager.sessions().some((session) => session.peerId === peerId);
}

function foundOf(node: SimNode, peerId: string): string | undefined {
  return node.manager.sessions().find((session) => session.peerId === peerId)?.found;
}

async function until(world: SimWorld, condition: () => boolean, atMostMs = 60_000): Promise<void> {
  assert.ok(await world.clock.advanceUntil(condition, atMostMs), `not within ${atMostMs} ms`);
}

Deno.test("two nodes that dial each other at once keep one stream, the smaller id's", async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const world = new SimWorld(seed);
    const a = world.start("a");
    const b = world.start("b");
    a.manager.found({ peerId: "b", addresses: [b.address], source: "dht" });
    b.manager.found({ peerId: "a", addresses: [a.address], source: "lan" });
    await world.clock.advance(5_000);
    assert.equal(world.network.connections, 1, `seed ${seed}`);
    assert.deepEqual(world.pairs(), ["a-b"]);
    assert.equal(a.manager.sessions()[0]!.direction, "outbound", `seed ${seed}`);
    assert.equal(b.manager.sessions()[0]!.direction, "inbound");
    assert.deepEqual([foundOf(a, "b"), foundOf(b, "a")], ["dht", "lan"]);
    await world.clock.advance(60_000);
    assert.equal(world.network.connections, 1, "and it stays");
  }
});

Deno.test("a known peer is dialled at once, without a pause, and is shown as known", async () => {
  const world = new SimWorld(1, { latencyMs: { min: 1, max: 1 } });
  const b = world.start("b");
  const record = newRecord("b", { addresses: [b.address], source: "dht" }, world.clock.nowMs())!;
  const a = world.start("a", { records: [record] });
  await world.clock.advance(10); // Three one-way trips to connect, one for each version.
  assert.equal(foundOf(a, "b"), "known");
  assert.equal(foundOf(b, "a"), "inbound");
});

Deno.test("dead known peers do not hold up the living", async () => {
  const world = new SimWorld();
  const b = world.start("b");
  const dead = Array.from({ length: 40 }, (_, at) => {
    const addresses = [`/ip4/10.9.9.${at + 1}/tcp/3000`];
    const record = newRecord(`dead-${at}`, { addresses, source: "dht" }, 1)!;
    return { ...record, lastSuccessMs: 1, score: 50 };
  });
  const a = world.start("a", { records: dead });
  a.manager.found({ peerId: "b", addresses: [b.address], source: "dht" });
  await until(world, () => isConnected(a, "b"), 4_000);
  assert.equal(foundOf(a, "b"), "dht");
});

Deno.test("a peer that restarts on another port is found again through any source", async () => {
  const world = new SimWorld();
  const a = world.start("a");
  let b = world.start("b");
  a.manager.found({ peerId: "b", addresses: [b.address], source: "dht" });
  await until(world, () => isConnected(a, "b"));
  world.network.leave(b.transport); // As kill -9 does; the last manager talks to nobody.
  await b.manager.stop();
  await until(world, () => !isConnected(a, "b"));
  await world.clock.advance(10 * 60_000);
  assert.ok(a.book.get("b")!.failuresInARow > 3);
  b = world.start("b", { host: { address: "/ip4/10.0.0.99/tcp/4000" } });
  a.manager.found({ peerId: "b", addresses: [b.address], source: "dht" });
  await until(world, () => isConnected(a, "b"), 3_000);
});

Deno.test("a peer that went away is found again within the lonely pause", async () => {
  const world = new SimWorld();
  const a = world.start("a");
  let b = world.start("b");
  a.manager.found({ peerId: "b", addresses: [b.address], source: "lan" });
  await until(world, () => isConnected(a, "b"));
  const reasons: string[] = [];
  a.manager.onSessionEnd((_session, reason) => reasons.push(reason));
  await world.stop(b);
  await world.clock.advance(3_600_000);
  assert.deepEqual(reasons, ["it said: this node stops"]);
  assert.equal(a.manager.sessions().length, 0);
  b = world.start("b");
  await until(world, () => isConnected(a, "b"), 36_000);
});

Deno.test("--peer: a bare address is dialled until it answers, whoever lives there", async () => {
  const world = new SimWorld();
  const address = "/ip4/10.1.2.3/tcp/3000";
  const a = world.start("a", { wanted: [{ addresses: [address] }] });
  await world.clock.advance(3_600_000);
  const b = world.start("b", { host: { address } });
  await until(world, () => isConnected(a, "b"), 36_000);
  assert.equal(foundOf(a, "b"), "peer");
  assert.equal(a.manager.peerIdAt({ addresses: [address] }), "b");
  await world.stop(b);
  world.start("c", { host: { address } }); // Another identity on the same address.
  await until(world, () => isConnected(a, "c"), 36_000);
});

Deno.test("--peer: a known peer's address is not dialled twice", async () => {
  const world = new SimWorld();
  const b = world.start("b");
  const record = newRecord("b", { addresses: [b.address], source: "dht" }, 1)!;
  const met = record.addresses.map((known) => ({ ...known, lastSuccessMs: 1 }));
  const records: PeerRecord[] = [{ ...record, lastSuccessMs: 1, addresses: met }];
  const a = world.start("a", { records, wanted: [{ addresses: [b.address] }] });
  await until(world, () => isConnected(a, "b"));
  assert.equal(a.book.get("b")!.score, 1, "one session was made");
  assert.equal(world.network.connections, 1);
  assert.equal(foundOf(a, "b"), "known");
});

Deno.test("a peer without the protocol counts nowhere and is asked again later", async () => {
  const world = new SimWorld();
  const server = world.stranger("server", { hasProtocol: false });
  const { address } = server.host;
  const a = world.start("a", { wanted: [{ addresses: [address] }] });
  a.manager.found({ peerId: "server", addresses: [address], source: "dht" });
  await world.clock.advance(60_000);
  assert.equal(a.book.size, 0);
  assert.equal(a.manager.stats().outbound + a.manager.stats().handshakes, 0);
  world.network.leave(server);
  const b = world.start("server", { host: { address } });
  await until(world, () => isConnected(a, b.peerId), 120_000);
});

Deno.test("a connection made by other means leads to one session, whoever wants it", async () => {
  for (const [near, far] of [["a", "b"], ["b", "a"]] as const) {
    const world = new SimWorld();
    const one = world.start(near);
    const other = world.start(far, { outboundTarget: 0 });
    one.transport.meet(other.transport);
    await until(world, () => isConnected(one, far) && isConnected(other, near), 1_000);
    assert.equal(world.network.connections, 1);
    other.manager.found({ peerId: near, addresses: [one.address], source: "dht" });
    assert.equal(foundOf(other, near), "dht", "a search names what had come by itself");
  }
});

Deno.test("a peer of another network is told and left alone; both users are told", async () => {
  const world = new SimWorld();
  const genesisId = asBlockId("7".repeat(64));
  const a = world.start("a");
  const b = world.start("b", { local: localVersion("other", genesisId) });
  a.manager.found({ peerId: "b", addresses: [b.address], source: "dht" });
  await world.clock.advance(5 * 60_000);
  assert.deepEqual(a.notices, [
    'peer b is of network "other" (genesis 777777777777…), ours is "sim" (genesis 666666666666…)',
  ]);
  assert.deepEqual(b.notices, [
    'peer a is of network "sim" (genesis 666666666666…), ours is "other" (genesis 777777777777…)',
  ]);
  assert.equal(a.manager.sessions().length + b.manager.sessions().length, 0);
  assert.equal(a.book.size, 0);
});

Deno.test("gossip: ten nodes that know one become a crowd that knows all", async () => {
  const world = new SimWorld(3);
  const first = world.start("n0");
  for (let at = 1; at < 10; at++) {
    world.start(`n${at}`, { wanted: [{ addresses: [first.address] }] });
  }
  const isCrowd = () => world.nodes.every((node) => node.manager.sessions().length >= 3);
  await until(world, isCrowd, 30_000);
  await until(world, () => world.nodes.every((node) => node.book.size === 9), 120_000);
  assert.ok(world.nodes.every((node) => node.manager.stats().outbound <= 8));
  await world.clock.advance(10_000); // Handshakes under way come to their end.
  assert.equal(world.network.connections, world.pairs().length, "one stream a pair");
  const { refused } = first.manager.stats();
  assert.deepEqual(refused, {}, "honest nodes stay within every quota");
});

Deno.test("gossip off: five nodes that each know the one before stay a line", async () => {
  const world = new SimWorld(3);
  let last = world.start("n0", { gossip: false });
  for (let at = 1; at < 5; at++) {
    last = world.start(`n${at}`, { gossip: false, wanted: [{ addresses: [last.address] }] });
  }
  const degrees = () => world.nodes.map((node) => node.manager.sessions().length);
  await until(world, () => degrees().join() === "1,2,2,2,1", 30_000);
  await world.clock.advance(600_000);
  assert.deepEqual(degrees(), [1, 2, 2, 2, 1]);
});

Deno.test("gossip: only what the signer may say, and never what would not travel", async () => {
  const world = new SimWorld();
  const node = world.start("node", { outboundTarget: 0 });
  const stranger = world.stranger("stranger");
  const dialing = WirePeer.connect(stranger, { addresses: [node.address] }, US);
  await world.clock.advance(1_000);
  const peer = await dialing;
  const sequence = BigInt(world.clock.nowMs());
  const say = (peerId: string, addresses: string[], ahead = 0n) =>
    signRecord({ peerId, addresses, sequence: sequence + ahead });
  const records = [
    say("good", ["/ip4/10.7.7.7/tcp/1", "/ip4/127.0.0.1/tcp/1", "/ip4/169.254.1.1/tcp/1"]),
    say("future", ["/ip4/10.7.7.8/tcp/1"], 3_700_000n),
    say("many", Array.from({ length: 9 }, (_, at) => `/ip4/10.7.8.${at}/tcp/1`)),
    say("loopback", ["/ip4/127.0.0.1/tcp/1"]),
    say("node", ["/ip4/10.7.7.9/tcp/1"]),
  ];
  peer.send({ type: "addr", records });
  await world.clock.advance(1_000);
  const known = node.book.get("good")!;
  assert.deepEqual(known.addresses.map(({ address }) => address), ["/ip4/10.7.7.7/tcp/1"]);
  assert.equal(known.source, "gossip");
  for (const peerId of ["future", "many", "loopback", "node"]) {
    assert.equal(node.book.get(peerId), undefined, peerId);
  }
  peer.send({ type: "addr", records: [say("good", ["/ip4/10.7.7.1/tcp/1"], -1n)] });
  await world.clock.advance(1_000);
  assert.equal(node.book.get("good")!.addresses.length, 1, "an older record says nothing");
  assert.equal(peer.ended, "open", "none of it is a crime");
});

Deno.test("inbound slots: the newest gives way, named peers always come in", async () => {
  const world = new SimWorld(1, { latencyMs: { min: 1, max: 1 } });
  const node = world.start("node", {
    inboundMax: 24,
    wanted: [{ peerId: "friend", addresses: [] }],
  });
  const peers: WirePeer[] = [];
  const connect = async (peerId: string) => {
    const dialing = WirePeer.connect(world.stranger(peerId), { addresses: [node.address] }, US);
    await world.clock.advance(100);
    peers.push(await dialing);
  };
  for (let at = 0; at < 40; at++) await connect(`p${at}`);
  assert.equal(node.manager.stats().inbound, 24);
  assert.ok(peers.slice(0, 8).every((peer) => peer.ended === "open"), "the oldest stay");
  assert.equal(peers[39]!.ended, "open", "the newcomer took the place of the one before");
  assert.equal(peers[38]!.last("goodbye").code, "full");
  await connect("friend");
  assert.ok(isConnected(node, "friend"));
});

Deno.test("outbound slots: eight, two of them anchors that a restart goes back to", async () => {
  const world = new SimWorld(5);
  const others = Array.from(
    { length: 14 },
    (_, at) => world.start(`n${at}`, { outboundTarget: 0 }),
  );
  let node = world.start("node");
  for (const { peerId, address } of others) {
    node.manager.found({ peerId, addresses: [address], source: "dht" });
  }
  await until(world, () => node.manager.stats().outbound === 8);
  await world.clock.advance(60_000);
  assert.equal(node.manager.stats().outbound, 8);
  const anchors = node.book.anchors().map((record) => record.peerId);
  assert.equal(anchors.length, 2);
  const records = await world.stop(node);
  node = world.start("node", { records });
  await until(world, () => node.manager.stats().outbound === 8);
  for (const peerId of anchors) assert.ok(isConnected(node, peerId), peerId);
  await world.clock.advance(30 * 60_000);
  const proven = node.book.all().filter((record) => record.lastSuccessMs > 0).length;
  assert.ok(proven > 8, "feelers have tested the others");
});

Deno.test("an end of everything: a node's stop tells the others within a second", async () => {
  const world = new SimWorld();
  const a = world.start("a");
  const b = world.start("b");
  a.manager.found({ peerId: "b", addresses: [b.address], source: "lan" });
  await until(world, () => isConnected(a, "b"));
  await world.stop(b);
  assert.equal(a.manager.sessions().length, 0);
  assert.equal(b.manager.sessions().length, 0);
  a.manager.found({ peerId: "b", addresses: [b.address], source: "lan" });
  await world.stop(a);
  await world.clock.advance(600_000);
  assert.equal(a.manager.stats().dialing, 0);
});

Deno.test("an idle pair costs no dials and no streams, and lives on for hours", async () => {
  const world = new SimWorld();
  const a = world.start("a");
  const b = world.start("b");
  a.manager.found({ peerId: "b", addresses: [b.address], source: "dht" });
  await until(world, () => isConnected(a, "b"));
  const session = a.manager.sessions()[0]!;
  await world.clock.advance(4 * 3_600_000);
  assert.ok(session.isOpen);
  assert.deepEqual(a.manager.stats().refused, {});
});

Deno.test("islands that meet through one node, and lost connections, heal", async () => {
  const world = new SimWorld(11);
  for (let at = 0; at < 6; at++) world.start(`n${at}`);
  for (const node of world.nodes) {
    for (const { peerId, address } of world.nodes) {
      if (peerId !== node.peerId) {
        node.manager.found({ peerId, addresses: [address], source: "lan" });
      }
    }
  }
  const isWhole = () => world.nodes.every((node) => node.manager.sessions().length === 5);
  await until(world, isWhole);
  world.network.partition((peerId) => peerId < "n3");
  await world.clock.advance(60_000);
  assert.ok(world.nodes.every((node) => node.manager.sessions().length === 2));
  await world.clock.advance(3_600_000);
  world.network.heal();
  await until(world, isWhole, 11 * 60_000);
  for (let round = 0; round < 20; round++) {
    world.network.loseConnections(0.3);
    await world.clock.advance(5_000);
  }
  await until(world, isWhole, 11 * 60_000);
  assert.equal(world.network.connections, 15);
});

Deno.test("a node behind a NAT is connected by its own dials only", async () => {
  const world = new SimWorld();
  const hidden = world.start("hidden", { host: { isUnreachable: true } });
  const open = world.start("open");
  open.manager.found({ peerId: "hidden", addresses: [hidden.address], source: "dht" });
  await world.clock.advance(30_000);
  assert.deepEqual(world.pairs(), []);
  hidden.manager.found({ peerId: "open", addresses: [open.address], source: "dht" });
  await until(world, () => world.pairs().length === 1);
  await world.clock.advance(3_600_000);
  assert.deepEqual(world.pairs(), ["hidden-open"]);
});

Deno.test("another network: everybody is due at once, and failures of before count no more", async () => {
  const world = new SimWorld();
  const a = world.start("a");
  let b = world.start("b");
  a.manager.found({ peerId: "b", addresses: [b.address], source: "dht" });
  await until(world, () => isConnected(a, "b"));
  await world.stop(b);
  await world.clock.advance(3_600_000);
  assert.ok(a.book.get("b")!.failuresInARow > 10);
  b = world.start("b");
  a.manager.onNetworkChanged(true);
  assert.ok(a.book.get("b")!.failuresInARow <= 1);
  await until(world, () => isConnected(a, "b"), 1_500);
});

Deno.test("no network: nobody is dialled, and nobody is punished for it", async () => {
  const world = new SimWorld();
  const b = world.start("b");
  const a = world.start("a", { wanted: [{ addresses: ["/ip4/10.9.9.9/tcp/3000"] }] });
  a.manager.found({ peerId: "b", addresses: [b.address], source: "dht" });
  await until(world, () => isConnected(a, "b"));
  a.manager.onNetworkChanged(false);
  world.network.partition((peerId) => peerId); // Everybody alone.
  await world.clock.advance(3_600_000);
  assert.equal(a.manager.stats().dialing, 0);
  assert.equal(a.manager.sessions().length, 0);
  assert.equal(a.book.get("b")!.failuresInARow, 0);
  world.network.heal();
  a.manager.onNetworkChanged(true);
  await until(world, () => isConnected(a, "b"), 1_500);
});
