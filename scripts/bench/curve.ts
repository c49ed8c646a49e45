/** What ten and a hundred times as many payments cost: rate, memory and disk, and the picture. */
import { join } from "node:path";
import { folderBytes } from "./disk.ts";
import { type BenchContext, measured, type Measurement, median, megabytes } from "./measurement.ts";
import { paymentShape, transactionsOf } from "./payment_chain.ts";
import { runFolder, serve, syncOnce, type SyncRun } from "./sync.ts";
import { curvePicture, type CurvePoint } from "./svg.ts";

const STEPS = [10_000, 100_000, 1_000_000];
/** Drawn anew when all steps were measured. */
const PICTURE = join(import.meta.dirname!, "../../docs/performance.svg");

export async function benchCurve(context: BenchContext): Promise<Measurement[]> {
  const steps = STEPS.filter((step) => step <= context.payments * 10);
  const points: CurvePoint[] = [];
  for (const payments of steps) {
    points.push(await measurePoint(context, payments));
    context.tell(JSON.stringify(points.at(-1)));
  }
  if (steps.length === STEPS.length) await Deno.writeTextFile(PICTURE, curvePicture(points));
  const [smaller, larger] = points.slice(-2);
  if (smaller === undefined || larger === undefined) return [];
  const of = `${larger.payments.toLocaleString("en")} against ${
    smaller.payments.toLocaleString("en")
  }`;
  return [
    measured({
      id: "curve.rate-ratio",
      name: `Payments/s at ${of}`,
      unit: "x",
      runs: [larger.paymentsPerSecond / smaller.paymentsPerSecond],
      target: { kind: "least", of: "value", bound: 0.7 },
      details: Object.fromEntries(
        points.map((point) => [`at${point.payments}`, JSON.stringify(point)]),
      ),
    }),
    measured({
      id: "curve.memory-ratio",
      name: `Peak memory at ${of}`,
      unit: "x",
      runs: [larger.peakMb / smaller.peakMb],
      target: { kind: "most", of: "value", bound: 1.2 },
    }),
    measured({
      id: "curve.disk-mb",
      name: `Disk after ${larger.payments.toLocaleString("en")} payments`,
      unit: "MB",
      runs: [larger.diskMb],
    }),
  ];
}

async function measurePoint(context: BenchContext, payments: number): Promise<CurvePoint> {
  const shape = paymentShape(payments);
  const serving = await serve(context, shape);
  const runs: SyncRun[] = [];
  let diskMb = 0;
  for (let at = 1; at <= context.runs; at++) {
    const dataDir = await runFolder(context, `curve-${at}`);
    const { node, run } = await syncOnce(context, serving, dataDir);
    runs.push(run);
    await node.stop(); // In order, so that everything is on the disk.
    diskMb = megabytes(await folderBytes(dataDir));
    if (!context.keep) await Deno.remove(dataDir, { recursive: true });
  }
  await serving.node.kill();
  if (!context.keep) await Deno.remove(serving.node.options.dataDir, { recursive: true });
  return {
    payments,
    paymentsPerSecond: Math.round(
      median(runs.map(({ seconds }) => transactionsOf(shape) / seconds)),
    ),
    peakMb: median(runs.map(({ peakBytes }) => megabytes(peakBytes))),
    diskMb,
  };
}
