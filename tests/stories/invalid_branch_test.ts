/** A branch with more work and a bad block in its middle changes nothing, whatever is bad. */
import assert from "node:assert/strict";
import { type Amount, amount } from "../../lib/primitives/amount.ts";
import type { Rule } from "../../lib/consensus/rules.ts";
import { encodeTransaction, type Transaction } from "../../lib/primitives/transaction.ts";
import { ALICE, type BlockTree, BOB, MINER, outputOf } from "../support/chain_builder.ts";
import { fundedNetwork, fundsOf } from "../support/funded_network.ts";
import { storyOnBoth } from "./both_stores.ts";
import { type Story, story } from "./story.ts";

const NETWORK = fundedNetwork(3, { coinbaseMaturity: 3 });
const [FIRST, SECOND, THIRD] = fundsOf(NETWORK);
const GRAINS = FIRST!.amount;

interface Bad {
  readonly transactions?: readonly Transaction[];
  readonly fees?: Amount;
}

/** Block b3 of the picture below, bad in one way. By then b2 has spent the second coin. */
const BAD: Record<string, { rule: Rule; make: (tree: BlockTree) => Bad }> = {
  "pays out more than it spends": {
    rule: "overspend",
    make: (tree) => ({ transactions: [tree.pay(FIRST!, { pays: GRAINS + 1, fee: 0 })] }),
  },
  "has a wrong signature": {
    rule: "bad-signature",
    make(tree) {
      const good = tree.pay(FIRST!, { fee: 0 });
      const signatures = [good.signatures[0]!.map((byte, at) => at === 40 ? byte ^ 1 : byte)];
      return { transactions: [encodeTransaction({ ...good, signatures })] };
    },
  },
  "spends a coin that its branch has spent": {
    rule: "block-missing-coin",
    make: (tree) => ({ transactions: [tree.pay(SECOND!, { to: BOB.lock, fee: 0 })] }),
  },
  "spends one coin in two payments": {
    rule: "block-missing-coin",
    make: (tree) => ({
      transactions: [tree.pay(FIRST!, { fee: 0 }), tree.pay(FIRST!, { to: BOB.lock, fee: 0 })],
    }),
  },
  "spends a coin of the other branch": {
    rule: "block-missing-coin",
    make: (tree) => ({
      transactions: [tree.pay(outputOf(tree.block("a2").transactions[1]!, 0), {
        from: ALICE,
        pays: 5,
        fee: 0,
      })],
    }),
  },
  "spends somebody else's coin": {
    rule: "block-missing-coin",
    make: (tree) => ({ transactions: [tree.pay(FIRST!, { from: ALICE, fee: 0 })] }),
  },
  "spends a minted coin that is not ripe": {
    rule: "block-immature-coin",
    make: (tree) => ({ transactions: [tree.pay(tree.reward("b1"), { fee: 0 })] }),
  },
  "mints a grain too much": { rule: "coinbase-too-high", make: () => ({ fees: amount(1) }) },
};

/** The blocks of the picture; the main chain and what waits are there already. */
async function setUp(stage: Story, make: (tree: BlockTree) => Bad): Promise<void> {
  const { tree } = stage;
  //  genesis -> g1 -> g2 -> a1 -> a2 (pays Alice) -> a3
  //                     \-> b1 -> b2 -> b3 (bad) -> b4 -> b5
  tree.branch("g", "genesis", 2);
  const toAlice = tree.pay(THIRD!);
  tree.add("a1", "g2");
  tree.add("a2", "a1", { transactions: [toAlice], fees: amount(1_000) });
  tree.add("a3", "a2");
  tree.add("b1", "g2");
  tree.add("b2", "b1", { transactions: [tree.pay(SECOND!)], fees: amount(1_000) });
  tree.add("b3", "b2", make(tree));
  tree.add("b4", "b3");
  tree.add("b5", "b4");
  await stage.each(["g1", "g2", "a1", "a2", "a3"], "connected");
  await stage.chain.flush();
}

/** All that a bad branch might have changed. */
async function everything({ chain, mempool }: Story): Promise<unknown> {
  await mempool.idle();
  const coins = [];
  for (const { lock } of [MINER, ALICE, BOB]) coins.push(await chain.coinsOf(lock));
  const waiting = mempool.entries().map(({ transaction }) => transaction.id);
  return { tip: chain.tip(), coins, waiting, locator: chain.locator() };
}

