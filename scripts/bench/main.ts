/**
 * All benchmarks behind one command: real nodes over loopback, a table at the end.
 *
 *     deno task bench [NAME…] [--runs 3] [--payments 100000] [--beside btcd] [--json FILE]
 *
 * Without a name: what docs/performance.md has in its table. `all`: everything. `--help` names all.
 *
 * @module
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { compare, measureBtcd } from "./beside.ts";
import { defaultWorkFolder } from "./chain_file.ts";
import { benchCoins } from "./coins.ts";
import { benchConnect } from "./connect.ts";
import { benchCurve } from "./curve.ts";
import { benchDisk } from "./disk.ts";
import { benchHash } from "./hash.ts";
import { benchIdle } from "./idle.ts";
import { benchKill } from "./kill.ts";
import { benchLookups } from "./lookups.ts";
import type { BenchContext, Benchmark, Measurement } from "./measurement.ts";
import { benchMempool } from "./mempool.ts";
import { BenchNode } from "./node_process.ts";
import { benchPauses } from "./pauses.ts";
import { benchPrimitives } from "./primitives.ts";
import { benchRelay } from "./relay.ts";
import { type Comparisons, markdownTable, textTable } from "./report.ts";
import { benchStart } from "./start.ts";
import { benchStartup } from "./startup.ts";
import { benchEmpty, benchSync } from "./sync.ts";

const BENCHMARKS: readonly Benchmark[] = [
  { name: "sync", what: "initial sync of payments, and its memory", run: benchSync },
  { name: "empty", what: "initial sync of 10,000 empty blocks", run: benchEmpty },
  { name: "kill", what: "kill -9 at half of a sync", run: benchKill },
  { name: "start", what: "start to the first API answer; idle memory", run: benchStart },
  { name: "idle", what: "a node with eight peers and nothing to do", run: benchIdle },
  { name: "relay", what: "blocks along five nodes in a line", run: benchRelay },
  { name: "mempool", what: "payments from a peer, block template, mining", run: benchMempool },
  { name: "hash", what: "hash rate, one worker and two", run: benchHash },
  { name: "coins", what: "balances and blocks with 1 million coins", run: benchCoins },
  { name: "pause", what: "pauses of the main thread during a sync", run: benchPauses },
  { name: "disk", what: "what a chain takes on the disk", run: benchDisk },
  { name: "curve", what: "up to 1 million payments, and the picture", run: benchCurve },
  { name: "connect", what: "second node to connected", onlyByName: true, run: benchConnect },
  { name: "lookups", what: "commands on growing chains", onlyByName: true, run: benchLookups },
  { name: "startup", what: "whole commands", onlyByName: true, run: benchStartup },
  {
    name: "primitives",
    what: "parts of a payment's check",
    onlyByName: true,
    run: benchPrimitives,
  },
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "3" },
    payments: { type: "string", default: "100000" },
    minutes: { type: "string", default: "2" },
    beside: { type: "string" },
    "btcd-base": { type: "string" },
    json: { type: "string" },
    markdown: { type: "boolean", default: false },
    keep: { type: "boolean", default: false },
    work: { type: "string", default: defaultWorkFolder() },
    program: { type: "string", default: "bundle" },
    "deno-flags": { type: "string", default: "" },
    help: { type: "boolean", default: false },
  },
});

const HELP = `deno task bench [NAME…|all] [OPTIONS]

${BENCHMARKS.map(({ name, what }) => `  ${name.padEnd(12)}${what}`).join("\n")}

  --runs N         how often each is measured; medians are shown (3)
  --payments N     payments of the chain to sync (100000)
  --minutes N      how long an idle node is watched (2)
  --beside btcd    measure btcd before and after, and show ratios
  --btcd-base DIR  where btcd's programs and chains are, or are made
  --json FILE      everything measured, as JSON
  --markdown       the table as markdown
  --keep           leave the data folders of the nodes
  --work DIR       where chains are kept (${defaultWorkFolder()})
  --program P      what is measured: bundle (what the executable holds, made anew first), sources,
                   or the path of an executable or a bundle (bundle)
  --deno-flags=F   flags of "deno run" for the syncing node, such as a profiler's
`;

/** The benchmarks that are named, or without a name those of the table. */
function chosen(): Benchmark[] {
  if (positionals.length === 0) return BENCHMARKS.filter(({ onlyByName }) => !onlyByName);
  const names = new Set(positionals);
  const unknown = [...names].find((name) =>
    name !== "all" && !BENCHMARKS.some((each) => each.name === name)
  );
  if (unknown !== undefined) throw new Error(`No benchmark "${unknown}": --help names them`);
  return BENCHMARKS.filter(({ name }) => names.has("all") || names.has(name));
}

