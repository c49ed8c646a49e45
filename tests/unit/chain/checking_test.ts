/** Checks in other threads: the same verdicts as on this one, whatever becomes of the threads. */
import assert from "node:assert/strict";
import { systemClock } from "../../../lib/base/clock.ts";
import { CheckingPool } from "../../../lib/chain/checking_pool.ts";
import type { Checking } from "../../../lib/chain/signature_checker.ts";
import { decodeDigested, digestBlock } from "../../../lib/consensus/block_digest.ts";
import { checkBlock } from "../../../lib/consensus/check_block.ts";
import { spendLock } from "../../../lib/consensus/coins.ts";
import { blockSignatureChecks } from "../../../lib/consensus/signatures.ts";
import { RuleError } from "../../../lib/consensus/rules.ts";
import { amount } from "../../../lib/primitives/amount.ts";
import { type Block, decodeBlock } from "../../../lib/primitives/block.ts";
import { decodeTransaction, type Transaction } from "../../../lib/primitives/transaction.ts";
import { MemoryKv } from "../../../lib/store/memory_kv.ts";
import { assertSound, BlockTree, openChain, outputOf, short } from "../../support/chain_builder.ts";

const PAYMENTS = 20;

/** genesis -> a1 -> `name` with 20 payments, each spending the one before; one signed wrong if so. */
function withPayments(
  tree: BlockTree,
  name: string,
  forgedAt?: number,
  count = PAYMENTS,
): Block {
  const transactions: Transaction[] = [tree.pay(tree.reward("a1"))];
  while (transactions.length < count) {
    transactions.push(tree.pay(outputOf(transactions.at(-1)!, 1), { pays: 5 }));
  }
  if (forgedAt !== undefined) {
    const forged = Uint8Array.from(transactions[forgedAt]!.bytes);
    forged[forged.length - 1]! ^= 1;
    transactions.splice(forgedAt, count, decodeTransaction(forged));
  }
  const fees = amount(1_000 * transactions.length);
  return tree.add(name, "a1", { transactions, fees });
}

function newPool(tree: BlockTree, threads = 2): CheckingPool {
  return new CheckingPool({ genesisId: tree.block("genesis").id, clock: systemClock, threads });
}

/** `pool`, telling how many signatures it is asked for at a time. */
function counted(pool: CheckingPool, sent: number[]): Checking {
  return {
    digest: (bytes) => pool.digest(bytes),
    prepare: () => pool.prepare(),
    signatures: (checks) => {
      sent.push(checks.length);
      return pool.signatures(checks);
    },
  };
}

function treeWithA1(): BlockTree {
  const tree = new BlockTree();
  tree.add("a1", "genesis");
  return tree;
}

Deno.test("a digest holds what decoding hashes, and only right blocks have one", () => {
  const tree = treeWithA1();
  const genesisId = tree.block("genesis").id;
  const block = withPayments(tree, "a2");
  const digested = decodeDigested(block.bytes, digestBlock(block.bytes, genesisId));
  const decoded = decodeBlock(block.bytes);
  checkBlock(digested);
  assert.deepEqual(
    digested.transactions.map(({ id }) => id),
    decoded.transactions.map(({ id }) => id),
  );
  assert.deepEqual(
    digested.transactions.flatMap(({ spends }) => spends.map(spendLock)),
    decoded.transactions.flatMap(({ spends }) => spends.map(spendLock)),
  );
  const forged = withPayments(tree, "f2", PAYMENTS - 1);
  assert.throws(() => digestBlock(forged.bytes, genesisId), RuleError);
  const torn = Uint8Array.from(block.bytes);
  torn[200]! ^= 1;
  assert.throws(() => digestBlock(torn, genesisId));
});

Deno.test("blocks checked in other threads have the outcomes of those checked here", async () => {
  const tree = treeWithA1();
  const good = withPayments(tree, "a2");
  const forged = withPayments(tree, "f2", 7);
  const torn = Uint8Array.from(good.bytes);
  torn[good.bytes.length - 1]! ^= 1;
  const pool = newPool(tree);
  const here = await openChain();
  const elsewhere = await openChain({ checking: pool });
  for (const chain of [here, elsewhere]) {
    await chain.accept(tree.block("a1").bytes);
    const outcomes = await chain.acceptMany([torn, forged.bytes]);
    assert.deepEqual(outcomes.map(short), ["bad-body", "bad-signature"]);
    const [badBody] = outcomes;
    assert.ok(badBody?.kind === "rejected" && badBody.senderOnly);
    assert.equal(short(await chain.accept(good.bytes)), "connected");
    assert.equal(chain.tip().id, good.id);
    assert.ok(chain.isInvalid(forged.id));
    await assertSound(chain);
    await chain.close();
  }
  pool.close();
});

