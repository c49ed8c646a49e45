/**
 * How long whole commands take, from the sources and, if it is there, as the executable.
 *
 *     deno run -A scripts/bench/startup.ts
 *
 * Not a `Deno.bench`: that lets the asynchronous runs overlap, and a process is no microsecond.
 */
import { join } from "node:path";
import { makeChainFolder } from "./chain_folder.ts";
import { median, timeMoim } from "./process.ts";

const RUNS = 15;
const BLOCKS = 100;
const EXECUTABLE = join("dist", Deno.build.os === "windows" ? "moim.exe" : "moim");

const dataDir = await Deno.makeTempDir({ prefix: "moim-bench-" });
try {
  await makeChainFolder(dataDir, BLOCKS);
  const binaries = await Deno.stat(EXECUTABLE).then(() => ["", EXECUTABLE], () => [""]);
  if (binaries.length === 1) console.error('No executable: run "deno task compile" first');
  for (const args of [["--help"], ["version"], ["balance", "w1"]]) {
    for (const binary of binaries) {
      Deno.env.set("MOIM_BINARY", binary);
      const times: number[] = [];
      for (let run = 0; run < RUNS; run++) {
        times.push(await timeMoim(args, { MOIM_DATA_DIR: dataDir }));
      }
      const name = binary === "" ? "deno run main.ts" : "dist/moim";
      const [least, most] = [Math.min(...times), Math.max(...times)].map(Math.round);
      console.log(
        `${name} ${args.join(" ")}: median ${Math.round(median(times))} ms ` +
          `(${least}–${most}) of ${RUNS} runs`,
      );
    }
  }
} finally {
  await Deno.remove(dataDir, { recursive: true });
}
