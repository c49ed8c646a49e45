import assert from "node:assert/strict";
import fc from "fast-check";
import { compactToTarget, targetToCompact } from "../../../lib/consensus/compact.ts";
import { aserti3, requiredBits, scheduledBits } from "../../../lib/consensus/difficulty.ts";
import vectors from "../../vectors/aserti3.json" with { type: "json" };

const T = 15_000;
const NETWORK = { spacingMs: T, limitBits: 0x1e40_0000 };
const LIMIT = compactToTarget(NETWORK.limitBits);
const START = 0x1c10_0000;

for (const run of vectors.runs) {
  Deno.test(`aserti3: BCH ${run.about}`, () => {
    for (const line of run.cases) {
      const [height, time, bits] = line.split(" ");
      const blocks = BigInt(height!) - BigInt(run.anchorHeight);
      const next = aserti3({
        target: compactToTarget(Number(run.anchorBits)),
        error: BigInt(time!) - BigInt(run.anchorParentTime) - 600n * (blocks + 1n),
        halfLife: 172_800n,
        limit: compactToTarget(0x1d00_ffff),
      });
      assert.equal(targetToCompact(next), Number(bits), line);
    }
  });
}

Deno.test("aserti3: a half-life doubles or halves, none changes nothing, from 1 to the limit", () => {
  const step = (error: bigint, target = 1_000_000n) =>
    aserti3({ target, error, halfLife: 100n, limit: LIMIT });
  assert.equal(step(0n), 1_000_000n);
  assert.equal(step(100n), 2_000_000n);
  assert.equal(step(-100n), 500_000n);
  assert.equal(step(-(10n ** 9n)), 1n);
  assert.equal(step(10n ** 15n), LIMIT);
  assert.equal(step(1n, LIMIT), LIMIT);
});

Deno.test("aserti3: stays within 0.013% of the true exponential", () => {
  fc.assert(fc.property(fc.integer({ min: -3_000_000, max: 3_000_000 }), (error) => {
    const target = 2n ** 220n;
    const limit = 2n ** 250n;
    const next = aserti3({ target, error: BigInt(error), halfLife: 300_000n, limit });
    const ratio = Number(next >> 160n) / 2 ** 60;
    const exact = 2 ** (Math.trunc((error * 65_536) / 300_000) / 65_536);
    assert.ok(Math.abs(ratio / exact - 1) < 0.000_13, `${error}: ${ratio} for ${exact}`);
  }));
});

function scheduled(gapMs: number, bits = START): bigint {
  return compactToTarget(scheduledBits({ scheduledBits: bits, gapMs }, NETWORK));
}

Deno.test("scheduledBits: a gap of T keeps it, of 21T would double it but counts as 12T", () => {
  assert.equal(scheduledBits({ scheduledBits: START, gapMs: T }, NETWORK), START);
  const most = scheduled(12 * T);
  assert.equal(scheduled(12 * T + 1), most);
  assert.equal(scheduled(10 ** 12), most);
  assert.ok(scheduled(12 * T - 100) < most);
  // 2^(11/20)
  assert.ok(Math.abs(Number(most) / Number(compactToTarget(START)) - 2 ** 0.55) < 0.001);
  assert.ok(Math.abs(Number(scheduled(0)) / Number(compactToTarget(START)) - 2 ** -0.05) < 0.001);
});

Deno.test("scheduledBits: is compact, rounded down, and never passes the limit", () => {
  assert.equal(
    scheduledBits({ scheduledBits: NETWORK.limitBits, gapMs: 12 * T }, NETWORK),
    NETWORK.limitBits,
  );
  fc.assert(fc.property(fc.nat(20 * T), (gapMs) => {
    const bits = scheduledBits({ scheduledBits: START, gapMs }, NETWORK);
    const exact = aserti3({
      target: compactToTarget(START),
      error: BigInt(Math.min(gapMs, 12 * T) - T),
      halfLife: BigInt(20 * T),
      limit: LIMIT,
    });
    assert.equal(bits, targetToCompact(exact));
    assert.ok(compactToTarget(bits) <= exact);
  }));
});

const PARENT = { timeMs: 1_767_225_600_000, childScheduledBits: START };

function required(lateMs: number, parent = PARENT): bigint {
  return compactToTarget(requiredBits(parent, parent.timeMs + lateMs, NETWORK));
}

Deno.test("requiredBits: eases by whole doublings, the first just after 12T, then each 4T", () => {
  const scheduledTarget = compactToTarget(START);
  const cases: [number, bigint][] = [
    [0, 0n],
    [T, 0n],
    [12 * T, 0n],
    [12 * T + 1, 1n],
    [16 * T, 1n],
    [16 * T + 1, 2n],
    [20 * T, 2n],
    [52 * T, 10n],
  ];
  for (const [lateMs, steps] of cases) {
    assert.equal(required(lateMs), scheduledTarget << steps, `${lateMs} ms`);
  }
});

Deno.test("requiredBits: rests at the limit however late, up to the last time there is", () => {
  assert.equal(required(200 * T), LIMIT);
  const last = Number.MAX_SAFE_INTEGER;
  assert.equal(requiredBits(PARENT, last, NETWORK), NETWORK.limitBits);
  const hardest = { timeMs: 0, childScheduledBits: 0x0101_0000 };
  assert.equal(requiredBits(hardest, last, NETWORK), NETWORK.limitBits);
});

Deno.test("requiredBits: a spacing that does not divide evenly still steps exactly", () => {
  const network = { spacingMs: 333, limitBits: NETWORK.limitBits };
  const parent = { timeMs: 2 ** 52, childScheduledBits: START };
  for (let steps = 1; steps <= 5; steps++) {
    const edge = parent.timeMs + 12 * 333 + 4 * 333 * steps;
    const target = (at: number) => compactToTarget(requiredBits(parent, at, network));
    assert.equal(target(edge), compactToTarget(START) << BigInt(steps));
    assert.equal(target(edge + 1), compactToTarget(START) << BigInt(steps + 1));
  }
});
