import assert from "node:assert/strict";
import { MEMPOOL_LIMITS, type MempoolLimits } from "../../../lib/mempool/policy.ts";
import { Mempool } from "../../../lib/mempool/mempool.ts";
import { amount } from "../../../lib/primitives/amount.ts";
import {
  decodeTransaction,
  signTransaction,
  type Transaction,
} from "../../../lib/primitives/transaction.ts";
import {
  ALICE,
  BlockTree,
  BOB,
  LATE_MS,
  MINER,
  openChain,
  outputOf,
  StoppedClock,
} from "../../support/chain_builder.ts";
import { MemoryKv } from "../../../lib/store/memory_kv.ts";
import type { Chain } from "../../../lib/chain/chain.ts";

interface Stage {
  tree: BlockTree;
  chain: Chain;
  clock: StoppedClock;
  mempool: Mempool;
}

/** A chain of `blocks` rewards to the miner, named r1, r2 …, and an empty mempool. */
async function withStage(
  test: (stage: Stage) => Promise<void>,
  limits: Partial<MempoolLimits> = {},
  blocks = 3,
): Promise<void> {
  const tree = new BlockTree();
  const clock = new StoppedClock(LATE_MS);
  const chain = await openChain({ clock, kv: new MemoryKv() });
  await chain.acceptMany(tree.branch("r", "genesis", blocks));
  const mempool = new Mempool({ chain, clock, limits });
  await test({ tree, chain, clock, mempool });
  mempool.close();
  await chain.close();
}

/** What became of it in a word. */
async function outcome(mempool: Mempool, transaction: Transaction): Promise<string> {
  const result = await mempool.accept(transaction);
  return result.kind === "rejected" ? result.reason : result.kind;
}

function ids(transactions: readonly Transaction[]): string[] {
  return transactions.map(({ id }) => id);
}

Deno.test("the policy's numbers are those that the documents name", () => {
  assert.deepEqual(MEMPOOL_LIMITS, {
    bytesMax: 20_000_000,
    ageMaxMs: 86_400_000,
    ancestorsMax: 25,
    replacedMax: 100,
    orphansMax: 100,
    feePerByteMin: 1,
  });
});

Deno.test("a payment is taken once, with its fee, and seen by owner and by coin", () =>
  withStage(async ({ tree, mempool }) => {
    const coin = tree.reward("r1");
    const payment = tree.pay(coin, { pays: 7, fee: 500 });
    assert.deepEqual(await mempool.accept(payment, { local: true }), {
      kind: "accepted",
      fee: 500,
      replaced: [],
    });
    assert.equal(await outcome(mempool, payment), "known");
    assert.equal(mempool.size, 1);
    assert.equal(mempool.bytes, payment.bytes.length);
    assert.equal(mempool.get(payment.id)!.local, true);
    assert.equal(mempool.spender(coin.outPoint), payment.id);
    const [pending] = mempool.coinsOf(ALICE.lock);
    assert.deepEqual([pending!.amount, pending!.height], [7, 4]);
    assert.equal(mempool.coinsOf(BOB.lock).length, 0);
  }));

Deno.test("the least fee is one grain a byte", () =>
  withStage(async ({ tree, mempool }) => {
    const size = tree.pay(tree.reward("r1"), { fee: 300 }).bytes.length;
    assert.equal(
      await outcome(mempool, tree.pay(tree.reward("r1"), { fee: size - 1 })),
      "fee-too-low",
    );
    assert.equal(await outcome(mempool, tree.pay(tree.reward("r1"), { fee: size })), "accepted");
  }));

Deno.test("what breaks a rule is refused by that rule", () =>
  withStage(async ({ tree, mempool }) => {
    const payment = tree.pay(tree.reward("r1"));
    const forged = Uint8Array.from(payment.bytes);
    forged[forged.length - 1]! ^= 1;
    assert.equal(await outcome(mempool, decodeTransaction(forged)), "bad-signature");
    assert.equal(await outcome(mempool, tree.block("r1").transactions[0]!), "loose-coinbase");
    const inflated = { ...tree.reward("r1"), amount: amount(90_000_000) };
    assert.equal(await outcome(mempool, tree.pay(inflated)), "overspend");
    const stolen = tree.pay(tree.reward("r1"), { from: ALICE });
    assert.equal(await outcome(mempool, stolen), "orphan");
    assert.equal(mempool.size, 0);
  }));

