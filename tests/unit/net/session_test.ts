import assert from "node:assert/strict";
import type { SessionHub } from "../../../lib/net/hub.ts";
import {
  OVER_QUOTA_MAX,
  type Refusal,
  SEND_BUFFER_MAX,
  SLOW_READER_MS,
} from "../../../lib/net/session.ts";
import { asBlockId } from "../../../lib/primitives/ids.ts";
import type { Message, MessageType } from "../../../lib/wire/messages.ts";
import { MESSAGES } from "../../../lib/wire/messages.ts";
import { EXAMPLES } from "../../support/messages.ts";
import { type SimNode, SimWorld } from "../../support/sim_nodes.ts";
import { connect, dial, inTime, SIM_IDENTITY } from "../../support/sim_stranger.ts";
import { WirePeer } from "../../support/wire_peer.ts";

/** A node with an honest peer that is served throughout. */
async function served(seed = 1): Promise<{ world: SimWorld; node: SimNode; honest: WirePeer }> {
  const world = new SimWorld(seed);
  const node = world.start("node");
  const hub: SessionHub = node.manager;
  hub.onMessage((session, message) => {
    if (message.type === "getdata") session.send({ type: "notfound", items: message.items });
  });
  const honest = await connect(world, node, "honest");
  return { world, node, honest };
}

async function assertServed(world: SimWorld, honest: WirePeer): Promise<void> {
  const before = honest.count("notfound");
  honest.send(EXAMPLES.getdata);
  await inTime(world, honest.until(() => honest.count("notfound") > before));
}

async function assertTurnedAway(world: SimWorld, node: SimNode, peerId: string): Promise<void> {
  const again = await dial(world, node, peerId);
  await inTime(world, again.untilEnded());
  assert.equal(again.last("goodbye").code, "discouraged");
  assert.equal(again.count("version"), 0);
}

const KINDS = Object.keys(EXAMPLES) as MessageType[];
/** Only before `version`, or in its place; membership_test.ts has what becomes of them there. */
const BEFORE_VERSION: MessageType[] = ["share", "confirm", "getnetwork", "network"];
/** `version` is first and once, `goodbye` ends the session: neither has a second. */
const REPEATED: MessageType[] = KINDS.filter((type) =>
  type !== "version" && type !== "goodbye" && !BEFORE_VERSION.includes(type)
);

interface Wrong {
  readonly name: Refusal;
  readonly send: (peer: WirePeer) => void;
  /** Whether it comes in the place of `version`. */
  readonly isFirst?: boolean;
}

function wrongForms(type: MessageType): Wrong[] {
  const { code, bytesMax } = MESSAGES[type];
  const isFirst = type === "version";
  const sends = (name: Refusal, code: number, body: Uint8Array): Wrong => ({
    name,
    isFirst,
    send: (peer) => peer.sendFrame(code, body),
  });
  const forms = [
    sends("oversize", code, new Uint8Array(bytesMax + 1)),
    sends("unknown-type", 0x70, new Uint8Array(20)),
  ];
  if (BEFORE_VERSION.includes(type)) {
    return [...forms, sends("out-of-order", code, new Uint8Array(bytesMax))];
  }
  const isPayload = type === "block" || type === "tx"; // Whose bytes the rules judge.
  if (type !== "getaddr") {
    forms.push(sends("malformed", code, isPayload ? new Uint8Array() : Uint8Array.of(9)));
  }
  if (REPEATED.includes(type)) {
    forms.push({ name: "out-of-order", isFirst: true, send: (peer) => peer.send(EXAMPLES[type]) });
  }
  return forms;
}

for (const type of KINDS) {
  Deno.test(`bad data: ${type} in every wrong form is refused, others are served`, async () => {
    const { world, node, honest } = await served();
    for (const { name, send, isFirst } of wrongForms(type)) {
      const before = node.manager.stats().refused[name] ?? 0;
      const peer = await (isFirst ? dial : connect)(world, node, name);
      send(peer);
      await inTime(world, peer.untilEnded());
      assert.equal(node.manager.stats().refused[name], before + 1, name);
      assert.ok(node.manager.discouraged(name), name);
      await assertTurnedAway(world, node, name);
      await assertServed(world, honest);
    }
  });
}

