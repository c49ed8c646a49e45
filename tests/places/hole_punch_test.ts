/**
 * Two homes that meet through a public member, and how often they get a direct connection. `cone`
 * routers keep port numbers, `symmetric` ones take a new one for each connection; both let in only
 * what answers. The campaign (MOIM_LONG=1) prints N of 20 for each pair.
 */
import assert from "node:assert/strict";
import { type MoimNode, until } from "../support/moim.ts";
import { shell } from "../support/netns.ts";
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
  const name = pair.map(({ nat, inbound }) => `${nat}/${inbound}`).join(" and ");
  console.log(
    `${name}: ${direct.length} of ${tries} direct; session after ${
      seconds(relayed[tries >> 1])
    } s, ` +
      `direct after ${seconds(direct[direct.length >> 1])} s (medians), ${
        seconds(direct.at(-1))
      } s at most`,
  );
  return direct.length;
}

/** The router gives each port another number, the same for everybody whom it sends to. */
async function renumber(home: Home): Promise<void> {
  const [first, count] = [32_768, 28_232];
  const other = (port: number) => first + ((port - first) * 7_919 + 1_234) % count;
  const ports = Array.from({ length: count }, (_, at) => `${first + at} : ${other(first + at)}`);
  const path = await Deno.makeTempFile();
  try {
    const map = "inet filter renumbered";
    await Deno.writeTextFile(
      path,
      `add map ${map} { type inet_service : inet_service; }
      add element ${map} { ${ports} }
      insert rule inet filter postrouting oifname wan meta l4proto tcp \
        masquerade to :tcp sport map @renumbered`,
    );
    await shell(`ip netns exec ${home.namespace} nft -f ${path}`);
  } finally {
    await Deno.remove(path);
  }
}

placeTest("two homes that meet through a member get a direct connection", async (world) => {
  const home: HomeOptions = { nat: "cone", inbound: "drop" };
  assert.equal(await tryAll(world, [home, home], 2), 2);
});

placeTest("so do two whose routers give ports other numbers", async (world) => {
  const homes = [await world.home(), await world.home()];
  await Promise.all(homes.map(renumber));
  assert.notEqual((await tryOnce(world, homes)).directMs, undefined);
});

const PAIRS: [HomeOptions, HomeOptions][] = [
  [{ nat: "cone", inbound: "drop" }, { nat: "cone", inbound: "drop" }],
  [{ nat: "cone", inbound: "reject" }, { nat: "cone", inbound: "reject" }],
  [{ nat: "cone", inbound: "drop" }, { nat: "cone", inbound: "reject" }],
  [{ nat: "cone", inbound: "drop" }, { nat: "symmetric", inbound: "drop" }],
  [{ nat: "symmetric", inbound: "drop" }, { nat: "symmetric", inbound: "drop" }],
];

for (const pair of PAIRS) {
  const name = pair.map(({ nat, inbound }) => `${nat}/${inbound}`).join(" and ");
  placeTest(`campaign: ${name}`, async (world) => {
    await tryAll(world, pair, 20);
  }, { ignore: !IS_LONG });
}