Deno.test("a chain of 25 unconfirmed ancestors is the longest", () =>
  withStage(async ({ tree, mempool }) => {
    let payment = tree.pay(tree.reward("r1"), { pays: 5 });
    for (let ancestors = 0; ancestors <= 25; ancestors++) {
      assert.equal(await outcome(mempool, payment), "accepted", `${ancestors} ancestors`);
      payment = tree.pay(outputOf(payment, 1), { pays: 5 });
    }
    assert.equal(await outcome(mempool, payment), "too-many-ancestors");
    const [last] = mempool.entries().slice(-1);
    assert.equal(last!.parents.size, 1);
    assert.equal(last!.children.size, 0);
  }));

Deno.test("a rival replaces by a higher fee rate and fee, descendants included", () =>
  withStage(async ({ tree, mempool }) => {
    const removed: string[] = [];
    mempool.subscribe((change) => change.removed && removed.push(change.removed.reason));
    const coin = tree.reward("r1");
    const first = tree.pay(coin, { pays: 5_000, fee: 400 });
    const child = tree.pay(outputOf(first, 0), { from: ALICE, pays: 10, fee: 300 });
    await mempool.accept(first);
    await mempool.accept(child);
    assert.equal(await outcome(mempool, tree.pay(coin, { fee: 400 })), "fee-below-replaced");
    const size = tree.pay(coin, { to: BOB.lock, fee: 900 }).bytes.length;
    const enough = 400 + 300 + size;
    assert.equal(await outcome(mempool, tree.pay(coin, { fee: enough - 1 })), "fee-below-replaced");
    const rival = tree.pay(coin, { to: BOB.lock, fee: enough });
    const result = await mempool.accept(rival);
    assert.ok(result.kind === "accepted");
    assert.deepEqual(new Set(result.replaced), new Set([first.id, child.id]));
    assert.deepEqual(ids(mempool.select()), [rival.id]);
    assert.deepEqual(removed, ["replaced", "replaced"]);
  }));

Deno.test("a payment cannot replace what it builds on", () =>
  withStage(async ({ tree, chain, mempool }) => {
    const first = tree.pay(tree.reward("r1"), { to: MINER.lock, pays: 5 });
    await mempool.accept(first);
    const coins = [tree.reward("r1").outPoint, outputOf(first, 0).outPoint];
    const loop = signTransaction(
      {
        spends: [{ publicKey: MINER.publicKey, coins }],
        outputs: [{ amount: amount(1_000_000), lock: ALICE.lock }],
        memo: new Uint8Array(),
      },
      chain.genesisId,
      () => MINER.seed,
    );
    assert.equal(await outcome(mempool, loop), "replaces-own-parent");
  }));

Deno.test("a block is filled by package fee rate, parents first, within its limits", () =>
  withStage(async ({ tree, mempool }) => {
    const poor = tree.pay(tree.reward("r1"), { fee: 250, pays: 50_000 });
    const rich = tree.pay(outputOf(poor, 0), { from: ALICE, pays: 5, fee: 9_000 });
    const middle = tree.pay(tree.reward("r2"), { fee: 2_000 });
    const low = tree.pay(tree.reward("r3"), { fee: 300 });
    for (const payment of [low, middle, poor, rich]) await mempool.accept(payment);
    // poor + rich make 9,250 grains for two: more a byte than middle's 2,000 for one.
    assert.deepEqual(ids(mempool.select()), ids([poor, rich, middle, low]));
    const two = poor.bytes.length + rich.bytes.length;
    assert.deepEqual(ids(mempool.select(two)), ids([poor, rich]));
    assert.deepEqual(ids(mempool.select(two - 1)), [middle.id]);
    assert.deepEqual(ids(mempool.select(1e6, { signaturesMax: 3 })), ids([poor, rich, middle]));
    assert.deepEqual(ids(mempool.select(1e6, { coinsMax: 1 })), ids([middle]));
  }));

