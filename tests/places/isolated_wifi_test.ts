/** A café's Wi-Fi keeps its clients apart: what they have in common lies outside. */
import assert from "node:assert/strict";
import { type MoimNode, until } from "../support/moim.ts";
import { hasPeers, haveOneTip } from "../support/node_checks.ts";
import { placeTest } from "../support/places.ts";

type Peer = { peerId: string; connected: boolean; relayed?: boolean };

placeTest("on a Wi-Fi that isolates its clients there is one chain by relay", async (world) => {
  const member = await world.publicHost();
  const relay = await member.start();
  const cafe = await world.home({ isolated: true, nat: "symmetric" });
  const hosts = [await cafe.host(), await cafe.host(), await cafe.host()];
  const startMs = performance.now();
  const seconds = () => ((performance.now() - startMs) / 1000).toFixed(1);
  const nodes = await Promise.all(hosts.map((host) => host.start(["--peer", member.address])));
  await Promise.all(nodes.map((node) => hasPeers(node)));
  const session = await sessionBetween(nodes[0]!, nodes[1]!);
  assert.equal(session.relayed, true);
  console.log(`a session between two clients after ${seconds()} s`);

  await hosts[2]!.moim(["wallet", "new", "--alias", "w"]);
  const minted = await hosts[2]!.moim(["mint", "--rendezvous", world.phrase, "--minter", "w"]);
  assert.equal(minted.code, 0, minted.stderr);
  await haveOneTip([relay, ...nodes], 1);
  console.log(`one chain after ${seconds()} s`);
});

async function sessionBetween(node: MoimNode, other: MoimNode): Promise<Peer> {
  const { peerId } = await other.get("status");
  return await until(async () => {
    const peers: Peer[] = await node.get("peers") ?? [];
    return peers.find((peer) => peer.connected && peer.peerId === peerId);
  }, {
    what: () => `a session between\n${node.output}\n${other.output}`,
    timeoutMs: 60_000,
    pollMs: 200,
  });
}
