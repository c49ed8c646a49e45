import assert from "node:assert/strict";
import { fromHex, toHex, utf8 } from "../../../lib/base/bytes.ts";
import { isAcceptableKey, publicKeyOf, sign, verify } from "../../../lib/primitives/signature.ts";
import rfc8032 from "../../vectors/ed25519_rfc8032.json" with { type: "json" };
import speccheck from "../../vectors/ed25519_speccheck.json" with { type: "json" };
import wycheproof from "../../vectors/ed25519_wycheproof.json" with { type: "json" };
import * as oracle from "./ed25519_oracle.ts";

const MESSAGE = utf8("moim");

function joined(r: Uint8Array, s: bigint): Uint8Array {
  return Uint8Array.from([...r, ...oracle.littleEndian(s)]);
}

/** Asks both, insists that they agree, and returns the answer. */
function verdict(signature: Uint8Array, message: Uint8Array, key: Uint8Array): boolean {
  const answer = verify(signature, message, key);
  assert.equal(answer, oracle.holds(signature, message, key), `oracle: ${toHex(signature)}`);
  return answer;
}

for (const { about, seed, publicKey, message, signature } of rfc8032.cases) {
  Deno.test(`sign and verify: RFC 8032 ${about}`, () => {
    assert.equal(toHex(publicKeyOf(fromHex(seed))), publicKey);
    assert.equal(toHex(sign(fromHex(message), fromHex(seed))), signature);
    assert.ok(verdict(fromHex(signature), fromHex(message), fromHex(publicKey)));
  });
}

for (const { id, about, publicKey, message, signature, valid } of speccheck.cases) {
  Deno.test(`verify: speccheck ${id}, ${about}: ${valid}`, () => {
    assert.equal(verdict(fromHex(signature), fromHex(message), fromHex(publicKey)), valid);
  });
}

Deno.test("verify: all cases of Wycheproof", () => {
  for (const { id, about, publicKey, message, signature, valid } of wycheproof.cases) {
    const answer = verify(fromHex(signature), fromHex(message), fromHex(publicKey));
    assert.equal(answer, valid, `${id} ${about}`);
  }
});

Deno.test("verify: keys and R with a part of small order, against the oracle", () => {
  const secret = 0x1234_5678_9abc_def0n;
  const nonce = 0xfedc_ba98n;
  const counts = { right: 0, wrong: 0 };
  for (let keyPart = 0n; keyPart < 8n; keyPart++) {
    const torsion = oracle.multiply(oracle.TORSION, keyPart);
    const key = oracle.encodePoint(oracle.add(oracle.multiply(oracle.BASE, secret), torsion));
    for (let rPart = 0n; rPart < 8n; rPart += 2n) {
      const rTorsion = oracle.multiply(oracle.TORSION, rPart);
      const r = oracle.encodePoint(oracle.add(oracle.multiply(oracle.BASE, nonce), rTorsion));
      const h = oracle.challenge(r, key, MESSAGE);
      const s = oracle.mod(nonce + h * secret, oracle.GROUP_ORDER);
      counts[verdict(joined(r, s), MESSAGE, key) ? "right" : "wrong"]++;
    }
  }
  // Both happen: a cofactored verifier would call all 32 right.
  assert.ok(counts.right > 0 && counts.wrong > 0, JSON.stringify(counts));
});

Deno.test("verify: S must be below L", () => {
  const seed = new Uint8Array(32).fill(7);
  const key = publicKeyOf(seed);
  const signature = sign(MESSAGE, seed);
  const r = signature.subarray(0, 32);
  const s = oracle.fromLittleEndian(signature.subarray(32));
  assert.ok(verdict(signature, MESSAGE, key));
  for (let more = s + oracle.GROUP_ORDER; more < 2n ** 256n; more += oracle.GROUP_ORDER) {
    assert.equal(verdict(joined(r, more), MESSAGE, key), false);
  }
});

Deno.test("verify: no key of small order, in any encoding, verifies anything", () => {
  const order8 = Array.from(
    { length: 8 },
    (_, part) => oracle.multiply(oracle.TORSION, BigInt(part)),
  );
  const zero = oracle.encodePoint(oracle.NEUTRAL);
  for (const point of order8) {
    const y = point.y;
    for (const encodedY of [y, y + 2n ** 255n - 19n].filter((number) => number < 2n ** 255n)) {
      for (const sign of [0n, 1n]) {
        const key = oracle.littleEndian(encodedY | (sign << 255n));
        assert.equal(isAcceptableKey(key), false);
        // R = [0]B = neutral with S = 0 satisfies the equation whenever [h]A is neutral.
        for (const message of ["a", "b", "c", "d", "e", "f", "g", "h"]) {
          assert.equal(verify(joined(zero, 0n), utf8(message), key), false);
        }
      }
    }
  }
});

Deno.test("verify: no key whose y is not below p is accepted, whatever its order", () => {
  for (let excess = 0n; excess < 19n; excess++) {
    for (const sign of [0n, 1n]) {
      const key = oracle.littleEndian((2n ** 255n - 19n + excess) | (sign << 255n));
      assert.equal(isAcceptableKey(key), false);
      const low = oracle.littleEndian(excess | (sign << 255n));
      assert.equal(isAcceptableKey(low), excess > 1n, `y = ${excess}`);
    }
  }
});

Deno.test("verify: R is compared byte by byte, so its other encoding fails", () => {
  // R = neutral point has the second encoding y = p + 1; S = h * secret then fits either R.
  const secret = 0x42n;
  const key = oracle.encodePoint(oracle.multiply(oracle.BASE, secret));
  for (const r of [oracle.littleEndian(1n), oracle.littleEndian(2n ** 255n - 18n)]) {
    const s = oracle.mod(oracle.challenge(r, key, MESSAGE) * secret, oracle.GROUP_ORDER);
    assert.equal(verdict(joined(r, s), MESSAGE, key), r[0] === 1);
  }
});

Deno.test("verify: a changed bit anywhere, a wrong length, a key off the curve: false, never thrown", () => {
  const seed = new Uint8Array(32).fill(9);
  const key = publicKeyOf(seed);
  const signature = sign(MESSAGE, seed);
  for (let bit = 0; bit < 512; bit += 7) {
    const changed = Uint8Array.from(signature);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(verify(changed, MESSAGE, key), false);
  }
  for (let bit = 0; bit < 256; bit += 5) {
    const changed = Uint8Array.from(key);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    assert.equal(verify(signature, MESSAGE, changed), false);
  }
  assert.equal(verify(signature, utf8("moin"), key), false);
  assert.equal(verify(signature.subarray(1), MESSAGE, key), false);
  assert.equal(verify(Uint8Array.from([...signature, 0]), MESSAGE, key), false);
  assert.equal(verify(signature, MESSAGE, key.subarray(1)), false);
  assert.equal(verify(new Uint8Array(), MESSAGE, new Uint8Array()), false);
});
