/** Real moim processes for measurements: from the sources, or the executable that is named. */
import { join } from "node:path";

const ROOT = join(import.meta.dirname!, "../..");
const PERMISSIONS = ["net", "env", "read", "write"].map((name) => `--allow-${name}`);

/** The program and the arguments before a command's own. MOIM_BINARY names an executable. */
export function program(): { command: string; first: string[] } {
  const binary = Deno.env.get("MOIM_BINARY");
  if (binary) return { command: join(Deno.cwd(), binary), first: [] };
  const first = ["run", "--no-check", "--no-prompt", "--allow-sys=networkInterfaces"];
  return { command: Deno.execPath(), first: [...first, ...PERMISSIONS, join(ROOT, "main.ts")] };
}

/** Starts `moim ARGS` away from LAN, DHT and the user's own folder. */
export function spawnMoim(args: string[], env: Record<string, string> = {}): Deno.ChildProcess {
  const { command, first } = program();
  return new Deno.Command(command, {
    args: [...first, ...args],
    env: { MOIM_LAN: "off", MOIM_DHT: "off", NO_COLOR: "1", ...env },
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

/** Reads what a process prints until `pattern` comes, and goes on emptying the pipe. */
export async function waitForLine(child: Deno.ChildProcess, pattern: RegExp): Promise<string> {
  const reader = child.stdout.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (!pattern.test(text)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`The process ended before ${pattern}: ${text}`);
    text += decoder.decode(value, { stream: true });
  }
  void (async () => {
    while (!(await reader.read()).done);
  })();
  return text;
}

/** Resident memory of a process in bytes, now and at its highest (Linux only). */
export function memoryOf(pid: number): { nowBytes: number; peakBytes: number } {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const field = (name: string) =>
    1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0);
  return { nowBytes: field("VmRSS"), peakBytes: field("VmHWM") };
}

/** The middle of `values`. */
export function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}
