/** The pace that users are promised, over a dozen seeds each; the figures come from the rules. */
import assert from "node:assert/strict";
import { HOUR, NETWORK, SimulatedChain, T } from "./difficulty.ts";
import { type Figure, simulateDifficulty } from "./difficulty_scenarios.ts";

const SEEDS = 12;
const figures = simulateDifficulty(SEEDS);

function figure(scenario: string, name: string): Figure {
  const found = figures.find((next) => next.scenario === scenario && next.figure === name);
  assert.ok(found !== undefined, `${scenario}: ${name}`);
  return found;
}

function assertWithin(measured: Figure, least: number, most: number): void {
  const { scenario, figure, unit } = measured;
  const text = `${scenario}: ${figure} ${measured.least} to ${measured.most} ${unit}`;
  assert.ok(measured.least >= least && measured.most <= most, text);
}

Deno.test("difficulty, steady: a block every 15 s", () => {
  assertWithin(figure("steady", "mean spacing"), 14.5, 15.5);
});

Deno.test("difficulty, x30 up: on pace within 10 minutes, and 15 s from then on", () => {
  assert.ok(figure("x30 up", "on pace after").median <= 10);
  assertWithin(figure("x30 up", "on pace after"), 0, 12);
  assertWithin(figure("x30 up", "mean spacing once on pace"), 14, 15.5);
});

Deno.test("difficulty, x30 down: a block every few minutes at first, on pace within 40 minutes", () => {
  assertWithin(figure("x30 down", "mean of the first 5 gaps"), 1, 5);
  assertWithin(figure("x30 down", "longest gap"), 2, 9);
  assert.ok(figure("x30 down", "on pace after").median <= 40);
  assertWithin(figure("x30 down", "on pace after"), 0, 50);
  assertWithin(figure("x30 down", "mean spacing once on pace"), 14.5, 16);
});

Deno.test("difficulty, x1000 down: about 11 minutes at most between blocks, on pace in 3 hours", () => {
  assert.ok(figure("x1000 down", "longest gap").median <= 11);
  assertWithin(figure("x1000 down", "longest gap"), 5, 14);
  assertWithin(figure("x1000 down", "on pace after"), 0, 180);
  assertWithin(figure("x1000 down", "mean spacing once on pace"), 14.5, 16);
});

Deno.test("difficulty, 12 idle hours: some ten blocks early and no burst", () => {
  const early = figure("12 hours idle", "blocks early after 2 hours");
  assert.ok(early.median >= 5 && early.median <= 20, `${early.median}`);
  // Two hours of 480 blocks scatter by some ten themselves; 12 owed hours would be 2,880 blocks.
  assertWithin(early, -10, 40);
  assertWithin(figure("12 hours idle", "most in one minute"), 4, 20);
  assertWithin(figure("12 hours idle", "first block after"), 0, 30);
});

for (const stamp of ["latest", "earliest"]) {
  Deno.test(`difficulty, 30% of the work stamps the ${stamp} time: pace and shares stay`, () => {
    const scenario = `30% stamp ${stamp}`;
    assertWithin(figure(scenario, "mean spacing"), 14.5, 15.5);
    const share = figure(scenario, "liar's part of the blocks");
    assert.ok(share.median >= 28 && share.median <= 33, `${share.median}`);
    assertWithin(share, 25, 37);
    // Two spacings ahead is what the rules allow, and a minimum gap or two behind such a block.
    assertWithin(figure(scenario, "chain time ahead, at most"), 0, 2 * 15 + 10);
  });
}

Deno.test("difficulty, 12 idle hours claimed afterwards: at most one block a T", () => {
  // Users are told of this; the bound is what is promised.
  assertWithin(figure("12 idle hours backdated", "blocks claimed"), 2_000, (12 * HOUR) / T);
});

Deno.test("difficulty simulation: one seed, one chain; times keep the minimum gap", () => {
  const run = (seed: number) => {
    const chain = new SimulatedChain(seed, 2 ** 30 / T);
    chain.run(HOUR, { hashRate: 2 ** 33 / T, liar: { share: 0.3, stamp: "earliest" } });
    return chain.blocks;
  };
  const blocks = run(7);
  assert.deepEqual(run(7), blocks);
  assert.notDeepEqual(run(8), blocks);
  blocks.slice(1).forEach((block, at) => {
    assert.ok(block.timeMs - blocks[at]!.timeMs >= NETWORK.minGapMs);
  });
});
