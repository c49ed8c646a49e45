/** What happens to a chain's pace when its hash rate or its miners change: figures over many seeds. */
import { scheduledBits } from "../../lib/consensus/difficulty.ts";
import { workOf } from "../../lib/consensus/work.ts";
import {
  bitsForWork,
  type Conditions,
  HOUR,
  MINUTE,
  NETWORK,
  type SimulatedBlock,
  SimulatedChain,
  type Stamp,
  T,
} from "./difficulty.ts";

/** 2^30 hashes a block: far from the easiest target, even a thousandth of it. */
const HASH_RATE = 2 ** 30 / T;
const LIAR_SHARE = 0.3;
/** On pace: the next block is expected within this factor of T. */
const PACE_FACTOR = 1.5;

export interface Figure {
  readonly scenario: string;
  readonly figure: string;
  readonly unit: "s" | "min" | "blocks" | "%";
  /** Over all seeds. */
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** All figures, each over `seeds` runs. */
export function simulateDifficulty(seeds: number): Figure[] {
  return [
    ...figures("steady", seeds, steady),
    ...figures("x30 up", seeds, (seed) => rateChange(seed, 30, 3 * HOUR)),
    ...figures("x30 down", seeds, (seed) => rateChange(seed, 1 / 30, 6 * HOUR)),
    ...figures("x1000 down", seeds, (seed) => rateChange(seed, 1 / 1000, 12 * HOUR)),
    ...figures("12 hours idle", seeds, idleNight),
    ...figures("30% stamp latest", seeds, (seed) => liar(seed, "latest")),
    ...figures("30% stamp earliest", seeds, (seed) => liar(seed, "earliest")),
    ...figures("12 idle hours backdated", 1, backdated),
  ];
}

type Measured = Record<string, { value: number; unit: Figure["unit"] }>;

function figures(scenario: string, seeds: number, run: (seed: number) => Measured): Figure[] {
  const runs = Array.from({ length: seeds }, (_, at) => run(1_000 + at));
  return Object.entries(runs[0]!).map(([figure, { unit }]) => {
    const values = runs.map((measured) => measured[figure]!.value).sort((a, b) => a - b);
    const median = values[Math.floor(values.length / 2)]!;
    return { scenario, figure, unit, median, least: values[0]!, most: values.at(-1)! };
  });
}

function steady(seed: number): Measured {
  const chain = new SimulatedChain(seed, HASH_RATE);
  chain.run(5 * HOUR, { hashRate: HASH_RATE });
  return { "mean spacing": { value: meanGap(chain.blocks) / 1_000, unit: "s" } };
}

/** A steady hour, then `factor` times the hash rate. */
function rateChange(seed: number, factor: number, watchMs: number): Measured {
  const chain = new SimulatedChain(seed, HASH_RATE);
  chain.run(HOUR, { hashRate: HASH_RATE });
  const changeMs = chain.nowMs;
  const before = chain.blocks.length;
  chain.run(watchMs, { hashRate: HASH_RATE * factor });
  const after = chain.blocks.slice(before);
  // The first gap began before the change.
  const gaps = [after[0]!.foundMs - changeMs, ...after.slice(1).map((block) => block.gapMs)];
  const onPace = after.find((block) => isOnPace(block, factor)) ?? after.at(-1)!;
  const settled = after.filter((block) => block.foundMs > onPace.foundMs);
  return {
    "on pace after": { value: (onPace.foundMs - changeMs) / MINUTE, unit: "min" },
    "mean of the first 5 gaps": { value: mean(gaps.slice(0, 5)) / MINUTE, unit: "min" },
    "longest gap": { value: Math.max(...gaps) / MINUTE, unit: "min" },
    "mean spacing once on pace": { value: meanGap(settled) / 1_000, unit: "s" },
  };
}

function isOnPace(block: SimulatedBlock, factor: number): boolean {
  return factor > 1 ? block.childSolveMs >= T / PACE_FACTOR : block.childSolveMs <= T * PACE_FACTOR;
}

/** A steady hour, 12 hours without anybody, then the same hash rate again. */
function idleNight(seed: number): Measured {
  const chain = new SimulatedChain(seed, HASH_RATE);
  chain.run(HOUR, { hashRate: HASH_RATE });
  chain.run(12 * HOUR, { hashRate: 0 });
  const morningMs = chain.nowMs;
  const before = chain.blocks.length;
  chain.run(2 * HOUR, { hashRate: HASH_RATE });
  const found = chain.blocks.slice(before).map((block) => block.foundMs - morningMs);
  const within = (fromMs: number, lengthMs: number) =>
    found.filter((at) => at >= fromMs && at < fromMs + lengthMs).length;
  const busiest = Math.max(...found.map((at) => within(at, MINUTE)));
  return {
    "blocks early after 2 hours": { value: found.length - (2 * HOUR) / T, unit: "blocks" },
    "first block after": { value: found[0]! / 1_000, unit: "s" },
    "most in one minute": { value: busiest, unit: "blocks" },
  };
}

function liar(seed: number, stamp: Stamp): Measured {
  const conditions: Conditions = { hashRate: HASH_RATE, liar: { share: LIAR_SHARE, stamp } };
  const chain = new SimulatedChain(seed, HASH_RATE);
  chain.run(5 * HOUR, conditions);
  const { blocks } = chain;
  const lies = blocks.filter((block) => block.byLiar).length;
  const ahead = blocks.map((block) => block.timeMs - block.foundMs);
  return {
    "mean spacing": { value: meanGap(blocks) / 1_000, unit: "s" },
    "liar's part of the blocks": { value: (100 * lies) / blocks.length, unit: "%" },
    "chain time ahead, at most": { value: Math.max(...ahead) / 1_000, unit: "s" },
    "chain time behind, at most": { value: -Math.min(...ahead) / 1_000, unit: "s" },
  };
}

/**
 * What the rule cannot prevent: somebody fills the idle night with backdated blocks afterwards,
 * first with the longest gaps that count, to make blocks easy, then with one each T.
 */
function backdated(): Measured {
  const begin = bitsForWork(HASH_RATE * T);
  let [bits, timeMs, blocks, work] = [begin, 0, 0, 0];
  while (true) {
    const gapMs = bits === NETWORK.limitBits ? T : 12 * T;
    if (timeMs + gapMs > 12 * HOUR) break;
    timeMs += gapMs;
    blocks++;
    work += Number(workOf(bits));
    bits = scheduledBits({ scheduledBits: bits, gapMs }, NETWORK);
  }
  return {
    "blocks claimed": { value: blocks, unit: "blocks" },
    "their work, in blocks of before": { value: work / Number(workOf(begin)), unit: "blocks" },
  };
}

function meanGap(blocks: readonly SimulatedBlock[]): number {
  return mean(blocks.map((block) => block.gapMs));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
