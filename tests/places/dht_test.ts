/**
 * A public DHT that cannot be reached, that is dead, or that lies, and nodes that meet all the same:
 * by whom they know, by the chain's own DHT, or by finding the truth among the lies.
 */
import assert from "node:assert/strict";
import { DhtProcess } from "../support/dht_process.ts";
import { type MoimNode, until } from "../support/moim.ts";
import { hasPeers } from "../support/node_checks.ts";
import { type Host, placeTest } from "../support/places.ts";

const PATIENCE_MS = 60_000;
const PUBLIC = { MOIM_DHT: "public", MOIM_LAN: "off", MOIM_MAP_PORT: "off" };
/** Only the DHT can lead from one peer to the next. */
const NO_GOSSIP = { ...PUBLIC, MOIM_GOSSIP: "off" };
const LIAR_PORT = "4001";

/** Starts a node and tells how long it took until it had so many peers. */
async function connects(
  what: string,
  start: () => MoimNode,
  count = 1,
): Promise<MoimNode> {
  const startMs = performance.now();
  const node = start();
  await hasPeers(node, count, PATIENCE_MS);
  console.log(`${what}: ${((performance.now() - startMs) / 1000).toFixed(1)} s after its start`);
  return node;
}

/** How the node says that it found each of its peers. */
async function foundBy(node: MoimNode): Promise<string[]> {
  const peers: { connected: boolean; found: string }[] = await node.get("peers");
  return peers.filter((peer) => peer.connected).map((peer) => peer.found).sort();
}

/** Something that takes connections at port 4002 and says nothing. */
function startSilent(host: Host): Deno.ChildProcess {
  const program = "for await (const _ of Deno.listen({ hostname: '0.0.0.0', port: 4002 }));";
  const [ip, ...prefix] = host.prefix;
  return new Deno.Command(ip!, {
    args: [...prefix, Deno.execPath(), "eval", program],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
}

placeTest("a public DHT out of reach: known, named and own ways lead on", async (world) => {
  const [first, second, third] = await Promise.all([
    world.publicHost(),
    world.publicHost(),
    world.publicHost(),
  ]);
  // The name server is as far away as the bootstraps: nothing ever answers.
  for (const { name } of [first, second, third]) {
    await Deno.writeTextFile(`/etc/netns/${name}/resolv.conf`, "nameserver 45.250.0.1\n");
  }
  await first.start([], NO_GOSSIP);
  const named = () => second.spawn(["--peer", first.address], NO_GOSSIP);
  const before = await connects("a named peer", named);
  await before.interrupt();
  const again = await connects("a remembered peer", () => second.spawn([], NO_GOSSIP));
  assert.deepEqual(await foundBy(again), ["known"]);
  const newcomer = await connects(
    "a third one by the own DHT",
    () => third.spawn(["--peer", first.address], NO_GOSSIP),
    2,
  );
  assert.deepEqual(await foundBy(newcomer), ["own-dht", "peer"]);
  const { discovery } = await newcomer.get("status");
  const own = discovery.find((each: { source: string }) => each.source === "own-dht");
  assert.match(own.text, /^own DHT/);
});

placeTest(
  "a dead public DHT: silent, refusing and vanished servers cost no time",
  async (world) => {
    const [first, second, dead] = await Promise.all([
      world.publicHost(),
      world.publicHost(),
      world.publicHost(),
    ]);
    const silent = startSilent(dead);
    try {
      const servers = [`/ip4/${dead.ip}/tcp/4002`, `/ip4/${dead.ip}/tcp/4003`, "45.240.0.9:4001"];
      await first.start(["--peer", ...servers], PUBLIC);
      await connects("a named peer beside dead servers", () => {
        return second.spawn(["--peer", ...servers, first.address], PUBLIC);
      });
    } finally {
      silent.kill("SIGKILL");
      await silent.status;
    }
  },
);

for (const changing of [false, true]) {
  const kind = changing ? "others in each answer" : "always the same";
  placeTest(
    `a public DHT that lies (${kind}): the one true peer of 1,001 is met`,
    async (world) => {
      const [first, second, liar, bystander] = await Promise.all([
        world.publicHost(),
        world.publicHost(),
        world.publicHost(),
        world.publicHost(),
      ]);
      const silent = startSilent(bystander);
      // Half of the invented peers are said to be where something else is, or refuses, or says nothing.
      const at = [
        `/ip4/${liar.ip}/tcp/${LIAR_PORT}`,
        `/ip4/${bystander.ip}/tcp/4001`,
        `/ip4/${bystander.ip}/tcp/4002`,
        first.address,
      ];
      const args = ["--host", liar.ip, "--port", LIAR_PORT, "--keeping"];
      if (changing) args.push("--changing");
      await using dht = await DhtProcess.liar(
        [...args, ...at.flatMap((address) => ["--at", address])],
        liar.prefix,
      );
      try {
        const waiting = await first.start(["--peer", dht.address], PUBLIC);
        await until(async () => {
          const { discovery } = await waiting.get("status");
          return /advertised at 1 server/.test(JSON.stringify(discovery));
        }, { what: () => `the record of\n${waiting.output}`, timeoutMs: PATIENCE_MS, pollMs: 200 });
        await connects("the true one among 1,001", () => {
          return second.spawn(["--peer", dht.address], PUBLIC);
        });
      } finally {
        silent.kill("SIGKILL");
        await silent.status;
      }
    },
  );
}

placeTest("an honest server is enough beside one that lies and leads astray", async (world) => {
  const [first, second, honest, liar] = await Promise.all([
    world.publicHost(),
    world.publicHost(),
    world.publicHost(),
    world.publicHost(),
  ]);
  const server = await world.dhtServer(honest, ["--port", "4001", "--protocol", "/ipfs/kad/1.0.0"]);
  await using dht = await DhtProcess.liar(
    ["--host", liar.ip, "--port", LIAR_PORT, "--changing", "--closer", "300"],
    liar.prefix,
  );
  const args = ["--peer", dht.address, server.address];
  const startMs = performance.now();
  const nodes = [first.spawn(args, PUBLIC), second.spawn(args, PUBLIC)];
  await Promise.all(nodes.map((node) => hasPeers(node, 1, PATIENCE_MS)));
  console.log(`both by the honest server: ${((performance.now() - startMs) / 1000).toFixed(1)} s`);
});

placeTest("a public DHT that lies holds up neither named nor remembered peers", async (world) => {
  const [first, second, liar] = await Promise.all([
    world.publicHost(),
    world.publicHost(),
    world.publicHost(),
  ]);
  await using dht = await DhtProcess.liar(
    ["--host", liar.ip, "--port", LIAR_PORT, "--changing"],
    liar.prefix,
  );
  const dhtArgs = ["--peer", dht.address];
  await first.start(dhtArgs, PUBLIC);
  const named = () => second.spawn([...dhtArgs, first.address], PUBLIC);
  const before = await connects("a named peer beside a liar", named);
  await before.interrupt();
  const again = () => second.spawn(dhtArgs, PUBLIC);
  await connects("a remembered peer beside a liar", again);
});
