import assert from "node:assert/strict";
import fc from "fast-check";
import {
  compactToTarget,
  formatBits,
  isCanonicalBits,
  TARGET_LIMIT,
  targetToCompact,
} from "../../../lib/consensus/compact.ts";
import { hashMeetsBits, workOf } from "../../../lib/consensus/work.ts";
import { asBlockId } from "../../../lib/primitives/ids.ts";
import vectors from "../../vectors/compact.json" with { type: "json" };

for (const { bits, target, canonical } of vectors.cases) {
  Deno.test(`compact: Bitcoin's ${bits} is ${target.slice(0, 12)}, in one form ${canonical}`, () => {
    assert.equal(compactToTarget(Number(bits)), BigInt(`0x${target}`));
    assert.equal(targetToCompact(BigInt(`0x${target}`)), Number(canonical));
    assert.equal(isCanonicalBits(Number(bits)), bits === canonical && target !== "0");
  });
}

Deno.test("compactToTarget: negative forms and those past 2^256 are refused", () => {
  for (const bits of [...vectors.negative, ...vectors.overflow]) {
    assert.throws(() => compactToTarget(Number(bits)), RangeError, bits);
    assert.equal(isCanonicalBits(Number(bits)), false);
  }
  assert.throws(() => targetToCompact(TARGET_LIMIT), RangeError);
  assert.throws(() => targetToCompact(-1n), RangeError);
});

Deno.test("targetToCompact: rounds down, by less than one part in 2^15, and is stable", () => {
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: TARGET_LIMIT - 1n }), fc.nat(255), (n, shift) => {
    const target = n >> BigInt(shift);
    const rounded = compactToTarget(targetToCompact(target));
    assert.ok(rounded <= target);
    assert.ok((target - rounded) << 15n <= target);
    assert.equal(targetToCompact(rounded), targetToCompact(target));
  }));
});

Deno.test("workOf: floor(2^256 / (target + 1))", () => {
  // Bitcoin's first block: the chain work that every Bitcoin node reports for it.
  assert.equal(workOf(0x1d00_ffff), 0x1_0001_0001n);
  assert.equal(workOf(0x1e40_0000), 2n ** 18n - 1n);
  assert.equal(workOf(0x2001_0000), 2n ** 8n - 1n);
  assert.equal(workOf(0x0101_0000), 2n ** 255n);
  assert.equal(workOf(0x207f_ffff), 2n);
});

Deno.test("hashMeetsBits: the hash is a big-endian number, the target itself meets", () => {
  const target = compactToTarget(0x1e40_0000);
  const id = (number: bigint) => asBlockId(number.toString(16).padStart(64, "0"));
  assert.ok(hashMeetsBits(id(target), 0x1e40_0000));
  assert.ok(!hashMeetsBits(id(target + 1n), 0x1e40_0000));
  assert.ok(hashMeetsBits(id(0n), 0x0101_0000));
});

Deno.test("formatBits: eight digits", () => {
  assert.equal(formatBits(0x0101_0000), "0x01010000");
  assert.equal(formatBits(0xff12_3456), "0xff123456");
});