for (const [what, { rule, make }] of Object.entries(BAD)) {
  story(`a longer branch whose third block ${what} changes nothing`, async (stage) => {
    const { tree, chain } = stage;
    await setUp(stage, make);
    const waiting = tree.pay(FIRST!, { to: BOB.lock });
    await stage.accepted(waiting);
    const before = await everything(stage);
    let changes = 0;
    chain.subscribe(() => changes++);
    const bests = ["b3", "b4", "b5"].map((name) => tree.block(name).header);
    await chain.acceptHeaders(["b1", "b2"].map((name) => tree.block(name).header));
    await chain.acceptHeaders(bests);
    assert.equal(chain.bestHeader().id, tree.block("b5").id);
    await stage.each(["b1", "b2"], "side-branch");
    // On a tie b3 is tried only if its id is the smaller one.
    const third = await stage.feed("b3");
    assert.ok(third === rule || third === "side-branch", third);
    await stage.each(["b4", "b5", "b3"], rule);

    assert.deepEqual(await everything(stage), before);
    assert.equal(changes, 0, "nobody was told of anything");
    for (const name of ["b3", "b4", "b5"]) assert.ok(chain.isInvalid(tree.block(name).id), name);
    for (const name of ["b1", "b2"]) assert.ok(!chain.isInvalid(tree.block(name).id), name);
    assert.equal(chain.bestHeader().id, tree.block("a3").id);
    assert.deepEqual(chain.missingBlocks(10), []);
    for (const header of bests) await assert.rejects(chain.acceptHeaders([header]), { rule });
    tree.add("b6", "b5");
    await stage.each(["b6"], rule);

    //  … -> b2 -> c3 -> c4: what is good of the branch may still win.
    tree.branch("c", "b2", 2);
    await stage.feed("c1");
    await stage.feed("c2");
    stage.tipIs("c2");
  }, NETWORK);
}

storyOnBoth("a bad branch that comes upside down changes nothing either", async (stage) => {
  const { chain } = stage;
  await setUp(stage, BAD["has a wrong signature"]!.make);
  const before = await everything(stage);
  await stage.each(["b5", "b4", "b3", "b2"], "orphan");
  await stage.each(["b1"], "side-branch");
  await chain.flush();
  assert.deepEqual(await everything(stage), before);
  await stage.each(["b3", "b4", "b5"], "bad-signature");
}, NETWORK);

storyOnBoth(
  "from two better branches that go bad the chain falls back to its own",
  async (stage) => {
    const { tree, chain } = stage;
    //  genesis -> g1 -> g2 -> a1 -> a2 -> a3
    //                     \-> b1 -> b2 -> b3 (bad) -> b4 -> b5
    //                                \-> c1 -> c2 (bad) -> c3 -> c4
    await setUp(stage, BAD["mints a grain too much"]!.make);
    tree.add("c1", "b2", { mark: "worse" });
    tree.add("c2", "c1", { transactions: [tree.pay(SECOND!, { fee: 0 })] });
    tree.add("c3", "c2");
    tree.add("c4", "c3");
    for (const name of ["b1", "b2", "b3", "b4", "b5"]) await stage.feed(name);
    stage.tipIs("a3");
    // c1 ties with a3; nothing beyond it is good.
    await stage.feed("c1");
    const tip = chain.tip().id;
    for (const name of ["c2", "c3", "c4"]) await stage.each([name], "block-missing-coin");
    assert.equal(chain.tip().id, tip);
    assert.equal(chain.bestHeader().id, tip);
    tree.add("d", tree.name(tip));
    await stage.each(["d"], "connected");
  },
  NETWORK,
);

story(
  "a body that does not fit its header condemns its sender and not the block",
  async (stage) => {
    const { tree, chain } = stage;
    tree.add("a1", "genesis");
    tree.add("x1", "genesis", { mark: "other" });
    const { header, bytes } = tree.block("a1");
    const swapped = tree.block("x1").bytes.slice();
    swapped.set(header.bytes);
    const outcome = await chain.accept(swapped);
    assert.ok(outcome.kind === "rejected" && outcome.senderOnly && outcome.rule === "bad-body");
    const cut = await chain.accept(bytes.subarray(0, bytes.length - 1));
    assert.ok(cut.kind === "rejected" && cut.senderOnly);
    assert.ok(!chain.isInvalid(header.id));
    await stage.each(["a1"], "connected");
  },
);
