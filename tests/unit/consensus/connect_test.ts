import assert from "node:assert/strict";
import fc from "fast-check";
import { coinsWanted, type OwnedCoin } from "../../../lib/consensus/coins.ts";
import { type BlockDelta, connectTransaction } from "../../../lib/consensus/connect.ts";
import { genesisDelta } from "../../../lib/consensus/genesis.ts";
import { DEV_NETWORK } from "../../../lib/consensus/network.ts";
import { amount } from "../../../lib/primitives/amount.ts";
import { isCoinbase, outPointKey, type Transaction } from "../../../lib/primitives/transaction.ts";
import { alice, bob, key, miner, output, TEST_NETWORK, TestChain } from "./builder.ts";

type Coins = Map<string, OwnedCoin>;

function keyOf(coin: OwnedCoin): string {
  return outPointKey(coin.outPoint);
}

/** Undoes `delta` on a copy, insisting that it finds what it removes. */
function reverted(coins: Coins, delta: BlockDelta): Coins {
  const before = new Map(coins);
  for (const coin of delta.created.values()) assert.ok(before.delete(keyOf(coin)));
  for (const coin of delta.spent) {
    assert.ok(!before.has(keyOf(coin)));
    before.set(keyOf(coin), coin);
  }
  return before;
}

function sorted(coins: Coins): [string, OwnedCoin][] {
  return [...coins].sort(([a], [b]) => a < b ? -1 : 1);
}

/** The slow way: every transaction deletes what it spends and adds what it makes. */
function replayed(coins: Coins, transactions: readonly Transaction[], height: number): Coins {
  const after = new Map(coins);
  for (const transaction of transactions) {
    for (const spend of transaction.spends) {
      for (const coin of spend.coins) assert.ok(after.delete(outPointKey(coin)));
    }
    transaction.outputs.forEach((made, index) => {
      const outPoint = { txId: transaction.id, index };
      after.set(outPointKey(outPoint), {
        ...made,
        height,
        isCoinbase: isCoinbase(transaction),
        outPoint,
      });
    });
  }
  return after;
}

Deno.test("connectBlock: a coin made and spent inside is in neither list", () => {
  const chain = new TestChain();
  chain.add();
  const coin = chain.give(alice, 100);
  const first = chain.pay({
    from: [{ owner: alice, coins: [coin] }],
    to: [output(bob, 60), output(alice, 30)],
  });
  const inside = {
    amount: amount(60),
    height: chain.height,
    isCoinbase: false,
    lock: bob.lock,
    outPoint: { txId: first.id, index: 0 },
  };
  const second = chain.pay({ from: [{ owner: bob, coins: [inside] }], to: [output(bob, 55)] });
  const coinbase = chain.coinbase({ outputs: [output(miner, 15)] });
  const delta = chain.add(chain.block({ coinbase, payments: [first, second] }));
  assert.deepEqual(delta.spent, [coin]);
  assert.deepEqual(delta.created.values().map(keyOf), [
    `${coinbase.id}:0`,
    `${first.id}:1`,
    `${second.id}:0`,
  ]);
  assert.equal(delta.fees, 15);
});

Deno.test("connectBlock: undo data keep the order of spending and everything about a coin", () => {
  const chain = new TestChain();
  const minted = chain.add().created.values();
  chain.add();
  const coins = [chain.give(bob, 5), ...minted, chain.give(alice, 7)];
  const owners = [bob, miner, alice];
  const from = coins.map((coin, at) => ({ owner: owners[at]!, coins: [coin] }));
  const delta = chain.add(chain.block({ payments: [chain.pay({ from, to: [output(bob, 1)] })] }));
  assert.deepEqual(delta.spent, coins);
  assert.equal(delta.spent[1]!.isCoinbase, true);
  assert.equal(delta.spent[1]!.height, 1);
});

