import assert from "node:assert/strict";
import { amount } from "../../../lib/primitives/amount.ts";
import { encodeBlock } from "../../../lib/primitives/block.ts";
import { asBlockId } from "../../../lib/primitives/ids.ts";
import { decodeTransaction } from "../../../lib/primitives/transaction.ts";
import { MemoryKv } from "../../../lib/store/memory_kv.ts";
import {
  ALICE,
  assertSound,
  BlockTree,
  BOB,
  LATE_MS,
  MINER,
  openChain,
  outputOf,
  short,
} from "../../support/chain_builder.ts";
import { grind } from "../../support/easy_chain.ts";
import { forEachKv } from "../../support/kv_stores.ts";
import { SimClock } from "../../support/sim_clock.ts";
import { remine } from "../consensus/builder.ts";

forEachKv("blocks fed together are all connected, and there after a restart", async ({ open }) => {
  const tree = new BlockTree();
  const blocks = tree.branch("a", "genesis", 250);
  const chain = await openChain({ kv: await open() });
  const changes: number[] = [];
  chain.subscribe(({ connected }) => changes.push(connected.length));
  const outcomes = await chain.acceptMany(blocks.map(({ bytes }) => bytes));
  assert.ok(outcomes.every(({ kind }) => kind === "connected"));
  assert.ok(changes.length < 10, "many blocks go into one commit");
  assert.equal(changes.reduce((sum, count) => sum + count), 250);
  await chain.close();
  const again = await openChain({ kv: await open() });
  assert.equal(again.tip().id, tree.block("a250").id);
  await assertSound(again);
  assert.deepEqual(
    (await again.headersAfter(again.locator().slice(3), undefined, 2)).map(({ height }) => height),
    [248, 249],
  );
  await again.close();
});

Deno.test("the locator is dense at first, then doubles, and ends with genesis", async () => {
  const tree = new BlockTree();
  const chain = await openChain();
  assert.deepEqual(chain.locator(), [chain.genesisId]);
  await chain.acceptMany(tree.branch("a", "genesis", 40));
  const heights = chain.locator().map((id) => chain.header(id)!.height);
  assert.deepEqual(heights, [40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 29, 25, 17, 1, 0]);
  const { id: stop } = tree.block("a7");
  const unknown = asBlockId("77".repeat(32));
  const after = await chain.headersAfter([unknown, tree.block("a4").id], stop, 100);
  assert.deepEqual(after.map(({ height }) => height), [5, 6, 7]);
  assert.deepEqual(after[0]!.bytes, tree.block("a5").header.bytes);
  assert.equal((await chain.headersAfter([], undefined, 3))[0]!.height, 1);
  await chain.close();
});

Deno.test("headers come ahead of blocks and tell which blocks are missing", async () => {
  const tree = new BlockTree();
  const chain = await openChain();
  const blocks = tree.branch("a", "genesis", 30);
  const headers = blocks.map(({ header }) => header);
  const accepted = await chain.acceptHeaders(headers.slice(0, 20));
  assert.deepEqual([accepted.added, accepted.last.height, accepted.full], [20, 20, false]);
  assert.equal((await chain.acceptHeaders(headers)).added, 10);
  assert.equal(chain.bestHeader().height, 30);
  assert.equal(chain.tip().height, 0);
  assert.deepEqual(chain.missingBlocks(3).map(({ height }) => height), [1, 2, 3]);
  assert.deepEqual(chain.missingBlocks(9, headers[1]!.id).map(({ height }) => height), [1, 2]);
  await chain.acceptMany(blocks.slice(0, 5));
  assert.deepEqual(chain.missingBlocks(2).map(({ height }) => height), [6, 7]);
  await chain.acceptMany(blocks.slice(5));
  assert.deepEqual(chain.missingBlocks(2), []);

  tree.branch("b", "a10", 2);
  const stray = tree.block("b2").header;
  await assert.rejects(chain.acceptHeaders([stray]), { rule: "missing-parent" });
  const lazy = remine(tree.block("b1"), "fails").header;
  await assert.rejects(chain.acceptHeaders([lazy]), { rule: "insufficient-work" });
  await chain.close();
});

