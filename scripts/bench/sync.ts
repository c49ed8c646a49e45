/** The first sync of a new node from one that has the whole chain, over loopback. */
import { join } from "node:path";
import { chainFile, filledFolder } from "./chain_file.ts";
import { type BenchContext, measured, type Measurement, megabytes } from "./measurement.ts";
import { BenchNode, pause, type Status } from "./node_process.ts";
import {
  type ChainShape,
  emptyShape,
  heightOf,
  paymentShape,
  transactionsOf,
} from "./payment_chain.ts";

const EMPTY_BLOCKS = 10_000;
const TELL_EVERY_MS = 2_000;
/** As often as btcd's script asks. */
const POLL_MS = 50;
/** Once a node serves, what it began at start-up has come to rest. */
const SETTLE_MS = 1_000;

/** One sync, from the start of the process to the tip. */
export interface SyncRun {
  readonly seconds: number;
  readonly answersSeconds: number;
  readonly firstBlockSeconds: number;
  readonly cpuSeconds: number;
  readonly serverCpuSeconds: number;
  readonly peakBytes: number;
  readonly serverPeakBytes: number;
}

/** A serving node with a chain of that shape, and what it serves. */
export interface Serving {
  readonly node: BenchNode;
  readonly address: string;
  readonly tip: Status;
}

/** Starts a node on a copy of the chain's data folder. The caller stops it. */
export async function serve(context: BenchContext, shape: ChainShape): Promise<Serving> {
  const { work, tell } = context;
  const dataDir = await filledCopy(context, await chainFile(work, shape, tell), "server");
  const node = await BenchNode.start({ dataDir });
  const tip = await node.status();
  if (tip.height !== heightOf(shape)) throw new Error(`The server is at height ${tip.height}`);
  await pause(SETTLE_MS);
  return { node, address: await node.address(), tip };
}

/** Syncs a new node in `dataDir` and leaves it running. Throws unless the tips are equal. */
export async function syncOnce(
  context: BenchContext,
  serving: Serving,
  dataDir: string,
): Promise<{ node: BenchNode; run: SyncRun }> {
  const serverCpu = serving.node.cpuSeconds();
  const { denoFlags } = context;
  const node = BenchNode.spawn({ dataDir, peer: serving.address, denoFlags });
  const seen = { answersMs: 0, firstBlockMs: 0, toldMs: 0 };
  const end = await node.untilHeight(serving.tip.height, {
    everyMs: POLL_MS,
    onPoll: (height) => {
      const nowMs = node.elapsedMs();
      seen.answersMs ||= nowMs;
      if (height > 0) seen.firstBlockMs ||= nowMs;
      if (nowMs - seen.toldMs < TELL_EVERY_MS) return;
      seen.toldMs = nowMs;
      context.tell(`height ${height} of ${serving.tip.height}`);
    },
  });
  const run: SyncRun = {
    seconds: node.elapsedMs() / 1_000,
    answersSeconds: seen.answersMs / 1_000,
    firstBlockSeconds: seen.firstBlockMs / 1_000,
    cpuSeconds: node.cpuSeconds(),
    serverCpuSeconds: serving.node.cpuSeconds() - serverCpu,
    peakBytes: node.memory().peakBytes,
    serverPeakBytes: serving.node.memory().peakBytes,
  };
  if (end.tipId !== serving.tip.tipId) throw new Error("The tips differ after the sync");
  return { node, run };
}

/** As many syncs as asked for, each into a new folder, from one server. */
export async function syncRuns(context: BenchContext, shape: ChainShape): Promise<SyncRun[]> {
  const serving = await serve(context, shape);
  const runs: SyncRun[] = [];
  for (let at = 1; at <= context.runs; at++) {
    const dataDir = await runFolder(context, `sync-${at}`);
    const { node, run } = await syncOnce(context, serving, dataDir);
    await endNode(context, node);
    const rate = Math.round(transactionsOf(shape) / run.seconds);
    context.tell(
      `run ${at}: ${run.seconds.toFixed(2)} s, ${rate} transactions/s, ` +
        `${run.cpuSeconds} + ${run.serverCpuSeconds.toFixed(2)} CPU s, ` +
        `${megabytes(run.peakBytes)} MB`,
    );
    runs.push(run);
  }
  await serving.node.kill();
  return runs;
}

/** The initial sync of a chain full of payments. */
export async function benchSync(context: BenchContext): Promise<Measurement[]> {
  const shape = paymentShape(context.payments);
  const runs = await syncRuns(context, shape);
  const count = transactionsOf(shape);
  return [
    measured({
      id: "sync.payments-per-s",
      name: `Initial sync, ${count.toLocaleString("en")} payments`,
      unit: "payments/s",
      runs: runs.map(({ seconds }) => count / seconds),
      target: { kind: "least", of: "btcd", bound: 2.5 },
      details: details(runs),
    }),
    measured({
      id: "sync.peak-mb",
      name: "Peak memory of the syncing node, all threads",
      unit: "MB",
      runs: runs.map(({ peakBytes }) => megabytes(peakBytes)),
      target: { kind: "most", of: "value", bound: 250 },
      details: { serverPeakMb: runs.map(({ serverPeakBytes }) => megabytes(serverPeakBytes)) },
    }),
  ];
}

/** The initial sync of 10,000 blocks without a payment. */
export async function benchEmpty(context: BenchContext): Promise<Measurement[]> {
  const runs = await syncRuns(context, emptyShape(EMPTY_BLOCKS));
  return [
    measured({
      id: "empty.blocks-per-s",
      name: "Initial sync, 10,000 empty blocks",
      unit: "blocks/s",
      runs: runs.map(({ seconds }) => EMPTY_BLOCKS / seconds),
      target: { kind: "least", of: "btcd", bound: 1.5 },
      details: details(runs),
    }),
  ];
}

function details(runs: readonly SyncRun[]): Record<string, number[]> {
  const all = (field: keyof SyncRun) => runs.map((run) => Number(run[field].toFixed(3)));
  return {
    seconds: all("seconds"),
    answersSeconds: all("answersSeconds"),
    firstBlockSeconds: all("firstBlockSeconds"),
    cpuSeconds: all("cpuSeconds"),
    serverCpuSeconds: all("serverCpuSeconds"),
  };
}

/** An empty folder for one node of one run. */
export async function runFolder({ runsFolder }: BenchContext, name: string): Promise<string> {
  const path = join(runsFolder, name);
  await Deno.remove(path, { recursive: true }).catch(() => {});
  await Deno.mkdir(path, { recursive: true });
  return path;
}

/** Ends a node, in order when a profiler wants to write, and forgets its folder. */
export async function endNode(context: BenchContext, node: BenchNode): Promise<void> {
  if (context.denoFlags.length > 0 || context.keep) await node.stop();
  else await node.kill();
  if (!context.keep) await Deno.remove(node.options.dataDir, { recursive: true });
}

/** A data folder of its own that holds the chain of a flat file. */
export async function filledCopy(context: BenchContext, path: string, name: string) {
  const filled = await filledFolder(path, context.tell);
  const dataDir = await runFolder(context, name);
  await copyFolder(filled, dataDir);
  return dataDir;
}

/** Copies what is in a folder that no node has open. */
export async function copyFolder(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const entry of Deno.readDir(from)) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory) await copyFolder(source, target);
    else await Deno.copyFile(source, target);
  }
}
