import assert from "node:assert/strict";
import fc from "fast-check";
import { utf8 } from "../../../lib/base/bytes.ts";
import { UserError } from "../../../lib/base/errors.ts";
import { CHUNK_LIMITS, cutChunks, partMutations, readParts } from "../../../lib/store/chunks.ts";
import { mutationBytes } from "../../../lib/store/encoded_key.ts";
import type { KvKey, KvMutation } from "../../../lib/store/kv.ts";
import { MemoryKv } from "../../../lib/store/memory_kv.ts";
import {
  crc32,
  DamagedRecord,
  decodeUndo,
  encodeUndo,
  opened,
  sealed,
} from "../../../lib/store/records.ts";
import { amount } from "../../../lib/primitives/amount.ts";
import { asLock, asTxId } from "../../../lib/primitives/ids.ts";

Deno.test("the checksum is the CRC-32 of the catalogue", () => {
  // "CRC-32/ISO-HDLC" in the CRC RevEng catalogue: check value for "123456789".
  assert.equal(crc32(utf8("123456789")), 0xcbf43926);
});

Deno.test("one changed bit anywhere in a record is noticed, in one line that names reindex", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(), (payload, bit) => {
    const value = sealed(payload);
    assert.deepEqual(opened(value, "r"), payload);
    const at = bit % (8 * value.length);
    value[at >> 3]! ^= 1 << (at & 7);
    assert.throws(() => opened(value, "coin 7"), (error) => {
      assert.ok(error instanceof UserError);
      assert.equal(error.exitCode, 7);
      assert.match(error.message, /^Record "coin 7" is damaged .*run "moim reindex"/);
      return true;
    });
  }));
  assert.throws(() => opened(null, "r"), DamagedRecord);
  assert.throws(() => opened(new Uint8Array(3), "r"), DamagedRecord);
});

const ownedCoin = fc.record({
  amount: fc.maxSafeNat().map(amount),
  height: fc.nat({ max: 2 ** 32 - 1 }),
  isCoinbase: fc.boolean(),
  lock: fc.uint8Array({ minLength: 20, maxLength: 20 }).map(asLock),
  outPoint: fc.record({
    txId: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(asTxId),
    index: fc.nat(),
  }),
});

Deno.test("undo data come back as they were", () => {
  fc.assert(fc.property(fc.array(ownedCoin, { maxLength: 20 }), (coins) => {
    const decoded = decodeUndo(encodeUndo(coins));
    assert.deepEqual(JSON.parse(JSON.stringify(decoded)), JSON.parse(JSON.stringify(coins)));
  }));
});

Deno.test("parts hold any size, and a lost or damaged part is noticed", async () => {
  for (const size of [0, 1, 59_990, 60_000, 120_001, 524_288]) {
    const bytes = new Uint8Array(size).map((_, at) => at * 7);
    const kv = new MemoryKv();
    const key = (part: number): KvKey => ["p", part];
    const mutations = partMutations(bytes, key);
    for (const chunk of cutChunks(mutations)) await kv.commit(chunk);
    assert.deepEqual(await readParts(kv, "p", key), bytes);
    if (mutations.length === 1) continue;
    await kv.commit([{ delete: key(mutations.length - 1) }]);
    await assert.rejects(readParts(kv, "p", key), DamagedRecord);
    await kv.commit([{ set: key(mutations.length - 1), value: sealed(new Uint8Array(1)) }]);
    await assert.rejects(readParts(kv, "p", key), DamagedRecord);
  }
  assert.equal(await readParts(new MemoryKv(), "p", (part) => ["p", part]), undefined);
});

Deno.test("chunks keep order and stay within every limit, zeros counted twice", () => {
  const mutation = fc.record({
    zeros: fc.nat({ max: 1_000 }),
    size: fc.nat({ max: 60_000 }),
    isDelete: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(mutation, { maxLength: 200 }), (shapes) => {
      const mutations = shapes.map(({ zeros, size, isDelete }): KvMutation => {
        const key = [new Uint8Array(zeros)];
        return isDelete ? { delete: key } : { set: key, value: new Uint8Array(size) };
      });
      const chunks = cutChunks(mutations);
      assert.deepEqual(chunks.flat(), mutations);
      for (const chunk of chunks) {
        const sizes = chunk.map(mutationBytes);
        assert.ok(chunk.length <= CHUNK_LIMITS.mutations);
        assert.ok(sizes.reduce((sum, { key }) => sum + key, 0) <= CHUNK_LIMITS.keysBytes);
        assert.ok(sizes.reduce((sum, { all }) => sum + all, 0) <= CHUNK_LIMITS.allBytes);
      }
    }),
    { numRuns: 30 },
  );
});
