import assert from "node:assert/strict";
import { concatBytes, EXIT, fromHex, toHex, UserError } from "../../../lib/base/mod.ts";
import type { NodeHandle } from "../../../lib/node/mod.ts";
import { resolveConfig } from "../../../lib/node/config.ts";
import { openNode } from "../../../lib/node/node.ts";
import { encodeAddress } from "../../../lib/primitives/address.ts";
import { decodeHeader } from "../../../lib/primitives/block.ts";
import { verifyInclusion } from "../../../lib/primitives/merkle.ts";
import { decodeTransaction } from "../../../lib/primitives/transaction.ts";
import { DEV_NETWORK } from "../../../lib/consensus/network.ts";
import { amount } from "../../../lib/primitives/amount.ts";
import { ALICE, BlockTree, BOB, MINER, outputOf } from "../../support/chain_builder.ts";
import { withTempDir } from "../../support/moim.ts";

const MINER_ADDRESS = encodeAddress(MINER.lock);
const ALICE_ADDRESS = encodeAddress(ALICE.lock);

/** A node on the dev network that was handed a chain with a payment and a side branch. */
async function withChain(
  run: (node: NodeHandle, tree: BlockTree) => Promise<void>,
): Promise<void> {
  await withTempDir(async (dataDir) => {
    const config = resolveConfig({
      flags: { network: DEV_NETWORK.name, dataDir },
      env: { HOME: dataDir },
      readText: () => undefined,
      os: Deno.build.os,
    });
    const node = await openNode(config, { mode: "offline" });
    try {
      const tree = storyTree();
      for (const name of ["a1", "b1", "b2", "a2", "a3", "a4"]) {
        await node.submitBlock(tree.block(name).bytes);
      }
      await run(node, tree);
    } finally {
      await node.close();
    }
  });
}

//  genesis -> a1 -> a2 (three payments) -> a3 -> a4
//         \-> b1 -> b2
function storyTree(): BlockTree {
  const tree = new BlockTree(DEV_NETWORK);
  tree.add("a1", "genesis");
  const first = tree.pay(tree.reward("a1"));
  const second = tree.pay(outputOf(first, 1));
  const third = tree.pay(outputOf(first, 0), { from: ALICE, to: BOB.lock, pays: 1_000 });
  tree.add("a2", "a1", { transactions: [first, second, third], fees: amount(3_000) });
  tree.branch("b", "genesis", 2, { lock: BOB.lock });
  tree.add("a3", "a2", { lock: ALICE.lock });
  tree.add("a4", "a3");
  return tree;
}

const isError = (exitCode: number) => (error: unknown) =>
  error instanceof UserError && error.exitCode === exitCode;

/** The indexes follow a little later. */
async function found<Value>(call: () => Promise<Value>): Promise<Value> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!/try again in a moment/.test(String(error))) throw error;
    }
  }
}

Deno.test("raw forms are the encodings, a proof leads from transaction to header", () =>
  withChain(async (node, tree) => {
    const { bytes, transactions } = tree.block("a2");
    assert.deepEqual(await node.rawBlock("2"), bytes);
    assert.deepEqual(await node.rawBlock(tree.block("b2").id), tree.block("b2").bytes);
    for (const [position, { id, bytes }] of transactions.entries()) {
      assert.deepEqual(await found(() => node.rawTransaction(id)), bytes);
      const proof = await node.proof(id);
      const header = decodeHeader(fromHex(proof.header));
      assert.deepEqual([header.id, header.height], [proof.blockId, proof.height]);
      assert.equal(decodeTransaction(fromHex(proof.transaction)).id, id);
      assert.equal(header.merkleRoot, proof.merkleRoot);
      assert.equal(proof.position, position);
      const { transactions: count, path } = proof;
      const claim = { leaf: fromHex(id), index: position, count, path: path.map(fromHex) };
      assert.ok(verifyInclusion(claim, fromHex(header.merkleRoot)));
      assert.ok(
        !verifyInclusion({ ...claim, index: (position + 1) % 4 }, fromHex(header.merkleRoot)),
      );
    }
    for (const call of [() => node.rawTransaction("00".repeat(32)), () => node.rawBlock("9")]) {
      await assert.rejects(call, isError(EXIT.notFound));
    }
    await assert.rejects(() => node.proof("xyz"), isError(EXIT.usage));
    await assert.rejects(() => node.rawBlock("xyz"), isError(EXIT.usage));
  }));

Deno.test("forks shows side branches beside the main chain, highest first", () =>
  withChain(async (node, tree) => {
    const { tipId, from, blocks } = await node.forks({ blocks: 100 });
    assert.deepEqual([tree.name(tipId), from], ["a4", 0]);
    assert.deepEqual(blocks.map(({ height }) => height), [4, 3, 2, 2, 1, 1, 0]);
    const branch = blocks.filter(({ onMainChain }) => !onMainChain);
    assert.deepEqual(branch.map(({ id }) => tree.name(id)), ["b2", "b1"]);
    assert.equal(branch[0]!.previous, branch[1]!.id);
    assert.ok(blocks.every(({ valid }) => valid));
    assert.equal(branch[0]!.minter, encodeAddress(BOB.lock));
    assert.deepEqual((await node.forks({ blocks: 2 })).blocks.map(({ id }) => tree.name(id)), [
      "a4",
      "a3",
    ]);
  }));

