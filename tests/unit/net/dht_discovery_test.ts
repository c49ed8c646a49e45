import assert from "node:assert/strict";
import { createServer } from "node:net";
import { Libp2pTransport, type Libp2pTransportOptions } from "../../../lib/net/libp2p/transport.ts";
import type { Candidate } from "../../../lib/net/transport.ts";
import { DhtProcess } from "../../support/dht_process.ts";

/** libp2p's peer store keeps a BroadcastChannel open for the life of the process. */
const LEAKY = { sanitizeOps: false, sanitizeResources: false };

/** A transport in a private DHT, with all that it found and said. */
class Node {
  static #lastSeed = 100;
  readonly found: Candidate[] = [];
  readonly notices: string[] = [];
  transport!: Libp2pTransport;

  static async start(
    bootstraps: string[],
    options: Partial<Libp2pTransportOptions> = {},
  ): Promise<Node> {
    const node = new Node();
    node.transport = await Libp2pTransport.start({
      identitySeed: new Uint8Array(32).fill(++Node.#lastSeed),
      port: 0,
      listenHost: "127.0.0.1",
      rendezvous: "dht test",
      dht: { mode: "private" },
      bootstraps,
      onCandidate: (candidate) => node.found.push(candidate),
      onNotice: (text) => node.notices.push(text),
      ...options,
    });
    return node;
  }

  /** Resolves when `condition` holds; throws when it does not within 20 s. */
  async until(condition: () => boolean): Promise<void> {
    const endMs = performance.now() + 20_000;
    while (!condition()) {
      assert(performance.now() < endMs, `Waited too long: ${this.state.text}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  hasFound(other: Node): boolean {
    return this.found.some(({ peerId, source, addresses }) =>
      peerId === other.transport.peerId && source === "dht" &&
      addresses.includes(other.transport.addresses()[0]!.split("/p2p/")[0]!)
    );
  }

  get state() {
    return this.transport.discovery()[0]!;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.transport.stop();
  }
}

/** A port that nobody listens on now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

Deno.test("two nodes that share a phrase and a DHT server find each other", LEAKY, async () => {
  await using server = await DhtProcess.start();
  await using first = await Node.start([server.address]);
  await first.until(() => first.state.state === "advertised");
  assert.equal(first.state.text, "private DHT: advertised at 1 server, found 0 peers");
  await using other = await Node.start([server.address], { rendezvous: "another phrase" });
  await using second = await Node.start([server.address]);
  await second.until(() => second.hasFound(first));
  await first.until(() => first.hasFound(second));
  const stream = await second.transport.open(second.found[0]!);
  assert.equal(stream.peerId, first.transport.peerId);
  assert.equal(other.found.length, 0);
});

Deno.test(
  "a node started before any server can be reached is found once one is",
  LEAKY,
  async () => {
    const port = await freePort();
    const address = `/ip4/127.0.0.1/tcp/${port}`;
    await using first = await Node.start([address]);
    await first.until(() => first.notices.length > 0);
    assert.match(first.notices[0]!, /^No DHT server can be reached yet \(.+\); trying on$/);
    assert.equal(first.state.state, "waiting");
    await using _server = await DhtProcess.start(["--port", String(port)]);
    await first.until(() => first.state.state === "advertised");
    await using second = await Node.start([address]);
    await second.until(() => second.hasFound(first));
  },
);

Deno.test("a server that comes back without its memory is told again", LEAKY, async () => {
  const port = await freePort();
  const address = `/ip4/127.0.0.1/tcp/${port}`;
  const lost = await DhtProcess.start(["--port", String(port)]);
  await using first = await Node.start([address]);
  await first.until(() => first.state.state === "advertised");
  await lost.stop();
  await using _server = await DhtProcess.start(["--port", String(port)]);
  await using second = await Node.start([address]);
  await second.until(() => second.hasFound(first));
});

Deno.test(
  "a node whose server comes to it, and a bootstrap named later, do as well",
  LEAKY,
  async () => {
    await using first = await Node.start([]);
    assert.match(first.state.text, /waiting for a server \(name one with --peer/);
    await using server = await DhtProcess.start(["--bootstrap", first.transport.addresses()[0]!]);
    await first.until(() => first.state.state === "advertised");
    await using second = await Node.start([]);
    second.transport.addBootstrap([server.address]);
    await second.until(() => second.hasFound(first));
  },
);

Deno.test("nodes are each other's servers", LEAKY, async () => {
  await using first = await Node.start([]);
  await using second = await Node.start(first.transport.addresses());
  await first.until(() => first.state.state === "advertised");
  await using third = await Node.start(second.transport.addresses());
  await third.until(() => third.hasFound(first));
});

Deno.test("a bootstrap that serves another DHT is told with what to do", LEAKY, async () => {
  await using server = await DhtProcess.start(["--protocol", "/other/kad/1.0.0"]);
  await using node = await Node.start([server.address]);
  await node.until(() => node.notices.length > 0);
  assert.equal(
    node.notices[0],
    `The peer at ${server.address} speaks /other/kad/1.0.0, not /moim/kad/1.0.0; ` +
      "use --dht-protocol /other/kad/1.0.0",
  );
  await using right = await Node.start([server.address], {
    dht: { mode: "private", protocol: "/other/kad/1.0.0" },
  });
  await right.until(() => right.state.state === "advertised");
});

Deno.test("a peer known by its id only is looked up in the DHT", LEAKY, async () => {
  await using server = await DhtProcess.start();
  await using first = await Node.start([server.address], { rendezvous: "one" });
  await using second = await Node.start([server.address], { rendezvous: "two" });
  await Promise.all(
    [first, second].map((node) =>
      node.until(() => node.state.state === "advertised" && node.state.tablePeers! > 0)
    ),
  );
  const stream = await second.transport.open({ peerId: first.transport.peerId, addresses: [] });
  assert.equal(stream.peerId, first.transport.peerId);
});

Deno.test("a DHT that is off says so", LEAKY, async () => {
  await using node = await Node.start([], { dht: { mode: "off" } });
  assert.deepEqual(node.transport.discovery(), [
    { source: "dht", state: "off", text: "DHT: off", foundCount: 0 },
    { source: "lan", state: "off", text: "local network: off", foundCount: 0 },
  ]);
});