Deno.test("bytes that are not the block of their header condemn the sender, never the id", async () => {
  const tree = new BlockTree();
  const chain = await openChain();
  const good = tree.add("a1", "genesis");
  const other = tree.add("x1", "genesis");
  const swapped = Uint8Array.from([...good.header.bytes, ...other.bytes.subarray(92)]);
  for (const bytes of [swapped, good.bytes.subarray(0, -1), new Uint8Array([...good.bytes, 0])]) {
    const outcome = await chain.accept(bytes);
    assert.ok(outcome.kind === "rejected" && outcome.senderOnly && outcome.id === good.id);
    assert.equal(outcome.rule, "bad-body");
  }
  const none = await chain.accept(new Uint8Array(7));
  assert.ok(none.kind === "rejected" && none.rule === "malformed-header");
  assert.equal(short(await chain.accept(good.bytes)), "connected");
  assert.equal(short(await chain.accept(good.bytes)), "known");
  await chain.close();
});

Deno.test("in a run of blocks those before a bad one connect and those after it do not", async () => {
  const tree = new BlockTree();
  const chain = await openChain();
  tree.branch("a", "genesis", 5);
  const bad = tree.add("bad", "a3", { fees: amount(1) });
  const after = tree.add("after", "bad");
  const run = [...["a1", "a2", "a3"].map((name) => tree.block(name)), bad, after];
  const outcomes = await chain.acceptMany(run.map(({ bytes }) => bytes));
  assert.deepEqual(outcomes.map(short), [
    "connected",
    "connected",
    "connected",
    "coinbase-too-high",
    "coinbase-too-high",
  ]);
  assert.equal(chain.tip().id, tree.block("a3").id);
  assert.ok(chain.isInvalid(after.id));
  assert.equal(short(await chain.accept(tree.block("a4"))), "connected");
  await assertSound(chain);
  await chain.close();
});

Deno.test("a wrong signature is found, in a block as well", async () => {
  const tree = new BlockTree();
  const chain = await openChain();
  await chain.accept(tree.add("a1", "genesis"));
  const payment = tree.pay(tree.reward("a1"));
  const forged = Uint8Array.from(payment.bytes);
  forged[forged.length - 1]! ^= 1;
  const transactions = [decodeTransaction(forged)];
  const bad = tree.add("a2", "a1", { transactions, fees: amount(1_000) });
  assert.equal(short(await chain.accept(bad)), "bad-signature");
  await chain.close();
});

Deno.test("blocks of branches that are far behind are not stored, unless their headers win", async () => {
  const tree = new BlockTree();
  const chain = await openChain();
  await chain.acceptMany(tree.branch("a", "genesis", 400));
  const b = tree.branch("b", "genesis", 401);
  assert.deepEqual(await chain.accept(b[0]!), {
    kind: "side-branch",
    id: b[0]!.id,
    stored: false,
  });
  assert.equal(chain.hasBlock(b[0]!.id), false);
  await chain.acceptHeaders(b.map(({ header }) => header));
  assert.equal(chain.missingBlocks(1)[0]!.id, b[0]!.id);
  const outcomes = await chain.acceptMany(b);
  assert.deepEqual(new Set(outcomes.slice(0, 399).map(short)), new Set(["side-branch"]));
  assert.equal(chain.tip().id, b.at(-1)!.id);
  await assertSound(chain);
  await chain.close();
});

