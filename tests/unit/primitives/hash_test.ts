import assert from "node:assert/strict";
import { fromHex, toHex, utf8 } from "../../../lib/base/bytes.ts";
import { hash160, sha256, sha256d } from "../../../lib/primitives/hash.ts";
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
