/** Whether look-ups grow with the chain: whole commands on chains of 10 to 10,000 blocks. */
import { makeChainFolder } from "./chain_folder.ts";
import { type BenchContext, measured, type Measurement, median } from "./measurement.ts";
import { timeMoim } from "./process.ts";
import { runFolder } from "./sync.ts";

const LENGTHS = [10, 100, 1_000, 10_000];

const COMMANDS: readonly [string, (txId: string) => string[]][] = [
  ["balance of 10 coins", () => ["balance", "--address", "w1"]],
  ["balance of the rest", () => ["balance", "--address", "w2"]],
  ["tx ID", (txId) => ["tx", txId]],
  ["block 5", () => ["block", "5"]],
  ["chain --limit 10", () => ["chain", "--limit", "10"]],
  ["mint --minter w1", () => ["mint", "--minter", "w1"]],
];

export async function benchLookups(context: BenchContext): Promise<Measurement[]> {
  const folders: { length: number; dir: string; txId: string }[] = [];
  for (const length of LENGTHS) {
    context.tell(`making a chain of ${length} blocks`);
    const dir = await runFolder(context, `lookups-${length}`);
    folders.push({ length, dir, txId: await makeChainFolder(dir, length) });
  }
  const found: Measurement[] = [];
  for (const [name, argsOf] of COMMANDS) {
    const times = new Map(LENGTHS.map((length) => [length, [] as number[]]));
    // Lengths by turns, so that a noisy moment of the machine falls on all of them.
    for (let run = 0; run < context.runs; run++) {
      for (const { length, dir, txId } of folders) {
        times.get(length)!.push(await timeMoim(argsOf(txId), { MOIM_DATA_DIR: dir }));
      }
    }
    const medians = LENGTHS.map((length) => [
      `blocks${length}Ms`,
      Math.round(median(times.get(length)!)),
    ]);
    context.tell(`${name}: ${medians.map(([, ms]) => ms).join(", ")} ms`);
    found.push(measured({
      id: `lookups.${name.replaceAll(" ", "-")}-ms`,
      name: `Command "${name}" on 10,000 blocks`,
      unit: "ms",
      runs: times.get(LENGTHS.at(-1)!)!,
      details: Object.fromEntries(medians),
    }));
  }
  return found;
}
