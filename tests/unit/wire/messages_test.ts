import assert from "node:assert/strict";
import fc from "fast-check";
import { ByteWriter, fromHex, toHex, utf8 } from "../../../lib/base/bytes.ts";
import { MAX_BLOCK_BYTES, MAX_TRANSACTION_BYTES } from "../../../lib/consensus/limits.ts";
import { asBlockId } from "../../../lib/primitives/ids.ts";
import { MAX_ADDR_RECORDS, MAX_RECORD_BYTES } from "../../../lib/wire/addr.ts";
import { cleanText, clipText } from "../../../lib/wire/codec.ts";
import { MAX_BLOCK_TRANSACTIONS } from "../../../lib/wire/compact.ts";
import { WireError, type WireFault } from "../../../lib/wire/error.ts";
import {
  decodeFrame,
  encodeFrame,
  type Frame,
  FrameReader,
  FrameWriter,
} from "../../../lib/wire/frame.ts";
import { MAX_GOODBYE_TEXT_BYTES } from "../../../lib/wire/goodbye.ts";
import { MAX_HEADERS, MAX_LOCATOR_IDS } from "../../../lib/wire/headers.ts";
import { type InvItem, MAX_GETDATA_ITEMS, MAX_INV_ITEMS } from "../../../lib/wire/inventory.ts";
import { type Message, MESSAGE_TYPES, MESSAGES, typeOfCode } from "../../../lib/wire/messages.ts";
import { MAX_NETWORK_BYTES } from "../../../lib/wire/network.ts";
import { MAX_BLOCK_MESSAGE_BYTES, MAX_TX_MESSAGE_BYTES } from "../../../lib/wire/payload.ts";
import { MAX_WORK_BYTES } from "../../../lib/wire/version.ts";
import { EXAMPLE_HEADERS, EXAMPLES } from "../../support/messages.ts";
import golden from "../../vectors/wire/messages.json" with { type: "json" };

function goldenBytes(type: keyof typeof EXAMPLES): Uint8Array {
  return fromHex(golden[type].join("").replaceAll(" ", ""));
}

function only(bytes: Uint8Array): Frame {
  const frames = [...new FrameReader().read(bytes)];
  assert.equal(frames.length, 1);
  return frames[0]!;
}

function refuses(fault: WireFault, action: () => unknown): void {
  assert.throws(action, (error) => error instanceof WireError && error.fault === fault);
}

for (const type of MESSAGE_TYPES) {
  Deno.test(`message ${type} has its golden bytes, both ways`, () => {
    assert.equal(toHex(encodeFrame(EXAMPLES[type])), toHex(goldenBytes(type)));
    assert.deepEqual(decodeFrame(only(goldenBytes(type))), EXAMPLES[type]);
  });

  Deno.test(`message ${type} is refused with a byte too many, and cut anywhere`, () => {
    const { body } = only(goldenBytes(type));
    if (type === "network") return; // Whatever bytes: the parameters are for who asked to judge.
    const isPayload = type === "block" || type === "tx"; // Whose bytes the rules judge.
    if (!isPayload) {
      refuses("leftover", () => decodeFrame({ type, body: Uint8Array.of(...body, 0) }));
    }
    for (let length = isPayload ? 0 : body.length - 1; length >= 0; length--) {
      refuses("malformed", () => decodeFrame({ type, body: body.subarray(0, length) }));
      if (isPayload) break;
    }
  });

  Deno.test(`message ${type} is refused by its length alone when it is over its size`, () => {
    const { code, bytesMax } = MESSAGES[type];
    const varint = new ByteWriter().varint(bytesMax + 2).finish();
    refuses("oversize", () => [...new FrameReader().read(Uint8Array.of(...varint, code))]);
  });
}

Deno.test("message types: the table has each type byte once, none is zero", () => {
  const codes = MESSAGE_TYPES.map((type) => MESSAGES[type].code);
  assert.equal(new Set(codes).size, codes.length);
  assert.equal(typeOfCode(0), undefined);
  for (const type of MESSAGE_TYPES) assert.equal(typeOfCode(MESSAGES[type].code), type);
});

