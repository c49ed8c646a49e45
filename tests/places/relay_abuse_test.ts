/** Fifty who want everything of a relay: what it gives has bounds, and its members get through. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { RELAYED_BYTES_MAX, RESERVATIONS_MAX } from "../../lib/net/relay/reservations.ts";
import { type MoimNode, until } from "../support/moim.ts";
import { hasPeers } from "../support/node_checks.ts";
import { type Host, placeTest, type World } from "../support/places.ts";

const LONG = Deno.env.get("MOIM_LONG") === "1";
const PROGRAM = join(import.meta.dirname!, "..", "support", "relay_abuser.ts");
const WAIT = { timeoutMs: 60_000, pollMs: 100 };
/** RELAYED_MAX of lib/net/relay/server.ts. */
const WAYS_MAX = 128;

type Seen = Record<
  | ("members" | "places" | "placesRefused" | "ways" | "waysMost" | "waysRefused" | "waysCut")
  | ("bytes" | "bytesMost"),
  number
>;

placeTest("fifty strangers get nothing of a relay, and a member gets through", async (world) => {
  const scene = await prepare(world);
  await using abuser = await Abuser.start(await world.publicHost(), scene);
  await abuser.until((seen) => seen.placesRefused >= 50 && seen.waysRefused >= 200);
  await getsThrough(world, scene);
  const { places, waysMost } = abuser.seen;
  assert.deepEqual({ places, waysMost }, { places: 0, waysMost: 0 });
  const { refused } = await scene.relay.get("status");
  assert.ok(refused["relay-stranger"] > 0, JSON.stringify(refused));
});

placeTest(
  "fifty members that abuse a relay find its caps, and others get through",
  async (world) => {
    const scene = await prepare(world);
    const { genesisId, network } = await scene.relay.get("status");
    const args = ["--genesis", genesisId, "--network", network];
    await using abuser = await Abuser.start(await world.publicHost(), scene, args);
    await abuser.until(({ waysCut, waysMost, bytesMost, members }) =>
      members >= 50 && waysCut > 0 && waysMost >= 0.9 * WAYS_MAX &&
      bytesMost >= Number(RELAYED_BYTES_MAX) / 2
    );
    await getsThrough(world, scene);
    const { places, waysMost, bytesMost } = abuser.seen;
    console.log(`${places} places, ${waysMost} ways at a time, ${bytesMost} bytes through one`);
    assert.ok(places <= RESERVATIONS_MAX, `${places} places`);
    assert.ok(waysMost <= WAYS_MAX, `${waysMost} ways at a time`);
    assert.ok(bytesMost <= Number(RELAYED_BYTES_MAX), `${bytesMost} bytes`);
  },
  // Fifty who fill every way keep a core busy until it is over: with the campaigns.
  { ignore: !LONG },
);

/** A relay, and a member behind a router that holds a place there. */
type Scene = { member: Host; relay: MoimNode; inside: MoimNode; insideId: string };

async function prepare(world: World): Promise<Scene> {
  const member = await world.publicHost();
  const relay = await member.start();
  const inside = await (await atHome(world)).start(["--peer", member.address]);
  await until(async () => (await inside.get("status"))?.reach?.state === "relayed", {
    what: () => `a place at the relay in\n${inside.output}`,
    ...WAIT,
  });
  return { member, relay, inside, insideId: (await inside.get("status")).peerId };
}

async function atHome(world: World): Promise<Host> {
  return await (await world.home({ nat: "symmetric" })).host();
}

/** A newcomer behind another router reaches the relay, and through it the member. */
async function getsThrough(world: World, { member, inside, insideId }: Scene): Promise<void> {
  const node = await (await atHome(world)).start(["--peer", member.address]);
  const startMs = performance.now();
  const seconds = () => ((performance.now() - startMs) / 1000).toFixed(1);
  await hasPeers(node);
  const first = seconds();
  await until(async () => {
    const peers: { peerId: string; connected: boolean }[] = await node.get("peers") ?? [];
    return peers.some((peer) => peer.connected && peer.peerId === insideId);
  }, { what: () => `the way through the relay in\n${node.output}\nto\n${inside.output}`, ...WAIT });
  console.log(`a newcomer: at the relay after ${first} s, through it after ${seconds()} s`);
}

class Abuser {
  readonly #child: Deno.ChildProcess;
  readonly #pump: Promise<void>;
  #lines = "";

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#pump = this.#read();
  }

  static async start(host: Host, { member, relay, insideId }: Scene, args: string[] = []) {
    const { peerId } = await relay.get("status");
    const deno = [Deno.execPath(), "run", "-A", "--quiet", "--no-check", PROGRAM];
    const [program, ...rest] = [
      ...host.prefix,
      ...deno,
      ...["--relay", `${member.address}/p2p/${peerId}`, "--victim", insideId, ...args],
    ];
    const child = new Deno.Command(program!, { args: rest, stdin: "null", stdout: "piped" });
    return new Abuser(child.spawn());
  }

  /** What they have got so far. */
  get seen(): Seen {
    const last = this.#lines.trimEnd().split("\n").at(-1);
    return JSON.parse(last || "{}");
  }

  async until(check: (seen: Seen) => boolean): Promise<void> {
    await until(() => check(this.seen), {
      what: () => `abuse enough: ${this.#lines.slice(-500)}`,
      ...WAIT,
    });
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    for await (const chunk of this.#child.stdout) this.#lines += decoder.decode(chunk);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#pump;
  }
}
