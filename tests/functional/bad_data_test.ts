/**
 * Bad data from the network: a real node, strangers over real libp2p who each do one thing wrong,
 * and an honest peer that is served throughout. What is wrong is refused and counted, and who did
 * what no honest node does is not greeted again. Each stranger has an identity of its own.
 */
import assert from "node:assert/strict";
import { ByteWriter } from "../../lib/base/bytes.ts";
import { seededRandom } from "../../lib/base/random.ts";
import { OVER_QUOTA_MAX } from "../../lib/net/session.ts";
import type { Block } from "../../lib/primitives/block.ts";
import { asBlockId, asTxId } from "../../lib/primitives/ids.ts";
import { encodeFrame } from "../../lib/wire/frame.ts";
import { MESSAGE_TYPES, MESSAGES, type MessageType } from "../../lib/wire/messages.ts";
import type { Attack } from "../support/attack.ts";
import { BadDataStage, bodyOf, type Flooding, US } from "../support/bad_data_stage.ts";
import {
  badBlocks,
  badCompactBlocks,
  badHeaders,
  badTransactions,
} from "../support/bad_chain_data.ts";
import { EXAMPLES } from "../support/messages.ts";
import { moimJson, until, withTempDir } from "../support/moim.ts";
import { frame } from "../support/wire_peer.ts";

const GREETINGS: readonly MessageType[] = ["version", "goodbye"];
/** What has a place before `version` only, if at all. */
const BEFORE_VERSION: readonly MessageType[] = ["share", "confirm", "getnetwork", "network"];
const ORDINARY = MESSAGE_TYPES.filter((type) => !BEFORE_VERSION.includes(type));
const AFTER_VERSION = ORDINARY.filter((type) => !GREETINGS.includes(type));
const UNKNOWN = "e".repeat(64);

/** An attack by the message that carries it: `version` must be the first there is. */
function by(type: MessageType, attack: Omit<Attack, "name" | "isGreeted">, how: string): Attack {
  return { name: `${type}: ${how}`, isGreeted: type !== "version", ...attack };
}

/** Whether bytes are a block or a payment is for the rules to say, not for the wire. */
function unreadable(type: MessageType): "invalid" | "malformed" {
  return type === "block" || type === "tx" ? "invalid" : "malformed";
}

function shortBodies(): Attack[] {
  return ORDINARY.filter((type) => type !== "getaddr").map((type) =>
    by(type, {
      send: (peer) => peer.sendFrame(MESSAGES[type].code, bodyOf(type).slice(0, -1)),
      refusal: unreadable(type),
    }, "a byte is missing")
  );
}

/** A cable may have been pulled: counted, and forgiven. */
function cutStreams(): Attack[] {
  return MESSAGE_TYPES.map((type) =>
    by(type, {
      send: (peer) => {
        peer.sendRaw(encodeFrame(EXAMPLES[type]).slice(0, -1));
        return peer.close();
      },
      refusal: "truncated",
      isForgiven: true,
    }, "the stream ends inside")
  );
}

/** Refused by its length alone: the body is never sent. */
function tooLarge(): Attack[] {
  return MESSAGE_TYPES.map((type) => {
    const { code, bytesMax } = MESSAGES[type];
    const head = new ByteWriter().varint(bytesMax + 2).u8(code).finish();
    return by(type, { send: (peer) => peer.sendRaw(head), refusal: "oversize" }, "over its size");
  });
}

function unknownTypes(): Attack[] {
  return [0x00, 0x13, 0xff].map((code): Attack => ({
    name: `type byte ${code}`,
    send: (peer) => peer.sendFrame(code, new Uint8Array(8)),
    refusal: "unknown-type",
  }));
}

/** Random bytes in whole frames of every kind, and as a stream that has no frames at all. */
function randomBytes(): Attack[] {
  const random = seededRandom(3);
  const bodies = ORDINARY.map((type) => {
    const body = random.bytes(64);
    body[0] = 0xff; // A count or number of many bytes: no kind has one that large.
    const refusal = type === "getaddr" ? "oversize" : unreadable(type);
    const send: Attack["send"] = (peer) => peer.sendFrame(MESSAGES[type].code, body);
    return by(type, { send, refusal }, "random bytes");
  });
  const noise = random.bytes(4_096).fill(0xff, 0, 4);
  return [...bodies, {
    name: "noise",
    send: (peer) => peer.sendRaw(noise),
    refusal: "bad-length",
  }];
}

function outOfOrder(): Attack[] {
  const early = AFTER_VERSION.map((type): Attack => ({
    name: `${type} before version`,
    isGreeted: false,
    send: (peer) => peer.send(EXAMPLES[type]),
    refusal: "out-of-order",
  }));
  const late = BEFORE_VERSION.map((type): Attack => ({
    name: `${type} after version`,
    send: (peer) => peer.send(EXAMPLES[type]),
    refusal: "out-of-order",
  }));
  const twice: Attack = {
    name: "version twice",
    send: (peer) => peer.greet(US),
    refusal: "out-of-order",
  };
  return [...early, ...late, twice];
}

