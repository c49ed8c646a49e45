import assert from "node:assert/strict";
import fc from "fast-check";
import { encodedKeyLength, encodeKey } from "../../../lib/store/encoded_key.ts";
import { KV_LIMITS, type KvKey, type KvMutation, type KvStore } from "../../../lib/store/kv.ts";
import { MemoryKv, PowerCut } from "../../../lib/store/memory_kv.ts";
import { forEachKv } from "../../support/kv_stores.ts";

const bytes = (...values: number[]) => Uint8Array.from(values);

async function keysOf(kv: KvStore, range: Parameters<KvStore["list"]>[0]): Promise<KvKey[]> {
  const found: KvKey[] = [];
  for await (const { key } of kv.list(range)) found.push(key);
  return found;
}

forEachKv("a store gives back what was committed, and only that", async ({ open }) => {
  const kv = await open();
  await kv.commit([
    { set: ["a", 1], value: bytes(1) },
    { set: ["a", 2], value: bytes(2) },
    { set: ["b", bytes(0, 255)], value: bytes() },
  ]);
  await kv.commit([{ delete: ["a", 1] }, { set: ["a", 2], value: bytes(3) }]);
  assert.equal(await kv.get(["a", 1]), null);
  assert.deepEqual(await kv.get(["a", 2]), bytes(3));
  const again = await open();
  const values = await again.getMany([["a", 2], ["a", 1], ["b", bytes(0, 255)]]);
  assert.deepEqual(values, [bytes(3), null, bytes()]);
});

forEachKv("getMany takes any number of keys", async ({ open }) => {
  const kv = await open();
  const keys = Array.from({ length: 437 }, (_, at): KvKey => ["n", at]);
  await kv.commit(keys.map((set, at) => ({ set, value: bytes(at & 255) })));
  const values = await kv.getMany(keys);
  assert.deepEqual(values.map((value) => value![0]), keys.map((_, at) => at & 255));
});

forEachKv("list keeps to prefix, start, end, limit and direction", async ({ open }) => {
  const kv = await open();
  const places = [0, 1, 2, 255, 256, 70_000];
  await kv.commit([
    ...places.map((at): KvMutation => ({ set: ["n", at], value: bytes(1) })),
    { set: ["m", 1], value: bytes(1) },
    { set: ["n"], value: bytes(1) },
    { set: ["nn", 1], value: bytes(1) },
  ]);
  const at = (keys: KvKey[]) => keys.map((key) => key[1]);
  assert.deepEqual(at(await keysOf(kv, { prefix: ["n"] })), places);
  assert.deepEqual(at(await keysOf(kv, { prefix: ["n"], limit: 2, reverse: true })), [70_000, 256]);
  assert.deepEqual(at(await keysOf(kv, { prefix: ["n"], start: ["n", 256] })), [256, 70_000]);
  const both = { prefix: ["n"], start: ["n", 2], end: ["n", 256] };
  await assert.rejects(keysOf(kv, both), TypeError);
  const before = { prefix: ["n"], end: ["n", 255], reverse: true, limit: 2 };
  assert.deepEqual(at(await keysOf(kv, before)), [2, 1]);
});

forEachKv("a commit past a limit is refused as a whole", async ({ open }) => {
  const kv = await open();
  const set = (at: number, size: number): KvMutation => ({
    set: ["x", at],
    value: new Uint8Array(size),
  });
  const many = (count: number, size: number) =>
    Array.from({ length: count }, (_, at) => set(at, size));
  await assert.rejects(kv.commit(many(KV_LIMITS.mutations + 1, 1)));
  await assert.rejects(kv.commit(many(1, KV_LIMITS.valueBytes + 1)));
  await assert.rejects(kv.commit(many(14, 60_000)));
  // 900 keys of 60 zeros: 54 KB as they are, 110 KB encoded, where each zero counts twice.
  const zeros = Array.from({ length: 900 }, (_, at): KvMutation => ({
    set: ["x", new Uint8Array(60), at],
    value: bytes(1),
  }));
  await assert.rejects(kv.commit(zeros));
  assert.deepEqual(await keysOf(kv, { prefix: ["x"] }), []);
  await kv.commit(many(KV_LIMITS.mutations, 1));
});

Deno.test("encoded keys sort as Deno KV sorts them", async () => {
  const kv = await Deno.openKv(":memory:");
  const part = fc.oneof(
    fc.uint8Array({ maxLength: 4 }),
    fc.string({ maxLength: 3 }),
    fc.double({ noNaN: true }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n }),
    fc.boolean(),
  );
  const keys = fc.sample(fc.array(part, { minLength: 1, maxLength: 3 }), { numRuns: 300, seed: 7 });
  for (const key of keys) await kv.set(["t", ...key], 1);
  const listed: KvKey[] = [];
  for await (const { key } of kv.list({ prefix: ["t"] })) listed.push(key as KvKey);
  kv.close();
  const encoded = listed.map(encodeKey);
  assert.deepEqual(encoded, encoded.toSorted());
  for (const key of listed) assert.equal(encodedKeyLength(key), encodeKey(key).length);
});

Deno.test("a power cut fails the n-th commit and all that follows, and keeps what was there", async () => {
  const kv = new MemoryKv();
  kv.failAtCommit(2);
  await kv.commit([{ set: ["a"], value: bytes(1) }]);
  await assert.rejects(kv.commit([{ set: ["b"], value: bytes(1) }]), PowerCut);
  await assert.rejects(kv.get(["a"]), PowerCut);
  const again = kv.reopen();
  assert.deepEqual(await again.get(["a"]), bytes(1));
  assert.equal(await again.get(["b"]), null);
});
