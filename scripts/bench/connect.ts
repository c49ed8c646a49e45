/**
 * Time to connect: from the start of the second node's process to the line that says that `version`
 * was exchanged, while the first node has been there for a while. Real processes on loopback.
 */
import { join, resolve } from "node:path";
import { type BenchContext, measured, type Measurement } from "./measurement.ts";
import { program } from "./process.ts";

const ROOT = resolve(import.meta.dirname!, "..", "..");
const CONNECTED = /^.*peer +\S+ connected \(.*$/m;
const READY = /^ready: /m;
const PATIENCE_MS = 60_000;

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
  const { command, first } = program();
  const own = ["start", "--port", "0", "--data-dir", folder, "--http", "off", ...args];
  return new Watched(command, [...first, ...own]);
}

async function startServer(bootstraps: string[]): Promise<{ process: Watched; address: string }> {
  const server = join(ROOT, "tests", "support", "dht_server.ts");
  const args = bootstraps.flatMap((address) => ["--bootstrap", address]);
  const process = new Watched(Deno.execPath(), ["run", "-A", server, ...args]);
  await process.seen(/\}\n/);
  return { process, address: JSON.parse(process.output.split("\n")[0]!).address };
}

/** Runs the second node again and again, each time in what `folder` gives. */
async function measure(runs: number, folder: () => string, args: string[]): Promise<number[]> {
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
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

async function byKnownPeer(runs: number): Promise<number[]> {
  const args = ["--rendezvous", phrase(), "--lan", "off", "--dht", "off"];
  const first = startNode(newFolder(), args);
  await first.seen(READY);
  const address = /\/ip4\/127\.0\.0\.1\/\S+/.exec(first.output)![0];
  const folder = newFolder();
  const introduced = startNode(folder, [...args, "--peer", address]);
  await introduced.seen(CONNECTED);
  await introduced.stop();
  const times = await measure(runs, () => folder, args);
  await first.stop();
  return times;
}

async function byDht(runs: number, serverCount: number): Promise<number[]> {
  const servers: { process: Watched; address: string }[] = [];
  for (let index = 0; index < serverCount; index++) {
    servers.push(await startServer(servers.slice(0, 1).map(({ address }) => address)));
  }
  const entry = servers.at(-1)!.address;
  const args = ["--rendezvous", phrase(), "--lan", "off", "--dht", "private", "--peer"];
  const first = startNode(newFolder(), [...args, servers[0]!.address]);
  await first.seen(serverCount === 1 ? /advertised at/ : /advertised at ([3-9]|1\d|2\d) servers/);
  const times = await measure(runs, newFolder, [...args, entry]);
  await first.stop();
  await Promise.all(servers.map(({ process }) => process.stop("SIGKILL")));
  return times;
}

async function byLan(runs: number): Promise<number[]> {
  const args = ["--rendezvous", phrase(), "--lan", "on", "--dht", "off"];
  const first = startNode(newFolder(), args);
  await first.seen(READY);
  const times = await measure(runs, newFolder, args);
  await first.stop();
  return times;
}

function phrase(): string {
  return `connect ${crypto.randomUUID()}`;
}

interface Way {
  readonly id: string;
  readonly by: string;
  readonly bound: number;
  readonly run: (runs: number) => Promise<number[]>;
}

const WAYS: readonly Way[] = [
  { id: "known", by: "a remembered peer", bound: 400, run: byKnownPeer },
  { id: "dht1", by: "a DHT of 1 server", bound: 1_000, run: (runs) => byDht(runs, 1) },
  { id: "dht20", by: "a DHT of 20 servers", bound: 1_000, run: (runs) => byDht(runs, 20) },
  { id: "lan", by: "the local network", bound: 2_000, run: byLan },
];

export async function benchConnect(context: BenchContext): Promise<Measurement[]> {
  const found: Measurement[] = [];
  try {
    for (const { id, by, bound, run } of WAYS) {
      const runs = await run(context.runs);
      context.tell(`by ${by}: ${runs.map(Math.round).join(", ")} ms`);
      found.push(measured({
        id: `connect.${id}-ms`,
        name: `Start of a node to connected, by ${by}`,
        unit: "ms",
        runs,
        target: { kind: "most", of: "value", bound },
      }));
    }
  } finally {
    await Promise.all([...running].map((process) => process.stop("SIGKILL")));
    for (const folder of folders) await Deno.remove(folder, { recursive: true });
  }
  return found;
}
