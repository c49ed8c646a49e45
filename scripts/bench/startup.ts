/** How long whole commands take, from the sources and, if it is there, as the executable. */
import { makeChainFolder } from "./chain_folder.ts";
import { type BenchContext, measured, type Measurement } from "./measurement.ts";
import { EXECUTABLE, timeMoim, withProgram } from "./process.ts";
import { runFolder } from "./sync.ts";

const RUNS_EACH = 5;
const BLOCKS = 100;
const COMMANDS = [["--help"], ["version"], ["balance", "w1"]];

export async function benchStartup(context: BenchContext): Promise<Measurement[]> {
  const dataDir = await runFolder(context, "startup");
  await makeChainFolder(dataDir, BLOCKS);
  const isCompiled = await Deno.stat(EXECUTABLE).then(() => true, () => false);
  if (!isCompiled) context.tell('no executable to measure: run "deno task compile" first');
  const found: Measurement[] = [];
  for (const args of COMMANDS) {
    for (const path of isCompiled ? [EXECUTABLE, undefined] : [undefined]) {
      const of = path === undefined ? "deno run" : "the executable";
      const runs: number[] = [];
      for (let run = 0; run < RUNS_EACH * context.runs; run++) {
        runs.push(
          await withProgram(path, () => timeMoim(args, { MOIM_DATA_DIR: dataDir })),
        );
      }
      found.push(measured({
        id: `startup.${args[0]!.replaceAll("-", "")}-${path === undefined ? "sources" : "exe"}-ms`,
        name: `Command "${args.join(" ")}", ${of}`,
        unit: "ms",
        runs,
      }));
    }
  }
  return found;
}
