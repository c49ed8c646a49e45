/**
 * Two homes that meet through a public member, and how often they get a direct connection, by the
 * kinds of their routers (`router_rules.ts`). The campaign (MOIM_LONG=1) prints N of 20 for each pair.
 */
import assert from "node:assert/strict";
import { type MoimNode, until } from "../support/moim.ts";
import { type Home, type HomeOptions, placeTest, type World } from "../support/places.ts";

const IS_LONG = Deno.env.get("MOIM_LONG") === "1";
/** A direct connection that takes longer than all the attempts made at first counts as none. */
const DIRECT_WITHIN_MS = 18_000;

type Try = { relayedMs: number; directMs: number | undefined };

/** The two nodes' sessions with each other are there and, if wanted, direct on both sides. */
async function areConnected(nodes: MoimNode[], isDirect: boolean): Promise<boolean> {
  const lists = await Promise.all(nodes.map((node) => node.get("peers")));
  const ids = (await Promise.all(nodes.map((node) => node.get("status")))).map((s) => s?.peerId);
  return lists.every((list, at) => {
    const other = (list ?? []).find((peer: { peerId: string }) => peer.peerId === ids[1 - at]);
    return other?.connected === true && (!isDirect || other.relayed !== true);
  });
}

/** Two nodes that know a new member only: until they have a session, and until it is direct. */
async function tryOnce(world: World, homes: Home[]): Promise<Try> {
  const member = await world.publicHost();
  const memberNode = await member.start([], { MOIM_LAN: "off" });
  const hosts = await Promise.all(homes.map((home) => home.host()));
  const nodes = await Promise.all(
    hosts.map((host) =>
      host.start(["--peer", member.address], { MOIM_LAN: "off", MOIM_MAP_PORT: "off" })
    ),
  );
  try {
    const startMs = performance.now();
    await until(() => areConnected(nodes, false), {
      what: () => `a session of\n${nodes.map(({ output }) => output).join("\n")}`,
      timeoutMs: 60_000,
    });
    const relayedMs = performance.now() - startMs;
    const limit = { what: () => "a direct session", timeoutMs: DIRECT_WITHIN_MS };
    const isDirect = await until(() => areConnected(nodes, true), limit).then(
      () => true,
      () => false,
    );
    return { relayedMs, directMs: isDirect ? performance.now() - startMs : undefined };
  } finally {
    await Promise.all([memberNode, ...nodes].map((node) => node.kill()));
  }
}

async function tryAll(world: World, pair: [HomeOptions, HomeOptions], tries: number) {
  const homes = [await world.home(pair[0]), await world.home(pair[1])];
  const results: Try[] = [];
  for (let done = 0; done < tries; done++) results.push(await tryOnce(world, homes));
  const direct = results.flatMap(({ directMs }) => directMs ?? []).sort((a, b) => a - b);
  const seconds = (ms: number | undefined) => ms === undefined ? "-" : (ms / 1_000).toFixed(1);
  const relayed = results.map(({ relayedMs }) => relayedMs).sort((a, b) => a - b);
  console.log(
    `${nameOf(pair)}: ${direct.length} of ${tries} direct; session after ${
      seconds(relayed[tries >> 1])
    } s, ` +
      `direct after ${seconds(direct[direct.length >> 1])} s (medians), ${
        seconds(direct.at(-1))
      } s at most`,
  );
  return direct.length;
}

const CONE: HomeOptions = { nat: "cone" };
const REFUSING: HomeOptions = { nat: "cone", inbound: "reject" };
const OPEN_TO_ADDRESS: HomeOptions = { nat: "cone", filter: "address" };
const OPEN_TO_ALL: HomeOptions = { nat: "cone", filter: "anywhere" };
const RENUMBERING: HomeOptions = { nat: "renumbering" };
const SEQUENTIAL: HomeOptions = { nat: "sequential" };
const SYMMETRIC: HomeOptions = { nat: "symmetric" };

placeTest("two homes that meet through a member get a direct connection", async (world) => {
  assert.equal(await tryAll(world, [CONE, CONE], 1), 1);
});

placeTest("so do two whose routers give ports other numbers", async (world) => {
  assert.equal(await tryAll(world, [RENUMBERING, RENUMBERING], 1), 1);
});

placeTest("so do two whose routers count on from one connection to the next", async (world) => {
  assert.equal(await tryAll(world, [SEQUENTIAL, SEQUENTIAL], 1), 1);
});

placeTest(
  "so does one whose router draws ports, where the other's heeds only the address",
  async (world) => {
    assert.equal(await tryAll(world, [OPEN_TO_ADDRESS, SYMMETRIC], 1), 1);
  },
);

const PAIRS: [HomeOptions, HomeOptions][] = [
  [CONE, CONE],
  [REFUSING, REFUSING],
  [CONE, REFUSING],
  [RENUMBERING, RENUMBERING],
  [CONE, SEQUENTIAL],
  [REFUSING, SEQUENTIAL],
  [SEQUENTIAL, SEQUENTIAL],
  [RENUMBERING, SEQUENTIAL],
  [OPEN_TO_ADDRESS, SYMMETRIC],
  [OPEN_TO_ALL, SYMMETRIC],
  [CONE, SYMMETRIC],
  [SYMMETRIC, SYMMETRIC],
];

for (const pair of PAIRS) {
  placeTest(`campaign: ${nameOf(pair)}`, async (world) => {
    await tryAll(world, pair, 20);
  }, { ignore: !IS_LONG });
}

/** Such as `cone and cone/reject`. */
function nameOf(pair: HomeOptions[]): string {
  return pair.map((home) => Object.values(home).join("/")).join(" and ");
}