/** A count of the command line. */
function countOf(option: "runs" | "payments" | "minutes"): number {
  const count = Number(values[option]);
  if (Number.isSafeInteger(count) && count > 0) return count;
  throw new Error(`Cannot use --${option} "${values[option]}": give a number from 1 on`);
}

async function measureAll(benchmarks: readonly Benchmark[]): Promise<Measurement[]> {
  const work = resolve(values.work);
  const context: BenchContext = {
    work,
    runsFolder: join(work, `runs-${Deno.pid}`),
    runs: countOf("runs"),
    payments: countOf("payments"),
    minutes: countOf("minutes"),
    keep: values.keep,
    denoFlags: values["deno-flags"].split(" ").filter((flag) => flag !== ""),
    tell: (line) => console.error(`  ${line}`),
  };
  const cleanUp = async () => {
    await BenchNode.killAll();
    if (values.keep) return;
    await Deno.remove(context.runsFolder, { recursive: true }).catch(() => {});
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => void cleanUp().then(() => Deno.exit(130)));
  }
  const found: Measurement[] = [];
  try {
    for (const { name, what, run } of benchmarks) {
      console.error(`${name}: ${what}`);
      found.push(...await run(context));
    }
  } finally {
    await cleanUp();
  }
  return found;
}

const BTCD_PAYMENTS = 100_000;

async function besideBtcd(
  benchmarks: readonly Benchmark[],
): Promise<{ found: Measurement[]; comparisons: Comparisons }> {
  const isWanted = values.beside !== undefined;
  if (isWanted && values.beside !== "btcd") {
    throw new Error("Only btcd can be measured beside ours");
  }
  const base = resolve(values["btcd-base"] ?? join(values.work, "btcd"));
  const tell = (line: string) => console.error(line);
  // Its chain has one length, and sizes only compare with ours at the same.
  const isSameLength = countOf("payments") === BTCD_PAYMENTS;
  const names = benchmarks.map(({ name }) => name).filter((name) =>
    name !== "disk" || isSameLength
  );
  const before = isWanted ? await measureBtcd(names, base, tell) : undefined;
  const found = await measureAll(benchmarks);
  const after = before && await measureBtcd(names, base, tell);
  return { found, comparisons: before && after ? compare(before, after) : new Map() };
}

/** Names the program for the nodes that are started; makes the bundle where that is wanted. */
async function chooseProgram(): Promise<void> {
  if (Deno.env.get("MOIM_BINARY")) return;
  if (values.program === "sources") return;
  if (values.program !== "bundle") return Deno.env.set("MOIM_BINARY", values.program);
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "bundle"],
    cwd: join(import.meta.dirname!, "../.."),
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("Cannot make the bundle: see above, or give --program sources");
  Deno.env.set("MOIM_BINARY", new TextDecoder().decode(stdout).trim());
}

async function main(): Promise<void> {
  if (values.help) return console.log(HELP);
  await chooseProgram();
  const { found, comparisons } = await besideBtcd(chosen());
  const table = values.markdown ? markdownTable : textTable;
  console.log(table(found, comparisons));
  if (values.json === undefined) return;
  const all = {
    at: new Date().toISOString(),
    processors: navigator.hardwareConcurrency,
    found: found.map((each) => ({ ...each, beside: comparisons.get(each.id) })),
  };
  await Deno.writeTextFile(values.json, JSON.stringify(all, undefined, 2) + "\n");
}

try {
  await main();
  Deno.exit(0);
} catch (error) {
  console.error(error instanceof Error ? error.stack : error);
  Deno.exit(1);
}
