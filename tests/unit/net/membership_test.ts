import assert from "node:assert/strict";
import { toHex, utf8 } from "../../../lib/base/bytes.ts";
import { seededRandom } from "../../../lib/base/random.ts";
import { HANDSHAKE_MS, Session, type SessionHooks } from "../../../lib/net/session.ts";
import { type MembershipProof, Prover } from "../../../lib/net/membership/membership.ts";
import { SHARE_BYTES, TAG_BYTES } from "../../../lib/wire/membership.ts";
import type { Message } from "../../../lib/wire/messages.ts";
import { type SimNode, SimWorld } from "../../support/sim_nodes.ts";
import { dial, inTime, SIM_IDENTITY } from "../../support/sim_stranger.ts";
import { WirePeer } from "../../support/wire_peer.ts";

const PASSWORD = new Uint8Array(32).fill(7);
const OTHER_PASSWORD = new Uint8Array(32).fill(8);
const PARAMETERS = utf8('{"name":"sim"}');

function proverOf(ownPeerId: string, password: Uint8Array = PASSWORD, seed = 1): Promise<Prover> {
  const random = seededRandom(seed + ownPeerId.length);
  return Prover.load({ password, ownPeerId, random });
}

async function member(
  world: SimWorld,
  peerId: string,
  password: Uint8Array = PASSWORD,
): Promise<SimNode> {
  const membership = await proverOf(peerId, password);
  const networkParameters = () => PARAMETERS;
  return world.start(peerId, { membership, networkParameters });
}

/** What a stranger of that name does with the secret that it believes in. */
async function proofAs(peerId: string, node: SimNode, password: Uint8Array, seed = 1) {
  const prover = await proverOf(peerId, password, seed);
  return prover.begin({ peerId: node.peerId, openedBy: "us" });
}

/** Goes through the proof as far as the node lets us. */
async function prove(world: SimWorld, peer: WirePeer, proof: MembershipProof): Promise<void> {
  for (const message of proof.begin()) peer.send(message);
  await inTime(world, peer.until(() => peer.count("confirm") > 0));
  assert.equal(proof.take(peer.last("share")).kind, "say");
  const step = proof.take(peer.last("confirm"));
  // Whoever has another secret knows it now; it goes on as if it did not.
  const tag = new Uint8Array(TAG_BYTES);
  for (const message of step.kind === "failed" ? [] : step.messages) peer.send(message);
  if (step.kind === "failed") peer.send({ type: "confirm", tag });
}

const types = (peer: WirePeer) => peer.received.map(({ type }) => type);

/** Nothing of what was sent tells of the chain, or of a member other than the node itself. */
function assertNothingLearned(peer: WirePeer): void {
  const allowed = ["share", "confirm", "goodbye"];
  for (const message of peer.received) assert.ok(allowed.includes(message.type), message.type);
  const texts = peer.received.map((message) => message.type === "goodbye" ? message.text : "");
  assert.doesNotMatch(texts.join(), /genesis|sim|666/);
}

Deno.test("members of one secret find each other open, whoever began", async () => {
  const world = new SimWorld(1);
  const a = await member(world, "anna");
  const b = await member(world, "ben");
  b.manager.addPeer({ addresses: [a.address] });
  await world.clock.advanceUntil(() => a.manager.sessions().length > 0, 10_000);
  assert.deepEqual(world.pairs(), ["anna-ben"]);
  assert.ok(a.manager.isMember("ben"));
  assert.deepEqual([...a.notices, ...b.notices], []);
  await world.clock.advance(60_000);
  assert.deepEqual(world.pairs(), ["anna-ben"]);
});

Deno.test("members that dial each other at once keep one session", async () => {
  const world = new SimWorld(2);
  const a = await member(world, "anna");
  const b = await member(world, "ben");
  a.manager.addPeer({ addresses: [b.address] });
  b.manager.addPeer({ addresses: [a.address] });
  await world.clock.advance(5_000);
  assert.deepEqual(world.pairs(), ["anna-ben"]);
  assert.equal(a.manager.sessions().length, 1);
  assert.deepEqual([...a.notices, ...b.notices], []);
});

Deno.test("another secret: no session, one line on each side, and a long rest", async () => {
  const world = new SimWorld(3);
  const a = await member(world, "anna");
  const typo = await member(world, "theo", OTHER_PASSWORD);
  typo.manager.addPeer({ addresses: [a.address] });
  await world.clock.advance(100_000);
  assert.deepEqual(world.pairs(), []);
  assert.deepEqual(a.notices, ["peer theo does not know this network's secret"]);
  assert.deepEqual(typo.notices, [
    "peer anna has another secret: is this one typed right? (if so, that peer is of another group)",
  ]);
  assert.equal(typo.manager.stats().refused["wrong-secret"] ?? 0, 1, "it tried once so far");
  assert.ok(!a.manager.discouraged("theo") && !typo.manager.discouraged("anna"));
});