Deno.test("connectBlock: random blocks equal a slow replay, and undo gives back every coin", () => {
  const owners = [alice, bob, key("carol")];
  const step = fc.record({
    coin: fc.nat(),
    count: fc.integer({ min: 1, max: 3 }),
    to: fc.nat(),
    fee: fc.nat(3),
  });
  const blocks = fc.array(fc.array(step, { maxLength: 6 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(blocks, (plan) => {
      const chain = new TestChain({ ...TEST_NETWORK, coinbaseMaturity: 1 });
      const begin = new Map(chain.coins);
      for (const owner of owners) begin.set(keyOf(chain.give(owner, 50)), chain.give(owner, 50));
      for (const steps of plan) {
        const before = new Map(chain.coins);
        // Coins as the block goes, those it makes among them.
        let view: Coins = new Map([...before].filter(([, coin]) => !coin.isCoinbase));
        const payments: Transaction[] = [];
        for (const { coin, count, to, fee } of steps) {
          const all = [...view.values()];
          const first = all[coin % all.length];
          if (first === undefined) continue;
          const owner = owners.find(({ lock }) => lock === first.lock)!;
          const spent = all.filter(({ lock }) => lock === first.lock).slice(0, count);
          const sum = spent.reduce((total, next) => total + next.amount, 0);
          const paid = sum - Math.min(fee, sum - 1);
          const receiver = owners[to % owners.length]!;
          const outputs = paid > 1
            ? [output(receiver, 1), output(owner, paid - 1)]
            : [output(receiver, 1)];
          const payment = chain.pay({ from: [{ owner, coins: spent }], to: outputs });
          payments.push(payment);
          view = replayed(view, [payment], chain.height);
        }
        const block = chain.block({ payments });
        const expected = replayed(before, block.transactions, chain.height);
        const delta = chain.add(block);
        assert.deepEqual(sorted(chain.coins), sorted(expected));
        assert.deepEqual(sorted(reverted(chain.coins, delta)), sorted(before));
      }
    }),
    { numRuns: 40 },
  );
});

Deno.test("coinsWanted: what a block needs from outside, in order, under the owner's lock", () => {
  const chain = new TestChain();
  const [one, two] = [chain.give(alice, 10), chain.give(bob, 10)];
  const first = chain.pay({
    from: [{ owner: alice, coins: [one] }, { owner: bob, coins: [two] }],
    to: [output(alice, 20)],
  });
  const inside = { ...one, amount: amount(20), outPoint: { txId: first.id, index: 0 } };
  const second = chain.pay({ from: [{ owner: alice, coins: [inside] }], to: [output(bob, 20)] });
  assert.deepEqual(coinsWanted([chain.coinbase(), first, second]), [
    { lock: alice.lock, outPoint: one.outPoint },
    { lock: bob.lock, outPoint: two.outPoint },
  ]);
});

Deno.test("connectTransaction: returns the fee", () => {
  const chain = new TestChain();
  const payment = chain.payment(123);
  assert.equal(connectTransaction(payment, chain.lookup, chain.height, chain.network), 123);
});

Deno.test("coinbase maturity 1: a minted coin can be spent in the next block", () => {
  const chain = new TestChain(DEV_NETWORK);
  const created = chain.add().created.values();
  const spend = chain.pay({ from: [{ owner: miner, coins: created }], to: [output(bob, 1)] });
  chain.add(chain.block({ payments: [spend], coinbase: chain.coinbase({ outputs: [] }) }));
  assert.equal(chain.coin({ txId: spend.id, index: 0 }).lock, bob.lock);
});

Deno.test("genesis allocations: coins like minted ones, spendable once ripe; nobody's stays", () => {
  const allocations = [{ lock: alice.lock, amount: amount(500) }];
  const chain = new TestChain({ ...TEST_NETWORK, allocations });
  const delta = genesisDelta(chain.genesis);
  const created = delta.created.values();
  assert.deepEqual(delta.spent, []);
  assert.deepEqual(created.map((coin) => [coin.amount, coin.isCoinbase, coin.height]), [
    [20_000_000, true, 0],
    [500, true, 0],
  ]);
  const pay = () =>
    chain.pay({ from: [{ owner: alice, coins: [created[1]!] }], to: [output(bob, 500)] });
  assert.throws(() => chain.judgeLoose(pay().bytes), { rule: "immature-coin" });
  chain.add();
  assert.equal(chain.judgeLoose(pay().bytes), 0);
});

Deno.test("coins created and lost add up: all coins equal all rewards less what was left unminted", () => {
  const chain = new TestChain();
  chain.add();
  const payment = chain.payment(40);
  const before = [...chain.coins.values()].reduce((sum, coin) => sum + coin.amount, 0);
  chain.add(
    chain.block({
      payments: [payment],
      coinbase: chain.coinbase({ outputs: [output(miner, 10)] }),
    }),
  );
  const after = [...chain.coins.values()].reduce((sum, coin) => sum + coin.amount, 0);
  assert.equal(after, before - 40 + 10);
});
