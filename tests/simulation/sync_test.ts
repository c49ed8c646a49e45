/** Whole nodes over a simulated network: how chains meet, and how a new node catches up. */
import assert from "node:assert/strict";
import { mintBranch } from "../support/easy_chain.ts";
import { World, type WorldOptions } from "../support/world.ts";
import { assertAgreed, assertInvariants } from "../support/world_checks.ts";

async function inWorld(
  options: Partial<WorldOptions>,
  test: (world: World) => Promise<void>,
): Promise<void> {
  const world = new World({ seed: 1, ...options });
  try {
    await test(world);
    await assertInvariants(world);
  } finally {
    await world.stop();
  }
}

const THOUSAND = mintBranch(1_000);
const blocks = THOUSAND.map(({ block }) => block);

Deno.test("a new node syncs 1,000 blocks from one peer", () =>
  inWorld({}, async (world) => {
    const old = await world.add();
    await old.chain.acceptMany(blocks);
    const fresh = await world.add({ peers: [old] });
    await world.until(() => world.isAgreed(), 60_000, "the new node has all blocks");
    assert.equal(fresh.chain.tip().height, 1_000);
    assert.equal(fresh.sync.state().phase, "synced");
  }));

Deno.test("a new node syncs from several peers at once, also when some break away", () =>
  inWorld({}, async (world) => {
    const old = [];
    for (let made = 0; made < 4; made++) old.push(await world.add());
    for (const node of old) await node.chain.acceptMany(blocks.slice(0, 400));
    const fresh = await world.add({ peers: old });
    await world.until(() => fresh.chain.tip().height > 50, 60_000, "some blocks are here");
    const sent = old.map((node) => node.manager.stats().bytesOut);
    assert(sent.filter((bytes) => bytes > 1_000).length >= 3, `from several: ${sent}`);
    await old[0]!.crash();
    await old[1]!.stop();
    await world.until(() => world.isAgreed(), 120_000, "the new node has all blocks");
  }));

Deno.test("a sync that is interrupted by a power cut goes on where it was", () =>
  inWorld({}, async (world) => {
    const old = await world.add();
    await old.chain.acceptMany(blocks);
    const fresh = await world.add({ peers: [old] });
    for (const height of [100, 500]) {
      await world.until(() => fresh.chain.tip().height >= height, 60_000, `${height} blocks`);
      const reached = fresh.chain.tip().height;
      await fresh.crash();
      await fresh.start();
      assert(fresh.chain.tip().height >= reached, "what was told is kept");
    }
    await world.until(() => world.isAgreed(), 60_000, "the new node has all blocks");
  }));

Deno.test("three islands that meet through one node end on one chain", () =>
  inWorld({}, async (world) => {
    const islands = [];
    for (const length of [3, 5, 8]) {
      const first = await world.add();
      const second = await world.add({ peers: [first] });
      for (let minted = 0; minted < length; minted++) {
        await world.run(15_000);
        await first.mint();
      }
      await world.until(() => world.isAgreed([first, second]), 60_000, "an island agrees");
      islands.push(first);
    }
    assert.equal(new Set(islands.map((node) => node.chain.tip().id)).size, 3);
    await world.add({ peers: islands });
    await world.until(() => world.isAgreed(), 60_000, "all agree");
    assertAgreed(world);
    assert.equal(world.nodes[0]!.chain.tip().height, 8);
  }));

Deno.test("a split of equal work heals without another block", () =>
  inWorld({}, async (world) => {
    const [left, right] = [await world.add(), await world.add()];
    for (const node of [left, right]) {
      for (let minted = 0; minted < 3; minted++) await node.mint();
    }
    assert.equal(left.chain.tip().totalWork, right.chain.tip().totalWork);
    assert.notEqual(left.chain.tip().id, right.chain.tip().id);
    await world.add({ peers: [left, right] });
    await world.until(() => world.isAgreed(), 60_000, "all agree");
    assertAgreed(world);
  }));

Deno.test("two blocks minted at once leave no split", () =>
  inWorld({}, async (world) => {
    const [left, right] = [await world.add(), await world.add()];
    const middle = await world.add({ peers: [left, right] });
    await world.run(5_000);
    await left.mint();
    await right.mint();
    await world.until(() => world.isAgreed(), 10_000, "all agree");
    assert.equal(middle.chain.tip().height, 1);
    assertAgreed(world);
  }));

Deno.test("a payment made while the only peer is away arrives when it is back", () =>
  inWorld({}, async (world) => {
    const friend = await world.add();
    const payer = await world.add({ peers: [friend] });
    await world.run(5_000);
    for (let minted = 0; minted < 2; minted++) {
      await world.run(15_000);
      await payer.mint();
    }
    await world.until(() => world.isAgreed(), 10_000, "both agree");
    await friend.stop();
    await world.run(60_000);
    assert(await payer.pay(friend, 5_000));
    await world.run(60_000);
    await friend.start();
    await world.until(() => friend.mempool.size === 1, 60_000, "the payment is there");
    await friend.mint();
    await world.until(() => world.isAgreed(), 10_000, "both agree");
    assert.equal(
      (await friend.chain.coinsOf(friend.key.lock)).some((coin) => coin.amount === 5_000),
      true,
    );
  }));

Deno.test("a reorganisation gives lost payments back, and they are mined again", () =>
  inWorld({}, async (world) => {
    const friend = await world.add();
    const payer = await world.add({ peers: [friend] });
    await world.run(5_000);
    await payer.mint();
    await world.until(() => world.isAgreed(), 10_000, "both agree");
    world.net.partition((peerId) => peerId);
    await world.run(60_000);
    assert(await payer.pay(friend, 7_000));
    await payer.mint();
    for (let minted = 0; minted < 3; minted++) await friend.mint();
    world.net.heal();
    await world.until(() => world.isAgreed(), 600_000, "both agree");
    assert.equal(payer.mempool.size, 1);
    await world.until(() => friend.mempool.size === 1, 10_000, "the payment is known again");
    await friend.mint();
    await world.until(() => world.isAgreed(), 10_000, "both agree");
    assert.equal(payer.mempool.size, 0);
  }));
