import assert from "node:assert/strict";
import { packParts, unpackParts } from "../../../lib/base/mod.ts";
import { appOver, type Init, TOKEN } from "../../support/http_app.ts";

const PARTS = [Uint8Array.of(1), new Uint8Array(), new Uint8Array(200).fill(7)];

function post(bytes: Uint8Array<ArrayBuffer>): Init {
  const headers = { "content-type": "application/octet-stream" };
  return { method: "POST", body: bytes, headers, token: TOKEN };
}

Deno.test("many blocks go out and come in, each behind its length", async () => {
  const seen: unknown[] = [];
  const ask = appOver({
    rawBlocks: (page: unknown) => {
      seen.push(page);
      return Promise.resolve(PARTS);
    },
    submitBlocks: (blocks: Uint8Array[]) => {
      seen.push(blocks.map((block) => Uint8Array.from(block)));
      return Promise.resolve([{ kind: "known", id: "ab".repeat(32), height: 1 }]);
    },
  });
  const given = await ask("/api/v1/blocks/packed?from=7&limit=3");
  assert.deepEqual(unpackParts(await given.bytes()), PARTS);
  const taken = await ask("/api/v1/blocks/packed", post(packParts(PARTS)));
  assert.deepEqual(await taken.json(), [{ kind: "known", id: "ab".repeat(32), height: 1 }]);
  assert.deepEqual(seen, [{ from: 7, limit: 3 }, PARTS]);
});

Deno.test("what is not packed, or too much at once, is refused", async () => {
  const ask = appOver({});
  const tooMany = packParts(Array.from({ length: 1_001 }, () => new Uint8Array()));
  for (const bytes of [Uint8Array.of(5, 1), Uint8Array.of(0x80, 0), tooMany]) {
    const response = await ask("/api/v1/blocks/packed", post(bytes));
    assert.equal(response.status, 400);
    assert.match((await response.json()).detail, /each behind its length/);
  }
  const tooLong = await ask("/api/v1/blocks/packed", post(new Uint8Array(1_200_000)));
  assert.equal(tooLong.status, 413);
  await tooLong.body?.cancel();
});