Deno.test("spacing and minters tell of the last blocks of the main chain", () =>
  withChain(async (node, tree) => {
    const { targetSpacingMs, points } = await node.spacing({ blocks: 3 });
    assert.equal(targetSpacingMs, DEV_NETWORK.spacingMs);
    assert.deepEqual(points.map(({ height }) => height), [2, 3, 4]);
    assert.ok(points.every(({ spacingMs }) => spacingMs === DEV_NETWORK.spacingMs));
    assert.ok(points.every(({ difficulty }) => Math.round(Math.log2(difficulty)) === 8));
    assert.equal(points[2]!.timeMs, tree.block("a4").header.timeMs);
    assert.deepEqual(await node.minters({ blocks: 100 }), [
      { address: MINER_ADDRESS, blocks: 3, lastHeight: 4 },
      { address: ALICE_ADDRESS, blocks: 1, lastHeight: 3 },
    ]);
    assert.deepEqual((await node.minters({ blocks: 1 })).map(({ blocks }) => blocks), [1]);
  }));

Deno.test("search finds heights, ids, addresses and names of keys", () =>
  withChain(async (node, tree) => {
    const block = tree.block("a2");
    assert.deepEqual(await node.search(" 2 "), { kind: "block", id: block.id, height: 2 });
    assert.deepEqual((await node.search(block.id.toUpperCase())).height, 2);
    const side = tree.block("b2").id;
    assert.deepEqual(await node.search(side), { kind: "block", id: side, height: 2 });
    const { id } = block.transactions[1]!;
    await found(() => node.transaction(id));
    assert.deepEqual(await node.search(id), { kind: "transaction", id, height: 2 });
    assert.deepEqual(await node.search(MINER_ADDRESS), { kind: "address", id: MINER_ADDRESS });
    const { key } = await node.walletNew("철수");
    assert.deepEqual(await node.search("철수"), { kind: "address", id: key.address });
    for (const text of ["", "99", "00".repeat(32), "nobody", "\u202e<script>", "x".repeat(9_999)]) {
      assert.deepEqual(await node.search(text), { kind: "none" });
    }
  }));

Deno.test("coins come in pages, newest first, each once", () =>
  withChain(async (node, tree) => {
    const all = await node.coins(MINER_ADDRESS, { limit: 100 });
    assert.deepEqual([all.address, all.height, all.next], [MINER_ADDRESS, 4, undefined]);
    assert.equal(all.coins.length, 3); // Two coinbases and the change of the second payment.
    const [newest] = all.coins;
    assert.deepEqual(
      [newest!.txId, newest!.height, newest!.coinbase, newest!.mature],
      [tree.reward("a4").outPoint.txId, 4, true, true],
    );
    const paged = [];
    let before: string | undefined;
    do {
      const page = await node.coins(MINER_ADDRESS, { before, limit: 1 });
      paged.push(...page.coins);
      before = page.next;
    } while (before !== undefined);
    assert.deepEqual(paged, all.coins);
    const { total } = await node.balance(MINER_ADDRESS);
    assert.equal(all.coins.reduce((sum, coin) => sum + coin.amount, 0), total);
    const bad = node.coins(MINER_ADDRESS, { before: "7", limit: 1 });
    await assert.rejects(bad, isError(EXIT.usage));
  }));

Deno.test("a payment made elsewhere is taken in, known the second time, refused when bad", () =>
  withChain(async (node, tree) => {
    const payment = tree.pay(tree.reward("a4"));
    const taken = await node.submitTransaction(payment.bytes);
    assert.deepEqual(taken, { txId: payment.id, state: "accepted", peers: 0 });
    assert.equal((await node.submitTransaction(payment.bytes)).state, "known");
    assert.equal((await node.status()).mempool.transactions, 1);
    assert.deepEqual(await node.search(payment.id), { kind: "transaction", id: payment.id });
    assert.equal(toHex(await node.rawTransaction(payment.id)), toHex(payment.bytes));
    await assert.rejects(node.proof(payment.id), isError(EXIT.notFound));
    const spent = tree.pay(tree.reward("a1"), { pays: 5 });
    const coinbase = tree.block("a4").transactions[0]!;
    const forged = Uint8Array.from(tree.pay(tree.reward("a4"), { pays: 7 }).bytes);
    forged[forged.length - 1]! ^= 1;
    const bad = [
      new Uint8Array(),
      concatBytes(payment.bytes, Uint8Array.of(0)),
      coinbase.bytes,
      spent.bytes,
      forged,
    ];
    for (const bytes of bad) {
      await assert.rejects(node.submitTransaction(bytes), isError(EXIT.rejected));
    }
    assert.equal((await node.status()).mempool.transactions, 1);
  }));
