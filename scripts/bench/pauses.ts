/**
 * How long a syncing node keeps its main thread from everything else. Two runs of each kind:
 *
 * - pauses, by a timer inside the process (`lag_probe.ts`): how long one who comes at any moment
 *   between the first block and the tip waits until the thread is free, waits for a processor included;
 * - answers, from outside: a request every 5 ms whether the last one is answered or not, on as many
 *   connections as that takes. An answer needs several turns of the thread, and 200 a second are
 *   work of their own, so this is more than a pause.
 *
 * Kept out of the timed syncs.
 */
import { join } from "node:path";
import { type BenchContext, measured, type Measurement, quantile } from "./measurement.ts";
import { BenchNode, pause } from "./node_process.ts";
import { paymentShape } from "./payment_chain.ts";
import { endNode, runFolder, serve, type Serving } from "./sync.ts";

const EVERY_MS = 5;
const POLL_MS = 2;
const SHARE = 0.99;

export async function benchPauses(context: BenchContext): Promise<Measurement[]> {
  const serving = await serve(context, paymentShape(context.payments));
  const pauses: number[] = [];
  const longest: number[] = [];
  const answers: number[] = [];
  for (let at = 1; at <= context.runs; at++) {
    const lags = await lagsDuringSync(context, serving);
    pauses.push(waitOfShare(lags, SHARE));
    longest.push(Math.max(...lags));
    answers.push(quantile(await answersDuringSync(context, serving), SHARE));
    context.tell(
      `run ${at}: pauses p99 ${pauses.at(-1)!.toFixed(1)} ms, longest ` +
        `${longest.at(-1)!.toFixed(1)} ms; answers p99 ${answers.at(-1)!.toFixed(1)} ms`,
    );
  }
  await serving.node.kill();
  return [
    measured({
      id: "pause.p99-ms",
      name: "Pauses of the main thread during a sync, p99",
      unit: "ms",
      runs: pauses,
      target: { kind: "most", of: "value", bound: 50 },
      details: { longestMs: longest.map(Math.round) },
    }),
    measured({
      id: "pause.answers-p99-ms",
      name: "Answers of the API during a sync, 200 a second asked for, p99",
      unit: "ms",
      runs: answers,
    }),
  ];
}

/**
 * What a share of those who come at random moments wait at most, for pauses of `lags` milliseconds
 * one after the other: in a pause of L ms one waits anything up to L, so long pauses count for the
 * many who meet them.
 */
export function waitOfShare(lags: readonly number[], share: number): number {
  const wholeMs = lags.reduce((sum, lag) => sum + lag + EVERY_MS, 0);
  let [low, high] = [0, Math.max(...lags)];
  while (high - low > 0.05) {
    const middle = (low + high) / 2;
    const longerMs = lags.reduce((sum, lag) => sum + Math.max(0, lag - middle), 0);
    if (longerMs > (1 - share) * wholeMs) low = middle;
    else high = middle;
  }
  return high;
}

/** How late the ticks between the first block and the tip came, in milliseconds. */
async function lagsDuringSync(context: BenchContext, serving: Serving): Promise<number[]> {
  const dataDir = await runFolder(context, "pauses");
  const lagFile = join(context.runsFolder, "lags.json");
  const node = BenchNode.spawn({ dataDir, peer: serving.address, lagFile });
  const span = { fromMs: 0, toMs: 0 };
  await node.untilHeight(serving.tip.height, {
    onPoll: (height) => {
      if (height > 0) span.fromMs ||= node.elapsedMs();
      span.toMs = node.elapsedMs();
    },
  });
  await node.stop(); // In order, or nothing is written.
  await Deno.remove(dataDir, { recursive: true });
  const ticks: [number, number][] = JSON.parse(await Deno.readTextFile(lagFile));
  // Their clock began when the process did, a few milliseconds after ours.
  return ticks.filter(([atMs]) => atMs >= span.fromMs && atMs <= span.toMs).map(([, lag]) => lag);
}

/** Milliseconds that each request took, from the first peer to the tip. */
async function answersDuringSync(context: BenchContext, serving: Serving): Promise<number[]> {
  const dataDir = await runFolder(context, "pauses");
  const node = BenchNode.spawn({ dataDir, peer: serving.address });
  await node.untilAnswers(POLL_MS);
  await untilToken(node);
  while ((await node.status()).peers === 0) await pause(POLL_MS);
  const waits: number[] = [];
  let isThere = false;
  const open = new Set<Promise<void>>();
  const startMs = performance.now();
  for (let sent = 0; !isThere; sent++) {
    const aheadMs = startMs + sent * EVERY_MS - performance.now();
    if (aheadMs > 0) await pause(aheadMs);
    const sentMs = performance.now();
    const asking = node.status().then(({ height }) => {
      waits.push(performance.now() - sentMs);
      if (height >= serving.tip.height) isThere = true;
    });
    open.add(asking);
    void asking.finally(() => open.delete(asking));
  }
  await Promise.all(open);
  await endNode(context, node);
  return waits;
}

/** Without the token the API answers only so many requests a second. */
async function untilToken(node: BenchNode): Promise<void> {
  while (!await node.get("wallet/keys").then(() => true, () => false)) await pause(POLL_MS);
}