Deno.test("a founder alone who calls strangers is told once that they may be of another group", async () => {
  const world = new SimWorld(20);
  const founder = await member(world, "fred");
  for (const peerId of ["anna", "ben"]) {
    const stranger = await member(world, peerId, OTHER_PASSWORD);
    founder.manager.addPeer({ addresses: [stranger.address] });
  }
  await world.clock.advance(100_000);
  assert.equal(founder.notices.length, 1, founder.notices.join("\n"));
  assert.match(founder.notices[0]!, /^peer \w+ has another secret: .* of another group\)$/);
  const open = world.start("olga");
  founder.manager.addPeer({ addresses: [open.address] });
  await world.clock.advance(100_000);
  assert.equal(founder.notices[1], "peer olga does not know this network's secret");
});

Deno.test("a mistyped secret, typed again, is let in at once", async () => {
  const world = new SimWorld(4);
  const a = await member(world, "anna");
  const typo = await member(world, "theo", OTHER_PASSWORD);
  typo.manager.addPeer({ addresses: [a.address] });
  await world.clock.advance(5_000);
  await world.stop(typo);
  const right = await member(world, "theo");
  right.manager.addPeer({ addresses: [a.address] });
  await world.clock.advanceUntil(() => world.pairs().length > 0, 5_000);
  assert.deepEqual(world.pairs(), ["anna-theo"]);
});

Deno.test("a node without a secret among members is told which option to use", async () => {
  const world = new SimWorld(5);
  const a = await member(world, "anna");
  const open = world.start("olga");
  open.manager.addPeer({ addresses: [a.address] });
  await world.clock.advance(10_000);
  assert.deepEqual(world.pairs(), []);
  assert.deepEqual(a.notices, ["peer olga does not know this network's secret"]);
  assert.deepEqual(open.notices, [
    "peer anna asks for a secret that this node does not have: give it with --secret",
  ]);
  assert.ok(!a.manager.discouraged("olga") && !open.manager.discouraged("anna"));
});

const STRANGERS: Record<string, (peer: WirePeer) => void> = {
  "version first": (peer) => peer.greet(SIM_IDENTITY),
  "a tag without a share": (peer) => peer.send({ type: "confirm", tag: new Uint8Array(TAG_BYTES) }),
  "a share that is no element": (peer) =>
    peer.send({ type: "share", share: new Uint8Array(SHARE_BYTES).fill(0xff) }),
  "the identity": (peer) => peer.send({ type: "share", share: new Uint8Array(SHARE_BYTES) }),
  "asking for the parameters": (peer) => peer.send({ type: "getnetwork" }),
  "asking for addresses": (peer) => peer.send({ type: "getaddr" }),
  "nothing": () => {},
};

for (const [name, say] of Object.entries(STRANGERS)) {
  Deno.test(`a stranger with ${name} is bidden goodbye and learns nothing`, async () => {
    const world = new SimWorld(6);
    const node = await member(world, "node");
    const peer = await dial(world, node);
    say(peer);
    await inTime(world, peer.untilEnded());
    assert.equal(peer.last("goodbye").code, "secret");
    assert.equal(peer.count("confirm"), 0);
    assertNothingLearned(peer);
    assert.ok(!node.manager.discouraged("stranger"));
    const isSilent = name === "nothing";
    const line = "peer stranger does not know this network's secret";
    assert.deepEqual(node.notices, isSilent ? [] : [line]);
  });
}

Deno.test("a stranger that guesses sees our tag and nothing else", async () => {
  const world = new SimWorld(7);
  const node = await member(world, "node");
  const peer = await dial(world, node);
  await prove(world, peer, await proofAs("stranger", node, OTHER_PASSWORD));
  await inTime(world, peer.untilEnded());
  assert.deepEqual(types(peer), ["share", "confirm", "goodbye"]);
  assert.equal(peer.last("goodbye").code, "secret");
  assertNothingLearned(peer);
  assert.equal(node.manager.stats().refused["wrong-secret"], 1);
});

/** The stream that a node opens to a stranger of that name. */
async function called(world: SimWorld, node: SimNode, peerId: string): Promise<WirePeer> {
  const transport = world.stranger(peerId);
  const accepted = WirePeer.accept(transport);
  node.manager.addPeer({ addresses: [transport.host.address] });
  return await inTime(world, accepted);
}

