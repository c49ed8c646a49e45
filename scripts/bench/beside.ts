/**
 * btcd's figures of the same hour: its script builds it, fills its folders and measures. What the
 * script measures is taken from the JSON lines that it prints.
 */
import { dirname, join } from "node:path";
import type { Tell } from "./chain_file.ts";
import { folderBytes } from "./disk.ts";
import { median } from "./measurement.ts";
import type { Comparison } from "./report.ts";

const ROOT = join(import.meta.dirname!, "../..");
const SCRIPT = Deno.env.get("MOIM_BTCD_BENCH") ?? join(ROOT, "../shared/bench/btcd/run");
const BLOCKS = 2_120;
const TRANSACTIONS = 102_121;
/** btcd serves only a chain whose tip is younger than a day; its script makes another at half. */
const CHAIN_AGE_MS_MAX = 12 * 3_600_000;
const BYTES_OF_ITS_MEGABYTE = 1024 * 1024;

/** A figure of ours, by its id, and what btcd makes of the same. */
type Figure = [id: string, value: number];
type Figures = Map<string, number[]>;
type Line = Readonly<Record<string, number>>;

/** What btcd is asked to do for those of our benchmarks that stand beside it. */
const STEPS: Readonly<Record<string, (btcd: Btcd) => Promise<Figure[]>>> = {
  sync: async (btcd) =>
    jsonLines(await btcd.script("ibd")).flatMap(({ start_to_tip_s: seconds, VmHWM: peak }) =>
      seconds === undefined ? [] : [
        ["sync.payments-per-s", TRANSACTIONS / seconds],
        ["sync.peak-mb", peak! * BYTES_OF_ITS_MEGABYTE / 1_000_000],
      ]
    ),
  empty: async (btcd) =>
    valuesOf("blocks_per_s", await btcd.bench("ibd", "empty", "10000", "2"))
      .map((rate) => ["empty.blocks-per-s", rate]),
  kill: async (btcd) => {
    const whole = valuesOf("start_to_tip_s", await btcd.bench("ibd", "big", `${BLOCKS}`));
    const text = await btcd.bench("kill", "big", `${BLOCKS}`);
    return valuesOf("restart_to_tip_s", text)
      .map((seconds) => ["kill.back-share", seconds / whole[0]!]);
  },
  start: async (btcd) =>
    jsonLines(await btcd.bench("start", "big", "5")).flatMap((line) => [
      ["start.executable-ms", line.to_rpc_ms!],
      ["start.sources-ms", line.to_rpc_ms!],
      ["start.idle-mb", line.VmRSS! * BYTES_OF_ITS_MEGABYTE / 1_000_000],
    ]),
  relay: async (btcd) => {
    await btcd.generate("empty-small.dat", { warmup: 180, blocks: 0 });
    const runs = [["relay.payments-ms", "small.dat"], ["relay.empty-ms", "empty-small.dat"]];
    const figures: Figure[] = [];
    for (const [id, file] of runs) {
      const text = await btcd.bench("prop", file!, "20");
      figures.push(
        ...valuesOf("submit_to_last_ms_median", text).map((ms): Figure => [id!, ms]),
      );
    }
    return figures;
  },
  hash: async (btcd) => {
    const nanoseconds = /MinerLoop\S*\s+\d+\s+([\d.]+) ns\/op/.exec(
      await btcd.goBench("MinerLoop"),
    );
    return nanoseconds === null ? [] : [["hash.mh-per-s", 1_000 / Number(nanoseconds[1])]];
  },
  disk: async (btcd) => [["disk.chain-mb", await btcd.diskOf("big") / 1_000_000]],
  curve: async (btcd) => {
    await btcd.fill("million", { warmup: 120, blocks: 20_000 });
    return [["curve.disk-mb", await btcd.diskOf("million") / 1_000_000]];
  },
};

