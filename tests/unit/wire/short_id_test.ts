import assert from "node:assert/strict";
import { fromHex, toHex } from "../../../lib/base/bytes.ts";
import { sha256 } from "../../../lib/primitives/hash.ts";
import { asTxId } from "../../../lib/primitives/ids.ts";
import { keyOf, ShortIds, sipHash } from "../../../lib/wire/short_id.ts";
import vectors from "../../vectors/siphash24.json" with { type: "json" };

const hexOf = ([low, high]: [number, number]) => {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, low, true);
  view.setUint32(4, high, true);
  return toHex(bytes);
};

Deno.test("SipHash-2-4 has the published vectors", () => {
  const key = keyOf(fromHex(vectors.key));
  vectors.hashes.forEach((expected, length) => {
    const data = Uint8Array.from({ length }, (_, at) => at);
    assert.equal(hexOf(sipHash(key, data)), expected, `${length} bytes`);
  });
});

Deno.test("a short id is the lower 48 bits under the key of header and nonce", () => {
  const header = new Uint8Array(92).fill(7);
  const id = asTxId("ab".repeat(32));
  const key = keyOf(sha256(header, Uint8Array.of(2, 1, 0, 0, 0, 0, 0, 0)));
  const [low, high] = sipHash(key, fromHex(id));
  assert.equal(new ShortIds(header, 0x0102n).of(id), (high % 2 ** 16) * 2 ** 32 + low);
  assert.notEqual(new ShortIds(header, 0x0103n).of(id), new ShortIds(header, 0x0102n).of(id));
});
