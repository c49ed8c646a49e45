/**
 * Two homes with IPv6: no address is translated, and a firewall keeps out whatever nobody asked for.
 * IPv4 would not help here, as both routers draw a new port for each connection. With MOIM_LONG=1.
 */
import assert from "node:assert/strict";
import { until } from "../support/moim.ts";
import { placeTest } from "../support/places.ts";

const LONG = Deno.env.get("MOIM_LONG") === "1";

placeTest("two homes whose firewalls drop IPv6 get a direct session over it", async (world) => {
  const member = await world.publicHost({ ipv6: true });
  const memberNode = await member.start([], { MOIM_LAN: "off" });
  const homes = [
    await world.home({ nat: "symmetric", ipv6: true }),
    await world.home({ nat: "symmetric", ipv6: true }),
  ];
  const hosts = await Promise.all(homes.map((home) => home.host()));
  const env = { MOIM_LAN: "off", MOIM_MAP_PORT: "off" };
  const nodes = await Promise.all(
    hosts.map((host) => host.start(["--peer", member.address], env)),
  );
  const startMs = performance.now();
  const otherId = (await nodes[1]!.get("status")).peerId;
  const session = await until(async () => {
    const peers = await nodes[0]!.get("peers") ?? [];
    return peers.find((peer: { peerId: string; connected: boolean; relayed?: boolean }) =>
      peer.peerId === otherId && peer.connected && peer.relayed !== true
    );
  }, {
    what: () =>
      `a direct session of\n${[memberNode, ...nodes].map(({ output }) => output).join("\n")}`,
    timeoutMs: 45_000,
  });
  const seconds = ((performance.now() - startMs) / 1_000).toFixed(1);
  console.log(`a direct session over IPv6 after ${seconds} s: ${session.address}`);
  assert.match(session.address, /^\/ip6\/2a45:/);
}, { ignore: !LONG });
