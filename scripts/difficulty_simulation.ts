/**
 * Prints how the difficulty rule keeps pace when hash rates change and miners lie about time.
 *
 *   deno run scripts/difficulty_simulation.ts [--json] [--seeds N]
 */
import { type Figure, simulateDifficulty } from "../tests/simulation/difficulty_scenarios.ts";

const DEFAULT_SEEDS = 40;

function seedsOf(args: readonly string[]): number {
  const at = args.indexOf("--seeds");
  if (at < 0) return DEFAULT_SEEDS;
  const seeds = Number(args[at + 1]);
  if (!Number.isSafeInteger(seeds) || seeds < 1) throw new RangeError("--seeds needs a number");
  return seeds;
}

function table(figures: readonly Figure[]): string {
  const header = ["scenario", "figure", "median", "least", "most", ""];
  const rows = figures.map((figure) => [
    figure.scenario,
    figure.figure,
    figure.median.toFixed(1),
    figure.least.toFixed(1),
    figure.most.toFixed(1),
    figure.unit,
  ]);
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length))
  );
  return [header, ...rows]
    .map((row) =>
      row.map((cell, column) =>
        column >= 2 && column <= 4 ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)
      ).join("  ").trimEnd()
    )
    .join("\n");
}

if (import.meta.main) {
  const figures = simulateDifficulty(seedsOf(Deno.args));
  console.log(Deno.args.includes("--json") ? JSON.stringify(figures, null, 2) : table(figures));
}
