/** From the start of the process to the first answer of the API, on a filled chain; idle memory. */
import { chainFile } from "./chain_file.ts";
import { type BenchContext, measured, type Measurement, megabytes } from "./measurement.ts";
import { BenchNode, pause } from "./node_process.ts";
import { paymentShape } from "./payment_chain.ts";
import { EXECUTABLE, withProgram } from "./process.ts";
import { filledCopy } from "./sync.ts";

/** Starts take little time and vary much. */
const STARTS_PER_RUN = 3;
const POLL_MS = 2;
const IDLE_MS = 10_000;

export async function benchStart(context: BenchContext): Promise<Measurement[]> {
  const path = await chainFile(context.work, paymentShape(context.payments), context.tell);
  const dataDir = await filledCopy(context, path, "start");
  const isCompiled = await Deno.stat(EXECUTABLE).then(() => true, () => false);
  if (!isCompiled) context.tell('no executable to measure: run "deno task compile" first');
  const programs = [
    ...(isCompiled ? [{ id: "start.executable-ms", of: "the executable", path: EXECUTABLE }] : []),
    { id: "start.sources-ms", of: "deno run", path: undefined },
  ];
  const found: Measurement[] = [];
  for (const { id, of, path } of programs) {
    const runs = await withProgram(path, () => starts(dataDir, context.runs * STARTS_PER_RUN));
    context.tell(`${of}: ${runs.map(Math.round).join(", ")} ms`);
    found.push(measured({
      id,
      name: `Start to first API answer on the filled chain, ${of}`,
      unit: "ms",
      runs,
      target: { kind: "most", of: "btcd", bound: 1 },
    }));
  }
  found.push(await idleMemory(dataDir));
  return found;
}

async function starts(dataDir: string, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let at = 0; at < count; at++) {
    const node = BenchNode.spawn({ dataDir });
    times.push(await node.untilAnswers(POLL_MS));
    await node.stop();
  }
  return times;
}

async function idleMemory(dataDir: string): Promise<Measurement> {
  const node = await BenchNode.start({ dataDir });
  await pause(IDLE_MS);
  const { nowBytes } = node.memory();
  await node.stop();
  return measured({
    id: "start.idle-mb",
    name: "Memory of an idle node, 10 s after its start",
    unit: "MB",
    runs: [megabytes(nowBytes)],
  });
}