/** Right in size and shape, with a value that its field cannot have. */
function impossibleFields(): Attack[] {
  const attack = (type: MessageType, change: (body: Uint8Array) => void, how: string) => {
    const body = bodyOf(type);
    change(body);
    const send: Attack["send"] = (peer) => peer.sendFrame(MESSAGES[type].code, body);
    return by(type, { send, refusal: "malformed" }, how);
  };
  // A count or number of one byte comes first; of `version` two ids and a height of two bytes.
  const workAt = 1 + 32 + 32 + 2 + 1;
  return [
    attack("version", (body) => body[workAt] = 0, "work with a zero in front"),
    attack("getheaders", (body) => body[1 + 2 * 32] = 2, "stop is neither there nor not"),
    attack("headers", (body) => body.fill(0xff, 1 + 72, 1 + 80), "a time past 2^53"),
    attack("inv", (body) => body[1] = 7, "an item of no kind"),
    attack("getdata", (body) => body[1] = 7, "an item of no kind"),
    attack("notfound", (body) => body[1] = 7, "an item of no kind"),
    attack("goodbye", (body) => body.fill(0xff, 2), "a text that is not UTF-8"),
    attack("compactblock", (body) => body.fill(0xff, 72, 80), "a time past 2^53"),
    attack("compactblock", (body) => body[92 + 8 + 1 + 12 + 1] = 9, "a place beyond the block"),
    attack("getblocktxn", (body) => body[32 + 1 + 3] = 0x7f, "a place beyond any block"),
    attack("blocktxn", (body) => body[32] = 9, "more transactions than bytes"),
  ];
}

function badRecords(): Attack[] {
  const unsigned: Attack = {
    name: "addr: no record at all",
    send: (peer) => peer.send(EXAMPLES.addr),
    refusal: "invalid",
  };
  const tampered: Attack = {
    name: "addr: a tampered record",
    send: async (peer, transport) => {
      const record = await transport.signedRecord();
      record[record.length >> 1]! ^= 1;
      peer.send({ type: "addr", records: [record] });
    },
    refusal: "invalid",
  };
  return [unsigned, tampered];
}

/** What each kind may hold that costs no more than counting it. */
function floods(stage: BadDataStage): Flooding[] {
  const empty = frame(0, new Uint8Array(1)).slice(2); // A list of nothing.
  const bodies: Record<string, Uint8Array> = {
    getaddr: new Uint8Array(),
    getheaders: new Uint8Array(2),
    block: stage.chain[0]!.block.bytes,
    tx: stage.pay().bytes,
    compactblock: onlyCoinbase(stage.chain[0]!.block),
    getblocktxn: new Uint8Array(33),
    blocktxn: new Uint8Array(33),
  };
  return AFTER_VERSION.map((type) => ({
    type,
    frame: frame(MESSAGES[type].code, bodies[type] ?? empty),
  }));
}

/** A `compactblock` of a block that is known. */
function onlyCoinbase({ header, transactions }: Block): Uint8Array {
  const { bytes } = transactions[0]!;
  const writer = new ByteWriter().bytes(header.bytes).u64(0n).varint(0);
  return writer.varint(1).varint(0).varint(bytes.length).bytes(bytes).finish();
}

/** What an honest node may send, however odd: answered or passed over, and not counted. */
async function oddButRight(stage: BadDataStage): Promise<void> {
  await stage.asStranger(async (peer) => {
    const unknown = { kind: "tx", id: asTxId(UNKNOWN) } as const;
    peer.send({ type: "notfound", items: [unknown] });
    peer.send({ type: "inv", items: [unknown] });
    peer.send({ type: "getdata", items: [{ kind: "block", id: asBlockId(UNKNOWN) }] });
    peer.send({ type: "getheaders", locator: [asBlockId(UNKNOWN)] });
    await until(() => peer.count("notfound") + peer.count("headers") === 2, { what: "answers" });
    assert.equal(peer.last("headers").headers.length, stage.chain.length);
    await until(() => peer.count("getdata") === 1, { what: "the request for what was announced" });
    assert.equal(peer.ended, "open");
  });
  await stage.asStranger(async (peer) => {
    await until(() => peer.ended !== "open", { what: "the end" });
    assert.equal(peer.last("goodbye").code, "network");
    assert.match(peer.last("goodbye").text, /this node is of network "dev"/);
  }, { genesisId: asBlockId(UNKNOWN), networkName: "another" });
  await stage.node.waitFor(/is of network "another"/);
}

/** Libp2p leaves timers and sockets to the garbage collector; the process is what frees them. */
const REAL = { sanitizeOps: false, sanitizeResources: false };

Deno.test(
  "bad data of every kind is refused and counted; an honest peer is served",
  REAL,
  (test) =>
    withTempDir(async (dir) => {
      await using stage = await BadDataStage.open(dir);
      const groups: Record<string, () => Attack[]> = {
        "a body that ends early": shortBodies,
        "a stream cut inside a frame": cutStreams,
        "over its size": tooLarge,
        "an unknown type": unknownTypes,
        "random bytes": randomBytes,
        "out of order": outOfOrder,
        "fields that cannot be": impossibleFields,
        "records that nobody signed": badRecords,
        "headers that break a rule": () => badHeaders(stage.chain),
        "blocks that break a rule": () => badBlocks(stage.chain, stage.next),
        "compact blocks that lie": () => badCompactBlocks(stage.chain),
        "payments that break a rule": () => badTransactions(stage.chain),
      };
      for (const [name, attacks] of Object.entries(groups)) {
        await test.step(name, () => stage.suffers(attacks()));
      }
      await test.step("odd but right", () => stage.counts({}, () => oddButRight(stage)));
      await test.step("over its quota", async () => {
        const flooding = floods(stage);
        const refused = { "over-quota": flooding.length * (OVER_QUOTA_MAX + 1) };
        await stage.counts(refused, async () => {
          await Promise.all(flooding.map((each) => stage.suffersFlood(each)));
        });
      });
      await test.step("afterwards it follows the chain, and others follow it", async () => {
        await stage.goesOn();
        const { refused } = await moimJson(["status", "--network", "dev"], stage.node.options);
        assert.deepEqual(refused, stage.expected);
      });
    }),
);
