/** The chain's own DHT beside the public one: who serves it, who is led by it, who is kept out. */
import assert from "node:assert/strict";
import { systemClock } from "../../../lib/base/clock.ts";
import { DhtDiscovery } from "../../../lib/net/dht/dht.ts";
import { OWN_DHT_PROTOCOL } from "../../../lib/net/dht/kind.ts";
import { Dialer } from "../../../lib/net/libp2p/dialer.ts";
import { Host } from "../../../lib/net/libp2p/host.ts";
import { Libp2pTransport, type Libp2pTransportOptions } from "../../../lib/net/libp2p/transport.ts";
import type { Candidate } from "../../../lib/net/transport.ts";
import { freePort, until } from "../../support/moim.ts";

/** libp2p's peer store keeps a BroadcastChannel open for the life of the process. */
const LEAKY = { sanitizeOps: false, sanitizeResources: false };

let lastSeed = 150;

/** A transport whose first DHT is one that nobody serves, so that the own one alone leads on. */
class Node {
  readonly found: Candidate[] = [];
  transport!: Libp2pTransport;

  static async start(options: Partial<Libp2pTransportOptions> = {}): Promise<Node> {
    const node = new Node();
    node.transport = await Libp2pTransport.start({
      identitySeed: new Uint8Array(32).fill(++lastSeed),
      port: 0,
      listenHost: "127.0.0.1",
      rendezvous: "own dht test",
      dht: { mode: "public", protocol: "/nobody/kad/1.0.0" },
      onCandidate: (candidate) => node.found.push(candidate),
      ...options,
    });
    return node;
  }

  /** One that others can reach, as its user says. */
  static async reachable(options: Partial<Libp2pTransportOptions> = {}): Promise<Node> {
    const port = freePort();
    return await Node.start({ port, announce: [`/ip4/127.0.0.1/tcp/${port}`], ...options });
  }

  get own() {
    return this.transport.discovery().find(({ source }) => source === "own-dht")!;
  }

  hasFound(other: Node): boolean {
    return this.found.some(({ peerId, source }) =>
      peerId === other.transport.peerId && source === "own-dht"
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.transport.stop();
  }
}

Deno.test("a reachable node serves the own DHT and leads others to each other", LEAKY, async () => {
  await using server = await Node.reachable();
  assert.deepEqual(
    server.transport.discovery().map(({ source }) => source),
    ["dht", "own-dht", "lan"],
  );
  await until(() => server.own.text.startsWith("own DHT (serving it)"), {
    what: () => server.own.text,
  });
  await using one = await Node.start({ bootstraps: server.transport.addresses() });
  await until(() => one.own.state === "advertised", { what: () => one.own.text });
  await using other = await Node.start({ bootstraps: server.transport.addresses() });
  await until(() => other.hasFound(one), { what: () => other.own.text });
  assert.match(one.own.text, /^own DHT: advertised at 1 server, found/);
  const known = other.found.find(({ peerId }) => peerId === one.transport.peerId)!;
  assert.equal(known.toldBy, server.transport.peerId);
});

Deno.test("with members only, a stranger is neither answered nor asked", LEAKY, async () => {
  const members = new Set<string>();
  const closed: Partial<Libp2pTransportOptions> = {
    dht: { mode: "public", protocol: "/nobody/kad/1.0.0", membersOnly: true },
    isMember: (peerId) => members.has(peerId),
  };
  await using server = await Node.reachable(closed);
  members.add(server.transport.peerId);
  await until(() => server.own.text.startsWith("own DHT (serving it)"), {
    what: () => server.own.text,
  });
  await using open = await Node.reachable();
  await using member = await Node.start({
    ...closed,
    bootstraps: [...open.transport.addresses(), ...server.transport.addresses()],
  });
  await using stranger = await Node.start({ bootstraps: server.transport.addresses() });
  members.add(member.transport.peerId);
  await until(() => member.own.state === "advertised", { what: () => member.own.text });
  assert.match(member.own.text, /advertised at 1 server/, "the open one was not told");
  await until(() => stranger.own.state === "failing", { what: () => stranger.own.text });
  assert.equal(stranger.found.length, 0);
  members.add(stranger.transport.peerId);
  stranger.transport.lookUpSoon();
  await until(() => stranger.hasFound(member), { what: () => stranger.own.text });
});

Deno.test("a node serves as soon as others can reach it, and no longer", LEAKY, async () => {
  const host = await Host.create({
    identitySeed: new Uint8Array(32).fill(++lastSeed),
    announce: [],
    agent: "test",
  });
  let isReachable = false;
  const discovery = new DhtDiscovery({
    host,
    dialer: new Dialer(host, systemClock),
    clock: systemClock,
    rendezvous: "own dht test",
    kind: "own",
    protocol: OWN_DHT_PROTOCOL,
    otherProtocols: [],
    isReachable: () => isReachable,
    isMember: () => false,
    wantsPeers: () => true,
    onCandidate: () => {},
    onNotice: () => {},
    onChange: () => {},
  });
  const serves = () => host.node.getProtocols().includes(OWN_DHT_PROTOCOL);
  const what = () => discovery.state().text;
  try {
    await discovery.start([]);
    assert.equal(what(), "own DHT: waiting for a member that serves it");
    isReachable = true;
    await until(serves, { what });
    isReachable = false;
    discovery.onReachabilityChanged();
    await until(() => !serves(), { what });
    isReachable = true;
    discovery.onReachabilityChanged();
    await until(serves, { what });
    assert.equal(what(), "own DHT (serving it): no other member serves it yet");
  } finally {
    discovery.stop();
    await host.stop(systemClock, 1_500);
  }
});
