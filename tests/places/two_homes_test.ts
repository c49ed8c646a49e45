/**
 * Two homes, each behind a router that lets nobody in and maps no ports, and one member whom everybody
 * can reach: they find each other through it, and then talk to each other by way of it.
 */
import assert from "node:assert/strict";
import { type MoimNode, until } from "../support/moim.ts";
import { hasPeers, haveOneTip } from "../support/node_checks.ts";
import { type Host, placeTest } from "../support/places.ts";

const PATIENCE_MS = 60_000;
const POLL_MS = 200;

type Peer = { peerId: string; connected: boolean; relayed?: boolean; address?: string };

placeTest("two homes behind symmetric NAT and a public member are on one chain", async (world) => {
  const member = await world.publicHost();
  const homes = [await world.home({ nat: "symmetric" }), await world.home({ nat: "symmetric" })];
  const [a, b] = [await homes[0]!.host(), await homes[1]!.host()];
  const relay = await member.start();
  const startMs = performance.now();
  const seconds = () => ((performance.now() - startMs) / 1000).toFixed(1);
  const [one, other] = await Promise.all(
    [a, b].map((host) => host.start(["--peer", member.address])),
  );
  await Promise.all([hasPeers(one!), hasPeers(other!)]);
  console.log(`both know the member after ${seconds()} s`);

  const ids = await Promise.all(
    [one!, other!].map(async (node) => (await node.get("status")).peerId),
  );
  const seen = await until(async () => {
    const found = await sessionWith(one!, ids[1]);
    return found !== undefined && (await sessionWith(other!, ids[0])) !== undefined && found;
  }, { what: () => `a session between\n${one!.output}\n${other!.output}`, ...WAIT });
  console.log(`a session between the homes after ${seconds()} s: ${seen.address}`);
  assert.equal(seen.relayed, true);

  // The session may have come by the other's place: one's own is looked for at the same time.
  const status = await until(async () => {
    const told = await one!.get("status");
    return told.reach.state === "relayed" && told;
  }, { what: () => `its own place at the relay\n${one!.output}`, ...WAIT });
  const relayId = (await relay.get("status")).peerId;
  assert.deepEqual(status.reach.relays, [relayId]);
  assert.match(status.reachability, /^reachable through …/);
  assert.ok(status.reach.addresses[0].includes(`/p2p/${relayId}/p2p-circuit/p2p/${ids[0]}`));
  assert.equal((await relay.get("status")).reach.state, "open");

  await mintAt(a, world.phrase);
  await haveOneTip([one!, other!, relay], 1);
  console.log(`one chain after ${seconds()} s`);
});

const WAIT = { timeoutMs: PATIENCE_MS, pollMs: POLL_MS };

async function sessionWith(node: MoimNode, peerId: string): Promise<Peer | undefined> {
  const peers: Peer[] = await node.get("peers") ?? [];
  return peers.find((peer) => peer.connected && peer.peerId === peerId);
}

async function mintAt(host: Host, phrase: string): Promise<void> {
  await host.moim(["wallet", "new", "--alias", "w"]);
  const minted = await host.moim(["mint", "--rendezvous", phrase, "--minter", "w"]);
  assert.equal(minted.code, 0, minted.stderr);
}
