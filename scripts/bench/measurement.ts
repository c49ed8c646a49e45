/** What a benchmark gives back, and what it is handed. */
import type { Tell } from "./chain_file.ts";

/** One figure: the median of its runs. */
export interface Measurement {
  /** Short and lasting, such as `sync.payments-per-s`. */
  readonly id: string;
  /** What was measured, in words. */
  readonly name: string;
  readonly unit: string;
  readonly value: number;
  readonly runs: readonly number[];
  readonly target?: Target;
  /** Whatever else the runs showed, by name. */
  readonly details?: Readonly<Record<string, number | string | readonly number[]>>;
}

/** What is asked of a figure: a number of its own, or a multiple of btcd's in the same hour. */
export interface Target {
  readonly kind: "least" | "most";
  readonly of: "value" | "btcd";
  readonly bound: number;
}

/** What the command line asks for. */
export interface BenchContext {
  /** Folder of chains that are kept. */
  readonly work: string;
  /** Folder of what this one call's nodes leave. */
  readonly runsFolder: string;
  readonly runs: number;
  /** Payments of the chain to sync. */
  readonly payments: number;
  /** How long a node is watched that has nothing to do. */
  readonly minutes: number;
  /** Keeps the data folders of the nodes. */
  readonly keep: boolean;
  /** Flags of `deno run` for the node that is measured. */
  readonly denoFlags: readonly string[];
  readonly tell: Tell;
}

export interface Benchmark {
  readonly name: string;
  readonly what: string;
  /** Left out of a plain `deno task bench`: no row of the table. */
  readonly onlyByName?: boolean;
  run(context: BenchContext): Promise<Measurement[]>;
}

/** A measurement of several runs, rounded to what can be told apart. */
export function measured(
  parts: Omit<Measurement, "value" | "runs"> & { readonly runs: readonly number[] },
): Measurement {
  const runs = parts.runs.map(rounded);
  return { ...parts, runs, value: rounded(median(parts.runs)) };
}

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** The value below which a share of `values` lies, between neighbours in proportion. */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) throw new Error("Nothing was measured");
  const sorted = values.toSorted((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const low = sorted[Math.floor(at)]!;
  return low + (sorted[Math.ceil(at)]! - low) * (at % 1);
}

/** Four digits are more than any run repeats. */
export function rounded(value: number): number {
  return value === 0 ? 0 : Number(value.toPrecision(4));
}

export const megabytes = (bytes: number): number => rounded(bytes / 1_000_000);
