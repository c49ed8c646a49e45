import assert from "node:assert/strict";
import fc from "fast-check";
import { asLock, asTxId, type BlockId } from "../../../lib/primitives/ids.ts";
import { amount } from "../../../lib/primitives/amount.ts";
import { outPointKey } from "../../../lib/primitives/transaction.ts";
import type { OwnedCoin } from "../../../lib/consensus/coins.ts";
import { COIN_CACHE_LIMITS, CoinCache } from "../../../lib/store/coin_cache.ts";
import { CoinPages } from "../../../lib/store/coin_pages.ts";
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
  return [...coins].map(({ outPoint, height }) => `${outPointKey(outPoint)} at ${height}`).sort();
}

/** Coins of a few pages, several commits and a small cache. */
const SMALL = {
  dirtyMax: 1_000,
  pages: { pageBytes: 300, cacheBytes: 1_500, commitBytes: 1_000 },
};

async function cacheOver(store: Store, limits = COIN_CACHE_LIMITS): Promise<CoinCache> {
  return new CoinCache(await CoinPages.open(store.kv, limits.pages), blockId(0), limits);
}

async function onDisk(store: Store): Promise<string[]> {
  const found: OwnedCoin[] = [];
  for await (const coins of (await CoinPages.open(store.kv)).list()) found.push(...coins);
  return keysOf(found);
}

