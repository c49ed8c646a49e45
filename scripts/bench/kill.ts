/** kill -9 at half of a sync: what is lost, and how long the way back to the tip is. */
import { type BenchContext, measured, type Measurement, median } from "./measurement.ts";
import { BenchNode } from "./node_process.ts";
import { heightOf, paymentShape } from "./payment_chain.ts";
import { endNode, runFolder, serve, type Serving, syncOnce } from "./sync.ts";

const POLL_MS = 5;

interface KillRun {
  readonly killedAt: number;
  readonly foundAt: number;
  /** How long the lost blocks had taken, and what opening took longer than for a new node. */
  readonly lostSeconds: number;
  readonly backSeconds: number;
  readonly answersSeconds: number;
}

export async function benchKill(context: BenchContext): Promise<Measurement[]> {
  const shape = paymentShape(context.payments);
  const serving = await serve(context, shape);
  const whole: number[] = [];
  const kills: KillRun[] = [];
  for (let at = 1; at <= context.runs; at++) {
    const dataDir = await runFolder(context, `whole-${at}`);
    const { node, run } = await syncOnce(context, serving, dataDir);
    await endNode(context, node);
    whole.push(run.seconds);
    const killed = await killOnce(context, serving, heightOf(shape), run.answersSeconds);
    context.tell(
      `run ${at}: killed at ${killed.killedAt}, found again ${killed.foundAt}, ` +
        `${killed.lostSeconds.toFixed(2)} s lost, back in ${killed.backSeconds.toFixed(2)} s ` +
        `(whole sync ${run.seconds.toFixed(2)} s)`,
    );
    kills.push(killed);
  }
  await serving.node.kill();
  return report(whole, kills);
}

async function killOnce(
  context: BenchContext,
  { address, tip }: Serving,
  height: number,
  usualAnswersSeconds: number,
): Promise<KillRun> {
  const dataDir = await runFolder(context, "killed");
  const first = BenchNode.spawn({ dataDir, peer: address });
  const seen: { height: number; atMs: number }[] = [];
  const half = await first.untilHeight(Math.floor(height / 2), {
    everyMs: POLL_MS,
    onPoll: (height) => seen.push({ height, atMs: first.elapsedMs() }),
  });
  const killedMs = first.elapsedMs();
  await first.kill();
  const second = BenchNode.spawn({ dataDir, peer: address });
  const answersMs = await second.untilAnswers(POLL_MS);
  const { height: foundAt } = await second.status();
  const end = await second.untilHeight(tip.height);
  const backSeconds = second.elapsedMs() / 1_000;
  if (end.tipId !== tip.tipId) throw new Error("The tips differ after the kill");
  await endNode(context, second);
  const passed = seen.find(({ height }) => height >= foundAt)?.atMs ?? killedMs;
  const reopened = Math.max(0, answersMs / 1_000 - usualAnswersSeconds);
  return {
    killedAt: half.height,
    foundAt,
    lostSeconds: Math.max(0, killedMs - passed) / 1_000 + reopened,
    backSeconds,
    answersSeconds: answersMs / 1_000,
  };
}

function report(whole: readonly number[], kills: readonly KillRun[]): Measurement[] {
  const wholeSeconds = median(whole);
  return [
    measured({
      id: "kill.lost-s",
      name: "kill -9 at half of the sync: work to do again",
      unit: "s",
      runs: kills.map(({ lostSeconds }) => lostSeconds),
      target: { kind: "most", of: "value", bound: 3 },
      details: {
        killedAt: kills.map(({ killedAt }) => killedAt),
        foundAt: kills.map(({ foundAt }) => foundAt),
        answersSeconds: kills.map(({ answersSeconds }) => answersSeconds),
      },
    }),
    measured({
      id: "kill.back-share",
      name: "Back at the tip after it, against a whole sync",
      unit: "x",
      runs: kills.map(({ backSeconds }) => backSeconds / wholeSeconds),
      target: { kind: "most", of: "value", bound: 0.6 },
      details: { wholeSeconds: whole, backSeconds: kills.map(({ backSeconds }) => backSeconds) },
    }),
  ];
}
