/**
 * A network with a secret: real processes on loopback, and strangers over real libp2p who know the
 * phrase, the address and the genesis, and learn nothing more.
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { fromHex, toHex, utf8 } from "../../lib/base/bytes.ts";
import { systemRandom } from "../../lib/base/random.ts";
import { genesisBlock } from "../../lib/consensus/genesis.ts";
import { networkFromPhrase } from "../../lib/consensus/network.ts";
import { parsePeerArgument } from "../../lib/net/addresses.ts";
import { Libp2pTransport } from "../../lib/net/libp2p/transport.ts";
import { Prover } from "../../lib/net/membership/membership.ts";
import { groupKeys, masterKeyOfSecret } from "../../lib/node/group_keys.ts";
import { encodeFrame } from "../../lib/wire/frame.ts";
import { TAG_BYTES } from "../../lib/wire/membership.ts";
import type { Message } from "../../lib/wire/messages.ts";
import { freePort, moim, moimJson, MoimNode, until, withTempDir } from "../support/moim.ts";
import { WirePeer } from "../support/wire_peer.ts";

const PHRASE = "hedgehogs at night";
const SECRET = "neun Igel im Laub";
const GENESIS_ID = genesisBlock(networkFromPhrase(PHRASE)).id;
/** Libp2p leaves timers and sockets to the garbage collector; the process is what frees them. */
const REAL = { sanitizeOps: false, sanitizeResources: false };

type Env = Record<string, string>;

/** Starts a node of the phrase in a folder of its own. */
function start(dir: string, name: string, args: string[] = [], env: Env = {}, input = "") {
  const all = ["start", "--rendezvous", PHRASE, "--port", "0", ...args];
  return MoimNode.start(all, { dataDir: join(dir, name), env, input });
}

/** Where a node listens, with its id. */
async function addressOf(node: MoimNode): Promise<string> {
  return (await node.waitFor(/\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/\w+/))[0];
}

const idIn = (address: string) => address.split("/p2p/")[1]!;

function hasPeers(node: MoimNode, count: number): Promise<true> {
  return until(async () => (await node.get("status"))?.peers === count || undefined, {
    what: () => `${count} peers of\n${node.output}`,
  });
}

function countLines(text: string, pattern: RegExp): number {
  return text.split("\n").filter((line) => pattern.test(line)).length;
}

Deno.test(
  "the same secret joins, however it is given; a restart asks nothing",
  REAL,
  () =>
    withTempDir(async (dir) => {
      await Deno.writeTextFile(join(dir, "secret.txt"), `  ${SECRET}\n`);
      await using anna = await start(dir, "anna", ["--secret"], {}, `${SECRET}\n`);
      assert.match(
        anna.output,
        /^network +hedgehogs at night, private \(with a secret\) \(new here\)$/m,
      );
      assert.match(anna.output, /--rendezvous 'hedgehogs at night' --secret --peer/);
      assert.doesNotMatch(anna.output, /lets in whoever guesses/);
      const address = await addressOf(anna);
      await using ben = await start(dir, "ben", [
        "--secret-file",
        join(dir, "secret.txt"),
        "--peer",
        address,
      ]);
      await hasPeers(anna, 1);
      // Typed on another system: the same letters in other code points, with a space too many.
      const env = { MOIM_SECRET: `${SECRET.normalize("NFD")} ` };
      await using cleo = await start(dir, "cleo", ["--peer", address], env);
      await hasPeers(anna, 2);
      assert.equal((await cleo.get("status")).access, "secret");
      assert.equal((await cleo.get("network")).rendezvous, PHRASE);
      for (const node of [anna, ben, cleo]) {
        assert.ok(!node.output.includes(SECRET), "a secret is not told");
        assert.doesNotMatch(node.output, /warning|does not know|no peer accepts/);
      }
      const file = join(
        dir,
        "ben",
        "networks",
        await onlyFolder(join(dir, "ben")),
        "membership.json",
      );
      await until(async () => JSON.parse(await Deno.readTextFile(file)).isAccepted, {
        what: "that Ben remembers that his secret was accepted",
      });
      assert.ok(!(await Deno.readTextFile(file)).includes(SECRET));
      if (Deno.build.os !== "windows") assert.equal((await Deno.stat(file)).mode! & 0o777, 0o600);
      await ben.interrupt();
      await hasPeers(anna, 1);
      const again = { dataDir: join(dir, "ben") };
      await using _ben = await MoimNode.start(["start", "--port", "0", "--peer", address], again);
      await hasPeers(anna, 2);
      const another = await moim(["start"], { ...again, env: { MOIM_SECRET: "something else" } });
      assert.equal(another.code, 8, "the node that runs there is told of first");
    }),
);

