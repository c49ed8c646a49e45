/** Five nodes in a line: from handing a block to the first until the last one tells of it. */
import { join } from "node:path";
import { chainFile, readChain } from "./chain_file.ts";
import {
  type BenchContext,
  measured,
  type Measurement,
  median,
  quantile,
  rounded,
} from "./measurement.ts";
import { LeanClient, LeanEvents } from "./lean_client.ts";
import { BenchNode, pause } from "./node_process.ts";
import { type ChainShape, heightOf } from "./payment_chain.ts";
import { endNode, runFolder } from "./sync.ts";

const NODES = 5;
/** Blocks that are handed in while the clock runs, and the pause between them. */
const BLOCKS = 20;
const GAP_MS = 300;
const SETTLE_MS = 2_000;
const PATIENCE_MS = 30_000;
const PAYMENTS: ChainShape = { warmup: 120, blocks: 60, paymentsPerBlock: 50, keys: 64 };
const EMPTY: ChainShape = { warmup: 180, blocks: 0, paymentsPerBlock: 0, keys: 64 };

export async function benchRelay(context: BenchContext): Promise<Measurement[]> {
  const found: Measurement[] = [];
  for (
    const { id, name, shape, bound } of [
      { id: "relay.empty-ms", name: "an empty block", shape: EMPTY, bound: 1.5 },
      { id: "relay.payments-ms", name: "a block of 50 unseen payments", shape: PAYMENTS, bound: 1 },
    ]
  ) {
    const runs: number[] = [];
    const details: Record<string, number[]> = { leastMs: [], p90Ms: [], mostMs: [], takenMs: [] };
    for (let at = 1; at <= context.runs; at++) {
      const { seenMs, takenMs } = await alongTheLine(context, shape);
      runs.push(median(seenMs));
      details.leastMs!.push(rounded(Math.min(...seenMs)));
      details.p90Ms!.push(rounded(quantile(seenMs, 0.9)));
      details.mostMs!.push(rounded(Math.max(...seenMs)));
      details.takenMs!.push(rounded(median(takenMs)));
      context.tell(`${name}, run ${at}: median ${rounded(median(seenMs))} ms`);
    }
    found.push(measured({
      id,
      name: `Five nodes in a line: ${name}`,
      unit: "ms",
      runs,
      target: { kind: "most", of: "btcd", bound },
      details,
    }));
  }
  return found;
}

/** Milliseconds until the last node had each block, and until the first one had taken it. */
async function alongTheLine(
  context: BenchContext,
  shape: ChainShape,
): Promise<{ seenMs: number[]; takenMs: number[] }> {
  const blocks = [...readChain(await chainFile(context.work, shape, context.tell))];
  const before = heightOf(shape) - BLOCKS;
  const line = await startLine(context);
  for (const block of blocks.slice(0, before)) await line[0]!.ask("POST", "blocks", block);
  for (const node of line) await node.untilHeight(before, { patienceMs: PATIENCE_MS });
  await checkLine(line);
  await pause(SETTLE_MS);
  using first = await LeanClient.open(line[0]!);
  using last = await LeanEvents.open(line.at(-1)!);
  const seenMs: number[] = [];
  const takenMs: number[] = [];
  for (const [at, block] of blocks.slice(before).entries()) {
    const handing = first.request("POST", "blocks", block);
    const startMs = performance.now();
    const taken = first.ask(handing).then(() => performance.now() - startMs);
    await last.untilConnected(before + at + 1, PATIENCE_MS);
    seenMs.push(performance.now() - startMs);
    takenMs.push(await taken);
    await pause(GAP_MS);
  }
  for (const node of line) await endNode(context, node);
  return { seenMs, takenMs };
}

async function startLine(context: BenchContext): Promise<BenchNode[]> {
  const line: BenchNode[] = [];
  const folder = await runFolder(context, "line");
  for (let at = 0; at < NODES; at++) {
    const dataDir = join(folder, `${at}`);
    const peer = await line.at(-1)?.address();
    line.push(await BenchNode.start({ dataDir, peer }));
  }
  return line;
}

/** Nodes that found a shorter way would make another measurement. */
async function checkLine(line: readonly BenchNode[]): Promise<void> {
  for (const [at, node] of line.entries()) {
    const { peers } = await node.status();
    const neighbours = at === 0 || at === line.length - 1 ? 1 : 2;
    if (peers !== neighbours) throw new Error(`Node ${at + 1} of the line has ${peers} peers`);
  }
}
