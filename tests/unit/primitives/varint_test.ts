import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ByteReader,
  ByteWriter,
  CodecError,
  fromHex,
  toHex,
  varintLength,
} from "../../../lib/base/bytes.ts";
import vectors from "../../vectors/varint.json" with { type: "json" };

function read(bytes: Uint8Array): number {
  const reader = new ByteReader(bytes);
  const value = reader.varint();
  reader.end();
  return value;
}

for (const { value, bytes } of vectors.cases) {
  Deno.test(`varint: ${value} is ${bytes}`, () => {
    assert.equal(toHex(new ByteWriter().varint(value).finish()), bytes);
    assert.equal(read(fromHex(bytes)), value);
    assert.equal(varintLength(value), bytes.length / 2);
  });
}

for (const { about, bytes } of vectors.invalid) {
  Deno.test(`varint: "${bytes}" is refused (${about})`, () => {
    assert.throws(() => read(fromHex(bytes)), CodecError);
  });
}

Deno.test("varint: every safe integer comes back, in one form only", () => {
  fc.assert(fc.property(fc.maxSafeNat(), (value) => {
    const bytes = new ByteWriter().varint(value).finish();
    assert.equal(read(bytes), value);
    assert.equal(varintLength(value), bytes.length);
  }));
  fc.assert(fc.property(fc.uint8Array({ minLength: 1, maxLength: 12 }), (bytes) => {
    let value: number;
    try {
      value = read(bytes);
    } catch (error) {
      assert.ok(error instanceof CodecError);
      return;
    }
    assert.deepEqual(new ByteWriter().varint(value).finish(), bytes);
  }));
});

Deno.test("ByteWriter: loses nothing where its memory grows", () => {
  for (let before = 0; before <= 9; before++) {
    const writer = new ByteWriter(1).bytes(new Uint8Array(before).fill(7));
    const bytes = writer.u8(1).varint(300).u32(0x05040302).u8(6).u64(7n).bytes(Uint8Array.of(8));
    const hex = "07".repeat(before) + "01ac020203040506" + "0700000000000000" + "08";
    assert.equal(toHex(bytes.finish()), hex);
  }
});

Deno.test("varint: what is no integer from 0 to 2^53-1 is not written", () => {
  for (const value of [-1, 0.5, NaN, Infinity, 2 ** 53]) {
    assert.throws(() => new ByteWriter().varint(value), RangeError);
  }
});
