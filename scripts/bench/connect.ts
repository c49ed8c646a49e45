/**
 * Time to connect: from the start of the second node's process to the line that says that `version`
 * was exchanged, while the first node has been there for a while. Real processes on loopback.
 *
 * deno run -A scripts/bench/connect.ts [--runs 10] [--only known,dht1,dht20,lan] [--binary PATH]
 *
 * Prints a table on stderr and JSON (milliseconds) on stdout.
 */
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";

const ROOT = resolve(import.meta.dirname!, "..", "..");
const PERMISSIONS = ["net", "env", "sys=networkInterfaces", "read", "write"];
const CONNECTED = /^.*peer +\S+ connected \(.*$/m;
const READY = /^ready: /m;
const PATIENCE_MS = 60_000;

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "10" },
    only: { type: "string", default: "known,dht1,dht20,lan" },
    binary: { type: "string" },
  },
});

/** Everything started and not yet stopped, so that a failure leaves nothing behind. */
const running = new Set<Watched>();

/** A process whose output is watched as it comes. */
class Watched {
  readonly startedMs = performance.now();
  readonly #child: Deno.ChildProcess;
  readonly #watchers: (() => void)[] = [];
  output = "";

  constructor(command: string, args: string[]) {
    this.#child = new Deno.Command(command, {
      args,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      cwd: ROOT,
    }).spawn();
    running.add(this);
    void this.#read(this.#child.stdout);
    void this.#read(this.#child.stderr);
  }

  /** Milliseconds from the start to the first output that matches. */
  async seen(pattern: RegExp): Promise<number> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    while (!pattern.test(this.output)) {
      const leftMs = deadlineMs - performance.now();
      if (leftMs <= 0) throw new Error(`No ${pattern} in:\n${this.output}`);
      let timer: ReturnType<typeof setTimeout> | undefined;
      await new Promise<void>((wake) => {
        this.#watchers.push(wake);
        timer = setTimeout(wake, leftMs);
      });
      clearTimeout(timer);
    }
    return performance.now() - this.startedMs;
  }

  async stop(signal: Deno.Signal = "SIGINT"): Promise<void> {
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended already.
    }
    await this.#child.status;
    running.delete(this);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      this.output += decoder.decode(bytes, { stream: true });
      for (const wake of this.#watchers.splice(0)) wake();
    }
  }
}

function startNode(folder: string, args: string[]): Watched {
  const own = ["start", "--port", "0", "--data-dir", folder, "--http", "off", ...args];
  if (values.binary !== undefined) return new Watched(resolve(values.binary), own);
  const allowed = PERMISSIONS.map((name) => `--allow-${name}`);
  return new Watched(Deno.execPath(), ["run", "--no-prompt", ...allowed, "main.ts", ...own]);
}

async function startServer(bootstraps: string[]): Promise<{ process: Watched; address: string }> {
  const program = join(ROOT, "tests", "support", "dht_server.ts");
  const args = bootstraps.flatMap((address) => ["--bootstrap", address]);
  const process = new Watched(Deno.execPath(), ["run", "-A", program, ...args]);
  await process.seen(/\}\n/);
  return { process, address: JSON.parse(process.output.split("\n")[0]!).address };
}

/** Runs the second node again and again, each time in what `folder` gives. */
async function measure(folder: () => string, args: string[]): Promise<number[]> {
  const times: number[] = [];
  for (let run = 0; run < Number(values.runs); run++) {
    const node = startNode(folder(), args);
    times.push(await node.seen(CONNECTED));
    await node.stop();
  }
  return times;
}

const folders: string[] = [];

function newFolder(): string {
  folders.push(Deno.makeTempDirSync({ prefix: "moim-connect-" }));
  return folders.at(-1)!;
}

async function byKnownPeer(): Promise<number[]> {
  const args = ["--rendezvous", phrase(), "--lan", "off", "--dht", "off"];
  const first = startNode(newFolder(), args);
  await first.seen(READY);
  const address = /\/ip4\/127\.0\.0\.1\/\S+/.exec(first.output)![0];
  const folder = newFolder();
  const introduced = startNode(folder, [...args, "--peer", address]);
  await introduced.seen(CONNECTED);
  await introduced.stop();
  const times = await measure(() => folder, args);
  await first.stop();
  return times;
}

async function byDht(serverCount: number): Promise<number[]> {
  const servers: { process: Watched; address: string }[] = [];
  for (let index = 0; index < serverCount; index++) {
    servers.push(await startServer(servers.slice(0, 1).map(({ address }) => address)));
  }
  const entry = servers.at(-1)!.address;
  const args = ["--rendezvous", phrase(), "--lan", "off", "--dht", "private", "--peer"];
  const first = startNode(newFolder(), [...args, servers[0]!.address]);
  await first.seen(serverCount === 1 ? /advertised at/ : /advertised at ([3-9]|1\d|2\d) servers/);
  const times = await measure(newFolder, [...args, entry]);
  await first.stop();
  await Promise.all(servers.map(({ process }) => process.stop("SIGKILL")));
  return times;
}

async function byLan(): Promise<number[]> {
  const args = ["--rendezvous", phrase(), "--lan", "on", "--dht", "off"];
  const first = startNode(newFolder(), args);
  await first.seen(READY);
  const times = await measure(newFolder, args);
  await first.stop();
  return times;
}

function phrase(): string {
  return `connect ${crypto.randomUUID()}`;
}

const WAYS: Record<string, { text: string; targetMs: number; run: () => Promise<number[]> }> = {
  known: { text: "remembered peer", targetMs: 400, run: byKnownPeer },
  dht1: { text: "private DHT, 1 server", targetMs: 1_000, run: () => byDht(1) },
  dht20: { text: "private DHT, 20 servers", targetMs: 1_000, run: () => byDht(20) },
  lan: { text: "local network", targetMs: 2_000, run: byLan },
};

async function main(): Promise<void> {
  const results: Record<string, { medianMs: number; targetMs: number; timesMs: number[] }> = {};
  for (const name of values.only.split(",")) {
    const way = WAYS[name];
    if (way === undefined) throw new Error(`Unknown way "${name}": give ${Object.keys(WAYS)}`);
    const timesMs = (await way.run()).map(Math.round);
    const sorted = timesMs.toSorted((a, b) => a - b);
    const middle = [sorted[(sorted.length - 1) >> 1]!, sorted[sorted.length >> 1]!];
    const medianMs = Math.round((middle[0]! + middle[1]!) / 2);
    results[name] = { medianMs, targetMs: way.targetMs, timesMs };
    const range = `${sorted[0]}–${sorted.at(-1)}`;
    console.error(
      `${way.text.padEnd(26)} median ${medianMs} ms (${range}), target ${way.targetMs} ms`,
    );
  }
  console.log(JSON.stringify(results));
}

try {
  await main();
} finally {
  await Promise.all([...running].map((process) => process.stop("SIGKILL")));
  for (const folder of folders) await Deno.remove(folder, { recursive: true });
}
Deno.exit(0);