forEachKv(
  "transactions and history are found, page by page, and follow the chain",
  async ({ open }) => {
    const tree = new BlockTree();
    const kv = await open();
    const chain = await openChain({ kv });
    tree.add("r1", "genesis");
    await chain.accept(tree.block("r1"));
    let payment = tree.pay(tree.reward("r1"), { pays: 10 });
    const payments = [payment];
    for (let at = 2; at <= 12; at++) {
      const parent = at === 2 ? "r1" : `a${at - 1}`;
      await chain.accept(
        tree.add(`a${at}`, parent, { transactions: [payment], fees: amount(1_000) }),
      );
      payment = tree.pay(outputOf(payment, 1), { pays: 10 });
      payments.push(payment);
    }
    const found = await chain.transaction(payments[3]!.id);
    assert.deepEqual([found?.height, found?.position, found?.blockId], [5, 1, tree.block("a5").id]);
    assert.equal(await chain.transaction(payments[11]!.id), undefined);
    const heights: number[] = [];
    let page = await chain.history(ALICE.lock, { limit: 4 });
    heights.push(...page.entries.map(({ height }) => height));
    while (page.next !== undefined) {
      assert.equal(page.entries.length, 4);
      page = await chain.history(ALICE.lock, { limit: 4, before: page.next });
      heights.push(...page.entries.map(({ height }) => height));
    }
    assert.deepEqual(heights, [12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]);
    assert.ok(chain.indexesReady());

    await chain.acceptMany(tree.branch("b", "a10", 3));
    assert.equal((await chain.history(ALICE.lock, { limit: 1 })).entries[0]!.height, 10);
    assert.equal(await chain.transaction(payments[9]!.id), undefined);
    assert.equal((await chain.history(MINER.lock, { limit: 1 })).entries[0]!.height, 13);
    await assert.rejects(chain.history(ALICE.lock, { limit: 1, before: "x" }), RangeError);
    assert.deepEqual((await chain.history(BOB.lock, { limit: 1 })).entries, []);
    await chain.close();
  },
);

Deno.test("a new block is indexed a moment later, and no look-up waits for that", async () => {
  const clock = new SimClock(LATE_MS);
  const tree = new BlockTree();
  const chain = await openChain({ clock });
  await chain.accept(tree.add("a1", "genesis"));
  assert.ok(!chain.indexesReady());
  const { id } = tree.block("a1").transactions[0]!;
  assert.equal((await chain.transaction(id))?.height, 1);
  assert.ok(chain.indexesReady());
  await chain.accept(tree.add("a2", "a1"));
  assert.ok(!chain.indexesReady());
  assert.ok(await clock.advanceUntil(() => chain.indexesReady(), 1_000));
  await chain.close();
});

Deno.test("while blocks come in one after the other they are indexed now and then", async () => {
  const clock = new SimClock(LATE_MS);
  const tree = new BlockTree();
  const chain = await openChain({ clock });
  assert.ok(await clock.advanceUntil(() => chain.indexesReady(), 1_000));
  const indexed: number[] = [];
  let parent = "genesis";
  for (let height = 1; height <= 50; height++) {
    await chain.accept(tree.add(`a${height}`, parent));
    parent = `a${height}`;
    await clock.advance(100);
    const seen = chain.indexProgress().height;
    if (seen > (indexed.at(-1) ?? 0)) indexed.push(seen);
  }
  assert.equal(indexed.length, 1, `at heights ${indexed}`);
  assert.ok(await clock.advanceUntil(() => chain.indexesReady(), 1_000));
  await chain.close();
});

Deno.test("settled is a matter of work above, not of a count", async () => {
  const tree = new BlockTree();
  const chain = await openChain();
  await chain.acceptMany(tree.branch("a", "genesis", 7));
  assert.ok(chain.isSettled(1));
  assert.ok(!chain.isSettled(2));
  assert.ok(!chain.isSettled(99));
  await chain.close();
});

Deno.test("a failed write halts the chain, in one line, and nothing half done is believed", async () => {
  const tree = new BlockTree();
  const kv = new MemoryKv();
  const chain = await openChain({ kv });
  await chain.accept(tree.add("a1", "genesis"));
  kv.failAtCommit(1);
  await assert.rejects(chain.accept(tree.add("a2", "a1")), /Cannot write the chain to disk/);
  assert.match(String(chain.failure()), /Cannot write the chain to disk/);
  assert.equal(chain.tip().height, 1);
  await assert.rejects(chain.accept(tree.block("a2")), /Cannot write the chain to disk/);
  await chain.close();
});

Deno.test("an orphan must at least have done work", async () => {
  const chain = await openChain();
  const tree = new BlockTree();
  tree.branch("a", "genesis", 2);
  const { header, transactions } = tree.block("a2");
  const easier = encodeBlock({
    header: grind({ ...header, bits: 0x2100_ffff, previous: tree.block("a1").id }),
    transactions,
  });
  assert.equal(short(await chain.accept(easier.bytes)), "insufficient-work");
  assert.equal(short(await chain.accept(tree.block("a2"))), "orphan");
  await chain.close();
});
