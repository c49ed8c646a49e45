/** The packed table of changed coins against a plain map. */
import assert from "node:assert/strict";
import { randomBelow, seededRandom } from "../../../lib/base/random.ts";
import type { OwnedCoin } from "../../../lib/consensus/coins.ts";
import { amount } from "../../../lib/primitives/amount.ts";
import { asLock, asTxId } from "../../../lib/primitives/ids.ts";
import { coinNameAt, CoinRecord } from "../../../lib/store/coin_record.ts";
import { CoinTable } from "../../../lib/store/coin_table.ts";

const LOCKS = ["aa", "bb"].map((byte) => asLock(byte.repeat(20)));

/** Coins 2n and 2n+1 are outputs of one transaction. */
function coinNumber(number: number): OwnedCoin {
  return {
    amount: amount(number),
    height: number,
    isCoinbase: number % 3 === 0,
    lock: LOCKS[number % 2]!,
    outPoint: { txId: asTxId((number >> 1).toString(16).padStart(64, "0")), index: number % 2 },
  };
}

function numbersIn(table: CoinTable): number[] {
  const { bytes, stride, slots } = table.changes();
  return [...slots].map((slot) => {
    const { txId, index } = coinNameAt(bytes, slot * stride).outPoint;
    return 2 * Number.parseInt(txId, 16) + index;
  }).sort((a, b) => a - b);
}

Deno.test("the table holds what a plain map does, while it grows, shrinks and grows again", () => {
  const random = seededRandom(3);
  const table = new CoinTable(random);
  const record = new CoinRecord();
  const model = new Map<number, { spent: boolean; stored: boolean }>();
  for (let step = 0; step < 30_000; step++) {
    // Mostly more, then mostly fewer, and so on.
    const grows = Math.floor(step / 5_000) % 2 === 0;
    const number = randomBelow(random, 4_000);
    record.setCoin(coinNumber(number));
    const slot = table.find(record);
    assert.equal(slot >= 0, model.has(number));
    if (slot >= 0) {
      assert.equal(table.isSpent(slot), model.get(number)!.spent);
      assert.equal(table.isStored(slot), model.get(number)!.stored);
      assert.deepEqual({ ...table.coin(slot, coinNumber(number)) }, coinNumber(number));
    }
    if (random.float() < (grows ? 0.8 : 0.2)) {
      const spent = random.float() < 0.5;
      const stored = spent || random.float() < 0.5;
      if (spent) table.setSpent(record);
      else table.setMade(record, stored);
      model.set(number, { spent, stored });
    } else {
      table.delete(record);
      model.delete(number);
    }
    assert.equal(table.size, model.size);
    if (step % 5_000 !== 4_999) continue;
    assert.deepEqual(numbersIn(table), [...model.keys()].sort((a, b) => a - b));
    for (const [at, lock] of LOCKS.entries()) {
      record.setLock(lock);
      const owned = [...table.ofLock(record, lock)].map(({ coin }) => coin.amount as number);
      const expected = [...model.keys()].filter((number) => number % 2 === at);
      assert.deepEqual(owned.sort((a, b) => a - b), expected.sort((a, b) => a - b));
    }
  }
  table.clear();
  assert.equal(table.size, 0);
  assert.deepEqual(numbersIn(table), []);
});
