/** Real moim processes for measurements: from the sources, or the executable that is named. */
import { join, resolve } from "node:path";

const ROOT = join(import.meta.dirname!, "../..");
const PROBE = join(import.meta.dirname!, "lag_probe.ts");
const CLOCK_TICKS_A_SECOND = 100;

/** The flags of `deno task node`: what users run. */
const NODE_FLAGS: readonly string[] = nodeFlags();

function nodeFlags(): string[] {
  const manifest = JSON.parse(Deno.readTextFileSync(join(ROOT, "deno.json")));
  return String(manifest.tasks.node).split(/\s+/).filter((word) => word.startsWith("--"));
}

/** What `deno task compile` makes. */
export const EXECUTABLE = join(ROOT, "dist", Deno.build.os === "windows" ? "moim.exe" : "moim");

/** Runs `work` with nodes started from that executable, or from the sources. */
export async function withProgram<Result>(
  executable: string | undefined,
  work: () => Promise<Result>,
): Promise<Result> {
  const former = Deno.env.get("MOIM_BINARY");
  Deno.env.set("MOIM_BINARY", executable ?? "");
  try {
    return await work();
  } finally {
    Deno.env.set("MOIM_BINARY", former ?? "");
  }
}

/** How a program is started: command, arguments before its own, and what its environment needs. */
export interface Start {
  readonly command: string;
  readonly first: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/**
 * The program to measure. MOIM_BINARY names an executable or a bundle; `denoFlags` are not for an
 * executable, nor is `lagFile`, where the lag of its event loop is written (`lag_probe.ts`).
 */
export function program(options: { denoFlags?: readonly string[]; lagFile?: string } = {}): Start {
  const { denoFlags = [], lagFile } = options;
  const binary = Deno.env.get("MOIM_BINARY");
  const isBundle = binary?.endsWith(".js") ?? false;
  if (binary && !isBundle) return { command: resolve(ROOT, binary), first: [], env: {} };
  const unstable = isBundle ? ["--unstable-kv", "--unstable-bare-node-builtins"] : [];
  const main = resolve(ROOT, binary || "main.ts");
  const flags = ["run", "--no-check", ...unstable, ...NODE_FLAGS, ...denoFlags];
  if (lagFile === undefined) return { command: Deno.execPath(), first: [...flags, main], env: {} };
  return {
    command: Deno.execPath(),
    first: [...flags, PROBE],
    env: { MOIM_BENCH_MAIN: main, MOIM_BENCH_LAG_FILE: lagFile },
  };
}

/** Starts `moim ARGS` away from LAN, DHT and the user's own folder. */
export function spawnMoim(args: string[], env: Record<string, string> = {}): Deno.ChildProcess {
  const start = program();
  return new Deno.Command(start.command, {
    args: [...start.first, ...args],
    env: { MOIM_LAN: "off", MOIM_DHT: "off", NO_COLOR: "1", ...start.env, ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
}

/** Runs `moim ARGS` to its end. Returns the milliseconds it took. Throws unless it exits 0. */
export async function timeMoim(args: string[], env: Record<string, string> = {}): Promise<number> {
  const started = performance.now();
  const child = spawnMoim(args, env);
  const [{ code }, text] = await Promise.all([child.status, new Response(child.stdout).text()]);
  if (code !== 0) throw new Error(`moim ${args.join(" ")} ended with ${code}: ${text}`);
  return performance.now() - started;
}

/** Processor time of all threads of a process since its start (Linux only). */
export function cpuSecondsOf(pid: number): number {
  const text = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_A_SECOND;
}

/** Resident memory of a process in bytes, now and at its highest (Linux only). */
export function memoryOf(pid: number): { nowBytes: number; peakBytes: number } {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const field = (name: string) =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0);
  return { nowBytes: field("VmRSS"), peakBytes: field("VmHWM") };
}
