/**
 * Starts the program under a timer of 5 ms and keeps how late each tick came: while the main thread
 * is busy, or waits for a processor, no tick comes. Written as JSON when the process ends: pairs
 * of the moment (performance.now) and the lag, in milliseconds.
 *
 * Environment: `MOIM_BENCH_MAIN`, the program's main module; `MOIM_BENCH_LAG_FILE`.
 *
 * @module
 */
import { pathToFileURL } from "node:url";

const TICK_MS = 5;
const ticks: [atMs: number, lagMs: number][] = [];
let lastMs = performance.now();

function tick(): void {
  const nowMs = performance.now();
  ticks.push([nowMs, Math.max(0, nowMs - lastMs - TICK_MS)]);
  lastMs = nowMs;
  setTimeout(tick, TICK_MS);
}

setTimeout(tick, TICK_MS);
addEventListener("unload", () => {
  Deno.writeTextFileSync(Deno.env.get("MOIM_BENCH_LAG_FILE")!, JSON.stringify(ticks));
});
await import(pathToFileURL(Deno.env.get("MOIM_BENCH_MAIN")!).href);
