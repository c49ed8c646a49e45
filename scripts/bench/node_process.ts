/** Running nodes that are measured: real processes, asked over their HTTP API, read from /proc. */
import { Agent, request } from "node:http";
import { join } from "node:path";
import { NETWORK } from "./payment_chain.ts";
import { cpuSecondsOf, memoryOf, program } from "./process.ts";

const POLL_MS = 20;
const PATIENCE_MS = 60_000;
/** Below the ports that systems hand to outgoing connections. */
const PORTS = { first: 12_000, count: 15_000 };

/** What `status` answers, as far as it is measured. */
export interface Status {
  readonly height: number;
  readonly tipId: string;
  readonly tipTimeMs: number;
  readonly genesisId: string;
  readonly addresses: readonly string[];
  readonly peers: number;
  readonly mempool: { readonly transactions: number };
  readonly indexes: { readonly ready: boolean; readonly height: number };
}

export interface NodeOptions {
  readonly dataDir: string;
  /** The node to connect to. */
  readonly peer?: string | undefined;
  /** Further arguments of `moim start`. */
  readonly args?: readonly string[];
  /** Further flags of `deno run`, such as those of a profiler. */
  readonly denoFlags?: readonly string[];
  /** Where the lag of the event loop is written when the node ends: `lag_probe.ts`. */
  readonly lagFile?: string;
}

/** Everything started and not yet ended, so that a failure leaves nothing behind. */
const running = new Set<BenchNode>();

/** A `moim start` on loopback, with its own data folder, ports and connections. */
export class BenchNode {
  readonly startedMs = performance.now();
  readonly port = freePort();
  readonly options: NodeOptions;
  readonly #child: Deno.ChildProcess;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #output: Promise<string>;
  #hasEnded = false;
  #token: string | undefined;

  private constructor(options: NodeOptions) {
    this.options = options;
    const { command, first, env } = program(options);
    const peer = options.peer === undefined ? [] : ["--peer", options.peer];
    const args = ["start", "--network", NETWORK.name, "--port", "0", "--http", `${this.port}`];
    this.#child = new Deno.Command(command, {
      args: [...first, ...args, ...peer, ...options.args ?? []],
      env: {
        MOIM_DATA_DIR: options.dataDir,
        MOIM_LAN: "off",
        MOIM_DHT: "off",
        MOIM_GOSSIP: "off",
        NO_COLOR: "1",
        ...env,
      },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#output = new Response(this.#child.stderr).text();
    void this.#child.status.then(() => {
      this.#hasEnded = true;
      running.delete(this);
    });
    running.add(this);
  }

  /** Starts a node and waits for nothing. */
  static spawn(options: NodeOptions): BenchNode {
    return new BenchNode(options);
  }

  /** Starts a node and waits until its API answers. */
  static async start(options: NodeOptions): Promise<BenchNode> {
    const node = new BenchNode(options);
    await node.untilAnswers(POLL_MS);
    return node;
  }

  /** Ends whatever still runs. */
  static async killAll(): Promise<void> {
    await Promise.all([...running].map((node) => node.kill()));
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** What opens the whole API; undefined before the node has written it down. */
  get token(): string | undefined {
    if (this.#token !== undefined) return this.#token;
    try {
      const { port, token } = JSON.parse(
        Deno.readTextFileSync(join(this.options.dataDir, "api.json")),
      );
      if (port === this.port) this.#token = token;
    } catch {
      // Not written yet.
    }
    return this.#token;
  }

  /** Milliseconds since the process was started. */
  elapsedMs(): number {
    return performance.now() - this.startedMs;
  }

  /** Waits for the first answer of the API. Returns the milliseconds since the start. */
  async untilAnswers(everyMs: number): Promise<number> {
    while (await this.statusIfAny() === undefined) {
      if (this.#hasEnded) throw new Error(`The node ended: ${await this.#output}`);
      if (this.elapsedMs() > PATIENCE_MS) throw new Error("The node does not answer");
      await pause(everyMs);
    }
    return this.elapsedMs();
  }

  status(): Promise<Status> {
    return this.get("status");
  }

  async statusIfAny(): Promise<Status | undefined> {
    return await this.status().catch(() => undefined);
  }

  /** An address that others may dial. */
  async address(): Promise<string> {
    for (;;) {
      const { addresses } = await this.status();
      const local = addresses.find((address) => address.startsWith("/ip4/127.0.0.1/tcp/"));
      if (local !== undefined) return local;
      await pause(POLL_MS);
    }
  }

  /** Polls until the chain has that height. `onPoll` is told each height seen. */
  async untilHeight(
    height: number,
    { everyMs = POLL_MS, patienceMs = 1_800_000, onPoll = (_height: number) => {} } = {},
  ): Promise<Status> {
    const endMs = performance.now() + patienceMs;
    for (;;) {
      const status = await this.statusIfAny();
      if (status !== undefined) onPoll(status.height);
      if (status !== undefined && status.height >= height) return status;
      if (this.#hasEnded) throw new Error(`The node ended: ${await this.#output}`);
      if (performance.now() > endMs) throw new Error(`No height ${height}: ${status?.height}`);
      await pause(everyMs);
    }
  }

  /** GET below /api/v1, with the token when the node has one by now. */
  async get<Result>(path: string): Promise<Result> {
    const text = await this.ask("GET", path);
    return JSON.parse(text) as Result;
  }

  /** Any call below /api/v1, text as JSON. Throws with the answer's text unless it is 2xx. */
  ask(method: "GET" | "POST", path: string, body?: Uint8Array | string): Promise<string> {
    const headers: Record<string, string> = {};
    const { token } = this;
    if (token !== undefined) headers.authorization = `Bearer ${token}`;
    if (body !== undefined) {
      const isText = typeof body === "string";
      headers["content-type"] = isText ? "application/json" : "application/octet-stream";
      headers["content-length"] = String(isText ? new Blob([body]).size : body.length);
    }
    return new Promise((resolve, reject) => {
      const outgoing = request({
        host: "127.0.0.1",
        port: this.port,
        method,
        path: `/api/v1/${path}`,
        headers,
        agent: this.#agent,
      }, (response) => {
        const parts: Uint8Array[] = [];
        response.on("data", (part: Uint8Array) => parts.push(part));
        response.on("error", reject);
        response.on("end", async () => {
          const text = await new Blob(parts as BlobPart[]).text();
          const isGood = (response.statusCode ?? 0) < 300;
          if (isGood) resolve(text);
          else reject(new Error(`${method} ${path} gave ${response.statusCode}: ${text}`));
        });
      });
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  }

  /** Processor time of all threads since the start. */
  cpuSeconds(): number {
    return cpuSecondsOf(this.pid);
  }

  memory(): { nowBytes: number; peakBytes: number } {
    return memoryOf(this.pid);
  }

  /** Ctrl-C, and the end. */
  stop(): Promise<void> {
    return this.#end("SIGINT");
  }

  /** kill -9. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  async #end(signal: Deno.Signal): Promise<void> {
    this.#agent.destroy();
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended already.
    }
    await this.#child.status;
    await this.#output;
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A TCP port that was free a moment ago. */
function freePort(): number {
  for (;;) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch {
      continue;
    }
  }
}
