import assert from "node:assert/strict";
import { amount } from "../../lib/primitives/amount.ts";
import { MemoryKv } from "../../lib/store/memory_kv.ts";
import {
  ALICE,
  assertSound,
  BlockTree,
  BOB,
  openChain,
  outputOf,
  short,
} from "../support/chain_builder.ts";
import { story } from "./story.ts";

story("a reorganisation of depth 1 returns its payment to the mempool", async (stage) => {
  const { tree, chain } = stage;
  //  genesis -> a1 -> a2 (pays Alice)
  //               \-> b2 -> b3
  tree.add("a1", "genesis");
  const payment = tree.pay(tree.reward("a1"));
  tree.add("a2", "a1", { transactions: [payment], fees: amount(1_000) });
  tree.branch("b", "a1", 2);
  await stage.each(["a1"], "connected");
  await stage.accepted(payment);
  await stage.each(["a2"], "connected");
  await stage.waiting([]);
  assert.equal(stage.removal(payment), "mined");
  assert.equal((await chain.coinsOf(ALICE.lock)).length, 1);

  // Of two branches with the same work the one whose end has the smaller id counts.
  const isSmaller = tree.block("b1").id < tree.block("a2").id;
  assert.equal(await stage.feed("b1"), isSmaller ? "reorganized" : "side-branch");
  assert.equal(await stage.feed("b2"), isSmaller ? "connected" : "reorganized");
  stage.tipIs("b2");
  await stage.waiting([payment]);
  assert.deepEqual(await chain.coinsOf(ALICE.lock), []);
  assert.equal(chain.isOnMainChain(tree.block("a2").id), false);

  // What came back can be mined again, on the other branch.
  tree.add("b3", "b2", { transactions: [payment], fees: amount(1_000) });
  await stage.each(["b3"], "connected");
  await stage.waiting([]);
  assert.equal((await chain.transaction(payment.id))?.height, 4);
});

for (const depth of [5, 100]) {
  story(`a reorganisation of depth ${depth} returns all payments in order`, async (stage) => {
    const { tree, chain } = stage;
    //  genesis -> r1 -> a1 (p1) -> a2 (p2, spends p1) … -> aN
    //               \-> b1 -> b2 … -> bN -> bN+1
    tree.add("r1", "genesis");
    let payment = tree.pay(tree.reward("r1"));
    const payments = [payment];
    for (let at = 1; at <= depth; at++) {
      const parent = at === 1 ? "r1" : `a${at - 1}`;
      tree.add(`a${at}`, parent, { transactions: [payment], fees: amount(1_000) });
      if (at === depth) break;
      // Change pays on: each payment needs the one before it.
      payment = tree.pay(outputOf(payment, 1), { pays: 10 });
      payments.push(payment);
    }
    tree.branch("b", "r1", depth + 1, { gapMs: 15_000 });
    await chain.accept(tree.block("r1"));
    for (let at = 1; at <= depth; at++) await chain.accept(tree.block(`a${at}`).bytes);
    stage.tipIs(`a${depth}`);
    const changes: number[][] = [];
    chain.subscribe(({ disconnected, connected }) =>
      changes.push([disconnected.length, connected.length])
    );
    for (let at = 1; at <= depth + 1; at++) await chain.accept(tree.block(`b${at}`).bytes);
    stage.tipIs(`b${depth + 1}`);
    assert.ok(changes.some(([down]) => down! >= depth), "one step takes them all off");
    await stage.mempool.idle();
    // Beyond 25 unconfirmed ancestors policy lets go: the first 26 are back.
    const back = payments.slice(0, 26);
    await stage.waiting(back);
    assert.deepEqual(stage.mempool.select().map(({ id }) => id), back.map(({ id }) => id));
  });
}

story("going there and back again leaves every coin as it was", async (stage) => {
  const { tree, chain } = stage;
  //  genesis -> r1 -> a1 (p) -> a2 ------------> a3 -> a4 -> a5
  //               \-> b1 (p) -> b2 -> b3 -> b4
  tree.add("r1", "genesis");
  const payment = tree.pay(tree.reward("r1"), { to: BOB.lock });
  tree.add("a1", "r1", { transactions: [payment], fees: amount(1_000) });
  for (const [name, parent] of [["a2", "a1"], ["a3", "a2"], ["a4", "a3"], ["a5", "a4"]] as const) {
    tree.add(name, parent);
  }
  tree.add("b1", "r1", { transactions: [payment], fees: amount(1_000) });
  for (const [name, parent] of [["b2", "b1"], ["b3", "b2"], ["b4", "b3"]] as const) {
    tree.add(name, parent);
  }
  for (const name of ["r1", "a1", "a2"]) await stage.feed(name);
  await chain.flush(); // The payment's coins are on disk, at their keys on both branches.
  for (const name of ["b1", "b2", "b3"]) await stage.feed(name);
  stage.tipIs("b3");
  assert.equal((await chain.coinsOf(BOB.lock))[0]?.height, 2);
  await stage.feed("b4");
  await chain.flush();
  for (const name of ["a3", "a4", "a5"]) await stage.feed(name);
  stage.tipIs("a5");
  await stage.waiting([]);
});