Deno.test("when it is full the lowest fee rates go, and a lower newcomer is refused", async () => {
  await withStage(
    async ({ tree, mempool }) => {
      const payments = Array.from(
        { length: 12 },
        (_, at) => tree.pay(tree.reward(`r${at + 1}`), { fee: 1_000 + at }),
      );
      for (const payment of payments.slice(1)) {
        assert.equal(await outcome(mempool, payment), "accepted");
      }
      // The eleventh is one too many; a twentieth of the room is made.
      assert.ok(mempool.bytes <= 1_900);
      assert.ok(!mempool.has(payments[1]!.id));
      assert.ok(mempool.has(payments[11]!.id));
      assert.equal(await outcome(mempool, payments[0]!), "mempool-full");
      assert.equal(mempool.size, 10);
      const rich = tree.pay(tree.reward("r1"), { fee: 5_000 });
      assert.equal(await outcome(mempool, rich), "accepted");
      assert.ok(!mempool.has(payments[2]!.id));
    },
    { bytesMax: 2_000 },
    12,
  );
});

Deno.test("what waits longer than a day is dropped with what builds on it", () =>
  withStage(async ({ tree, clock, mempool }) => {
    const old = tree.pay(tree.reward("r1"), { pays: 50_000 });
    await mempool.accept(old);
    clock.set(LATE_MS + MEMPOOL_LIMITS.ageMaxMs);
    const young = tree.pay(outputOf(old, 0), { from: ALICE, pays: 5 });
    const other = tree.pay(tree.reward("r2"));
    await mempool.accept(young);
    await mempool.accept(other);
    mempool.expire();
    assert.equal(mempool.size, 3);
    clock.set(LATE_MS + MEMPOOL_LIMITS.ageMaxMs + 1);
    mempool.expire();
    assert.deepEqual(mempool.entries().map(({ transaction }) => transaction.id), [other.id]);
  }));

Deno.test("it is kept over a restart, but for what was mined or has expired meanwhile", () =>
  withStage(async ({ tree, chain, clock, mempool }) => {
    const parent = tree.pay(tree.reward("r1"), { pays: 50_000 });
    const child = tree.pay(outputOf(parent, 0), { from: ALICE, pays: 5 });
    const mined = tree.pay(tree.reward("r2"));
    await mempool.accept(parent, { local: true });
    clock.set(LATE_MS + 1_000);
    await mempool.accept(child);
    await mempool.accept(mined);
    await mempool.save();
    const fees = amount(1_000);
    await chain.accept(tree.add("r4", "r3", { transactions: [mined], fees }));
    const again = new Mempool({ chain, clock });
    await again.load();
    assert.deepEqual(
      again.entries().map(({ transaction }) => transaction.id).sort(),
      ids([parent, child]).sort(),
    );
    assert.equal(again.get(parent.id)!.local, true);
    assert.equal(again.get(parent.id)!.addedMs, LATE_MS);
    again.close();
    clock.set(LATE_MS + MEMPOOL_LIMITS.ageMaxMs + 1);
    const late = new Mempool({ chain, clock });
    await late.load();
    assert.equal(late.has(parent.id), false);
    late.close();
  }));

Deno.test("of too many orphans the oldest are forgotten", () =>
  withStage(async ({ tree, mempool }) => {
    const parents = ["r1", "r2", "r3"].map((name) => tree.pay(tree.reward(name), { pays: 50_000 }));
    const children = parents.map((parent) =>
      tree.pay(outputOf(parent, 0), { from: ALICE, pays: 5 })
    );
    for (const child of children) assert.equal(await outcome(mempool, child), "orphan");
    for (const parent of parents) await mempool.accept(parent);
    await mempool.idle();
    assert.equal(mempool.has(children[0]!.id), false);
    assert.equal(mempool.has(children[1]!.id), true);
    assert.equal(mempool.has(children[2]!.id), true);
  }, { orphansMax: 2 }));
