/** A home whose router maps ports: its nodes are reached from outside without anybody's help. */
import assert from "node:assert/strict";
import { until } from "../support/moim.ts";
import { hasPeers } from "../support/node_checks.ts";
import { type Home, placeTest } from "../support/places.ts";

async function mapsPorts(home: Home, count: number): Promise<number[]> {
  let ports: number[] = [];
  await until(async () => (ports = await home.mappedPorts()).length === count, {
    what: () => `${count} mapped ports, not ${ports}`,
    timeoutMs: 60_000,
  });
  return ports;
}

placeTest(
  "behind a router with UPnP nodes are mapped, reached directly, and unmapped at stop",
  async (world) => {
    const home = await world.home({ upnp: true });
    const plain = await world.home();
    const [first, second] = [await home.host(), await home.host()];
    const node = await first.start();
    assert.deepEqual(await mapsPorts(home, 1), [3000]);

    // Somebody at another home, who knows the address only, is connected to it directly.
    const stranger = await (await plain.host()).start(["--peer", `/ip4/${home.ip}/tcp/3000`]);
    await Promise.all([hasPeers(node), hasPeers(stranger)]);

    // The second node of the home leaves the first its port.
    const other = await second.start([], { MOIM_LAN: "off" });
    const ports = await mapsPorts(home, 2);
    assert(ports.includes(3000), `${ports}`);
    const port = ports.find((each) => each !== 3000)!;
    const outside = await (await world.publicHost()).start([
      "--peer",
      `/ip4/${home.ip}/tcp/${port}`,
    ]);
    await Promise.all([hasPeers(other), hasPeers(outside)]);

    await node.interrupt();
    assert.deepEqual(await mapsPorts(home, 1), [port]);
    await other.interrupt();
    await mapsPorts(home, 0);
  },
);

placeTest("a router at the last address that speaks NAT-PMP alone is found", async (world) => {
  const home = await world.home({ upnp: "nat-pmp alone", gateway: "192.168.1.254" });
  const node = await (await home.host()).start();
  assert.deepEqual(await mapsPorts(home, 1), [3000]);
  const stranger = await (await world.publicHost()).start(["--peer", `/ip4/${home.ip}/tcp/3000`]);
  await Promise.all([hasPeers(node), hasPeers(stranger)]);
  await node.interrupt();
  await mapsPorts(home, 0);
});
