/** Blocks stamped ahead of our clock, told with a clock whose timers run as time does. */
import assert from "node:assert/strict";
import { BlockTree, openChain, short } from "../support/chain_builder.ts";
import { EASY_NETWORK } from "../support/easy_chain.ts";
import { SIM_START_MS, SimClock } from "../support/sim_clock.ts";

/** Retyped: a block may be stamped this far ahead. */
const AHEAD_MS = 30_000;

Deno.test("story: blocks from the future connect one by one when the clock gets there", async () => {
  assert.equal(EASY_NETWORK.timeMs, SIM_START_MS);
  const tree = new BlockTree();
  const clock = new SimClock();
  const chain = await openChain({ clock });
  //  genesis (now) -> a1 (15 s) -> a2 (30 s) -> a3 (45 s) -> a4 (60 s)
  tree.branch("a", "genesis", 4);
  const feed = async (name: string) => short(await chain.accept(tree.block(name)));
  assert.equal(await feed("a1"), "connected");
  assert.equal(await feed("a2"), "connected", "30 s ahead is not too far");
  assert.equal(await feed("a3"), "time-in-future");
  assert.equal(await feed("a3"), "time-in-future", "it is held back once");
  assert.equal(await feed("a4"), "orphan", "its parent is no part of the chain yet");
  assert.ok(!chain.isInvalid(tree.block("a3").id));

  await clock.advance(tree.context("a3").timeMs - SIM_START_MS - AHEAD_MS - 1);
  assert.equal(chain.tip().height, 2);
  await clock.advance(1);
  assert.ok(await clock.advanceUntil(() => chain.tip().height === 3, 1_000));
  assert.ok(await clock.advanceUntil(() => chain.tip().height === 4, 60_000));
  assert.equal(clock.nowMs() >= tree.context("a4").timeMs - AHEAD_MS, true);
  await chain.close();
});

Deno.test("story: a block from the future that is bad otherwise is not held back", async () => {
  const tree = new BlockTree();
  const clock = new SimClock();
  const chain = await openChain({ clock });
  const block = tree.add("a1", "genesis", { gapMs: 3 * AHEAD_MS });
  const cut = await chain.accept(block.bytes.subarray(0, -1));
  assert.ok(cut.kind === "rejected" && cut.rule === "bad-body" && cut.senderOnly);
  await clock.advance(3 * AHEAD_MS);
  assert.equal(chain.tip().height, 0, "nobody kept what was cut");
  // The whole block is as welcome as if nothing had happened.
  assert.equal(short(await chain.accept(block.bytes)), "connected");
  await chain.close();
});

Deno.test("story: a held block that was overtaken stays beside the chain", async () => {
  const tree = new BlockTree();
  const clock = new SimClock();
  const chain = await openChain({ clock });
  //  genesis -> early (45 s)
  //         \-> a1 -> a2
  tree.add("early", "genesis", { gapMs: 45_000 });
  tree.branch("a", "genesis", 2);
  assert.equal(short(await chain.accept(tree.block("early"))), "time-in-future");
  for (const name of ["a1", "a2"]) {
    assert.equal(short(await chain.accept(tree.block(name))), "connected");
  }
  await clock.advance(15_000);
  assert.ok(await clock.advanceUntil(() => chain.hasBlock(tree.block("early").id), 1_000));
  assert.equal(chain.tip().id, tree.block("a2").id);
  await chain.close();
});
