import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { ripemd160 } from "@noble/hashes/legacy.js";
import fc from "fast-check";
import { concatBytes, fromHex, toHex, utf8 } from "../../../lib/base/bytes.ts";
import {
  hash160,
  hash160Hex,
  midstate,
  sha256,
  sha256d,
  sha256dHex,
} from "../../../lib/primitives/hash.ts";
import vectors from "../../vectors/sha256.json" with { type: "json" };

for (const { message, digest } of vectors.cases) {
  Deno.test(`sha256: NIST, ${message.length / 2} bytes "${message.slice(0, 16)}"`, () => {
    const bytes = fromHex(message);
    assert.equal(toHex(sha256(bytes)), digest);
    assert.equal(toHex(sha256(bytes.subarray(0, 1), bytes.subarray(1))), digest);
    assert.equal(toHex(sha256d(bytes)), toHex(sha256(fromHex(digest))));
  });
}

Deno.test("sha256: NIST, a million letters a", () => {
  assert.equal(toHex(sha256(utf8("a".repeat(1_000_000)))), vectors.millionLettersA);
});

Deno.test("sha256d: the header of Bitcoin's first block (a known double hash)", () => {
  const header = fromHex(
    "01000000" + "00".repeat(32) +
      "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a" +
      "29ab5f49ffff001d1dac2b7c",
  );
  assert.equal(
    toHex(sha256d(header).toReversed()),
    "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f",
  );
});

Deno.test("hash160: the key of BIP 173's first address", () => {
  const key = fromHex("0279be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");
  assert.equal(toHex(hash160(key)), "751e76e8199196d454941c45d1b3a323f1433bd6");
});

/** All functions on `parts`, against other people's. */
function checkAgainstOthers(...parts: Uint8Array[]): void {
  const platform = (bytes: Uint8Array) =>
    Uint8Array.from(createHash("sha256").update(bytes).digest());
  const bytes = concatBytes(...parts);
  const once = platform(bytes);
  const [twice, short] = [platform(once), ripemd160(once)];
  assert.deepEqual(sha256(...parts), once);
  assert.deepEqual(sha256d(...parts), twice);
  assert.equal(sha256dHex(...parts), toHex(twice));
  assert.deepEqual(hash160(...parts), short);
  assert.equal(hash160Hex(...parts), toHex(short));
}

Deno.test("every hash of 0 to 300 bytes is that of node:crypto and noble", () => {
  for (let length = 0; length <= 300; length++) {
    checkAgainstOthers(Uint8Array.from({ length }, (_, at) => at * length + at));
  }
});

Deno.test("every hash of a long input is that of node:crypto and noble", () => {
  for (const length of [639, 640, 641, 1000, 65_536, 600_000]) {
    checkAgainstOthers(new Uint8Array(length).fill(length));
  }
});

Deno.test("property: every hash is that of its parts in a row, however they are cut", () => {
  const parts = fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 5 });
  fc.assert(fc.property(parts, (some) => checkAgainstOthers(...some)));
});

Deno.test("a hash is its caller's own: the next leaves it alone", () => {
  const first = sha256(utf8("a"));
  const copy = Uint8Array.from(first);
  sha256(utf8("b"));
  assert.deepEqual(first, copy);
  first.fill(0);
  assert.deepEqual(sha256(utf8("a")), copy);
  assert.equal(first.buffer.byteLength, 32);
});

Deno.test("midstate: the state after the first block of FIPS 180-4's two-block example", () => {
  const message = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
  const block = concatBytes(utf8(message), Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, 0));
  const expected = "85e655d6417a17953363376a624cde5c76e09589cac5f811cc4b32c1f20e533a";
  assert.equal(toHex(midstate(block)), expected);
  assert.throws(() => midstate(new Uint8Array(63)), RangeError);
});