Deno.test(
  "another secret, or none: no session, and one line on each side",
  REAL,
  () =>
    withTempDir(async (dir) => {
      await using anna = await start(dir, "anna", [], { MOIM_SECRET: SECRET });
      const address = await addressOf(anna);
      await using typo = await start(dir, "typo", ["--peer", address], { MOIM_SECRET: "neun Igl" });
      await typo.waitFor(/^.* warning +peer \w+ has another secret: is this one typed right\?/m);
      const typoId = idIn(await addressOf(typo));
      const stranger = (id: string) =>
        new RegExp(`warning +peer ${id} does not know this network's`);
      await anna.waitFor(stranger(typoId));
      assert.match(typo.output, /^note +This secret is short \(8 characters\)/m);
      await using open = await start(dir, "open", ["--peer", address]);
      assert.match(
        open.output,
        /^note +The phrase "hedgehogs at night" lets in whoever guesses it; --sec/m,
      );
      await open.waitFor(/warning +peer \w+ asks for a secret .*--secret$/m);
      await anna.waitFor(stranger(idIn(await addressOf(open))));
      assert.equal(countLines(anna.output, /does not know this network's secret/), 2);
      assert.equal(countLines(typo.output, /warning/), 1);
      assert.equal(countLines(open.output, /warning/), 1);
      for (const node of [anna, typo, open]) assert.equal((await node.get("status")).peers, 0);
      // Typed again and right, it is let in at once, and nobody had accepted the other one.
      await typo.interrupt();
      await using right = await start(dir, "typo", ["--peer", address], { MOIM_SECRET: SECRET });
      await hasPeers(anna, 1);
      assert.match(right.output, /^note +This secret takes the place of the one remembered here/m);
      await until(async () => (await right.interrupt()) === 0, { what: "the end" });
      const other = { dataDir: join(dir, "typo"), env: { MOIM_SECRET: "another one" } };
      const refused = await moim(["start", "--port", "0"], other);
      assert.equal(refused.code, 2);
      assert.match(
        refused.stderr,
        /^Cannot use this secret: this network's members have accepted ano/,
      );
      const left = { dataDir: join(dir, "typo") };
      await using public_ = await MoimNode.start(["start", "--port", "0", "--no-secret"], left);
      assert.match(public_.output, /^note +The secret of this network is forgotten here/m);
      assert.equal((await public_.get("status")).access, "open");
    }),
);

Deno.test("a secret on the command line, and one that is none, are refused", () =>
  withTempDir(async (dir) => {
    const empty = join(dir, "empty.txt");
    await Deno.writeTextFile(empty, " \n");
    const lines = join(dir, "lines.txt");
    await Deno.writeTextFile(lines, "one\ntwo\n");
    const cases: [args: string[], line: RegExp][] = [
      [["--secret", "hunter2"], /^Never put the secret on the command line.*--secret-file FILE or/],
      [["--secret=hunter2"], /^Never put the secret on the command line/],
      [["-secret", "hunter2"], /^Never put the secret on the command line/],
      [["--secret-file", empty], /^Cannot use secret file ".*": it must not be empty\n$/],
      [["--secret-file", lines], /^Cannot use secret file ".*": it must be one line/],
      [["--secret-file", join(dir, "none")], /^Cannot find secret file/],
      [["--secret"], /^Nothing given/],
    ];
    for (const [args, line] of cases) {
      const all = ["start", "--rendezvous", PHRASE, "--port", String(freePort()), ...args];
      const { code, stdout, stderr } = await moim(all, { dataDir: join(dir, "node") });
      assert.equal(code, 2, args.join(" "));
      assert.match(stderr, line);
      assert.ok(!(stdout + stderr).includes("hunter2"));
    }
    await Deno.mkdir(join(dir, "node"), { recursive: true });
    await Deno.writeTextFile(join(dir, "node", "config.json"), '{ "secret": "hunter2" }');
    const { code, stderr } = await moim(["start"], { dataDir: join(dir, "node") });
    assert.equal(code, 2);
    assert.match(stderr, /a secret does not belong into it; name its file as "secretFile"$/m);
  }));

/** One thing that a stranger says to a member, after which it must know no more than before. */
type Stranger = (peer: WirePeer, ownPeerId: string) => void | Promise<void>;

Deno.test(
  "strangers with the phrase, a wrong secret or a recording learn nothing",
  REAL,
  () =>
    withTempDir(async (dir) => {
      const env = { MOIM_SECRET: SECRET };
      await using anna = await start(dir, "anna", [], env);
      const address = await addressOf(anna);
      await using ben = await start(dir, "ben", ["--peer", address], env);
      await hasPeers(anna, 1);
      await moimJson(["wallet", "new", "--alias", "w1"], anna.options);
      await moimJson(["mint", "--minter", "w1"], anna.options);
      const { tipId } = await anna.get("status");
      assert.notEqual(tipId, GENESIS_ID);
      const target = parsePeerArgument(address);
      const known = [GENESIS_ID, tipId, idIn(await addressOf(ben)), PHRASE];
      const visit = async (stranger: Stranger) => {
        await using guest = await Guest.start();
        const peer = await WirePeer.dial(guest.transport, target);
        await stranger(peer, guest.transport.peerId);
        await until(() => peer.ended !== "open", { what: "the end of the stream" });
        assert.equal(peer.last("goodbye").code, "secret");
        assertTellsNothing(peer.received, known);
        const record = await guest.transport.recordOf(target.peerId!);
        assertHidden(record ?? new Uint8Array(), known);
        await anna.waitFor(
          new RegExp(`peer ${guest.transport.peerId} does not know this network's secret`),
        );
        assert.equal(countLines(anna.output, new RegExp(guest.transport.peerId)), 1);
      };
      const us = { genesisId: GENESIS_ID, networkName: PHRASE };
      await visit((peer) => peer.greet(us));
      await visit((peer) => peer.send({ type: "getnetwork" }));
      await visit((peer) => peer.send({ type: "getaddr" }));
      await visit(async (peer, ownPeerId) => {
        // The right secret, in the name of somebody else.
        await prove(peer, { secret: SECRET, peerId: target.peerId!, ownPeerId: `${ownPeerId}x` });
      });
      await visit(async (peer, ownPeerId) => {
        await prove(peer, { secret: "another secret", peerId: target.peerId!, ownPeerId });
      });
      const recorded = await recordProof(target);
      assert.deepEqual(recorded.map(({ type }) => type), ["share", "confirm"]);
      await visit((peer) => {
        for (const message of recorded) peer.send(message);
        peer.greet(us);
      });
      assert.equal((await anna.get("status")).peers, 1, "Ben is still there");
      assert.equal((await anna.get("status")).refused["wrong-secret"], 6);
    }),
);

/** A stranger's libp2p, with an identity of its own. */
class Guest {
  private constructor(readonly transport: Libp2pTransport) {}

  static async start(): Promise<Guest> {
    return new Guest(
      await Libp2pTransport.start({
        identitySeed: systemRandom.bytes(32),
        port: 0,
        listenHost: "127.0.0.1",
        rendezvous: PHRASE,
      }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.transport.stop();
  }
}

/** Goes through the proof by a secret; gives what was sent. */
async function prove(
  peer: WirePeer,
  { secret, peerId, ownPeerId }: { secret: string; peerId: string; ownPeerId: string },
): Promise<Message[]> {
  const { membership: password } = groupKeys(await masterKeyOfSecret(secret, PHRASE));
  const prover = await Prover.load({ password, ownPeerId, random: systemRandom });
  const proof = prover.begin({ peerId, openedBy: "us" });
  const sent = [...proof.begin()];
  for (const message of sent) peer.send(message);
  await peer.until(() => peer.count("confirm") > 0);
  assert.equal(proof.take(peer.last("share")).kind, "say");
  const step = proof.take(peer.last("confirm"));
  const wrongTag = { type: "confirm", tag: new Uint8Array(TAG_BYTES) } as const;
  for (const message of step.kind === "failed" ? [wrongTag] : step.messages) {
    sent.push(message);
    peer.send(message);
  }
  return sent;
}

/** What a member said to prove itself: it is let in, which shows that it was right. */
async function recordProof(target: { peerId?: string; addresses: string[] }): Promise<Message[]> {
  await using guest = await Guest.start();
  const peer = await WirePeer.dial(guest.transport, target);
  const { peerId: ownPeerId } = guest.transport;
  const sent = await prove(peer, { secret: SECRET, peerId: target.peerId!, ownPeerId });
  await peer.until(() => peer.count("version") > 0);
  return sent;
}

/** Only the proof's own messages, and none of what is `known` in any spelling. */
function assertTellsNothing(received: readonly Message[], known: readonly string[]): void {
  const allowed = ["share", "confirm", "goodbye"];
  for (const message of received) {
    assert.ok(allowed.includes(message.type), message.type);
    assertHidden(encodeFrame(message), known);
    if (message.type === "goodbye") assert.doesNotMatch(message.text, /[0-9]/, "a height, say");
  }
}

function assertHidden(bytes: Uint8Array, known: readonly string[]): void {
  const sent = toHex(bytes);
  for (const each of known) {
    const isHash = /^[0-9a-f]{64}$/.test(each);
    const forms = [utf8(each), ...isHash ? [fromHex(each), fromHex(each).toReversed()] : []];
    for (const form of forms) assert.ok(!sent.includes(toHex(form)), each);
  }
}

async function onlyFolder(dataDir: string): Promise<string> {
  const names = (await Array.fromAsync(Deno.readDir(join(dataDir, "networks")))).map(({ name }) =>
    name
  );
  assert.equal(names.length, 1);
  return names[0]!;
}
