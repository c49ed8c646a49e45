/**
 * A chain in simulated time, for watching the difficulty rule: solve times are drawn from the
 * exponential distribution that hashing has, targets and times follow the real rules. Pure: the
 * same seed gives the same chain.
 */
import { type Random, seededRandom } from "../../lib/base/random.ts";
import { TARGET_LIMIT, targetToCompact } from "../../lib/consensus/compact.ts";
import { requiredBits, scheduledBits } from "../../lib/consensus/difficulty.ts";
import { networkFromPhrase } from "../../lib/consensus/network.ts";
import { workOf } from "../../lib/consensus/work.ts";

export const NETWORK = networkFromPhrase("simulation");
export const T = NETWORK.spacingMs;
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

/** How a miner stamps its blocks: the earliest or latest time the rules let it, or the true one. */
export type Stamp = "honest" | "earliest" | "latest";

export interface Conditions {
  /** Hashes per millisecond of everybody together; 0 = nobody hashes. */
  readonly hashRate: number;
  /** Part of the work whose owner lies about time, and how. */
  readonly liar?: { readonly share: number; readonly stamp: Stamp };
}

export interface SimulatedBlock {
  /** When it was found, in simulated milliseconds. */
  readonly foundMs: number;
  /** What it says. */
  readonly timeMs: number;
  /** Real time since the block before. */
  readonly gapMs: number;
  readonly byLiar: boolean;
  /** Expected solve time of the target its child starts from, at the hash rate of now. */
  readonly childSolveMs: number;
}

/** Those who hash with one way of stamping. */
interface Racer {
  readonly hashRate: number;
  readonly stamp: Stamp;
  readonly isLiar: boolean;
}

/** The rule is asked again this often while a block is being sought. */
const PROBE_MS = T;

export class SimulatedChain {
  readonly blocks: SimulatedBlock[] = [];
  nowMs = NETWORK.timeMs;
  #tip: { timeMs: number; childScheduledBits: number };
  #foundMs = this.nowMs;
  readonly #random: Random;

  /** Begins in balance with `hashRate`: the scheduled target takes T to meet. */
  constructor(seed: number, hashRate: number) {
    this.#random = seededRandom(seed);
    this.#tip = { timeMs: this.nowMs, childScheduledBits: bitsForWork(hashRate * T) };
  }

  /** Lets `durationMs` pass. A block that is not found by then is sought on by the next call. */
  run(durationMs: number, conditions: Conditions): void {
    const endMs = this.nowMs + durationMs;
    while (this.nowMs < endMs) {
      const untilMs = Math.min(endMs, this.nowMs + PROBE_MS);
      const racers = this.#racers(conditions);
      const winners = racers
        .map((racer) => ({ racer, foundMs: this.#solve(racer, untilMs) }))
        .filter(({ foundMs }) => foundMs < untilMs)
        .sort((a, b) => a.foundMs - b.foundMs);
      const [winner] = winners;
      this.nowMs = winner === undefined ? untilMs : winner.foundMs;
      if (winner !== undefined) this.#extend(winner.racer, conditions.hashRate);
    }
  }

  /** Drawing anew after each interval changes nothing: hashing has no memory. */
  #solve(racer: Racer, untilMs: number): number {
    if (racer.hashRate === 0) return Infinity;
    // The target may ease within the interval; take the pieces one by one.
    let fromMs = this.nowMs;
    while (fromMs < untilMs) {
      const toMs = Math.min(untilMs, this.#nextEasing(fromMs, racer));
      const bits = requiredBits(this.#tip, this.#stamp(racer, fromMs), NETWORK);
      const solveMs = Number(workOf(bits)) / racer.hashRate;
      const foundMs = fromMs - Math.log(1 - this.#random.float()) * solveMs;
      if (foundMs < toMs) return foundMs;
      fromMs = toMs;
    }
    return Infinity;
  }

  /** The next moment at which a longer wait changes the required target. */
  #nextEasing(fromMs: number, racer: Racer): number {
    const aheadMs = racer.stamp === "latest" ? 2 * T : 0;
    const lateMs = fromMs + aheadMs - this.#tip.timeMs - 12 * T;
    const steps = lateMs < 0 ? 0 : Math.floor(lateMs / (4 * T)) + 1;
    return this.#tip.timeMs + 12 * T + steps * 4 * T - aheadMs + 1;
  }

  #stamp(racer: Racer, foundMs: number): number {
    const earliestMs = this.#tip.timeMs + NETWORK.minGapMs;
    if (racer.stamp === "earliest") return earliestMs;
    const wantedMs = Math.floor(foundMs) + (racer.stamp === "latest" ? 2 * T : 0);
    return Math.max(earliestMs, wantedMs);
  }

  #racers({ hashRate, liar }: Conditions): Racer[] {
    const share = liar?.share ?? 0;
    const honest: Racer = { hashRate: hashRate * (1 - share), stamp: "honest", isLiar: false };
    if (liar === undefined) return [honest];
    return [honest, { hashRate: hashRate * share, stamp: liar.stamp, isLiar: true }];
  }

  #extend(racer: Racer, hashRate: number): void {
    const timeMs = this.#stamp(racer, this.nowMs);
    const childScheduledBits = scheduledBits({
      scheduledBits: this.#tip.childScheduledBits,
      gapMs: timeMs - this.#tip.timeMs,
    }, NETWORK);
    this.#tip = { timeMs, childScheduledBits };
    this.blocks.push({
      foundMs: this.nowMs,
      timeMs,
      gapMs: this.nowMs - this.#foundMs,
      byLiar: racer.isLiar,
      childSolveMs: Number(workOf(childScheduledBits)) / hashRate,
    });
    this.#foundMs = this.nowMs;
  }
}

/** The target that takes about `hashes` to meet. */
export function bitsForWork(hashes: number): number {
  return targetToCompact(TARGET_LIMIT / BigInt(Math.round(hashes)));
}
