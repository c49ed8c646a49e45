import assert from "node:assert/strict";
import { systemClock } from "../../../lib/base/clock.ts";
import { systemRandom } from "../../../lib/base/random.ts";
import { Host } from "../../../lib/net/libp2p/host.ts";

/** Libp2p leaves timers and sockets to the garbage collector. */
const REAL = { sanitizeOps: false, sanitizeResources: false };

const RELAYED =
  "/ip4/45.1.2.3/tcp/3000/p2p/12D3KooWBmAwcd4PJNJvfV89HwE48nwkRmAgo8Vy3uQEyNNHBox2/p2p-circuit";
const MAPPED = "/ip4/45.6.7.8/tcp/3000";

async function withHost(hidesRelays: boolean, use: (host: Host) => void): Promise<void> {
  const identitySeed = systemRandom.bytes(32);
  const host = await Host.create({ identitySeed, announce: [], agent: "moim", hidesRelays });
  try {
    use(host);
  } finally {
    await host.stop(systemClock, 1_000);
  }
}

for (const hidesRelays of [false, true]) {
  const told = hidesRelays ? "not told to strangers" : "told";
  Deno.test(
    `a relayed address is ${told}, and taken back`,
    REAL,
    () =>
      withHost(hidesRelays, (host) => {
        const own = `/p2p/${host.peerId}`;
        assert.ok(host.announce("relay", [RELAYED]));
        assert.ok(host.announce("router", [MAPPED]));
        assert.ok(!host.announce("router", [MAPPED]), "nothing changed");
        assert.deepEqual(new Set(host.addresses()), new Set([RELAYED + own, MAPPED + own]));
        const expected = hidesRelays ? [MAPPED + own] : [RELAYED + own, MAPPED + own];
        assert.deepEqual(new Set(host.toldAddresses()), new Set(expected));
        assert.ok(host.announce("relay", []));
        assert.deepEqual(host.addresses(), [MAPPED + own]);
        assert.deepEqual(host.toldAddresses(), [MAPPED + own]);
      }),
  );
}
