/** Sorted pages against a plain sorted list, over power cuts, damage and readers beside a write. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { compareBytes, concatBytes, toHex } from "../../../lib/base/bytes.ts";
import { randomBelow, seededRandom } from "../../../lib/base/random.ts";
import { keys, prefixes } from "../../../lib/store/keys.ts";
import type { KvKey, KvStore } from "../../../lib/store/kv.ts";
import { MemoryKv } from "../../../lib/store/memory_kv.ts";
import { clearPages } from "../../../lib/store/clear.ts";
import type { PagesKind } from "../../../lib/store/page_files.ts";
import { DamagedRecord } from "../../../lib/store/records.ts";
import { SortedChanges } from "../../../lib/store/sorted_changes.ts";
import { SortedPages } from "../../../lib/store/sorted_pages.ts";
import { CutKv, forEachKv } from "../../support/kv_stores.ts";

const KIND: PagesKind = { name: "test", keyBytes: 3, valueBytes: 2 };
const STRIDE = KIND.keyBytes + KIND.valueBytes;
/** A few records a page and a few pages a commit. */
const TINY = { pageBytes: 30, cacheBytes: 2_000, commitBytes: 100 };

/** A change to a key, a number below 2^24: a value to set, or undefined to delete it. */
type Change = [key: number, value: number | undefined];

function keyOf(key: number): Uint8Array {
  return Uint8Array.of(key >>> 16, key >>> 8, key);
}

function changesOf(changes: readonly Change[]): Promise<SortedChanges> {
  const bytes = concatBytes(
    ...changes.map(([key, value = 0]) =>
      concatBytes(keyOf(key), Uint8Array.of(value >>> 8, value))
    ),
  );
  return SortedChanges.of({
    bytes,
    stride: STRIDE,
    keyBytes: KIND.keyBytes,
    slots: Uint32Array.from(changes, (_, slot) => slot),
    isDeleted: (slot) => changes[slot]![1] === undefined,
  });
}

function applyTo(model: Map<number, number>, changes: readonly Change[]): void {
  for (const [key, value] of changes) {
    if (value === undefined) model.delete(key);
    else model.set(key, value);
  }
}

function shown(model: ReadonlyMap<number, number>): string[] {
  return [...model].sort(([a], [b]) => a - b).map(([key, value]) =>
    toHex(concatBytes(keyOf(key), Uint8Array.of(value >>> 8, value)))
  );
}

async function content(pages: SortedPages): Promise<string[]> {
  return (await pages.list({ limit: Infinity })).map(toHex);
}

async function openPages(kv: KvStore): Promise<SortedPages> {
  return await SortedPages.open(kv, KIND, TINY);
}

/** Keys crowd together, so that leaves fill, split, join and disappear. */
const arbKey = fc.oneof(fc.nat({ max: 60 }), fc.nat({ max: 0xffffff }), fc.nat({ max: 500 }));
const arbChange = fc.tuple(arbKey, fc.option(fc.nat({ max: 0xffff }), { nil: undefined }));
const arbBatches = fc.array(fc.array(arbChange, { maxLength: 80 }), { maxLength: 12 });

