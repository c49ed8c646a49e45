/** What subscribers, the wallet among them, are told: each coming and going, once, with its reason. */
import assert from "node:assert/strict";
import { amount } from "../../../lib/primitives/amount.ts";
import { ALICE, BOB, LATE_MS, outputOf } from "../../support/chain_builder.ts";
import { MempoolStage } from "./mempool_stage.ts";

const DAY_MS = 24 * 3_600_000;

async function withStage(
  test: (stage: MempoolStage) => Promise<void>,
  options: Parameters<typeof MempoolStage.open>[1] = {},
): Promise<void> {
  const stage = await MempoolStage.open(4, options);
  await test(stage);
  await stage.close();
}

Deno.test("mined: a block takes what waits", () =>
  withStage(async (stage) => {
    const parent = stage.tree.pay(stage.funds[0]!);
    const child = stage.tree.pay(outputOf(parent, 1));
    for (const payment of [parent, child]) await stage.accept(payment);
    await stage.mine("a1", "genesis", [parent]);
    assert.deepEqual(stage.told, [
      { id: parent.id, what: "added" },
      { id: child.id, what: "added" },
      { id: parent.id, what: "mined" },
    ]);
    assert.equal(stage.mempool.get(child.id)!.parents.size, 0);
    await stage.mine("a2", "a1", [child]);
    assert.deepEqual(stage.told.slice(3), [{ id: child.id, what: "mined" }]);
    assert.equal(stage.mempool.bytes, 0);
  }));

Deno.test("conflict: a block spends the coin otherwise", () =>
  withStage(async (stage) => {
    const { tree, funds } = stage;
    const payment = tree.pay(funds[0]!);
    const child = tree.pay(outputOf(payment, 1));
    const stranger = tree.pay(funds[1]!);
    for (const each of [payment, child, stranger]) await stage.accept(each);
    const rival = tree.pay(funds[0]!, { to: BOB.lock });
    tree.add("a1", "genesis", { transactions: [rival], fees: amount(1_000) });
    await stage.chain.accept(tree.block("a1"));
    assert.deepEqual(stage.told.slice(3), [
      { id: child.id, what: "conflict" },
      { id: payment.id, what: "conflict" },
    ]);
    assert.deepEqual(stage.ids(), [stranger.id]);
  }));

Deno.test("replaced: what is outbid, then the newcomer", () =>
  withStage(async (stage) => {
    const { tree, funds } = stage;
    const first = tree.pay(funds[0]!);
    const child = tree.pay(outputOf(first, 1));
    const grandchild = tree.pay(outputOf(child, 1));
    for (const each of [first, child, grandchild]) await stage.accept(each);
    const rival = tree.pay(funds[0]!, { to: BOB.lock, fee: 9_000 });
    assert.equal(await stage.accept(rival), "accepted");
    assert.deepEqual(stage.told.slice(3).map(({ what }) => what), [
      "replaced",
      "replaced",
      "replaced",
      "added",
    ]);
    assert.deepEqual(stage.ids(), [rival.id]);
    assert.equal(stage.mempool.spender(funds[0]!.outPoint), rival.id);
  }));

Deno.test("expired: after a day, with what builds on it", () =>
  withStage(async (stage) => {
    const { tree, funds, clock, mempool } = stage;
    const old = tree.pay(funds[0]!);
    await stage.accept(old);
    clock.set(LATE_MS + DAY_MS);
    const young = tree.pay(outputOf(old, 1));
    await stage.accept(young);
    mempool.expire();
    assert.equal(mempool.size, 2);
    clock.set(LATE_MS + DAY_MS + 1);
    mempool.expire();
    assert.deepEqual(stage.told.slice(2), [
      { id: young.id, what: "expired" },
      { id: old.id, what: "expired" },
    ]);
  }));

Deno.test("full: the lowest rates make room, children before their parents", () =>
  withStage(async (stage) => {
    const { tree, funds, mempool } = stage;
    // The parent pays least, and is held by a child that pays more than the strangers do.
    const parent = tree.pay(funds[0]!, { fee: 300 });
    const child = tree.pay(outputOf(parent, 1), { fee: 3_000 });
    const strangers = [funds[1]!, funds[2]!].map((coin) => tree.pay(coin, { fee: 1_000 }));
    for (const each of [parent, child, ...strangers]) await stage.accept(each);
    const rich = tree.pay(funds[3]!, { fee: 5_000 });
    assert.equal(await stage.accept(rich), "accepted");
    assert.ok(mempool.bytes <= 900);
    assert.ok(mempool.has(parent.id) && mempool.has(child.id) && mempool.has(rich.id));
    const gone = stage.told.filter(({ what }) => what === "full").map(({ id }) => id);
    assert.ok(gone.length > 0 && gone.every((id) => strangers.some((each) => each.id === id)));
  }, { limits: { bytesMax: 900 } }));

Deno.test("lost-coin: a reorganisation takes the coinbase that it spends", () =>
  withStage(async (stage) => {
    const { tree } = stage;
    //  genesis -> a1
    //         \-> b1 -> b2
    tree.add("a1", "genesis");
    tree.branch("b", "genesis", 2);
    await stage.chain.accept(tree.block("a1"));
    const payment = tree.pay(tree.reward("a1"));
    const child = tree.pay(outputOf(payment, 0), { from: ALICE, to: BOB.lock, pays: 5 });
    for (const each of [payment, child]) await stage.accept(each);
    for (const name of ["b1", "b2"]) await stage.chain.accept(tree.block(name));
    // Set aside at once: no template may hold them while they are judged anew.
    assert.deepEqual(stage.mempool.select(), []);
    await stage.mempool.idle();
    assert.deepEqual(stage.told.slice(2), [
      { id: payment.id, what: "lost-coin" },
      { id: child.id, what: "lost-coin" },
    ]);
  }));

Deno.test("a listener that fails keeps nothing from the others", () =>
  withStage(async (stage) => {
    stage.mempool.subscribe(() => {
      throw new Error("on purpose");
    });
    let heard = 0;
    const stop = stage.mempool.subscribe(() => heard++);
    assert.equal(await stage.accept(stage.tree.pay(stage.funds[0]!)), "accepted");
    assert.equal(heard, 1);
    stop();
    assert.equal(await stage.accept(stage.tree.pay(stage.funds[1]!)), "accepted");
    assert.equal(heard, 1);
  }));
