import assert from "node:assert/strict";
import fc from "fast-check";
import { decodeMdns, encodeMdns, type MdnsMessage } from "../../../lib/net/lan/mdns_packet.ts";

const SERVICE = "_moim-0123456789abcdef0123456789abcdef._udp.local";
const INSTANCE = `abcdefghijklmnopqrstuvwxyz0123456789.${SERVICE}`;
const PEER = "12D3KooWADaFkLEQ2FBSKpzM2CgaRGfQnCMv4iPWgpKh28Qf2ckV";
const FOUR = `dnsaddr=/ip4/192.168.1.12/tcp/3000/p2p/${PEER}`;
const SIX = `dnsaddr=/ip6/fd00::2/tcp/3000/p2p/${PEER}`;

/** What dns-packet 5.6.1, on which libp2p's own mDNS stands, makes of one answer and one question. */
const OTHERS_ANSWER =
  "AACEAAAAAAMAAAAAJl9tb2ltLTAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmBF91ZHAFbG9jYWwAAAwAAQAAAHgA" +
  "WCRhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3ODkmX21vaW0tMDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlh" +
  "YmNkZWYEX3VkcAVsb2NhbAAkYWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU2Nzg5Jl9tb2ltLTAxMjM0NTY3ODlh" +
  "YmNkZWYwMTIzNDU2Nzg5YWJjZGVmBF91ZHAFbG9jYWwAABAAAQAAAHgAXFtkbnNhZGRyPS9pcDQvMTkyLjE2OC4xLjEyL3Rj" +
  "cC8zMDAwL3AycC8xMkQzS29vV0FEYUZrTEVRMkZCU0twek0yQ2dhUkdmUW5DTXY0aVBXZ3BLaDI4UWYyY2tWJGFiY2RlZmdo" +
  "aWprbG1ub3BxcnN0dXZ3eHl6MDEyMzQ1Njc4OSZfbW9pbS0wMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZgRfdWRw" +
  "BWxvY2FsAAAQAAEAAAB4AFdWZG5zYWRkcj0vaXA2L2ZkMDA6OjIvdGNwLzMwMDAvcDJwLzEyRDNLb29XQURhRmtMRVEyRkJT" +
  "S3B6TTJDZ2FSR2ZRbkNNdjRpUFdncEtoMjhRZjJja1Y=";
const OTHERS_QUESTION =
  "AAAAAAABAAAAAAAAJl9tb2ltLTAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVmBF91ZHAFbG9jYWwAAAwAAQ==";

const u16 = (value: number) => [value >> 8, value & 0xff];
/** An answer with so many records. */
const header = (records: number) => [0, 0, 0x84, 0, 0, 0, ...u16(records), 0, 0, 0, 0];
/** Class and time to live. */
const TAIL = [0, 1, 0, 0, 0, 120];

const bytesOf = (base64: string) => Uint8Array.fromBase64(base64);

const label = fc.stringMatching(/^[a-z0-9_-]{1,63}$/);
const name = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => labels.join("."));
const text = fc.string({ maxLength: 60 });
const PLAIN = { noNullPrototype: true };
const record = fc.oneof(
  fc.record({ type: fc.constant("PTR" as const), name, target: name }, PLAIN),
  fc.record(
    { type: fc.constant("TXT" as const), name, texts: fc.array(text, { maxLength: 4 }) },
    PLAIN,
  ),
);
const message = fc.record({
  isResponse: fc.boolean(),
  questions: fc.array(name, { maxLength: 3 }),
  records: fc.array(record, { maxLength: 6 }),
}, PLAIN);

Deno.test("mDNS: what libp2p's own module sends is understood", () => {
  assert.deepEqual(decodeMdns(bytesOf(OTHERS_ANSWER)), {
    isResponse: true,
    questions: [],
    records: [
      { type: "PTR", name: SERVICE, target: INSTANCE },
      { type: "TXT", name: INSTANCE, texts: [FOUR] },
      { type: "TXT", name: INSTANCE, texts: [SIX] },
    ],
  });
  const question = { isResponse: false, questions: [SERVICE], records: [] };
  assert.deepEqual(decodeMdns(bytesOf(OTHERS_QUESTION)), question);
  assert.deepEqual(encodeMdns(question), bytesOf(OTHERS_QUESTION));
});

Deno.test("mDNS: every message comes back, and names are written once", () => {
  fc.assert(fc.property(message, (sent: MdnsMessage) => {
    assert.deepEqual(decodeMdns(encodeMdns(sent)), sent);
  }));
  const answer = encodeMdns({
    isResponse: true,
    questions: [],
    records: [
      { type: "PTR", name: SERVICE, target: INSTANCE },
      { type: "TXT", name: INSTANCE, texts: [FOUR, SIX] },
    ],
  });
  assert.ok(answer.length < 310, `${answer.length} bytes`);
});

Deno.test("mDNS: what is cut, endless or random is no message, and never an error", () => {
  const whole = bytesOf(OTHERS_ANSWER);
  for (let length = 0; length < whole.length; length++) {
    assert.equal(decodeMdns(whole.subarray(0, length)), undefined);
  }
  const endless = encodeMdns({ isResponse: false, questions: ["a"], records: [] });
  endless.set([0xc0, 12], 12); // A name that is itself.
  assert.equal(decodeMdns(endless), undefined);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decodeMdns(bytes)));
});

Deno.test("mDNS: what only costs time to read is refused: many pointers, many bytes, false counts", () => {
  // A chain of pointers in a record of another kind, and one name that follows it.
  const chained = (pointers: number) => {
    const bytes = [...header(2), 0, ...u16(10), ...TAIL, ...u16(2 + 2 * pointers), 1, 0x61];
    let at = bytes.length - 2;
    bytes.splice(at, 2, 0, 0);
    for (let count = 0; count < pointers; count++) {
      bytes.push(0xc0 | (at >> 8), at & 0xff);
      at = bytes.length - 2;
    }
    return Uint8Array.of(...bytes, 0xc0 | (at >> 8), at & 0xff, ...u16(12), ...TAIL, 0, 1, 0);
  };
  assert.deepEqual(decodeMdns(chained(100))?.records, [{ type: "PTR", name: "", target: "" }]);
  assert.equal(decodeMdns(chained(200)), undefined);

  const padded = (length: number) => {
    const bytes = new Uint8Array(length);
    bytes.set([...header(1), 0, ...u16(10), ...TAIL, ...u16(length - 23)]);
    return bytes;
  };
  assert.notEqual(decodeMdns(padded(9_000)), undefined);
  assert.equal(decodeMdns(padded(9_001)), undefined);

  // A text that is cut off, and thousands of records said to follow.
  const cut = Uint8Array.of(...header(65_535), 0, ...u16(16), ...TAIL, ...u16(65_535), 0, 0);
  assert.equal(decodeMdns(cut), undefined);
});

Deno.test("mDNS: names and texts that DNS cannot hold are refused", () => {
  const ask = (question: string) =>
    encodeMdns({ isResponse: false, questions: [question], records: [] });
  assert.throws(() => ask("a".repeat(64)), RangeError);
  assert.throws(() => ask(Array(5).fill("a".repeat(60)).join(".")), RangeError);
  const texts = ["a".repeat(256)];
  const records = [{ type: "TXT", name: "a", texts } as const];
  assert.throws(() => encodeMdns({ isResponse: true, questions: [], records }), RangeError);
});
