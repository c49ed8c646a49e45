import assert from "node:assert/strict";
import * as fc from "fast-check";
import { MAX_BLOCK_BYTES } from "../../../lib/consensus/limits.ts";
import {
  ChainFileError,
  ChainFileReader,
  type ChainFileRecord,
  ChainFileWriter,
} from "../../../lib/node/chain_file.ts";
import { asBlockId } from "../../../lib/primitives/ids.ts";

const HEADER = { genesisId: asBlockId("5d3a8f2b".repeat(8)), network: "모임 tuto" };

const records = fc.array(
  fc.record({
    kind: fc.constantFrom("block" as const, "payment" as const),
    bytes: fc.uint8Array({ maxLength: 300 }),
  }, { noNullPrototype: true }),
  { maxLength: 8 },
);

async function written(content: readonly ChainFileRecord[]): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const writer = new ChainFileWriter((bytes) => {
    parts.push(bytes);
    return Promise.resolve();
  });
  await writer.begin(HEADER);
  for (const record of content) await writer.add(record);
  await writer.end();
  const bytes = new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
  assert.equal(writer.bytes, bytes.length);
  return bytes;
}

async function* chunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

/** What can be read, and what was wrong. */
async function read(bytes: Uint8Array, size = 100) {
  const found: ChainFileRecord[] = [];
  try {
    const reader = await ChainFileReader.open(chunks(bytes, size));
    assert.deepEqual(reader.header, HEADER);
    for await (const { kind, bytes } of reader.records()) {
      found.push({ kind, bytes: Uint8Array.from(bytes) });
    }
    assert.equal(reader.bytes, bytes.length);
    return { found };
  } catch (error) {
    if (!(error instanceof ChainFileError)) throw error;
    return { found, error };
  }
}

/** Whether what was read is how the whole begins. */
function assertBeginning(found: ChainFileRecord[], whole: readonly ChainFileRecord[]): void {
  assert.deepEqual(found, whole.slice(0, found.length));
}

Deno.test("what was written is read, in pieces of any size", () =>
  fc.assert(fc.asyncProperty(records, fc.integer({ min: 1, max: 5_000 }), async (whole, size) => {
    assert.deepEqual(await read(await written(whole), size), { found: whole });
  })));

Deno.test("a changed bit anywhere is noticed, and what stands before it is read", () =>
  fc.assert(fc.asyncProperty(records, fc.nat(), fc.nat(7), async (whole, at, bit) => {
    const bytes = await written(whole);
    bytes[at % bytes.length]! ^= 1 << bit;
    const { found, error } = await read(bytes);
    assert.ok(error, `bit ${bit} of byte ${at % bytes.length}`);
    assertBeginning(found, whole);
  })));

Deno.test("a file cut anywhere is told to be cut", () =>
  fc.assert(fc.asyncProperty(records, fc.nat(), async (whole, at) => {
    const bytes = await written(whole);
    const { found, error } = await read(bytes.subarray(0, at % bytes.length));
    assert.equal(error?.kind, at % bytes.length < 8 ? "foreign" : "cut");
    assertBeginning(found, whole);
  })));

Deno.test("bytes put in or taken out anywhere are noticed", () =>
  fc.assert(fc.asyncProperty(
    records,
    fc.nat(),
    fc.nat(40),
    fc.uint8Array({ maxLength: 40 }),
    async (whole, at, gone, put) => {
      const bytes = await written(whole);
      const from = at % (bytes.length + 1);
      const changed = Uint8Array.from([
        ...bytes.subarray(0, from),
        ...put,
        ...bytes.subarray(from + gone),
      ]);
      fc.pre(changed.length !== bytes.length || changed.some((byte, at) => byte !== bytes[at]));
      const { found, error } = await read(changed);
      assert.ok(error);
      assertBeginning(found, whole);
    },
  )));

Deno.test("two records changed for each other, or one twice, are noticed", async () => {
  const block = (fill: number) => ({
    kind: "block" as const,
    bytes: new Uint8Array(50).fill(fill),
  });
  const bytes = await written([block(1), block(2)]);
  const size = (bytes.length - (await written([])).length) / 2;
  const start = (await written([])).length - 18;
  const [first, second] = [
    bytes.slice(start, start + size),
    bytes.slice(start + size, start + 2 * size),
  ];
  for (const [one, two] of [[second, first], [first, first]]) {
    const changed = Uint8Array.from(bytes);
    changed.set(one!, start);
    changed.set(two!, start + size);
    assert.equal((await read(changed)).error?.kind, "damaged");
  }
});

Deno.test("another kind of file, a later version and a length beyond all limits are named", async () => {
  assert.equal((await read(new TextEncoder().encode("{}"))).error?.message.includes("moim"), true);
  assert.equal((await read(new Uint8Array())).error?.message, "it is empty");
  const later = await written([]);
  later[8] = 2;
  const { error } = await read(later);
  assert.deepEqual([error?.kind, /version 2/.test(error!.message)], ["version", true]);
  const bytes = await written([{ kind: "block", bytes: new Uint8Array(MAX_BLOCK_BYTES) }]);
  assert.equal((await read(bytes)).found.length, 1);
  const tooLong = await written([{ kind: "block", bytes: new Uint8Array(MAX_BLOCK_BYTES + 1) }]);
  assert.equal((await read(tooLong)).error?.kind, "damaged");
});