Deno.test("the cache answers as a plain set of coins does, flushes and evictions regardless", async () => {
  const step = fc.oneof(
    {
      weight: 5,
      arbitrary: fc.record({
        toggle: fc.uniqueArray(fc.nat({ max: 19 }), { maxLength: 6 }),
        isMoved: fc.boolean(),
      }),
    },
    { weight: 1, arbitrary: fc.constant("flush" as const) },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const store = await Store.open(new MemoryKv(), genesisId);
      const cache = await cacheOver(store, SMALL);
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
        const expected = keysOf(
          coins.flatMap((coin) => model.get(outPointKey(coin.outPoint)) ?? []),
        );
        assert.deepEqual(keysOf(await cache.load(wanted)), expected);
        assert.deepEqual(keysOf(await cache.peek(wanted)), expected);
        tip++;
        const spent = coins.flatMap((coin) => model.get(outPointKey(coin.outPoint)) ?? []);
        // A reorganisation makes some coins again, in another block.
        const created = coins
          .filter(({ outPoint }) => each.isMoved || !model.has(outPointKey(outPoint)))
          .map((coin) => ({ ...coin, height: tip }));
        cache.apply({ spent, created });
        for (const coin of spent) model.delete(outPointKey(coin.outPoint));
        for (const coin of created) model.set(outPointKey(coin.outPoint), coin);
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
  const cache = await cacheOver(store);
  const coin = coinOf(1);
  const wrong = [{ lock: LOCKS[2]!, outPoint: coin.outPoint }];
  cache.apply({ spent: [], created: [coin] });
  assert.deepEqual(await cache.load(wrong), []);
  await cache.flush(blockId(1));
  assert.deepEqual(await cache.load(wrong), []);
  assert.deepEqual(await cache.peek(wrong), []);
});

Deno.test("a coin made and spent between two flushes never touches the disk", async () => {
  const kv = new MemoryKv();
  const store = await Store.open(kv, genesisId);
  const cache = await cacheOver(store);
  cache.apply({ spent: [], created: [coinOf(1)] });
  cache.apply({ spent: [coinOf(1)], created: [] });
  assert.equal(cache.dirtyCount, 0);
  await cache.flush(blockId(1));
  assert.deepEqual(await onDisk(store), []);
});

forEachKv("a thousand payments to lock 00…00 do not poison a flush", async ({ open }) => {
  const store = await Store.open(await open(), genesisId);
  const cache = await cacheOver(store);
  const coins = Array.from({ length: 2_500 }, (_, at) => coinOf(at, LOCKS[0]!));
  cache.apply({ spent: [], created: coins });
  await cache.flush(blockId(1));
  assert.equal((await cache.coinsOf(LOCKS[0]!)).length, coins.length);
  cache.apply({ spent: coins, created: [] });
  await cache.flush(blockId(2));
  assert.deepEqual(await onDisk(store), []);
});

Deno.test("a flush that is cut off anywhere leaves the coins of the block before", async () => {
  const first = Array.from({ length: 60 }, (_, at) => coinOf(at));
  const second = Array.from({ length: 60 }, (_, at) => coinOf(at + 40));
  for (let cutAt = 1;; cutAt++) {
    let kv = new MemoryKv();
    const store = await Store.open(kv, genesisId);
    const cache = await cacheOver(store, SMALL);
    cache.apply({ spent: [], created: first });
    await cache.flush(blockId(6));
    cache.apply({ spent: first.slice(0, 50), created: [] });
    cache.apply({ spent: [], created: second.slice(20) });
    kv.failAtCommit(cutAt);
    const isWhole = await cache.flush(blockId(7)).then(() => true, () => false);
    kv = kv.reopen();
    const again = await Store.open(kv, genesisId);
    assert.equal(await again.coinsTip(), blockId(isWhole ? 7 : 6));
    const expected = isWhole ? [...first.slice(50), ...second.slice(20)] : first;
    assert.deepEqual(await onDisk(again), keysOf(expected));
    if (isWhole) return assert.ok(cutAt > 4, "a flush takes several commits");
  }
});

Deno.test("what was peeked at is of the moment when it is there, not of when it was asked", async () => {
  const store = await Store.open(new MemoryKv(), genesisId);
  const cache = await cacheOver(store, { ...SMALL, pages: { ...SMALL.pages, cacheBytes: 0 } });
  const coins = Array.from({ length: 50 }, (_, at) => coinOf(at));
  const wanted = coins.map(({ lock, outPoint }) => ({ lock, outPoint }));
  cache.apply({ spent: [], created: coins });
  await cache.flush(blockId(1));
  const peeked = cache.peek(wanted);
  cache.apply({ spent: coins.slice(10), created: [] });
  const flushed = cache.flush(blockId(2));
  assert.deepEqual(keysOf(await peeked), keysOf(coins.slice(0, 10)));
  await flushed;
  assert.deepEqual(keysOf(await cache.peek(wanted)), keysOf(coins.slice(0, 10)));
});

Deno.test("an index that no output can have names no coin", async () => {
  const store = await Store.open(new MemoryKv(), genesisId);
  const cache = await cacheOver(store);
  const coin = coinOf(1);
  cache.apply({ spent: [], created: [coin] });
  for (const index of [2 ** 32, 2 ** 53 - 1]) {
    const name = { lock: coin.lock, outPoint: { txId: coin.outPoint.txId, index } };
    assert.deepEqual(await cache.load([name]), []);
    assert.deepEqual(await cache.peek([name]), []);
  }
});

Deno.test("coins keep their amount, height and kind, in memory and on disk", async () => {
  const arbCoin = fc.record({
    amount: fc.maxSafeNat().map(amount),
    height: fc.nat({ max: 0xffffffff }),
    isCoinbase: fc.boolean(),
    lock: fc.constantFrom(...LOCKS),
    outPoint: fc.record({
      txId: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(asTxId),
      index: fc.nat({ max: 0xffffffff }),
    }),
  });
  const arbCoins = fc.uniqueArray(arbCoin, {
    minLength: 1,
    selector: ({ outPoint }) => outPointKey(outPoint),
  });
  await fc.assert(
    fc.asyncProperty(arbCoins, async (coins) => {
      const store = await Store.open(new MemoryKv(), genesisId);
      const cache = await cacheOver(store, SMALL);
      const inOrder = (some: readonly OwnedCoin[]) =>
        [...some].map((coin) => JSON.stringify(plain(coin))).sort();
      const wanted = coins.map(({ lock, outPoint }) => ({ lock, outPoint }));
      cache.apply({ spent: [], created: coins });
      assert.deepEqual(inOrder(await cache.load(wanted)), inOrder(coins));
      await cache.flush(blockId(1));
      assert.deepEqual(inOrder(await cache.load(wanted)), inOrder(coins));
      const owned = await Promise.all(LOCKS.map((lock) => cache.coinsOf(lock)));
      assert.deepEqual(inOrder(owned.flat()), inOrder(coins));
    }),
    { numRuns: 50 },
  );
});

/** The fields in one order. */
function plain({ amount, height, isCoinbase, lock, outPoint }: OwnedCoin) {
  return { amount, height, isCoinbase, lock, txId: outPoint.txId, index: outPoint.index };
}
