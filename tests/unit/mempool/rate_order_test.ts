/** Orders that are kept are those that sorting gives. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { isBetter, RateOrder } from "../../../lib/mempool/rate_order.ts";
import { lowestPaying } from "../../../lib/mempool/eviction.ts";
import { Pool, type PoolEntry } from "../../../lib/mempool/pool.ts";
import { type Amount, amount } from "../../../lib/primitives/amount.ts";
import { asLock, asTxId, type TxId } from "../../../lib/primitives/ids.ts";
import { encodeTransaction, type OutPoint } from "../../../lib/primitives/transaction.ts";

const idOf = (number: number) => asTxId(number.toString(16).padStart(64, "0"));

function listed<Item>(show: (visit: (item: Item) => boolean) => void, max = Infinity): Item[] {
  const items: Item[] = [];
  show((item) => items.push(item) < max);
  return items;
}

Deno.test("what comes and goes stays in order, over many runs", () => {
  const order = new RateOrder<{ id: TxId; rate: number }>();
  const items = Array.from({ length: 3_000 }, (_, at) => ({
    id: idOf((at * 7_919) % 3_001),
    rate: ((at * 31) % 97) / 8,
  }));
  const sorted = () => [...kept].sort((a, b) => isBetter(a, b) ? -1 : 1);
  const kept = new Set(items);
  for (const item of items) order.add(item);
  assert.deepEqual(listed((visit) => order.bestFirst(visit)), sorted());
  for (const [at, item] of items.entries()) {
    if (at % 10 === 0) continue;
    order.remove(item);
    order.remove(item); // Not there any more: nothing happens.
    kept.delete(item);
  }
  assert.deepEqual(listed((visit) => order.bestFirst(visit)), sorted());
  assert.deepEqual(listed((visit) => order.lowestFirst(visit)), sorted().reverse());
  assert.deepEqual(listed((visit) => order.bestFirst(visit), 7), sorted().slice(0, 7));
});

Deno.test("any series of additions and removals leaves the order of a sort", () => {
  const step = fc.record({ key: fc.nat(60), rate: fc.nat(5), goes: fc.boolean() });
  fc.assert(fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
    const order = new RateOrder<{ id: TxId; rate: number }>();
    const kept = new Map<number, { id: TxId; rate: number }>();
    for (const { key, rate, goes } of steps) {
      const known = kept.get(key);
      if (known !== undefined && goes) {
        order.remove(known);
        kept.delete(key);
      } else if (known === undefined) {
        const item = { id: idOf(key), rate };
        order.add(item);
        kept.set(key, item);
      }
    }
    const sorted = [...kept.values()].sort((a, b) => isBetter(a, b) ? -1 : 1);
    assert.deepEqual(listed((visit) => order.bestFirst(visit)), sorted);
  }));
});

interface Plan {
  /** Earlier transactions that it spends from; of none, a coin of the chain. */
  readonly parents: readonly number[];
  readonly fee: number;
}

const plans = fc.array(
  fc.record<Plan>({
    parents: fc.array(fc.nat(30), { maxLength: 2 }),
    fee: fc.integer({ min: 0, max: 20 }),
  }),
  { minLength: 1, maxLength: 30 },
);

function poolOf(plans: readonly Plan[]): Pool {
  const pool = new Pool();
  const made: TxId[] = [];
  const used = new Map<TxId, number>();
  for (const [at, { parents, fee }] of plans.entries()) {
    const coins: OutPoint[] = made.length === 0 ? [] : parents.map((pick) => {
      const txId = made[pick % made.length]!;
      const index = used.get(txId) ?? 0;
      used.set(txId, index + 1);
      return { txId, index };
    });
    if (coins.length === 0) coins.push({ txId: idOf(at), index: 0 });
    const transaction = encodeTransaction({
      spends: [{ publicKey: new Uint8Array(32), coins }],
      outputs: Array.from({ length: 70 }, () => ({
        amount: amount(1 + at),
        lock: asLock("11".repeat(20)),
      })),
      memo: new Uint8Array(),
      signatures: [new Uint8Array(64)],
    });
    made.push(transaction.id);
    pool.add({ transaction, fee: fee as Amount, addedMs: 0, local: false, matureHeight: 0 });
  }
  return pool;
}

/** The leaf that pays least, again and again: what the search must come to. */
function byTheBook(pool: Pool, bytes: number): TxId[] {
  const gone: TxId[] = [];
  for (let left = bytes; left > 0 && pool.size > 0;) {
    const leaves: PoolEntry[] = [...pool.entries()].filter(({ children }) => children.size === 0);
    const lowest = leaves.reduce((low, each) => isBetter(low, each) ? each : low);
    pool.remove(lowest.id);
    gone.push(lowest.id);
    left -= lowest.transaction.bytes.length;
  }
  return gone;
}

Deno.test("who makes room is the leaf that pays least, again and again", () => {
  fc.assert(fc.property(plans, fc.integer({ min: 1, max: 60_000 }), (plans, bytes) => {
    const pool = poolOf(plans);
    const found = lowestPaying(pool, bytes).map(({ id }) => id);
    assert.deepEqual(found, byTheBook(pool, bytes));
  }));
});
