/** The doctor in places where something is wrong with the network itself. */
import assert from "node:assert/strict";
import { type MoimNode, until } from "../support/moim.ts";
import { hasPeers } from "../support/node_checks.ts";
import { type Host, placeTest, type World } from "../support/places.ts";

/** Each round is a process of its own. */
const WAIT = { timeoutMs: 60_000, pollMs: 500 };

type Finding = { code: string; level: string; seen: string };

/** What the doctor of a host finds, by code, and its exit code. */
async function examined(world: World, host: Host, args: string[] = [], env = {}) {
  const { code, stdout, stderr } = await host.moim(
    ["doctor", "--rendezvous", world.phrase, "--json", ...args],
    env,
  );
  assert.notEqual(stdout, "", stderr);
  const report: { findings: Finding[]; elapsedMs: number } = JSON.parse(stdout);
  console.log(`the doctor took ${(report.elapsedMs / 1_000).toFixed(1)} s`);
  const findings = new Map(report.findings.map((finding) => [finding.code, finding]));
  return { code, findings, levelOf: (name: string) => findings.get(name)?.level };
}

placeTest("no way out, no answer from outside, and no network at all", async (world) => {
  const room = await world.lan();
  const host = await room.host();
  const peer = ["--peer", "/ip4/45.10.0.10/tcp/3000"];
  const alone = await examined(world, host, peer);
  assert.deepEqual([alone.levelOf("no-internet"), alone.code], ["problem", 1]);
  assert.match(alone.findings.get("no-internet")!.seen, /no default route/);

  const home = await world.home();
  const inside = await home.host();
  const silent = await examined(world, inside, ["--peer", "/ip4/45.99.0.10/tcp/3000"]);
  assert.match(silent.findings.get("no-internet")!.seen, /none of 1 address outside answers/);

  await host.linkDown();
  await host.run(["ip", "addr", "flush", "scope", "global"]);
  const nothing = await examined(world, host, peer);
  assert.deepEqual([nothing.levelOf("no-network"), nothing.code], ["problem", 1]);
  assert.equal(nothing.levelOf("no-internet"), undefined);
});

placeTest("a dead name server, and a DHT that does not answer", async (world) => {
  const member = await world.publicHost();
  await member.start();
  const home = await world.home();
  const host = await home.host();
  // The public DHT's way in has a name; the member is given by its address.
  const found = await examined(world, host, ["--peer", member.address], { MOIM_DHT: "public" });
  assert.equal(found.levelOf("internet"), "ok");
  assert.equal(found.levelOf("no-names"), "note");
  assert.match(found.findings.get("no-names")!.seen, /bootstrap\.libp2p\.io cannot be resolved/);
  assert.equal(found.levelOf("no-dht"), "note");
  assert.equal(found.levelOf("peers"), "ok");

  // Outside there is somebody, but nobody of this network: then it is what keeps us from it.
  const other = await world.publicHost();
  const dht = await world.dhtServer(other, ["--protocol", "/other/kad/1.0.0"]).catch(() =>
    undefined
  );
  const without = ["--peer", dht?.address ?? member.address, "--rendezvous", "another"];
  const lost = await examined(world, await home.host(), without, { MOIM_DHT: "public" });
  assert.equal(lost.levelOf("no-names"), "problem");
  assert.equal(lost.code, 1);
});

placeTest("a firewall before a public address", async (world) => {
  const member = await world.publicHost();
  await member.start();
  const behind = await world.publicHost();
  await behind.run([
    "nft",
    "add table inet fw; add chain inet fw in { type filter hook input priority 0; };" +
    " add rule inet fw in ct state new tcp dport 3000 iif != lo drop",
  ]);
  const node = await behind.start(["--peer", member.address]);
  await hasPeers(node);
  await until(async () => (await examined(world, behind)).levelOf("port-blocked") === "note", {
    what: "the firewall to be named",
    ...WAIT,
  });
});

placeTest(
  "a Wi-Fi that keeps its clients apart is named, two homes alike are not",
  async (world) => {
    const member = await world.publicHost();
    await member.start();
    const cafe = await world.home({ isolated: true, nat: "symmetric" });
    const [host, neighbour] = [await cafe.host(), await cafe.host()];
    const far = await (await world.home({ nat: "symmetric" })).host();
    const nodes: MoimNode[] = [];
    for (const each of [host, neighbour, far]) {
      nodes.push(await each.start(["--peer", member.address]));
    }
    await Promise.all(nodes.map((node) => hasPeers(node, 3)));
    const found = await until(async () => {
      const report = await examined(world, host);
      return report.findings.has("isolated-wifi") && report;
    }, { what: "the isolation to be named", ...WAIT });
    const { seen, level } = found.findings.get("isolated-wifi")!;
    assert.match(seen, /^1 peer in this very network/);
    assert.ok(seen.includes(neighbour.ip), seen);
    assert.deepEqual([level, found.code], ["note", 0]);
    const elsewhere = await examined(world, far);
    assert.equal(elsewhere.levelOf("isolated-wifi"), undefined);
  },
);