Deno.test("pages hold what a plain sorted list does, opened anew or not", async () => {
  await fc.assert(
    fc.asyncProperty(arbBatches, fc.array(arbKey, { maxLength: 20 }), async (batches, asked) => {
      const kv = new MemoryKv();
      const model = new Map<number, number>();
      let pages = await openPages(kv);
      assert.equal(pages.isNew, true);
      for (const [number, batch] of batches.entries()) {
        await pages.write(await changesOf(batch), []);
        applyTo(model, batch);
        if (number % 2 === 0) pages = await openPages(kv);
        assert.equal(pages.size, model.size);
        assert.deepEqual(await content(pages), shown(model));
        const values = await pages.getMany(concatBytes(...asked.map(keyOf)));
        assert.deepEqual(
          values.map((value) => value && (value[0]! << 8) + value[1]!),
          asked.map((key) => model.get(key)),
        );
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("a range is read from either end, up to a limit", async () => {
  const arbRange = fc.record({
    prefix: fc.option(fc.uint8Array({ maxLength: 2 }), { nil: undefined }),
    start: fc.option(arbKey, { nil: undefined }),
    end: fc.option(arbKey, { nil: undefined }),
    reverse: fc.boolean(),
    limit: fc.integer({ min: 1, max: 100 }),
  });
  const arbKeys = fc.array(arbKey, { maxLength: 200 });
  await fc.assert(
    fc.asyncProperty(arbKeys, arbRange, async (all, { prefix, start, end, ...rest }) => {
      const pages = await openPages(new MemoryKv());
      await pages.write(await changesOf(all.map((key) => [key, 7])), []);
      const range = {
        ...(prefix !== undefined && { prefix }),
        ...(start !== undefined && { start: keyOf(start) }),
        ...(end !== undefined && { end: keyOf(end) }),
      };
      const inside = [...new Set(all)].sort((a, b) => a - b).map(keyOf).filter((key) =>
        (prefix === undefined || compareBytes(key.subarray(0, prefix.length), prefix) === 0) &&
        (start === undefined || compareBytes(key, keyOf(start)) >= 0) &&
        (end === undefined || compareBytes(key, keyOf(end)) < 0)
      );
      if (rest.reverse) inside.reverse();
      const found = await pages.list({ ...range, ...rest });
      assert.deepEqual(
        found.map((record) => toHex(record.subarray(0, KIND.keyBytes))),
        inside.slice(0, rest.limit).map(toHex),
      );
    }),
    { numRuns: 150 },
  );
});

Deno.test("changes are sorted however many begin alike, and the last to a key counts", async () => {
  const random = seededRandom(5);
  for (const [count, below] of [[20_000, 0x1000000], [20_000, 3_000], [10_000, 1]]) {
    const model = new Map<number, number>();
    const changes = Array.from(
      { length: count! },
      (): Change => [randomBelow(random, below!), randomBelow(random, 0x10000)],
    );
    applyTo(model, changes);
    const sorted = await changesOf(changes);
    const records = Array.from({ length: sorted.count }, (_, number) => {
      const at = sorted.offset(number);
      return toHex(sorted.bytes.subarray(at, at + STRIDE));
    });
    assert.deepEqual(records, shown(model));
  }
});

/** Pages and sections that are there, by number. */
async function pagesOf(kv: KvStore): Promise<KvKey[]> {
  const found: KvKey[] = [];
  for await (const { key } of kv.list({ prefix: prefixes.pages(KIND.name) })) found.push(key);
  return found;
}

function randomBatch(seed: number, count: number): Change[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, (): Change => {
    const key = randomBelow(random, 400);
    return [key, random.float() < 0.4 ? undefined : randomBelow(random, 0x10000)];
  });
}

Deno.test("a power cut at any commit leaves what was there, and no garbage that grows", async () => {
  const mark = keys.index("mark");
  let commits = 0;
  for (let cutAt = 1;; cutAt++) {
    const memory = new MemoryKv();
    let pages = await openPages(memory);
    const model = new Map<number, number>();
    for (const seed of [1, 2, 3]) {
      await pages.write(await changesOf(randomBatch(seed, 150)), []);
      applyTo(model, randomBatch(seed, 150));
    }
    const before = (await pagesOf(memory)).length;
    const cut = new CutKv(memory, cutAt);
    pages = await openPages(cut);
    const last = await changesOf(randomBatch(4, 150));
    const written = await pages.write(last, [{ set: mark, value: new Uint8Array(4) }])
      .then(() => true, () => false);
    commits = cut.commits;
    if (written) applyTo(model, randomBatch(4, 150));
    pages = await openPages(memory);
    assert.deepEqual(await content(pages), shown(model));
    assert.equal(await memory.get(mark) !== null, written, "what goes with it is there or not");
    if (written) break;
    for (let seed = 5; seed < 15; seed++) {
      await pages.write(await changesOf(randomBatch(seed, 150)), []);
      applyTo(model, randomBatch(seed, 150));
    }
    assert.deepEqual(await content(pages), shown(model));
    assert.ok((await pagesOf(memory)).length < 3 * before);
  }
  assert.ok(commits > 3, "a write takes several commits");
});

Deno.test("readers see one moment, whatever is written meanwhile", async () => {
  const kv = new MemoryKv();
  const pages = await SortedPages.open(kv, KIND, { ...TINY, cacheBytes: 0 });
  const model = new Map<number, number>();
  const write = async (seed: number) => {
    await pages.write(await changesOf(randomBatch(seed, 200)), []);
    applyTo(model, randomBatch(seed, 200));
  };
  await write(1);
  const before = shown(model);
  const slow = pages.pieces();
  const seen = [(await slow.next()).value!];
  const asked = Array.from({ length: 400 }, (_, key) => key);
  const expected = asked.map((key) => model.get(key));
  const answer = pages.getMany(concatBytes(...asked.map(keyOf)));
  for (let seed = 2; seed < 8; seed++) await write(seed);
  for await (const piece of slow) seen.push(piece);
  const records = seen.flatMap((piece) =>
    Array.from(
      { length: piece.length / STRIDE },
      (_, at) => toHex(piece.subarray(at * STRIDE, (at + 1) * STRIDE)),
    )
  );
  assert.deepEqual(records, before);
  const values = (await answer).map((value) => value && (value[0]! << 8) + value[1]!);
  assert.deepEqual(values, expected);
  assert.deepEqual(await content(pages), shown(model));
});

Deno.test("the cache keeps to its bytes", async () => {
  const pages = await openPages(new MemoryKv());
  for (let seed = 0; seed < 10; seed++) {
    const random = seededRandom(seed);
    const batch = Array.from({ length: 300 }, (): Change => [randomBelow(random, 0x1000000), 1]);
    await pages.write(await changesOf(batch), []);
    await content(pages);
    await pages.getMany(concatBytes(...batch.map(([key]) => keyOf(key))));
    assert.ok(pages.cachedBytes <= TINY.cacheBytes);
    assert.ok(pages.cachedBytes > TINY.cacheBytes / 2);
  }
});

forEachKv("every damaged page is told, by its name", async ({ open }) => {
  const kv = await open();
  const first = await openPages(kv);
  await first.write(await changesOf(randomBatch(1, 100)), []);
  const all = [...await pagesOf(kv), keys.pageRoot(KIND.name, 0)];
  for (const key of all) {
    const whole = (await kv.get(key))!;
    for (const damage of ["bit", "short", "gone"]) {
      const value = Uint8Array.from(whole);
      value[value.length >> 1]! ^= 4;
      if (damage === "gone" && key[0] !== "page-root") await kv.commit([{ delete: key }]);
      else if (damage === "short") await kv.commit([{ set: key, value: whole.subarray(0, 3) }]);
      else await kv.commit([{ set: key, value }]);
      await assert.rejects(async () => await content(await openPages(kv)), (error) => {
        assert.ok(error instanceof DamagedRecord);
        assert.match(error.message, /^Record "page(-root)? test.*" .*moim reindex/);
        return true;
      });
    }
    await kv.commit([{ set: key, value: whole }]);
  }
  await content(await openPages(kv));
});

forEachKv("many keys are read at once, and a damaged page among them is told", async ({ open }) => {
  const kv = await open();
  const written = await openPages(kv);
  const batch = Array.from({ length: 1_500 }, (_, at): Change => [at * 3, at]);
  await written.write(await changesOf(batch), []);
  const asked = Array.from({ length: 3_000 }, (_, at) => (at * 1_399) % 4_500);
  const pages = await openPages(kv);
  const values = await pages.getMany(concatBytes(...asked.map(keyOf)));
  assert.deepEqual(
    values.map((value) => value && toHex(value)),
    asked.map((key) => key % 3 === 0 ? toHex(keyOf(key / 3).subarray(1)) : undefined),
  );

  const leaves = await pagesOf(kv);
  await kv.commit([{ delete: leaves[leaves.length >> 1]! }]);
  const damaged = await openPages(kv).catch((error) => assert.ok(error instanceof DamagedRecord));
  await assert.rejects(async () => {
    await damaged!.getMany(concatBytes(...batch.map(([key]) => keyOf(key))));
  }, DamagedRecord);
});

Deno.test("a cleared map is new", async () => {
  const kv = new MemoryKv();
  const pages = await openPages(kv);
  await pages.write(await changesOf(randomBatch(1, 100)), []);
  await clearPages(kv, KIND.name);
  assert.equal(kv.size, 0);
  assert.equal((await openPages(kv)).isNew, true);
});