Deno.test("signatures checked in other threads are judged one by one", async () => {
  const tree = treeWithA1();
  const pool = newPool(tree);
  const sent: number[] = [];
  const chain = await openChain({ checking: counted(pool, sent) });
  const forged = withPayments(tree, "f2", PAYMENTS - 1);
  const payments = forged.transactions.slice(1);
  const verdicts = await Promise.allSettled(payments.map((each) => chain.checkSignatures(each)));
  assert.deepEqual(
    verdicts.map(({ status }) => status),
    [...Array(PAYMENTS - 1).fill("fulfilled"), "rejected"],
  );
  assert.equal(sent[0], payments.length);
  // So few of a decoded block are checked before a thread has started.
  sent.length = 0;
  await chain.acceptMany([tree.block("a1")]);
  assert.equal(short(await chain.accept(forged)), "bad-signature");
  assert.equal(short(await chain.accept(withPayments(tree, "a2"))), "connected");
  assert.deepEqual(sent, []);
  await chain.close();
  pool.close();
});

Deno.test("many unknown signatures of a decoded block are checked in other threads", async () => {
  const tree = treeWithA1();
  const pool = newPool(tree);
  const sent: number[] = [];
  const chain = await openChain({ checking: counted(pool, sent) });
  await chain.accept(tree.block("a1"));
  assert.equal(short(await chain.accept(withPayments(tree, "f2", 299, 300))), "bad-signature");
  assert.equal(short(await chain.accept(withPayments(tree, "a2", undefined, 600))), "connected");
  // The first 299 payments are those of the block before, and were right.
  assert.deepEqual(sent, [300, 301]);
  await assertSound(chain);
  await chain.close();
  pool.close();
});

Deno.test("a pool that has ended answers nothing, and the chain checks by itself", async () => {
  const tree = treeWithA1();
  const good = withPayments(tree, "a2");
  const pool = newPool(tree, 1);
  const checks = blockSignatureChecks(good, tree.block("genesis").id);
  const asked = [pool.digest(good.bytes), pool.signatures(checks)] as const;
  await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
  pool.close();
  assert.deepEqual(await Promise.all(asked), [undefined, undefined]);
  assert.equal(await pool.digest(good.bytes), undefined);
  const chain = await openChain({ checking: pool });
  await chain.accept(tree.block("a1").bytes);
  assert.equal(short(await chain.accept(good.bytes)), "connected");
  await chain.close();
});

Deno.test("hundreds of blocks at once come back each with its own digest", async () => {
  const tree = treeWithA1();
  const blocks = Array.from({ length: 9 }, (_, at) => withPayments(tree, `b${at}`));
  const pool = newPool(tree);
  const genesisId = tree.block("genesis").id;
  const many = Array.from({ length: 180 }, (_, at) => blocks[at % blocks.length]!);
  const digests = await Promise.all(many.map(({ bytes }) => pool.digest(bytes)));
  for (const [at, { bytes }] of many.entries()) {
    assert.deepEqual(digests[at], digestBlock(bytes, genesisId));
  }
  pool.close();
});

Deno.test("threads start beside a long replay after a power cut, and not beside a short one", async () => {
  for (const [blocks, starts] of [[99, 0], [100, 1]] as const) {
    const tree = new BlockTree();
    const names = Array.from({ length: blocks }, (_, at) => `a${at + 1}`);
    names.forEach((name, at) => tree.add(name, at === 0 ? "genesis" : names[at - 1]!));
    const kv = new MemoryKv();
    const cut = await openChain({ kv });
    await cut.acceptMany(names.map((name) => tree.block(name)));
    const pool = newPool(tree);
    let started = 0;
    const checking = { ...counted(pool, []), prepare: () => void started++ };
    // The chain before was not closed: all its coins are replayed.
    const chain = await openChain({ kv: kv.reopen(), checking });
    assert.equal(chain.tip().height, blocks);
    assert.equal(started, starts);
    await chain.close();
    await cut.close().catch(() => {}); // Its store has gone.
    pool.close();
  }
});
