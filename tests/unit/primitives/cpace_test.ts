import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import fc from "fast-check";
import { concatBytes, fromHex, toHex, utf8 } from "../../../lib/base/bytes.ts";
import {
  Cpace,
  CpaceError,
  cpaceGenerator,
  type CpaceInput,
  type CpaceSide,
  equalTags,
  lengthAndValue,
  multiplyChecked,
  scalarOf,
} from "../../../lib/primitives/cpace.ts";
import vectors from "../../vectors/cpace.json" with { type: "json" };

const INPUT: CpaceInput = {
  password: fromHex(vectors.password),
  channel: fromHex(vectors.channel),
  sessionId: fromHex(vectors.sessionId),
};

function side(role: CpaceSide["role"]): CpaceSide {
  return { role, data: fromHex(vectors[role].data), random: fromHex(vectors[role].scalar) };
}

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

Deno.test("CPace: the draft's generator, shares, common point and key", () => {
  assert.equal(toHex(cpaceGenerator(INPUT).toBytes()), vectors.generator);
  const initiator = new Cpace(INPUT, side("initiator"));
  const responder = new Cpace(INPUT, side("responder"));
  assert.equal(toHex(initiator.share), vectors.initiator.share);
  assert.equal(toHex(responder.share), vectors.responder.share);
  const scalar = scalarOf(fromHex(vectors.initiator.scalar));
  assert.equal(toHex(multiplyChecked(responder.share, scalar)), vectors.common);
  const { data: dataOfInitiator } = side("initiator");
  const { data: dataOfResponder } = side("responder");
  assert.equal(toHex(initiator.key(responder.share, dataOfResponder)), vectors.key);
  assert.equal(toHex(responder.key(initiator.share, dataOfInitiator)), vectors.key);
});

Deno.test("CPace: the draft's single multiplication, and what must be refused", () => {
  const { scalar, element, product } = vectors.multiply;
  assert.equal(toHex(multiplyChecked(fromHex(element), scalarOf(fromHex(scalar)))), product);
  for (const refused of vectors.refused) {
    assert.throws(() => multiplyChecked(fromHex(refused), 5n), CpaceError);
  }
});

/**
 * The bad encodings of RFC 9496, appendix A.3, one of each kind: not below the field's prime,
 * negative, no square root, a negative product, and s = -1.
 */
const BAD_ENCODINGS = [
  "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
  "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
  "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
  "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];

Deno.test("CPace: no encoding but the canonical one of an element is taken", () => {
  const initiator = new Cpace(INPUT, side("initiator"));
  for (const hex of [...BAD_ENCODINGS, "", "00", vectors.generator + "00"]) {
    assert.throws(() => initiator.key(fromHex(hex), utf8("b")), CpaceError, hex);
  }
});

Deno.test("CPace: the same password gives tags that match crosswise, another one none", () => {
  fc.assert(
    fc.property(bytes32, bytes32, bytes32, (password, random, otherRandom) => {
      const channel = utf8("a b");
      const input = { password, channel };
      const a = new Cpace(input, { role: "initiator", data: utf8("a"), random });
      const b = new Cpace(input, { role: "responder", data: utf8("b"), random: otherRandom });
      const ofA = a.tags(b.share, utf8("b"));
      const ofB = b.tags(a.share, utf8("a"));
      assert.ok(equalTags(ofA.ours, ofB.theirs) && equalTags(ofA.theirs, ofB.ours));
      assert.ok(!equalTags(ofA.ours, ofA.theirs));
      const wrong = { password: password.map((byte) => byte ^ 1), channel };
      const c = new Cpace(wrong, { role: "responder", data: utf8("b"), random: otherRandom });
      const ofC = c.tags(a.share, utf8("a"));
      const atA = a.tags(c.share, utf8("b"));
      assert.ok(!equalTags(atA.theirs, ofC.ours) && !equalTags(atA.ours, ofC.theirs));
    }),
    { numRuns: 8 },
  );
});

Deno.test("CPace: another channel, role or name on one side, and the tags differ", () => {
  const password = utf8("secret");
  const random = (digit: number) => new Uint8Array(32).fill(digit);
  const a = new Cpace(
    { password, channel: utf8("a b") },
    { role: "initiator", data: utf8("a"), random: random(1) },
  );
  const others: [CpaceInput, CpaceSide][] = [
    [{ password, channel: utf8("a c") }, { role: "responder", data: utf8("b"), random: random(2) }],
    [{ password, channel: utf8("a b") }, { role: "initiator", data: utf8("b"), random: random(2) }],
    [{ password, channel: utf8("a b") }, { role: "responder", data: utf8("c"), random: random(2) }],
  ];
  for (const [input, own] of others) {
    const b = new Cpace(input, own);
    assert.ok(!equalTags(a.tags(b.share, utf8("b")).theirs, b.tags(a.share, utf8("a")).ours));
  }
});

Deno.test("CPace: our own share, sent back, is refused", () => {
  const a = new Cpace(INPUT, side("initiator"));
  assert.throws(() => a.tags(a.share, utf8("b")), CpaceError);
});

Deno.test("CPace: the tags are those of the draft's key confirmation", () => {
  // mac_key = H("CPaceMac" || sid || ISK); Ta = MAC(mac_key, lv_cat(Ya, ADa)).
  const macKey = createHash("sha512").update(
    concatBytes(utf8("CPaceMac"), fromHex(vectors.sessionId), fromHex(vectors.key)),
  ).digest();
  const tagOf = ({ share, data }: { share: string; data: string }) =>
    createHmac("sha512", macKey).update(lengthAndValue(fromHex(share), fromHex(data))).digest(
      "hex",
    );
  const initiator = new Cpace(INPUT, side("initiator"));
  const { ours, theirs } = initiator.tags(
    fromHex(vectors.responder.share),
    fromHex(vectors.responder.data),
  );
  assert.equal(toHex(ours), tagOf(vectors.initiator));
  assert.equal(toHex(theirs), tagOf(vectors.responder));
});

Deno.test("CPace: lengths stand before values as the draft's prepend_len has them", () => {
  assert.equal(toHex(lengthAndValue(utf8(""), utf8("1234"))), "000431323334");
  const long = new Uint8Array(128);
  assert.equal(toHex(lengthAndValue(long).subarray(0, 3)), "800100");
});
