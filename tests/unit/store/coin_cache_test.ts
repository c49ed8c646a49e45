import assert from "node:assert/strict";
import fc from "fast-check";
import { asLock, asTxId, type BlockId } from "../../../lib/primitives/ids.ts";
import { amount } from "../../../lib/primitives/amount.ts";
import { outPointKey } from "../../../lib/primitives/transaction.ts";
import type { OwnedCoin } from "../../../lib/consensus/coins.ts";
import { CoinCache } from "../../../lib/store/coin_cache.ts";
import { coinsMove } from "../../../lib/store/coin_writer.ts";
import { MemoryKv } from "../../../lib/store/memory_kv.ts";
import { Store } from "../../../lib/store/store.ts";
import { forEachKv } from "../../support/kv_stores.ts";

const genesisId = "00".repeat(32) as BlockId;
const blockId = (number: number) => number.toString(16).padStart(64, "0") as BlockId;
const LOCKS = ["00", "11", "22"].map((byte) => asLock(byte.repeat(20)));

function coinOf(number: number, lock = LOCKS[number % 3]!): OwnedCoin {
  const txId = asTxId(number.toString(16).padStart(64, "0"));
  return { amount: amount(1), height: 1, isCoinbase: false, lock, outPoint: { txId, index: 0 } };
}

function keysOf(coins: Iterable<OwnedCoin>): string[] {
  return [...coins].map(({ outPoint }) => outPointKey(outPoint)).sort();
}

async function onDisk(store: Store): Promise<string[]> {
  const found: OwnedCoin[] = [];
  for await (const coin of store.listCoins()) found.push(coin);
  return keysOf(found);
}

Deno.test("the cache answers as a plain set of coins does, flushes and evictions regardless", async () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({ toggle: fc.uniqueArray(fc.nat({ max: 19 }), { maxLength: 6 }) }),
    },
    { weight: 1, arbitrary: fc.constant("flush" as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const store = await Store.open(new MemoryKv(), genesisId);
      const cache = new CoinCache(store, blockId(0), { dirtyMax: 1_000, cleanMax: 3 });
      const model = new Map<string, OwnedCoin>();
      let tip = 0;
      let flush = Promise.resolve();
      for (const each of steps) {
        if (each === "flush") {
          await flush;
          flush = cache.flush(blockId(tip)); // Beside what follows.
          continue;
        }
        const coins = each.toggle.map((number) => coinOf(number));
        const wanted = coins.map(({ lock, outPoint }) => ({ lock, outPoint }));
        const expected = keysOf(coins.filter((coin) => model.has(outPointKey(coin.outPoint))));
        assert.deepEqual(keysOf(await cache.load(wanted)), expected);
        assert.deepEqual(keysOf(await cache.peek(wanted)), expected);
        cache.apply(coins.map((coin) => {
          const existed = model.has(outPointKey(coin.outPoint));
          return { coin, spent: existed, existed };
        }));
        for (const coin of coins) {
          const key = outPointKey(coin.outPoint);
          if (!model.delete(key)) model.set(key, coin);
        }
        tip++;
      }
      await flush;
      for (const lock of LOCKS) {
        const owned = [...model.values()].filter((coin) => coin.lock === lock);
        assert.deepEqual(keysOf(await cache.coinsOf(lock)), keysOf(owned));
      }
      await cache.flush(blockId(tip));
      assert.deepEqual(await onDisk(store), keysOf(model.values()));
      assert.equal(await store.coinsTip(), blockId(tip));
    }),
    { numRuns: 60 },
  );
});

Deno.test("another owner's name for a coin finds nothing, in memory or on disk", async () => {
  const store = await Store.open(new MemoryKv(), genesisId);
  const cache = new CoinCache(store, blockId(0));
  const coin = coinOf(1);
  const wrong = [{ lock: LOCKS[2]!, outPoint: coin.outPoint }];
  cache.apply([{ coin, spent: false, existed: false }]);
  assert.deepEqual(await cache.load(wrong), []);
  await cache.flush(blockId(1));
  assert.deepEqual(await cache.load(wrong), []);
  assert.deepEqual(await cache.peek(wrong), []);
});

Deno.test("a coin made and spent between two flushes never touches the disk", async () => {
  const kv = new MemoryKv();
  const store = await Store.open(kv, genesisId);
  const cache = new CoinCache(store, blockId(0));
  cache.apply([{ coin: coinOf(1), spent: false, existed: false }]);
  cache.apply([{ coin: coinOf(1), spent: true, existed: true }]);
  assert.equal(cache.dirtyCount, 0);
});

forEachKv("a thousand payments to lock 00…00 do not poison a flush", async ({ open }) => {
  const store = await Store.open(await open(), genesisId);
  const cache = new CoinCache(store, blockId(0));
  const coins = Array.from({ length: 2_500 }, (_, at) => coinOf(at, LOCKS[0]!));
  cache.apply(coins.map((coin) => ({ coin, spent: false, existed: false })));
  await cache.flush(blockId(1));
  assert.equal((await cache.coinsOf(LOCKS[0]!)).length, coins.length);
  cache.apply(coins.map((coin) => ({ coin, spent: true, existed: true })));
  await cache.flush(blockId(2));
  assert.deepEqual(await onDisk(store), []);
  assert.equal(await coinsMove(store.kv), undefined);
});

Deno.test("a flush that is cut off leaves a marker that tells between which blocks", async () => {
  const kv = new MemoryKv();
  const store = await Store.open(kv, genesisId);
  const cache = new CoinCache(store, blockId(0));
  const coins = Array.from({ length: 2_500 }, (_, at) => coinOf(at));
  cache.apply(coins.map((coin) => ({ coin, spent: false, existed: false })));
  kv.failAtCommit(3);
  await assert.rejects(cache.flush(blockId(7)));
  assert.deepEqual(await coinsMove(kv.reopen()), { from: blockId(0), to: blockId(7) });
});
