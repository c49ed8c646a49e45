import assert from "node:assert/strict";
import { utf8 } from "../../../lib/base/bytes.ts";
import { UserError } from "../../../lib/base/errors.ts";
import type { BlockId, TxId } from "../../../lib/primitives/ids.ts";
import { openDenoKv } from "../../../lib/store/deno_kv.ts";
import { keys } from "../../../lib/store/keys.ts";
import { MemoryKv } from "../../../lib/store/memory_kv.ts";
import { Store } from "../../../lib/store/store.ts";
import { forEachKv } from "../../support/kv_stores.ts";

const genesisId = "ab".repeat(32) as BlockId;
const txId = (byte: string) => byte.repeat(32) as TxId;

forEachKv("peers are kept over a restart, replaced and removed", async ({ open }) => {
  const store = await Store.open(await open(), genesisId);
  await store.savePeers(new Map([["p1", utf8("one")], ["p2", utf8("two")]]));
  await store.savePeers(new Map([["p1", undefined], ["p2", utf8("2")], ["p3", utf8("three")]]));
  const again = await Store.open(await open(), genesisId);
  assert.deepEqual(
    await again.loadPeers(),
    new Map([["p2", utf8("2")], ["p3", utf8("three")]]),
  );
});

Deno.test("a damaged peer or mempool record is left out, the others stay", async () => {
  const kv = new MemoryKv();
  const store = await Store.open(kv, genesisId);
  await store.savePeers(new Map([["p1", utf8("one")], ["p2", utf8("two")]]));
  await store.saveMempool(new Map([[txId("11"), utf8("x")], [txId("22"), utf8("y")]]));
  await kv.commit([
    { set: keys.peer("p1"), value: utf8("nonsense") },
    { set: keys.mempool(txId("11"), 0), value: utf8("nonsense") },
  ]);
  assert.deepEqual([...(await store.loadPeers()).keys()], ["p2"]);
  assert.deepEqual([...(await store.loadMempool()).keys()], [txId("22")]);
});

forEachKv(
  "the mempool kept is the one saved last, large transactions included",
  async ({ open }) => {
    const store = await Store.open(await open(), genesisId);
    const large = new Uint8Array(100_000).fill(7);
    await store.saveMempool(new Map([[txId("11"), large], [txId("22"), utf8("y")]]));
    await store.saveMempool(new Map([[txId("11"), large], [txId("33"), utf8("z")]]));
    const again = await Store.open(await open(), genesisId);
    assert.deepEqual(
      await again.loadMempool(),
      new Map([[txId("11"), large], [txId("33"), utf8("z")]]),
    );
    await again.saveMempool(new Map());
    assert.equal((await again.loadMempool()).size, 0);
  },
);

Deno.test("a store of another network or of a newer program is refused in one line", async () => {
  const kv = new MemoryKv();
  await Store.open(kv, genesisId);
  const other = "cd".repeat(32) as BlockId;
  await assert.rejects(
    Store.open(kv, other),
    (error) => error instanceof UserError && error.exitCode === 7 && /genesis/.test(error.message),
  );
});

Deno.test("a file that is no database is refused in one line", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/node.kv`;
    await Deno.writeTextFile(path, "no database ".repeat(1_000));
    await assert.rejects(
      openDenoKv(path),
      (error) => error instanceof UserError && error.exitCode === 7,
    );
    await assert.rejects(
      openDenoKv(`${folder}/none/node.kv`),
      (error) => error instanceof UserError && error.exitCode === 1,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
