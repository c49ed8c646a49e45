/**
 * Machines that move: the card goes dark, and comes back with another address. MOIM_LONG=1: dark for
 * a minute, and a peer that is gone without a word.
 */
import assert from "node:assert/strict";
import { type MoimNode, until } from "../support/moim.ts";
import { hasPeers } from "../support/node_checks.ts";
import { placeTest } from "../support/places.ts";

const LONG = Deno.env.get("MOIM_LONG") === "1";
/** Long enough that everybody has noticed it by the time it ends. */
const DARK_MS = LONG ? 60_000 : 4_000;

placeTest("a node that comes back with another address has its peers again", async (world) => {
  const server = await world.dhtServer(await world.publicHost());
  const env = { MOIM_DHT: "private", MOIM_PEER: server.address };
  const members = await Promise.all([world.publicHost(), world.publicHost()]);
  const moving = await world.publicHost();
  const stay = await Promise.all(members.map((host) => host.start([], env)));
  const mover = await moving.start([], env);
  await Promise.all([...stay, mover].map((node) => hasPeers(node, 2)));

  await moving.linkDown();
  await pause(DARK_MS);
  const [former, ip] = [moving.ip, await moving.changeIp()];
  assert.notEqual(ip, former);
  const back = performance.now();
  await mover.waitFor(new RegExp(`network changed: now ${escaped(ip)}; looking for peers again`));
  tell("noticed", back);
  await Promise.all(stay.map((node) => hasSessionWith(node, ip)));
  tell("sessions made again", back);

  // Nobody but the DHT can tell a newcomer now.
  await Promise.all(stay.map((node) => node.kill()));
  const newcomer = await (await world.publicHost()).start([], env);
  const started = performance.now();
  await hasSessionWith(newcomer, ip);
  tell("found by a newcomer after its start", started);
  tell("found by a newcomer after the return", back);
});

placeTest("a peer that is gone without a word is noticed", async (world) => {
  const lan = await world.lan();
  const hosts = [await lan.host(), await lan.host()] as const;
  const stay = await hosts[0].start();
  await hosts[1].start();
  await hasPeers(stay);
  await hosts[1].linkDown();
  const gone = performance.now();
  await stay.waitFor(/left \(the connection was lost\)/, 60_000);
  tell("noticed", gone);
}, { ignore: !LONG });

/** Addresses of the other end of each session. */
async function addressesOf(node: MoimNode): Promise<string[]> {
  const peers: { connected: boolean; address?: string }[] = await node.get("peers") ?? [];
  return peers.filter(({ connected }) => connected).map(({ address }) => address ?? "");
}

/** Waits until the node has a session with whoever has that address. */
async function hasSessionWith(node: MoimNode, ip: string): Promise<void> {
  const isThere = (address: string) => address.startsWith(`/ip4/${ip}/`);
  await until(async () => (await addressesOf(node)).some(isThere), {
    what: () => `a session with ${ip} of\n${node.output}`,
    timeoutMs: 90_000,
  });
}

function escaped(text: string): string {
  return text.replaceAll(".", "\\.");
}

function tell(what: string, sinceMs: number): void {
  console.log(`${what}: ${((performance.now() - sinceMs) / 1_000).toFixed(1)} s`);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
