/** Invitations between machines: six words where there is no internet, a link from behind a NAT. */
import assert from "node:assert/strict";
import { moimJson, MoimNode, until } from "../support/moim.ts";
import { hasPeers, haveOneTip } from "../support/node_checks.ts";
import { type Host, placeTest, type World } from "../support/places.ts";

/** Runs `moim` with a command other than `start` until it is ready. */
async function run(host: Host, args: string[], env: Record<string, string> = {}) {
  const node = MoimNode.spawn(args, host.options(env));
  host.nodes.push(node);
  await node.waitFor(/^ready: /m, 60_000);
  return node;
}

/** A group whose parameters are its own, so that whoever joins must ask for them. */
async function makeClub(world: World, host: Host): Promise<{ words: string }> {
  const club = `${world.dir}/club.json`;
  await Deno.writeTextFile(club, JSON.stringify({ name: "club", spacingMs: 5_000 }));
  return await moimJson(["invite", "--new", "--network", club], host.options());
}

function secondsSince(startMs: number): string {
  return ((performance.now() - startMs) / 1000).toFixed(1);
}

placeTest("six words are enough on a LAN without internet", async (world) => {
  const room = await world.lan();
  const [founder, ...others] = [await room.host(), await room.host(), await room.host()];
  const made = await makeClub(world, founder!);
  const founding = await run(founder!, ["start"]);
  const startMs = performance.now();
  const joined = await Promise.all(
    others.map((host) => run(host, ["join", ...made.words.split(" ")])),
  );
  await Promise.all(joined.map((node) => hasPeers(node)));
  console.log(`joined by words ${secondsSince(startMs)} s after the start`);
  await haveOneTip([founding, ...joined], 0);
  assert.equal((await joined[0]!.get("network")).parameters.spacingMs, 5_000);
});

placeTest(
  "the link of a member behind a NAT leads to it through a member outside",
  async (world) => {
    const outside = await world.publicHost();
    const homes = [await world.home({ nat: "symmetric" }), await world.home({ nat: "symmetric" })];
    const [inviter, guest] = [await homes[0]!.host(), await homes[1]!.host()];
    const { words } = await makeClub(world, outside);
    const relay = await run(outside, ["start"]);
    const home = await run(inviter, ["join", words, "--peer", outside.address]);
    await until(async () => (await home.get("status"))?.reach?.state === "relayed", {
      what: () => `a place at the relay:\n${home.output}`,
      timeoutMs: 60_000,
      pollMs: 200,
    });
    const { link, addresses } = await moimJson(["invite"], inviter.options());
    assert.match(addresses[0], /p2p-circuit$/);
    // Nobody has told the guest of the member outside, but the inviter's address goes through it.
    const startMs = performance.now();
    const visitor = await run(guest, ["join", link]);
    await hasPeers(visitor);
    console.log(`joined by a relayed link ${secondsSince(startMs)} s after the start`);
    await haveOneTip([relay, home, visitor], 0);
  },
);