Deno.test("message sizes: the largest of each kind fits and the rules' limits are met", () => {
  const id = asBlockId("f".repeat(64));
  const item: InvItem = { kind: "block", id };
  const fill = <Item>(item: Item, length: number) => Array.from({ length }, () => item);
  const largestTransaction = new Uint8Array(Math.floor(MAX_BLOCK_BYTES / MAX_BLOCK_TRANSACTIONS));
  const largest: Message[] = [
    { type: "getheaders", locator: fill(id, MAX_LOCATOR_IDS), stop: id },
    { type: "headers", headers: fill(EXAMPLE_HEADERS[0]!, MAX_HEADERS) },
    { type: "inv", items: fill(item, MAX_INV_ITEMS) },
    { type: "getdata", items: fill(item, MAX_GETDATA_ITEMS) },
    { type: "notfound", items: fill(item, MAX_GETDATA_ITEMS) },
    { type: "addr", records: fill(new Uint8Array(MAX_RECORD_BYTES), MAX_ADDR_RECORDS) },
    { type: "block", bytes: new Uint8Array(MAX_BLOCK_BYTES) },
    { type: "tx", bytes: new Uint8Array(MAX_TRANSACTION_BYTES) },
    { type: "goodbye", code: "other", text: "x".repeat(MAX_GOODBYE_TEXT_BYTES) },
    {
      ...EXAMPLES.compactblock,
      shortIds: [],
      placed: fill(largestTransaction, MAX_BLOCK_TRANSACTIONS).map((bytes, index) => ({
        index,
        bytes,
      })),
    },
    { ...EXAMPLES.compactblock, shortIds: fill(2 ** 48 - 1, MAX_BLOCK_TRANSACTIONS), placed: [] },
    { type: "getblocktxn", id, indexes: fill(0, MAX_BLOCK_TRANSACTIONS).map((_, at) => at) },
    { type: "blocktxn", id, transactions: fill(largestTransaction, MAX_BLOCK_TRANSACTIONS) },
    { type: "network", parameters: new Uint8Array(MAX_NETWORK_BYTES) },
    {
      ...EXAMPLES.version,
      agent: "a".repeat(100),
      networkName: "모".repeat(100),
      totalWork: 256n ** BigInt(MAX_WORK_BYTES) - 1n,
      tipHeight: Number.MAX_SAFE_INTEGER,
      timeMs: Number.MAX_SAFE_INTEGER,
      flags: Number.MAX_SAFE_INTEGER,
      protocol: Number.MAX_SAFE_INTEGER,
    },
  ];
  for (const message of largest) decodeFrame(only(encodeFrame(message)));
  assert.equal(MAX_BLOCK_MESSAGE_BYTES, MAX_BLOCK_BYTES);
  assert.equal(MAX_TX_MESSAGE_BYTES, MAX_TRANSACTION_BYTES);
});

Deno.test("encodeFrame refuses our own oversized lists", () => {
  const items = Array.from({ length: MAX_GETDATA_ITEMS + 1 }, () => EXAMPLES.inv.items[0]!);
  assert.throws(() => encodeFrame({ type: "getdata", items }), RangeError);
  const record = new Uint8Array(MAX_RECORD_BYTES + 1);
  assert.throws(() => encodeFrame({ type: "addr", records: [record] }), RangeError);
});

Deno.test("frames of one writer lie one behind the other", () => {
  const writer = new FrameWriter();
  for (const type of MESSAGE_TYPES) writer.add(EXAMPLES[type]);
  const { length } = writer;
  const items = Array.from({ length: MAX_GETDATA_ITEMS + 1 }, () => EXAMPLES.inv.items[0]!);
  assert.throws(() => writer.add({ type: "getdata", items }), RangeError);
  assert.equal(writer.length, length);
  const bytes = writer.take();
  assert.equal(toHex(bytes), MESSAGE_TYPES.map((type) => toHex(goldenBytes(type))).join(""));
  assert.equal(writer.length, 0);
  assert.equal(toHex(writer.add(EXAMPLES.tx).take()), toHex(goldenBytes("tx")));
});

Deno.test("a body keeps its chunk in memory only if it is much of it", () => {
  const block = encodeFrame({ type: "block", bytes: new Uint8Array(1_000) });
  const tx = encodeFrame({ type: "tx", bytes: new Uint8Array(100) });
  const chunk = Uint8Array.of(...block, ...tx);
  const [large, small] = [...new FrameReader().read(chunk)].map((frame) => frame.body);
  assert.equal(large!.buffer, chunk.buffer);
  assert.equal(small!.buffer.byteLength, 100);
});

Deno.test("compactblock: places rise and stay within the block", () => {
  const { header, nonce } = EXAMPLES.compactblock;
  const place = (index: number) => ({ index, bytes: Uint8Array.of(1) });
  const encoded = (shortIds: number[], ...indexes: number[]) =>
    only(encodeFrame({
      type: "compactblock",
      header,
      nonce,
      shortIds,
      placed: indexes.map(place),
    }));
  decodeFrame(encoded([7, 7], 0, 3));
  refuses("malformed", () => decodeFrame(encoded([7, 7], 0, 4)));
  refuses("malformed", () => decodeFrame(encoded([], 1)));
  const many = Array.from({ length: MAX_BLOCK_TRANSACTIONS }, () => 7);
  refuses("malformed", () => decodeFrame(encoded(many, 0)));
  assert.throws(() => encoded([7], 1, 0), RangeError);
});

Deno.test("getblocktxn: no place beyond the largest block", () => {
  const id = asBlockId("f".repeat(64));
  const encoded = (...indexes: number[]) => only(encodeFrame({ type: "getblocktxn", id, indexes }));
  decodeFrame(encoded(0, MAX_BLOCK_TRANSACTIONS - 1));
  refuses("malformed", () => decodeFrame(encoded(MAX_BLOCK_TRANSACTIONS)));
});

