/**
 * How long commands that need no node take, from the sources and, if it is there, compiled.
 *
 *     deno run -A scripts/bench/startup.ts
 *
 * Not a `Deno.bench`: that lets the asynchronous runs overlap, and a process is no microsecond.
 */
import { join } from "node:path";

const RUNS = 15;
const ROOT = join(import.meta.dirname!, "../..");
const EXECUTABLE = join(ROOT, "dist", Deno.build.os === "windows" ? "moim.exe" : "moim");
const FROM_SOURCES = [Deno.execPath(), "run", "--allow-env", "--allow-read", join(ROOT, "main.ts")];

for (const args of [["--help"], ["version"]]) {
  for (const [name, program] of [["deno run main.ts", FROM_SOURCES], ["moim", [EXECUTABLE]]]) {
    const line = `${name} ${args.join(" ")}`;
    try {
      console.log(`${line}: median ${await medianMs([...program!, ...args])} ms of ${RUNS} runs`);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      console.log(`${line}: not measured; run "deno task compile" first`);
    }
  }
}

async function medianMs([program, ...args]: string[]): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < RUNS; i++) {
    const started = performance.now();
    const command = new Deno.Command(program!, { args, stdout: "null", stderr: "null" });
    const { success, code } = await command.output();
    if (!success) throw new Error(`Cannot measure "${program}": exit code ${code}`);
    times.push(performance.now() - started);
  }
  return Math.round(times.sort((a, b) => a - b)[RUNS >> 1]!);
}
