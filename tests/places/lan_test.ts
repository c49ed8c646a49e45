/** A room with a switch and nothing else: nodes find each other without internet and without a DHT. */
import assert from "node:assert/strict";
import { hasPeers, haveOneTip } from "../support/node_checks.ts";
import { placeTest } from "../support/places.ts";

placeTest("on a LAN without internet four hosts find each other", async (world) => {
  const lan = await world.lan();
  const hosts = await Promise.all(Array.from({ length: 4 }, () => lan.host()));
  const minter = hosts[0]!;
  await minter.moim(["wallet", "new", "--alias", "w"]);
  const minted = await minter.moim(["mint", "--rendezvous", world.phrase, "--minter", "w"]);
  assert.equal(minted.code, 0, minted.stderr);
  const nodes = await Promise.all(hosts.map(async (host) => {
    const startMs = performance.now();
    const node = host.spawn();
    await hasPeers(node);
    console.log(`connected ${((performance.now() - startMs) / 1000).toFixed(1)} s after its start`);
    return node;
  }));
  await haveOneTip(nodes, 1);
  await Promise.all(nodes.map((node) => hasPeers(node, 3)));
});
