/**
 * A class: many nodes behind one address, started within ten seconds, and one public member outside.
 * MOIM_LONG=1 takes thirty; without, six, as two cores start them.
 */
import assert from "node:assert/strict";
import { type MoimNode, until } from "../support/moim.ts";
import { haveOneTip } from "../support/node_checks.ts";
import { type Home, type Host, placeTest, type World } from "../support/places.ts";

const LONG = Deno.env.get("MOIM_LONG") === "1";
const NODES = LONG ? 30 : 6;
const STARTED_WITHIN_MS = 10_000 * NODES / 30;
const BLOCKS = 3;
const PATIENCE_MS = 90_000;
/** Farewells of those who have no slot for a peer, or no patience with it. */
const REFUSED = /no slot is free|others were here longer|come back later/;

placeTest("a class behind one address is on one tip", async (world) => {
  await holdClass(world, await world.home());
});

placeTest("a class on a Wi-Fi that isolates its clients is on one tip", async (world) => {
  await holdClass(world, await world.home({ isolated: true }));
});

async function holdClass(world: World, home: Home): Promise<void> {
  const member = await startMember(world);
  const hosts = await Promise.all(Array.from({ length: NODES }, () => home.host()));
  const startMs = performance.now();
  const pupils = await Promise.all(hosts.map(async (host, place) => {
    await after(STARTED_WITHIN_MS * place / NODES);
    return host.spawn(["--peer", member.host.address]);
  }));
  const seconds = () => ((performance.now() - startMs) / 1000).toFixed(1);
  await haveOneTip([member.node, ...pupils], BLOCKS, PATIENCE_MS);
  console.log(`${NODES} nodes: one tip ${seconds()} s after the first start`);
  await until(async () => await inboundOf(member.node) === NODES, {
    what: () => `${NODES} sessions at\n${member.node.output}`,
    timeoutMs: PATIENCE_MS,
    pollMs: 200,
  });
  console.log(`all with the member after ${seconds()} s`);
  for (const node of [member.node, ...pupils]) assert.doesNotMatch(node.output, REFUSED);
}

async function inboundOf(node: MoimNode): Promise<number> {
  const peers: { connected: boolean; direction?: string }[] = await node.get("peers") ?? [];
  return peers.filter((peer) => peer.connected && peer.direction === "inbound").length;
}

async function startMember(world: World): Promise<{ host: Host; node: MoimNode }> {
  const host = await world.publicHost();
  await host.moim(["wallet", "new", "--alias", "w"]);
  const minted = await host.moim([
    ...["mint", "--rendezvous", world.phrase],
    ...["--minter", "w", "--count", String(BLOCKS)],
  ]);
  assert.equal(minted.code, 0, minted.stderr);
  return { host, node: await host.start() };
}

function after(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