/** Runs btcd's side of the named benchmarks once; undefined, told why, where its script is not. */
export async function measureBtcd(
  names: readonly string[],
  base: string,
  tell: Tell,
): Promise<Figures | undefined> {
  if (!await isThere(SCRIPT)) {
    tell(`no btcd beside it: ${SCRIPT} is not there, name it with MOIM_BTCD_BENCH`);
    return undefined;
  }
  await Deno.mkdir(base, { recursive: true });
  const btcd = new Btcd(base);
  const figures: Figures = new Map();
  if (!await btcd.isReady()) {
    tell("btcd: building it and its chains");
    await btcd.script("ibd");
  }
  for (const name of names.filter((name) => STEPS[name] !== undefined)) {
    tell(`btcd: ${name}`);
    for (const [id, value] of await STEPS[name]!(btcd)) {
      figures.set(id, [...figures.get(id) ?? [], value]);
    }
  }
  return figures;
}

/** The mean of what was measured before and after, each the median of its own runs. */
export function compare(before: Figures, after: Figures): Map<string, Comparison> {
  const compared = new Map<string, Comparison>();
  for (const [id, early] of before) {
    const late = after.get(id) ?? early;
    compared.set(id, { value: (median(early) + median(late)) / 2, runs: [...early, ...late] });
  }
  return compared;
}

/** The lines of a program's output that are JSON objects. */
export function jsonLines(text: string): Line[] {
  return text.split("\n").map((line) => line.trim())
    .filter((line) => line.startsWith("{") && line.endsWith("}"))
    .map((line) => JSON.parse(line) as Line);
}

function valuesOf(field: string, text: string): number[] {
  return jsonLines(text).flatMap((line) => line[field] ?? []);
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** btcd's script, and the programs and chains that it makes in `base`. */
class Btcd {
  constructor(readonly base: string) {}

  /** Whether its programs and chains are there and young enough. */
  async isReady(): Promise<boolean> {
    const chain = await Deno.stat(join(this.base, "big.dat")).catch(() => undefined);
    const madeMs = chain?.mtime?.getTime() ?? 0;
    return Date.now() - madeMs < CHAIN_AGE_MS_MAX && await isThere(join(this.base, "work", "big"));
  }

  /** Runs the script; with `ibd` its initial sync of payments alone. */
  async script(what: string): Promise<string> {
    return await this.#run(SCRIPT, [what]);
  }

  /** One measurement of the script's own program. */
  async bench(...args: string[]): Promise<string> {
    const program = join(dirname(SCRIPT), "btcd_bench.py");
    return await this.#run("python3", [program, ...this.#folders, ...args]);
  }

  /** One of the script's benchmarks in Go. */
  async goBench(name: string): Promise<string> {
    const args = ["test", "-run", "xxx", "-bench", name, "-benchtime", "1s", "-cpu", "1"];
    return await this.#run("go", args, join(this.base, "src"));
  }

  /** Makes a flat file of a chain with 50 payments in each block after the warm-up. */
  async generate(file: string, { warmup, blocks }: { warmup: number; blocks: number }) {
    const shape = ["-warm", `${warmup}`, "-blocks", `${blocks}`, "-txs", blocks > 0 ? "50" : "0"];
    await this.#run(join(this.base, "gobin", "btcbase"), ["gen", "-out", file, ...shape]);
  }

  /** Fills the folder of a node with a chain, unless it is there. */
  async fill(name: string, shape: { warmup: number; blocks: number }): Promise<void> {
    if (await isThere(join(this.base, "work", name))) return;
    await this.generate(`${name}.dat`, shape);
    await this.bench("load", `${name}.dat`, name);
  }

  diskOf(name: string): Promise<number> {
    return folderBytes(join(this.base, "work", name, "d"));
  }

  get #folders(): string[] {
    return [join(this.base, "gobin"), join(this.base, "work")];
  }

  async #run(command: string, args: string[], cwd = this.base): Promise<string> {
    const { code, stdout, stderr } = await new Deno.Command(command, {
      args,
      cwd,
      env: { BASE: this.base, GOFLAGS: "-mod=mod" },
      stdin: "null",
    }).output();
    const text = new TextDecoder().decode(stdout);
    if (code === 0) return text;
    const why = new TextDecoder().decode(stderr).trim().split("\n").at(-1);
    throw new Error(`${command} ${args[0]} ended with ${code}: ${why}`);
  }
}