for (const type of REPEATED) {
  Deno.test(`bad data: ${type} over its quota is dropped, nobody is blamed`, async () => {
    const { world, node, honest } = await served();
    const peer = await connect(world, node);
    let handled = 0;
    node.manager.onMessage((session, message) => {
      if (session.peerId === "stranger" && message.type === type) handled++;
    });
    const message: Message = type === "addr" ? { type, records: [] } : EXAMPLES[type];
    const sent = MESSAGES[type].quota.count + 500;
    for (let each = 0; each < sent; each++) peer.send(message);
    const refused = () => node.manager.stats().refused["over-quota"] ?? 0;
    await world.clock.advance(1_000);
    // The allowance grows meanwhile, and the node asked for one `addr` itself.
    assert.ok(refused() > 250 && refused() <= 500, `${refused()} were refused`);
    if (type !== "getaddr" && type !== "addr") assert.equal(handled, sent - refused());
    assert.ok(!node.manager.discouraged("stranger"));
    assert.equal(peer.ended, "open");
    await assertServed(world, honest);
  });
}

Deno.test("bad data: a stream cut inside a frame may be a cable pulled", async () => {
  const { world, node, honest } = await served();
  const peer = await connect(world, node);
  peer.sendRaw(Uint8Array.of(100, MESSAGES.tx.code, 1, 2, 3));
  await peer.close();
  await world.clock.advance(1_000);
  assert.equal(node.manager.stats().refused.truncated, 1);
  assert.ok(!node.manager.discouraged("stranger"));
  await assertServed(world, honest);
});

Deno.test("bad data: content that a handler calls invalid ends the session", async () => {
  const { world, node, honest } = await served();
  const peer = await connect(world, node);
  node.manager.onMessage((session, message) => {
    if (message.type === "block") session.punish("invalid", "bad-merkle-root");
    if (message.type === "tx") session.punish("too-early", "time-too-new");
    if (message.type === "headers") session.punish("incomplete", "missing-parent");
  });
  peer.send(EXAMPLES.tx);
  peer.send(EXAMPLES.headers);
  await world.clock.advance(500);
  assert.equal(peer.ended, "open");
  assert.ok(!node.manager.discouraged("stranger"));
  peer.send(EXAMPLES.block);
  await inTime(world, peer.untilEnded());
  const { refused, discouraged } = node.manager.stats();
  assert.deepEqual([refused.invalid, refused["too-early"], refused.incomplete], [1, 1, 1]);
  assert.equal(discouraged, 1);
  await assertTurnedAway(world, node, "stranger");
  await world.clock.advance(10 * 60_000);
  assert.equal((await connect(world, node)).ended, "open", "ten minutes are over");
  await assertServed(world, honest);
});

Deno.test("bad data: a forged peer record condemns who passes it on", async () => {
  const { world, node, honest } = await served();
  const peer = await connect(world, node);
  peer.send({ type: "addr", records: [Uint8Array.of(1, 2, 3)] });
  await inTime(world, peer.untilEnded());
  assert.ok(node.manager.discouraged("stranger"));
  await assertServed(world, honest);
});

Deno.test("bad data: a flood past every patience ends the session politely", async () => {
  const { world, node, honest } = await served();
  const peer = await connect(world, node);
  const { count } = MESSAGES.notfound.quota;
  for (let sent = 0; sent < count + OVER_QUOTA_MAX + 10; sent++) peer.send(EXAMPLES.notfound);
  await inTime(world, peer.untilEnded());
  assert.equal(peer.last("goodbye").code, "other");
  assert.ok(!node.manager.discouraged("stranger"));
  await assertServed(world, honest);
});

Deno.test("version: a second one is invalid", async () => {
  const { world, node } = await served();
  const peer = await connect(world, node);
  peer.greet(SIM_IDENTITY);
  await inTime(world, peer.untilEnded());
  assert.equal(node.manager.stats().refused["out-of-order"], 1);
  assert.ok(node.manager.discouraged("stranger"));
});

Deno.test("version: none within five seconds ends the stream without blame", async () => {
  const { world, node } = await served();
  const peer = await dial(world, node);
  await world.clock.advance(4_900);
  assert.equal(peer.ended, "open");
  await world.clock.advance(300);
  assert.equal(peer.ended, "reset");
  assert.equal(node.manager.stats().refused["no-version"], 1);
  assert.ok(!node.manager.discouraged("stranger"));
});

Deno.test("version: a node that meets its own nonce says goodbye", async () => {
  const { world, node } = await served();
  const peer = await dial(world, node);
  await inTime(world, peer.until((received) => received.length > 0));
  peer.greet({ ...SIM_IDENTITY, nonce: peer.last("version").nonce });
  await inTime(world, peer.untilEnded());
  assert.equal(node.manager.sessions().length, 1, "the honest one");
  assert.deepEqual(node.notices, []);
});

