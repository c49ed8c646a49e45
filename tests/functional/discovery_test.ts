/**
 * Discovery keeps going, whatever is dead, late or elsewhere: real processes on loopback that share
 * a phrase and, at most, a plain DHT server. MOIM_LONG=1 adds what takes minutes of real time.
 */
import assert from "node:assert/strict";
import { DhtProcess } from "../support/dht_process.ts";
import {
  freePort,
  moim,
  moimJson,
  MoimNode,
  type MoimOptions,
  until,
  withTempDir,
} from "../support/moim.ts";
import { hasPeers, haveOneTip } from "../support/node_checks.ts";

const LONG = Deno.env.get("MOIM_LONG") === "1";
/** Each costs a second of a processor to start. */
const MANY = LONG ? 10 : 6;

/** A test's nodes, each in a folder of its own, all killed at the end. */
class Place {
  readonly phrase = `place-${crypto.randomUUID()}`;
  readonly nodes: MoimNode[] = [];

  constructor(readonly dir: string) {}

  options(name: string, env: Record<string, string> = {}): MoimOptions {
    return { dataDir: `${this.dir}/${name}`, env };
  }

  viaDht(name: string, dht: string): MoimOptions {
    return this.options(name, { MOIM_DHT: "private", MOIM_PEER: dht });
  }

  /** Starts a node on a port that the system picks, or the one given. */
  async start(options: MoimOptions, args: string[] = []): Promise<MoimNode> {
    const port = args.includes("--port") ? [] : ["--port", "0"];
    const node = MoimNode.spawn(["start", "--rendezvous", this.phrase, ...port, ...args], options);
    this.nodes.push(node);
    await node.waitFor(/^ready: /m);
    return node;
  }

  run(args: string[], options: MoimOptions) {
    return moim([...args, "--rendezvous", this.phrase], options);
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
  }
}

async function withPlace(use: (place: Place) => Promise<void>): Promise<void> {
  await withTempDir(async (dir) => {
    const place = new Place(dir);
    try {
      await use(place);
    } finally {
      await place.close();
    }
  });
}

async function hasNoPeers(node: MoimNode): Promise<void> {
  await until(async () => (await node.get("status"))?.peers === 0, { what: "the parting" });
}

/** A port on loopback where nothing listens. */
function deadAddress(): string {
  return `/ip4/127.0.0.1/tcp/${freePort()}`;
}

Deno.test("a dead bootstrap and a dead known peer are survived", () =>
  withPlace(async (place) => {
    await using dht = await DhtProcess.start();
    const one = place.options("one", {
      MOIM_DHT: "private",
      MOIM_PEER: `${deadAddress()} ${dht.address}`,
    });
    const known = await place.start(place.options("known"));
    const [, knownAddress] = await known.waitFor(/(\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/\w+)/);
    const first = await place.start(one, ["--peer", knownAddress!]);
    await hasPeers(first);
    await first.interrupt();
    await known.kill();
    const again = await place.start(one);
    const two = await place.start(place.viaDht("two", dht.address));
    await hasPeers(again);
    await hasPeers(two);
    const peers: { peerId: string }[] = await moimJson(["peers"], one);
    const knownId = knownAddress!.split("/p2p/")[1];
    assert.ok(peers.some((peer) => peer.peerId === knownId), "one failure must not forget a peer");
  }));

Deno.test("a node whose only peer restarts on another port finds it again", () =>
  withPlace(async (place) => {
    await using dht = await DhtProcess.start();
    const one = await place.start(place.viaDht("one", dht.address));
    const two = await place.start(place.viaDht("two", dht.address));
    await hasPeers(one);
    await two.interrupt();
    await hasNoPeers(one);
    const twoAgain = await place.start(place.viaDht("two", dht.address));
    await hasPeers(one);
    await hasPeers(twoAgain);
  }));

Deno.test("three islands that meet through one node end on one chain", () =>
  withPlace(async (place) => {
    const islands: MoimNode[] = [];
    const addresses: string[] = [];
    for (const [number, blocks] of [1, 3, 2].entries()) {
      const options = place.options(`island${number}`);
      await place.run(["wallet", "new", "--alias", "w"], options);
      const minted = await place.run(
        ["mint", "--minter", "w", "--count", String(blocks)],
        options,
      );
      assert.equal(minted.code, 0, minted.stderr);
      const node = await place.start(options);
      const [, address] = await node.waitFor(/(\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/\w+)/);
      islands.push(node);
      addresses.push(address!);
    }
    const bridge = await place.start(place.options("bridge"), ["--peer", ...addresses]);
    await haveOneTip([...islands, bridge], 3);
  }));

Deno.test("the first node, started before any DHT server is there, is found once one is", () =>
  withPlace(async (place) => {
    const port = freePort();
    const address = `/ip4/127.0.0.1/tcp/${port}`;
    const first = await place.start(place.viaDht("first", address));
    await using _dht = await DhtProcess.start(["--port", String(port)]);
    const second = await place.start(place.viaDht("second", address));
    await hasPeers(second);
    await hasPeers(first);
  }));

Deno.test(`of ${MANY} nodes started at once each has three peers and all hold one tip`, () =>
  withPlace(async (place) => {
    await using dht = await DhtProcess.start();
    const minter = place.viaDht("node0", dht.address);
    await place.run(["wallet", "new", "--alias", "w"], minter);
    const minted = await place.run(["mint", "--minter", "w"], minter);
    assert.equal(minted.code, 0, minted.stderr);
    const nodes = await Promise.all(Array.from(
      { length: MANY },
      (_, number) => place.start(place.viaDht(`node${number}`, dht.address)),
    ));
    await Promise.all(nodes.map((node) => hasPeers(node, 3)));
    await haveOneTip(nodes, 1);
  }));

Deno.test("a payment made while the only peer is away arrives when it is back", () =>
  withPlace(async (place) => {
    const one = place.options("one");
    await place.run(["wallet", "new", "--alias", "w1"], one);
    await place.run(["mint", "--minter", "w1"], one);
    const two = place.options("two");
    const made = await place.run(["wallet", "new", "--alias", "w2", "--json"], two);
    const { address } = JSON.parse(made.stdout).key;
    const port = ["--port", String(freePort())];
    const twoNode = await place.start(two, port);
    const [, twoAddress] = await twoNode.waitFor(/(\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/\w+)/);
    const oneNode = await place.start(one, ["--peer", twoAddress!]);
    await hasPeers(oneNode);
    await twoNode.interrupt();
    await hasNoPeers(oneNode);
    const sent = await place.run(
      ["send", "--from", "w1", "--to", address, "--amount", "3"],
      one,
    );
    assert.equal(sent.code, 0, sent.stderr);
    assert.match(sent.stdout + sent.stderr, /queued/);
    const back = await place.start(two, port);
    await until(async () => {
      const { pendingIn } = await back.get(`addresses/${address}`) ?? {};
      return pendingIn === 3_000_000 || undefined;
    }, { what: "the payment" });
  }));

Deno.test({
  name: "a peer that appears two minutes after our start is found (MOIM_LONG=1)",
  ignore: !LONG,
  fn: () =>
    withPlace(async (place) => {
      await using dht = await DhtProcess.start();
      const early = await place.start(place.viaDht("early", dht.address));
      const startMs = performance.now();
      await until(() => performance.now() - startMs > 120_000 || undefined, {
        what: "two minutes",
        timeoutMs: 130_000,
      });
      const late = await place.start(place.viaDht("late", dht.address));
      await hasPeers(late, 1, 90_000);
      await hasPeers(early, 1, 90_000);
    }),
});