Deno.test("our own share and tag, sent back, prove nothing", async () => {
  const world = new SimWorld(8);
  const node = await member(world, "node");
  const peer = await called(world, node, "mirror");
  await inTime(world, peer.until(() => peer.count("share") > 0));
  peer.send(peer.last("share"));
  await inTime(world, peer.untilEnded());
  assert.deepEqual(types(peer), ["share", "goodbye"]);
  assert.equal(peer.last("goodbye").code, "secret");
  const caller = await dial(world, node);
  await prove(world, caller, await proofAs("stranger", node, OTHER_PASSWORD));
  await inTime(world, caller.untilEnded());
  const again = await dial(world, node);
  for (const message of caller.received) again.send(message);
  await inTime(world, again.untilEnded());
  assertNothingLearned(again);
});

Deno.test("a stranger that a member calls sees its share and not even its tag", async () => {
  const world = new SimWorld(18);
  const node = await member(world, "node");
  const peer = await called(world, node, "stranger");
  const prover = await proverOf("stranger", OTHER_PASSWORD);
  const proof = prover.begin({ peerId: node.peerId, openedBy: "them" });
  await inTime(world, peer.until(() => peer.count("share") > 0));
  const step = proof.take(peer.last("share"));
  assert.ok(step.kind === "say");
  assert.deepEqual(step.messages.map(({ type }) => type), ["share", "confirm"]);
  for (const message of step.messages) peer.send(message);
  await inTime(world, peer.untilEnded());
  assert.deepEqual(types(peer), ["share", "goodbye"]);
});

Deno.test("who is called computes and says nothing before a share has come", async () => {
  const world = new SimWorld(19);
  const node = await member(world, "node");
  const peer = await dial(world, node);
  await world.clock.advance(HANDSHAKE_MS - 500);
  assert.deepEqual(types(peer), []);
});

Deno.test("a recorded proof proves nothing when it is played again", async () => {
  const world = new SimWorld(9);
  const node = await member(world, "node");
  const honest = await dial(world, node, "honest");
  const sent: Message[] = [];
  const send = honest.send.bind(honest);
  honest.send = (message) => {
    sent.push(message);
    send(message);
  };
  await prove(world, honest, await proofAs("honest", node, PASSWORD));
  honest.greet(SIM_IDENTITY);
  await inTime(world, honest.until(() => honest.count("version") > 0));
  await honest.close();
  assert.deepEqual(sent.map(({ type }) => type), ["share", "confirm", "version"]);
  // By the same id even, which nobody else can have.
  for (const peerId of ["honest", "thief"]) {
    const thief = await dial(world, node, peerId);
    for (const message of sent) thief.send(message);
    await inTime(world, thief.untilEnded());
    assert.equal(thief.last("goodbye").code, "secret");
    assertNothingLearned(thief);
  }
});

Deno.test("a proof passed on by a peer in the middle proves nothing", async () => {
  const world = new SimWorld(10);
  const a = await member(world, "anna");
  const b = await member(world, "ben");
  const left = await called(world, a, "middle");
  const right = await dial(world, b, "middle");
  for (const message of left.received) right.send(message);
  left.onMessage = (message) => right.send(message);
  right.onMessage = (message) => left.send(message);
  await inTime(world, Promise.all([left.untilEnded(), right.untilEnded()]));
  assertNothingLearned(left);
  assertNothingLearned(right);
});

Deno.test("two streams to one node, played against each other, prove nothing", async () => {
  const world = new SimWorld(11);
  const node = await member(world, "node");
  const one = await called(world, node, "stranger");
  const other = await dial(world, node, "stranger");
  for (const message of one.received) other.send(message);
  one.onMessage = (message) => other.send(message);
  other.onMessage = (message) => one.send(message);
  await inTime(world, Promise.all([one.untilEnded(), other.untilEnded()]));
  assertNothingLearned(one);
  assertNothingLearned(other);
});

Deno.test("each session draws a fresh share", async () => {
  const world = new SimWorld(12);
  const node = await member(world, "node");
  const shares = new Set<string>();
  for (let time = 0; time < 3; time++) {
    const peer = await dial(world, node, `stranger${time}`);
    for (const message of (await proofAs("x", node, OTHER_PASSWORD)).begin()) peer.send(message);
    await inTime(world, peer.until(() => peer.count("share") > 0));
    shares.add(toHex(peer.last("share").share));
    await peer.close();
  }
  assert.equal(shares.size, 3);
});

