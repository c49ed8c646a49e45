import assert from "node:assert/strict";
import { systemClock } from "../../../lib/base/clock.ts";
import { systemRandom } from "../../../lib/base/random.ts";
import { Libp2pTransport } from "../../../lib/net/libp2p/transport.ts";
import { PeerManager } from "../../../lib/net/peer_manager.ts";
import { PeerBook } from "../../../lib/peers/peer_book.ts";
import { MESSAGES } from "../../../lib/wire/messages.ts";
import { EXAMPLES } from "../../support/messages.ts";
import { localVersion, SIM_GENESIS } from "../../support/sim_nodes.ts";
import { WirePeer } from "../../support/wire_peer.ts";

const US = { genesisId: SIM_GENESIS, networkName: "sim" };
const RENDEZVOUS = "session over libp2p";

function transport(): Promise<Libp2pTransport> {
  return Libp2pTransport.start({
    identitySeed: systemRandom.bytes(32),
    port: 0,
    listenHost: "127.0.0.1",
    rendezvous: RENDEZVOUS,
  });
}

async function startNode() {
  const own = await transport();
  const manager = new PeerManager({
    transport: own,
    book: new PeerBook({ random: systemRandom }),
    clock: systemClock,
    random: systemRandom,
    local: () => localVersion(),
  });
  manager.start();
  const target = { peerId: own.peerId, addresses: own.addresses() };
  return { manager, own, target, stop: () => manager.stop().then(() => own.stop()) };
}

/** Libp2p leaves timers and sockets to the garbage collector; the process is what frees them. */
const REAL = { sanitizeOps: false, sanitizeResources: false };

Deno.test("over libp2p: two managers find each other and gossip signed records", REAL, async () => {
  const [a, b, c] = [await startNode(), await startNode(), await startNode()];
  try {
    const began = new Promise<string>((resolve) =>
      a.manager.onSession((session) => session.peerId === c.own.peerId && resolve(session.found))
    );
    b.manager.found({ ...a.target, source: "dht" });
    c.manager.found({ ...b.target, source: "lan" });
    assert.match(await began, /inbound|gossip/);
    assert.ok(a.manager.sessions().every((session) => session.remote.agent === "sim/1"));
  } finally {
    await Promise.all([a.stop(), b.stop(), c.stop()]);
  }
});

Deno.test(
  "over libp2p: wrong bytes end the session; an honest peer is served on",
  REAL,
  async () => {
    const node = await startNode();
    const [good, bad] = [await transport(), await transport()];
    try {
      node.manager.onMessage((session, message) => {
        if (message.type === "getdata") session.send({ type: "notfound", items: message.items });
      });
      const honest = await WirePeer.connect(good, node.target, US);
      const liar = await WirePeer.connect(bad, node.target, US);
      liar.sendFrame(MESSAGES.tx.code, new Uint8Array(MESSAGES.tx.bytesMax + 1));
      await liar.untilEnded();
      assert.ok(node.manager.discouraged(bad.peerId));
      assert.equal(node.manager.stats().refused.oversize, 1);
      await bad.disconnect(node.own.peerId); // The node hangs up as well; whoever is first.
      const again = await WirePeer.dial(bad, node.target);
      await again.until(() => again.count("goodbye") === 1);
      assert.equal(again.last("goodbye").code, "discouraged");
      honest.send(EXAMPLES.getdata);
      await honest.until(() => honest.count("notfound") === 1);
    } finally {
      await Promise.all([node.stop(), good.stop(), bad.stop()]);
    }
  },
);