Deno.test("version: a peer of another network is told, and so is our user, once", async () => {
  const { world, node } = await served();
  const genesisId = asBlockId("7".repeat(64));
  for (let time = 0; time < 2; time++) {
    const peer = await dial(world, node);
    peer.greet({ genesisId, networkName: "other\x1b" });
    await inTime(world, peer.untilEnded());
    const { code, text } = peer.last("goodbye");
    assert.equal(code, "network");
    assert.match(text, /"sim" \(genesis 666666666666….*"other\?" \(genesis 777777777777/);
  }
  assert.deepEqual(node.notices, [
    'peer stranger is of network "other?" (genesis 777777777777…), ' +
    'ours is "sim" (genesis 666666666666…)',
  ]);
  assert.ok(!node.manager.discouraged("stranger"));
});

Deno.test("messages are handed over in order, one at a time", async () => {
  const { world, node } = await served();
  const peer = await connect(world, node);
  const log: string[] = [];
  node.manager.onMessage(async (session, message) => {
    if (session.peerId !== "stranger") return;
    log.push(`${message.type} begins`);
    await new Promise<void>((resolve) => void world.clock.after(500, resolve));
    log.push(`${message.type} ends`);
  });
  peer.send(EXAMPLES.inv);
  peer.send(EXAMPLES.tx);
  await world.clock.advance(600);
  assert.deepEqual(log, ["inv begins", "inv ends", "tx begins"]);
  await world.clock.advance(600);
  assert.equal(log.length, 4);
});

Deno.test("answers to what we asked for take nothing from a quota", async () => {
  const { world, node } = await served();
  const peer = await connect(world, node);
  const session = node.manager.sessions().find((each) => each.peerId === "stranger")!;
  const count = 10 * MESSAGES.block.quota.count;
  const items = Array.from({ length: count }, () => EXAMPLES.getdata.items[0]!);
  session.send({ type: "getdata", items });
  for (let sent = 0; sent < count; sent++) peer.send(EXAMPLES.block);
  await world.clock.advance(1_000);
  assert.equal(node.manager.stats().refused["over-quota"], undefined);
});

Deno.test("a slow reader is dropped when too much waits or nothing moves", async () => {
  const { world, node, honest } = await served();
  const sleeper = world.stranger("sleeper");
  const stream = await inTime(
    world,
    sleeper.open({ peerId: node.peerId, addresses: [node.address] }),
  );
  // Says version and never reads: a half of `WirePeer`.
  WirePeer.prototype.greet.call(
    { send: WirePeer.prototype.send, stream } as WirePeer,
    SIM_IDENTITY,
  );
  await world.clock.advance(100);
  const session = node.manager.sessions().find((each) => each.peerId === "sleeper")!;
  const block: Message = { type: "block", bytes: new Uint8Array(500_000) };
  let isSent: boolean | undefined;
  for (let sent = 0; sent < 8; sent++) session.send(block);
  session.sendPaced(block).then((result) => isSent = result);
  await world.clock.advance(SLOW_READER_MS - 1_000);
  assert.equal(isSent, undefined);
  await world.clock.advance(2_000);
  assert.equal(isSent, false);
  assert.equal(node.manager.stats().refused["slow-reader"], 1);
  assert.ok(!node.manager.discouraged("sleeper"));
  const other = node.manager.sessions()[0]!;
  assert.ok(other.send(block) && await inTime(world, other.sendPaced(block)));
  let queued = 0;
  while (other.send(block)) assert.ok(++queued < 2 * SEND_BUFFER_MAX / block.bytes.length);
  assert.equal(other.isOpen, false);
  await inTime(world, honest.untilEnded());
});

Deno.test("a handler that throws ends that session only", async () => {
  const { world, node, honest } = await served();
  const peer = await connect(world, node);
  node.manager.onMessage((_session, message) => {
    if (message.type === "tx") throw new Error("a bug of ours");
  });
  peer.send(EXAMPLES.tx);
  await inTime(world, peer.untilEnded());
  assert.equal(peer.last("goodbye").text, "internal error");
  assert.ok(!node.manager.discouraged("stranger"));
  await assertServed(world, honest);
});

Deno.test("a session that this side has closed itself judges nothing that still comes", async () => {
  const { world, node } = await served();
  const peer = await connect(world, node);
  const session = node.manager.sessions().find((each) => each.peerId === "stranger")!;
  session.close("duplicate", "there is another stream between us");
  peer.send(EXAMPLES.getaddr);
  peer.send(EXAMPLES.inv);
  await inTime(world, peer.untilEnded());
  await world.clock.advance(1_000);
  assert.equal(node.manager.stats().refused["out-of-order"], undefined);
  assert.ok(!node.manager.discouraged("stranger"));
});
