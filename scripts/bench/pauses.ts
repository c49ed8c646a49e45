/**
 * How long a syncing node keeps its main thread from answering. The API is answered there, so a
 * request is sent every 5 ms whether the last one is answered or not, and each one's time counts:
 * a pause of 50 ms is met by ten of them. Waits for a processor count as well. Kept out of the
 * timed syncs, for the requests take processor time of the node.
 */
import { type BenchContext, measured, type Measurement, quantile } from "./measurement.ts";
import { BenchNode, pause } from "./node_process.ts";
import { paymentShape } from "./payment_chain.ts";
import { endNode, runFolder, serve, type Serving } from "./sync.ts";

const EVERY_MS = 5;
const POLL_MS = 2;

export async function benchPauses(context: BenchContext): Promise<Measurement[]> {
  const serving = await serve(context, paymentShape(context.payments));
  const p99: number[] = [];
  const most: number[] = [];
  const asked: number[] = [];
  for (let at = 1; at <= context.runs; at++) {
    const waits = await waitsDuringSync(context, serving);
    p99.push(quantile(waits, 0.99));
    most.push(Math.max(...waits));
    asked.push(waits.length);
    context.tell(
      `run ${at}: p99 ${p99.at(-1)!.toFixed(1)} ms, longest ${most.at(-1)!.toFixed(1)} ms`,
    );
  }
  await serving.node.kill();
  const common = { unit: "ms", target: { kind: "most", of: "value", bound: 50 } } as const;
  return [
    measured({
      ...common,
      id: "pause.p99-ms",
      name: "Pauses of the main thread during a sync, p99",
      runs: p99,
      details: { asked, longestMs: most.map(Math.round) },
    }),
  ];
}

/** Milliseconds that each request took, from the first peer to the tip. */
async function waitsDuringSync(context: BenchContext, serving: Serving): Promise<number[]> {
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