Deno.test("the proof and version share five seconds", async () => {
  const world = new SimWorld(13);
  const node = await member(world, "node");
  const peer = await dial(world, node);
  await prove(world, peer, await proofAs("stranger", node, PASSWORD));
  await inTime(world, peer.until(() => peer.count("version") > 0));
  assert.deepEqual(types(peer), ["share", "confirm", "version"]);
  await world.clock.advance(HANDSHAKE_MS);
  assert.equal(peer.ended, "reset");
  assert.equal(node.manager.stats().refused["no-version"], 1);
});

Deno.test("guesses run out for one id, then for one place; a member still gets in", async () => {
  const world = new SimWorld(14);
  const node = await member(world, "node");
  const place = { address: "/ip4/203.0.113.5/tcp/4000" };
  const guess = async (peerId: string) => {
    const transport = world.stranger(peerId, place);
    const target = { peerId: node.peerId, addresses: [node.address] };
    const peer = await inTime(world, WirePeer.dial(transport, target));
    for (const message of (await proofAs(peerId, node, OTHER_PASSWORD)).begin()) peer.send(message);
    await inTime(world, peer.until(() => peer.count("confirm") + peer.count("goodbye") > 0));
    await peer.close();
    world.network.leave(transport);
    return types(peer).includes("confirm");
  };
  let guesses = 0;
  while (await guess("guesser")) guesses++;
  assert.equal(guesses, 4);
  for (let id = 0; await guess(`guesser${id}`); id++) guesses++;
  assert.equal(guesses, 16);
  const ben = await member(world, "ben");
  ben.manager.addPeer({ addresses: [node.address] });
  await world.clock.advanceUntil(() => world.pairs().length > 0, 10_000);
  assert.deepEqual(world.pairs(), ["ben-node"]);
  await world.clock.advance(60_000);
  assert.ok(await guess("guesser"), "one more a minute");
  assert.ok(!await guess("guesser"));
});

/** A session that asks for the parameters, as a node with an invitation alone does. */
async function ask(
  world: SimWorld,
  node: SimNode,
  password?: Uint8Array,
): Promise<{ parameters: string | undefined; ends: string[] }> {
  const transport = world.stranger("asker");
  const stream = await inTime(
    world,
    transport.open({ peerId: node.peerId, addresses: [node.address] }),
  );
  let parameters: string | undefined;
  const ends: string[] = [];
  const ignore = () => {};
  const hooks: SessionHooks = {
    onReady: ignore,
    onForeign: ignore,
    onMessage: ignore,
    onRefused: ignore,
    onInvalid: ignore,
    onSecretMismatch: (_session, mismatch) => ends.push(mismatch),
    onEnd: (_session, end) => ends.push("code" in end ? `${end.kind} ${end.code}` : end.kind),
  };
  const session = new Session({
    stream,
    found: "inbound",
    clock: world.clock,
    nonce: 1n,
    hooks,
    ...(password && { membership: await proverOf("asker", password) }),
    askNetwork: (bytes) => parameters = new TextDecoder().decode(bytes),
  });
  session.start();
  await world.clock.advanceUntil(() => session.hasEnded, 10_000);
  return { parameters, ends };
}

Deno.test("parameters: given to whoever proves the secret, and to nobody else", async () => {
  const world = new SimWorld(15);
  const node = await member(world, "node");
  const right = await ask(world, node, PASSWORD);
  assert.deepEqual(right, { parameters: '{"name":"sim"}', ends: ["closed-by-us probe"] });
  assert.deepEqual((await ask(world, node, OTHER_PASSWORD)).parameters, undefined);
  const without = await ask(world, node);
  assert.equal(without.parameters, undefined);
  assert.deepEqual(without.ends, ["goodbye secret"]);
});

Deno.test("parameters: a public network gives them to everyone, once a stream", async () => {
  const world = new SimWorld(16);
  const node = world.start("node", { networkParameters: () => PARAMETERS });
  assert.equal((await ask(world, node)).parameters, '{"name":"sim"}');
  const peer = await dial(world, node);
  peer.send({ type: "getnetwork" });
  await inTime(world, peer.until(() => peer.count("network") > 0));
  peer.send({ type: "getnetwork" });
  await inTime(world, peer.untilEnded());
  assert.equal(peer.count("network"), 1);
  assert.equal(node.manager.stats().refused["out-of-order"], 1);
});

Deno.test("parameters: a session goes on with version after it has asked", async () => {
  const world = new SimWorld(17);
  const node = world.start("node", { networkParameters: () => PARAMETERS });
  const peer = await dial(world, node);
  peer.send({ type: "getnetwork" });
  peer.greet(SIM_IDENTITY);
  await inTime(world, peer.until(() => peer.count("getaddr") > 0));
  assert.equal(node.manager.sessions().length, 1);
  assert.deepEqual(types(peer), ["version", "network", "getaddr"]);
});