story("a longer but invalid branch changes nothing", async (stage) => {
  const { tree, chain } = stage;
  //  genesis -> a1 -> a2 (pays Alice)
  //         \-> b1 -> b2 -> b3 (mints too much) -> b4
  tree.add("a1", "genesis");
  const payment = tree.pay(tree.reward("a1"));
  tree.add("a2", "a1", { transactions: [payment], fees: amount(1_000) });
  tree.branch("b", "genesis", 2);
  tree.add("b3", "b2", { fees: amount(1) });
  tree.add("b4", "b3");
  await stage.each(["a1", "a2"], "connected");
  const headers = ["b1", "b2", "b3", "b4"].map((name) => tree.block(name).header);
  await chain.acceptHeaders(headers);
  assert.equal(chain.bestHeader().id, tree.block("b4").id);
  await chain.accept(tree.block("b1"));
  await chain.accept(tree.block("b2"));
  // b2 ties with a2; from whichever is the tip, b3 is tried and refused.
  const tip = chain.tip().id;
  assert.equal(await stage.feed("b3"), "coinbase-too-high");
  assert.equal(await stage.feed("b4"), "coinbase-too-high");
  assert.equal(chain.tip().id, tip);
  assert.ok(chain.isInvalid(tree.block("b4").id));
  assert.ok(!chain.isInvalid(tree.block("b2").id));
  assert.equal(chain.bestHeader().height, 2);
  await assert.rejects(chain.acceptHeaders([tree.block("b4").header]), /coinbase-too-high/);
  // Asking again costs nothing and changes nothing.
  assert.equal(await stage.feed("b3"), "coinbase-too-high");
});

story("from a branch that goes bad the better part is kept", async (stage) => {
  const { tree, chain } = stage;
  //  genesis -> a1 -> a2
  //         \-> b1 -> b2 -> b3 -> b4 (spends a coin that is not there) -> b5
  tree.branch("a", "genesis", 2);
  tree.branch("b", "genesis", 3);
  const theft = tree.pay(tree.reward("a2"));
  tree.add("b4", "b3", { transactions: [theft], fees: amount(1_000) });
  tree.add("b5", "b4");
  await stage.each(["a1", "a2"], "connected");
  // Orphans first: they come to life together, when b1 does.
  await stage.each(["b5", "b4", "b3", "b2"], "orphan");
  await stage.feed("b1");
  await chain.flush();
  stage.tipIs("b3");
  assert.equal(await stage.feed("b5"), "block-missing-coin");
});

Deno.test("story: an invalid branch stays invalid over a restart", async () => {
  const tree = new BlockTree();
  tree.branch("a", "genesis", 2);
  tree.branch("b", "genesis", 2);
  tree.add("b3", "b2", { fees: amount(1) });
  const kv = new MemoryKv();
  const chain = await openChain({ kv });
  for (const name of ["a1", "a2", "b1", "b2"]) await chain.accept(tree.block(name));
  assert.equal(short(await chain.accept(tree.block("b3"))), "coinbase-too-high");
  const tip = chain.tip().id;
  await chain.close();
  const again = await openChain({ kv: kv.reopen() });
  assert.equal(again.tip().id, tip);
  // Stored beside the chain it bears a mark; as an extension of the tip it is judged once more.
  assert.equal(short(await again.accept(tree.block("b3"))), "coinbase-too-high");
  await assertSound(again);
  await again.close();
});

story("on a tie the smaller id wins, whichever came first", async (stage) => {
  const { tree, chain } = stage;
  //  genesis -> a1
  //         \-> b1
  tree.add("a1", "genesis");
  tree.add("b1", "genesis");
  const [smaller, larger] = ["a1", "b1"].sort((a, b) =>
    tree.block(a).id < tree.block(b).id ? -1 : 1
  );
  await stage.each([larger!], "connected");
  await stage.each([smaller!], "reorganized");
  stage.tipIs(smaller!);

  const other = await openChain();
  assert.equal(short(await other.accept(tree.block(smaller!))), "connected");
  assert.equal(short(await other.accept(tree.block(larger!))), "side-branch");
  assert.equal(other.tip().id, chain.tip().id);
  await other.close();
});
