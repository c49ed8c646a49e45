/**
 * A network with a secret in the open: homes behind symmetric NAT that meet through a public member, a
 * DHT server that sees them all, and strangers with the phrase who hear of nobody.
 */
import assert from "node:assert/strict";
import { type MoimNode, until } from "../support/moim.ts";
import { hasPeers, haveOneTip } from "../support/node_checks.ts";
import { placeTest } from "../support/places.ts";

const SECRET = { MOIM_SECRET: "neun Igel im Laub" };
const WAIT = { timeoutMs: 60_000, pollMs: 200 };

placeTest(
  "members with a secret meet through the DHT and a relay, a stranger meets nobody",
  async (world) => {
    const server = await world.dhtServer(await world.publicHost());
    const dht = { MOIM_DHT: "private", MOIM_PEER: server.address };
    const member = await world.publicHost();
    const homes = [await world.home({ nat: "symmetric" }), await world.home({ nat: "symmetric" })];
    const hosts = await Promise.all(homes.map((home) => home.host()));
    const startMs = performance.now();
    const seconds = () => ((performance.now() - startMs) / 1000).toFixed(1);
    const relay = await member.start([], { ...dht, ...SECRET });
    const nodes = await Promise.all(hosts.map((host) => host.start([], { ...dht, ...SECRET })));
    await Promise.all(nodes.map((node) => hasPeers(node, 2)));
    console.log(`sessions with the member and through it after ${seconds()} s`);
    await hosts[0]!.moim(["wallet", "new", "--alias", "w"]);
    const minted = await hosts[0]!.moim(["mint", "--rendezvous", world.phrase, "--minter", "w"]);
    assert.equal(minted.code, 0, minted.stderr);
    await haveOneTip([relay, ...nodes], 1);
    console.log(`one chain after ${seconds()} s`);

    const outside = await world.publicHost();
    const stranger = await outside.start(["--peer", member.address], dht);
    await stranger.waitFor(/warning +peer \w+ asks for a secret .*--secret$/m, 60_000);
    const wrong = await (await world.publicHost()).start(["--peer", member.address], {
      ...dht,
      MOIM_SECRET: "acht Igel im Laub",
    });
    await wrong.waitFor(/warning +peer \w+ has another secret: is this one typed right\?/m, 60_000);
    await relay.waitFor(
      /does not know this network's secret[^]*does not know this network's secret/,
    );
    const memberId = await idOf(relay);
    for (const each of [stranger, wrong]) {
      const { peers, height } = await each.get("status");
      assert.deepEqual([peers, height], [0, 0]);
      for (const homeId of await Promise.all(nodes.map(idOf))) {
        assert.ok(!JSON.stringify(await each.get("peers")).includes(homeId), each.output);
      }
    }
    // What identify tells everybody of a member behind a router does not name its relay.
    await until(async () => (await nodes[0]!.get("status")).reach.state === "relayed", {
      what: "that it is reached through the relay",
      ...WAIT,
    });
    const { addresses } = await nodes[0]!.get("status");
    assert.ok(addresses.some((address: string) => address.includes(`${memberId}/p2p-circuit`)));
  },
);

async function idOf(node: MoimNode): Promise<string> {
  return (await node.get("status")).peerId;
}
