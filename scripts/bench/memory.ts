/**
 * Memory of a node that idles and of one that syncs 10,000 blocks, and how fast it syncs, with real
 * processes on loopback (Linux: /proc).
 *
 *     deno run -A scripts/bench/memory.ts [--json] [--blocks N]
 */
import { parseArgs } from "node:util";
import { makeChainFolder } from "./chain_folder.ts";
import { memoryOf, spawnMoim, waitForLine } from "./process.ts";

const IDLE_MS = 10_000;
const SYNC_MS_MAX = 300_000;
const { values } = parseArgs({
  options: { json: { type: "boolean" }, blocks: { type: "string", default: "10000" } },
});
const blocks = Number(values.blocks);
const megabytes = (bytes: number) => Math.round(bytes / 1_000_000);

const serving = await Deno.makeTempDir({ prefix: "moim-bench-" });
const syncing = await Deno.makeTempDir({ prefix: "moim-bench-" });
const children: Deno.ChildProcess[] = [];
try {
  console.error(`making a chain of ${blocks} blocks`);
  await makeChainFolder(serving, blocks);
  const start = ["start", "--network", "dev", "--port", "0", "--http", "0"];
  const server = spawnMoim(start, { MOIM_DATA_DIR: serving });
  children.push(server);
  const lines = await waitForLine(server, /^ready/m);
  const address = /\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/\w+/.exec(lines)![0];
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const idle = memoryOf(server.pid);

  const started = performance.now();
  const client = spawnMoim([...start, "--peer", address], { MOIM_DATA_DIR: syncing });
  children.push(client);
  await waitForLine(client, /^ready/m);
  await untilHeight(syncing, blocks);
  const seconds = (performance.now() - started) / 1000;
  const result = {
    blocks,
    idleMegabytes: megabytes(idle.nowBytes),
    syncPeakMegabytes: megabytes(memoryOf(client.pid).peakBytes),
    serverPeakMegabytes: megabytes(memoryOf(server.pid).peakBytes),
    syncSeconds: Number(seconds.toFixed(2)),
    blocksPerSecond: Math.round(blocks / seconds),
  };
  if (values.json) console.log(JSON.stringify(result));
  else console.table(result);
} finally {
  for (const child of children) {
    child.kill("SIGKILL");
    await child.status;
  }
  for (const dir of [serving, syncing]) await Deno.remove(dir, { recursive: true });
}

async function untilHeight(dataDir: string, height: number): Promise<void> {
  const { host, port } = JSON.parse(await Deno.readTextFile(`${dataDir}/api.json`));
  const endMs = performance.now() + SYNC_MS_MAX;
  while (performance.now() < endMs) {
    const response = await fetch(`http://${host}:${port}/api/v1/status`);
    const status = await response.json();
    if (status.height >= height) return;
    console.error(`height ${status.height} of ${height}`);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`No sync to height ${height} within ${SYNC_MS_MAX / 1000} s`);
}
