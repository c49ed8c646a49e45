import assert from "node:assert/strict";
import { lanServiceName } from "../../../lib/net/lan/lan.ts";
import { Libp2pTransport } from "../../../lib/net/libp2p/transport.ts";
import type { Candidate } from "../../../lib/net/transport.ts";

/** libp2p's peer store keeps a BroadcastChannel open for the life of the process. */
const LEAKY = { sanitizeOps: false, sanitizeResources: false };

Deno.test("the service name is a hash of the phrase in labels that DNS takes", () => {
  const name = lanServiceName(
    "a phrase, longer than a label of the domain name system may ever be",
  );
  assert.match(name, /^_moim-[0-9a-f]{32}\._udp\.local$/);
  assert(name.split(".").every((label) => label.length <= 63));
  assert.notEqual(lanServiceName("tuto"), lanServiceName("tutor"));
});

Deno.test(
  "two nodes of one machine find each other by multicast, others do not",
  LEAKY,
  async () => {
    const transports: Libp2pTransport[] = [];
    let seed = 50;
    const start = async (rendezvous: string, onCandidate: (candidate: Candidate) => void) => {
      const identitySeed = new Uint8Array(32).fill(seed++);
      transports.push(
        await Libp2pTransport.start({
          identitySeed,
          port: 0,
          listenHost: "127.0.0.1",
          rendezvous,
          lan: true,
          onCandidate,
        }),
      );
      return transports.at(-1)!;
    };
    try {
      const phrase = `lan test ${crypto.randomUUID()}`;
      const strangers: Candidate[] = [];
      await start(`${phrase} of others`, (candidate) => strangers.push(candidate));
      const found = Promise.withResolvers<Candidate>();
      await start(phrase, found.resolve);
      const second = await start(phrase, () => {});
      const candidate = await found.promise;
      assert.equal(candidate.peerId, second.peerId);
      assert.equal(candidate.source, "lan");
      const stream = await transports[1]!.open(candidate);
      assert.equal(stream.peerId, second.peerId);
      assert.deepEqual(strangers, []);
      const state = transports[1]!.discovery()[1]!;
      assert.equal(state.text, "local network: asking and answering, found 1 peer");
    } finally {
      await Promise.all(transports.map((transport) => transport.stop()));
    }
  },
);
