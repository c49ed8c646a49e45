/**
 * Whether look-ups grow with the chain: `balance`, `tx`, `mint`, `chain` and `block` as whole
 * processes on chains of 10 to 10,000 blocks, beside each other.
 *
 *     deno run -A scripts/bench/lookups.ts [--json]
 */
import { makeChainFolder } from "./chain_folder.ts";
import { median, timeMoim } from "./process.ts";

const LENGTHS = [10, 100, 1_000, 10_000];
const RUNS = 7;

const rows: Record<string, number | string>[] = [];
const folders: { length: number; dir: string; txId: string }[] = [];
try {
  for (const length of LENGTHS) {
    const dir = await Deno.makeTempDir({ prefix: "moim-bench-" });
    console.error(`making a chain of ${length} blocks`);
    folders.push({ length, dir, txId: await makeChainFolder(dir, length) });
  }
  for (const [name, argsOf] of commands()) {
    const times = new Map(LENGTHS.map((length) => [length, [] as number[]]));
    // Lengths by turns, so that a noisy moment of the machine falls on all of them.
    for (let run = 0; run < RUNS; run++) {
      for (const { length, dir, txId } of folders) {
        times.get(length)!.push(await timeMoim(argsOf(txId), { MOIM_DATA_DIR: dir }));
      }
    }
    const medians = LENGTHS.map((
      length,
    ) => [`${length} blocks`, Math.round(median(times.get(length)!))]);
    rows.push({ command: name, ...Object.fromEntries(medians) });
  }
} finally {
  for (const { dir } of folders) await Deno.remove(dir, { recursive: true });
}
if (Deno.args.includes("--json")) console.log(JSON.stringify(rows));
else {
  console.log(`Milliseconds of a whole process, median of ${RUNS}`);
  console.table(rows);
}

function commands(): [string, (txId: string) => string[]][] {
  return [
    ["balance of 10 coins", () => ["balance", "--address", "w1"]],
    ["balance of the rest", () => ["balance", "--address", "w2"]],
    ["tx ID", (txId) => ["tx", txId]],
    ["block 5", () => ["block", "5"]],
    ["chain --limit 10", () => ["chain", "--limit", "10"]],
    ["mint --minter w1", () => ["mint", "--minter", "w1"]],
  ];
}
