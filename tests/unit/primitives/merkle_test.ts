import assert from "node:assert/strict";
import fc from "fast-check";
import { concatBytes, fromHex, toHex } from "../../../lib/base/bytes.ts";
import { sha256 } from "../../../lib/primitives/hash.ts";
import { asHash } from "../../../lib/primitives/ids.ts";
import {
  merkleProof,
  merkleProofOfIds,
  merkleRoot,
  merkleRootOfIds,
  verifyInclusion,
} from "../../../lib/primitives/merkle.ts";
import vectors from "../../vectors/merkle.json" with { type: "json" };

const leaves = vectors.leaves.map(fromHex);

/** RFC 6962 section 2.1 word by word: split at the largest power of two below the count. */
function rootByDefinition(list: readonly Uint8Array[]): Uint8Array {
  if (list.length === 0) return sha256(new Uint8Array());
  if (list.length === 1) return sha256(concatBytes(Uint8Array.of(0), list[0]!));
  let split = 1;
  while (split * 2 < list.length) split *= 2;
  const left = rootByDefinition(list.slice(0, split));
  return sha256(concatBytes(Uint8Array.of(1), left, rootByDefinition(list.slice(split))));
}

Deno.test("merkleRoot: Certificate Transparency's trees of 0 to 8 leaves", () => {
  assert.equal(toHex(merkleRoot([])), vectors.emptyRoot);
  vectors.roots.forEach((root, at) => {
    assert.equal(toHex(merkleRoot(leaves.slice(0, at + 1))), root);
  });
});

for (const { index, count, path } of vectors.paths) {
  Deno.test(`merkleProof: Certificate Transparency's path of leaf ${index} of ${count}`, () => {
    assert.deepEqual(merkleProof(leaves.slice(0, count), index).map(toHex), path);
    const proof = { leaf: leaves[index]!, index, count, path: path.map(fromHex) };
    assert.ok(verifyInclusion(proof, fromHex(vectors.roots[count - 1]!)));
  });
}

const someLeaves = fc.array(fc.uint8Array({ maxLength: 40 }), { minLength: 1, maxLength: 70 });

Deno.test("merkleRoot: equals the RFC's recursive definition", () => {
  fc.assert(fc.property(someLeaves, (list) => {
    assert.deepEqual(merkleRoot(list), Uint8Array.from(rootByDefinition(list)));
  }));
});

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });

Deno.test("merkleRootOfIds: equals the RFC's recursive definition", () => {
  fc.assert(fc.property(fc.array(digest, { maxLength: 70 }), (list) => {
    assert.deepEqual(merkleRootOfIds(list.map(asHash)), rootByDefinition(list));
  }));
});

Deno.test("merkleRootOfIds: more ids than fit into one call", () => {
  for (const count of [16_000, 16_377, 16_378, 20_000]) {
    const list = Array.from({ length: count }, (_, at) => new Uint8Array(32).fill(at));
    assert.deepEqual(merkleRootOfIds(list.map(asHash)), rootByDefinition(list));
  }
});

Deno.test("verifyInclusion: every true proof passes, every changed one fails", () => {
  fc.assert(fc.property(someLeaves, fc.nat(), fc.nat(), (list, chosen, other) => {
    const index = chosen % list.length;
    const root = merkleRoot(list);
    const path = merkleProof(list, index);
    const proof = { leaf: list[index]!, index, count: list.length, path };
    assert.ok(verifyInclusion(proof, root));
    assert.ok(
      !verifyInclusion({ ...proof, leaf: concatBytes(proof.leaf, Uint8Array.of(1)) }, root),
    );
    assert.ok(!verifyInclusion({ ...proof, index: list.length }, root));
    assert.ok(!verifyInclusion({ ...proof, path: [...path, root] }, root));
    if (path.length === 0) return;
    assert.ok(!verifyInclusion({ ...proof, path: path.slice(1) }, root));
    const changed = path.map((hash, at) => at === other % path.length ? sha256(hash) : hash);
    assert.ok(!verifyInclusion({ ...proof, path: changed }, root));
  }));
});

Deno.test("merkleRoot: repeating the last leaves never keeps the root (as Bitcoin's tree did)", () => {
  for (let count = 1; count <= 8; count++) {
    const list = leaves.slice(0, count);
    for (let repeated = 1; repeated <= count; repeated++) {
      const longer = [...list, ...list.slice(count - repeated)];
      assert.notDeepEqual(merkleRoot(longer), merkleRoot(list));
    }
  }
});

Deno.test("merkleProofOfIds: is the path that merkleProof gives, for every leaf", () => {
  for (const count of [1, 2, 3, 5, 8, 33]) {
    const list = Array.from({ length: count }, (_, at) => new Uint8Array(32).fill(at));
    for (let index = 0; index < count; index++) {
      assert.deepEqual(merkleProofOfIds(list.map(asHash), index), merkleProof(list, index));
    }
  }
  assert.throws(() => merkleProofOfIds([], 0), RangeError);
});
