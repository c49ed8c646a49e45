import assert from "node:assert/strict";
import { LanDiscovery, lanServiceName } from "../../../lib/net/lan/lan.ts";
import { encodeMdns } from "../../../lib/net/lan/mdns_packet.ts";
import { Multicast } from "../../../lib/net/lan/multicast.ts";
import { Libp2pTransport } from "../../../lib/net/libp2p/transport.ts";
import type { Candidate } from "../../../lib/net/transport.ts";
import { until } from "../../support/moim.ts";
import { SimClock } from "../../support/sim_clock.ts";

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

/** An answer of a node at these addresses. */
function answerOf(rendezvous: string, peerId: string, addresses: string[]) {
  const name = lanServiceName(rendezvous);
  const texts = addresses.map((address) => `dnsaddr=${address}/p2p/${peerId}`);
  return encodeMdns({
    isResponse: true,
    questions: [],
    records: [
      { type: "PTR", name, target: `a.${name}` },
      { type: "TXT", name: `a.${name}`, texts },
    ],
  });
}

Deno.test("answers, however many, do not ask the system for own addresses; another network does", async () => {
  const rendezvous = `lan test ${crypto.randomUUID()}`;
  const OTHER = "12D3KooWADaFkLEQ2FBSKpzM2CgaRGfQnCMv4iPWgpKh28Qf2ckV";
  const addresses = ["/ip4/192.0.2.7/tcp/3000", "/ip4/127.0.0.1/tcp/3000"];
  const machine = { ip: "192.0.2.7", asked: 0 };
  const ask = (answer: string[]) => {
    machine.asked++;
    return answer;
  };
  let heard: Candidate[] = [];
  let isSending = false;
  const discovery = new LanDiscovery({
    self: { peerId: "us", addresses: () => ask([]) },
    clock: new SimClock(),
    rendezvous,
    interfaces: () => ask([machine.ip]),
    onCandidate: (candidate) => heard.push(candidate),
    onNotice: assert.fail,
    onChange: () => {},
  });
  const sender = new Multicast({
    ips: [],
    onMessage: () => {},
    onReady: () => isSending = true,
    onError: assert.fail,
  });
  const hear = (count: number) =>
    until(() => {
      sender.send(answerOf(rendezvous, OTHER, addresses));
      return heard.length >= count;
    }, { what: () => `${count} answers, not ${heard.length}`, pollMs: 1 });
  try {
    discovery.start();
    await until(() => isSending, { what: "the sender" });
    await hear(50);
    assert.equal(machine.asked, 1);
    assert.deepEqual(heard[0]!.addresses, addresses, "on this machine: loopback too");

    machine.ip = "192.0.2.8";
    discovery.onNetworkChanged();
    heard = [];
    await hear(50);
    assert.equal(machine.asked, 2);
    assert.deepEqual(heard[0]!.addresses, addresses.slice(0, 1), "not on this machine");
  } finally {
    discovery.stop();
    sender.close();
  }
});