const rising = fc.uniqueArray(fc.nat({ max: MAX_BLOCK_TRANSACTIONS - 1 }), { maxLength: 50 })
  .map((numbers) => numbers.sort((a, b) => a - b));
const shortIds = fc.array(fc.nat({ max: 2 ** 48 - 1 }), { maxLength: 50 });

Deno.test("compact blocks and what is asked of them say the same again once decoded", () => {
  const again = (message: Message) => decodeFrame(only(encodeFrame(message)));
  fc.assert(
    fc.property(rising, shortIds, fc.uint8Array({ maxLength: 50 }), (indexes, shortIds, bytes) => {
      const id = asBlockId("f".repeat(64));
      const asks: Message = { type: "getblocktxn", id, indexes };
      assert.deepEqual(again(asks), asks);
      const placed = indexes.map((_, index) => ({ index, bytes }));
      const compact: Message = { ...EXAMPLES.compactblock, shortIds, placed };
      assert.deepEqual(again(compact), compact);
      const answer: Message = { type: "blocktxn", id, transactions: indexes.map(() => bytes) };
      assert.deepEqual(again(answer), answer);
    }),
    { numRuns: 50 },
  );
});

Deno.test("FrameReader gives the same frames however the stream is cut", () => {
  const stream = MESSAGE_TYPES.flatMap((type) => [...goldenBytes(type)]);
  const cuts = fc.array(fc.nat({ max: stream.length }), { maxLength: 20 });
  fc.assert(
    fc.property(cuts, (points) => {
      const reader = new FrameReader();
      const types: string[] = [];
      const bounds = [0, ...points.toSorted((a, b) => a - b), stream.length];
      for (let at = 1; at < bounds.length; at++) {
        const chunk = Uint8Array.from(stream.slice(bounds[at - 1]!, bounds[at]!));
        for (const frame of reader.read(chunk)) types.push(decodeFrame(frame).type);
      }
      reader.end();
      assert.deepEqual(types, MESSAGE_TYPES);
    }),
    { numRuns: 50 },
  );
});

Deno.test("FrameReader names what is wrong with a frame", () => {
  const read = (...bytes: number[]) => [...new FrameReader().read(Uint8Array.from(bytes))];
  refuses("bad-length", () => read(0)); // Not even a type byte.
  refuses("bad-length", () => read(0x81, 0)); // 1, in two bytes.
  refuses("bad-length", () => read(0xff, 0xff, 0xff, 0xff)); // Five bytes or more.
  refuses("unknown-type", () => read(1, 0));
  refuses("unknown-type", () => read(1, 0xff));
  refuses("truncated", () => {
    const reader = new FrameReader();
    assert.equal([...reader.read(Uint8Array.of(3, 9, 0))].length, 0);
    reader.end();
  });
});

Deno.test("random bytes give frames or a WireError, and nothing else", () => {
  const stranger = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.tuple(fc.constantFrom(...MESSAGE_TYPES), fc.uint8Array({ maxLength: 126 })).map(
      ([type, body]) => Uint8Array.of(body.length + 1, MESSAGES[type].code, ...body),
    ),
  );
  fc.assert(
    fc.property(stranger, (bytes) => {
      try {
        for (const frame of new FrameReader().read(bytes)) {
          const message = decodeFrame(frame);
          // What was understood says itself again in the same bytes, cleaned texts excepted.
          if ("agent" in message || "text" in message) continue;
          assert.deepEqual(only(encodeFrame(message)).body, frame.body);
        }
      } catch (error) {
        if (!(error instanceof WireError)) throw error;
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("texts of strangers are bounded and cannot steer a terminal", () => {
  const evil = "a\x1b[31mb\u202ec\u0000d\u2028e\u200bf";
  const message = { ...EXAMPLES.goodbye, text: evil };
  const shown = decodeFrame(only(encodeFrame(message)));
  assert.equal(shown.type === "goodbye" && shown.text, "a?[31mb?c?d?e?f");
  // The bytes themselves, as a stranger sends them.
  const raw = utf8(evil);
  const decoded = decodeFrame({ type: "goodbye", body: Uint8Array.of(0, raw.length, ...raw) });
  assert.deepEqual(decoded, { type: "goodbye", code: "other", text: "a?[31mb?c?d?e?f" });
  refuses("malformed", () => decodeFrame({ type: "goodbye", body: Uint8Array.of(0, 1, 0xff) }));
  assert.equal(cleanText("모임 🙂 ok"), "모임 🙂 ok");
  assert.equal(clipText("모임모임", 7), "모임");
});

Deno.test("version: work has one form only", () => {
  const { body } = only(encodeFrame({ ...EXAMPLES.version, totalWork: 0n }));
  const at = 1 + 32 + 32 + 2;
  assert.equal(body[at], 0);
  const padded = Uint8Array.of(...body.subarray(0, at), 1, 0, ...body.subarray(at + 1));
  refuses("malformed", () => decodeFrame({ type: "version", body: padded }));
});
