/** Who cannot be reached and must not notice much of it: firewalls, rooms, relays that go. */
import assert from "node:assert/strict";
import { type MoimNode, until } from "../support/moim.ts";
import { hasPeers } from "../support/node_checks.ts";
import { type Host, placeTest } from "../support/places.ts";

const WAIT = { timeoutMs: 60_000, pollMs: 200 };

type Peer = { peerId: string; connected: boolean; relayed?: boolean };

placeTest(
  "a public address behind a firewall is found closed, and is reached by relay",
  async (world) => {
    const [member, walled] = [await world.publicHost(), await world.publicHost()];
    await shutIn(walled);
    const relay = await member.start();
    const startMs = performance.now();
    const node = await walled.start(["--peer", member.address]);
    await hasPeers(node);
    await reaches(node, "relayed");
    console.log(`relayed after ${secondsSince(startMs)} s`);
    const { reach, reachability } = await node.get("status");
    assert.deepEqual(reach.relays, [(await relay.get("status")).peerId], reachability);

    await walled.run(["nft", "delete", "table", "inet", "wall"]);
    const home = await world.home({ nat: "symmetric" });
    const guest = await (await home.host()).start(["--peer", member.address]);
    await sessionBetween(guest, node);
    console.log("somebody behind another router reached it");
  },
);

placeTest("two rooms of one home that met through a relay end up direct", async (world) => {
  const member = await world.publicHost();
  const home = await world.home({ nat: "symmetric" });
  const [a, b] = [await home.host(), await home.host()];
  await member.start();
  const startMs = performance.now();
  const quiet = { MOIM_LAN: "off" };
  const nodes = await Promise.all([a, b].map((host) => {
    return host.start(["--peer", member.address], quiet);
  }));
  const session = await sessionBetween(nodes[0]!, nodes[1]!);
  console.log(`${session.relayed ? "relayed" : "direct"} after ${secondsSince(startMs)} s`);
  await sessionBetween(nodes[0]!, nodes[1]!, (peer) => peer.relayed !== true);
  console.log(`direct after ${secondsSince(startMs)} s`);
});

placeTest("a relay that goes is replaced by another", async (world) => {
  const members = [await world.publicHost(), await world.publicHost(), await world.publicHost()];
  const home = await world.home({ nat: "symmetric" });
  const first = await members[0]!.start();
  const others = await Promise.all(
    members.slice(1).map((host) => {
      return host.start(["--peer", members[0]!.address]);
    }),
  );
  const node = await (await home.host()).start(["--peer", members[0]!.address]);
  await hasRelays(node, 2);
  const relays: string[] = (await node.get("status")).reach.relays;
  const all = [first, ...others];
  const ids = await Promise.all(all.map(async (each) => (await each.get("status")).peerId));
  const lost = relays[0]!;
  await all[ids.indexOf(lost)]!.kill();
  const startMs = performance.now();
  await until(async () => {
    const now: string[] = (await node.get("status")).reach.relays;
    return now.length === 2 && !now.includes(lost);
  }, { what: () => `another relay in\n${node.output}`, ...WAIT });
  console.log(`another relay after ${secondsSince(startMs)} s`);
});

function secondsSince(startMs: number): string {
  return ((performance.now() - startMs) / 1000).toFixed(1);
}

/** A firewall on the host itself: it lets out, and in what answers. */
async function shutIn(host: Host): Promise<void> {
  await host.run(["nft", "add table inet wall"]);
  await host.run([
    "nft",
    "add chain inet wall in { type filter hook input priority 0; policy drop; }",
  ]);
  await host.run(["nft", "add rule inet wall in iif lo accept"]);
  await host.run(["nft", "add rule inet wall in ct state established,related accept"]);
  await host.run(["nft", "add rule inet wall in meta l4proto ipv6-icmp accept"]);
}

async function reaches(node: MoimNode, state: string): Promise<void> {
  await until(async () => (await node.get("status"))?.reach?.state === state, {
    what: () => `${state} in\n${node.output}`,
    ...WAIT,
  });
}

async function hasRelays(node: MoimNode, count: number): Promise<void> {
  await until(async () => (await node.get("status"))?.reach?.relays.length === count, {
    what: () => `${count} relays in\n${node.output}`,
    ...WAIT,
  });
}

async function sessionBetween(
  node: MoimNode,
  other: MoimNode,
  isRight: (peer: Peer) => boolean = () => true,
): Promise<Peer> {
  const { peerId } = await other.get("status");
  return await until(async () => {
    const peers: Peer[] = await node.get("peers") ?? [];
    return peers.find((peer) => peer.connected && peer.peerId === peerId && isRight(peer));
  }, { what: () => `such a session between\n${node.output}\n${other.output}`, ...WAIT });
}
