/**
 * Real moim processes for functional tests: the checkout with the permissions of `deno task node`,
 * or the executable that MOIM_BINARY names. Loopback only: LAN and DHT are off unless a test says
 * otherwise. Waits on conditions, never for a fixed time.
 */
import { strict as assert } from "node:assert";
import { join, resolve } from "node:path";

const ROOT = resolve(import.meta.dirname!, "..", "..");
/** Nothing here takes this long unless it is broken. */
const PATIENCE_MS = 30_000;
/** Most conditions are questions to a node: asked more often, they would be what it works at. */
const POLL_MS = 50;
/** What a process printed is looked at without asking it. */
const OUTPUT_POLL_MS = 10;

/** How a process is started. */
export type MoimOptions = {
  /** The data folder (MOIM_DATA_DIR). */
  dataDir: string;
  /** NODE_ID: P2P port, and the folder below `dataDir`. */
  nodeId?: number;
  env?: Record<string, string>;
  /** What standard input holds. */
  input?: string | Uint8Array;
  /** Program and arguments that run ours elsewhere, such as `ip netns exec NAME`. */
  prefix?: string[];
  /** How its HTTP server is reached, where the global `fetch` cannot. */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
};

/** What a finished process left. */
export type Finished = { code: number; stdout: string; stderr: string; bytes: Uint8Array };

/** Runs one command to its end. */
export async function moim(args: string[], options: MoimOptions): Promise<Finished> {
  const child = spawn(args, options);
  await feed(child.stdin, options.input);
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  const texts = { stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  return { code, ...texts, bytes: stdout };
}

/** Runs one command that must succeed, and gives what its `--json` printed. */
// deno-lint-ignore no-explicit-any
export async function moimJson(args: string[], options: MoimOptions): Promise<any> {
  const { code, stdout, stderr } = await moim([...args, "--json"], options);
  assert.equal(code, 0, `moim ${args.join(" ")} ended with ${code}: ${stderr}`);
  return JSON.parse(stdout);
}

/** A `moim start` that runs beside the test. */
export class MoimNode {
  readonly options: MoimOptions;
  readonly #child: Deno.ChildProcess;
  readonly #pumps: Promise<void>[];
  #stdout = "";
  #stderr = "";
  #exitCode: number | undefined;

  private constructor(child: Deno.ChildProcess, options: MoimOptions) {
    this.#child = child;
    this.options = options;
    this.#pumps = [
      pump(child.stdout, (text) => this.#stdout += text),
      pump(child.stderr, (text) => this.#stderr += text),
      child.status.then(({ code }) => {
        this.#exitCode = code;
      }),
      feed(child.stdin, options.input),
    ];
  }

  /** Starts without waiting for anything. `args` may name any command that goes on running. */
  static spawn(args: string[], options: MoimOptions): MoimNode {
    return new MoimNode(spawn(args, options), options);
  }

  /** Starts and waits for the last start-up line. */
  static async start(args: string[], options: MoimOptions): Promise<MoimNode> {
    const node = MoimNode.spawn(args, options);
    await node.waitFor(/^ready: /m);
    return node;
  }

  /** Everything printed so far. */
  get output(): string {
    return this.#stdout + this.#stderr;
  }

  get stderr(): string {
    return this.#stderr;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Waits until the output matches; fails when the process ends before, or after the patience. */
  async waitFor(pattern: RegExp, timeoutMs = PATIENCE_MS): Promise<RegExpMatchArray> {
    return await until(() => {
      const match = this.output.match(pattern);
      if (match === null && this.#exitCode !== undefined) {
        assert.fail(`moim ended (${this.#exitCode}) before ${pattern}:\n${this.output}`);
      }
      return match ?? undefined;
    }, {
      what: () => `${pattern} in:\n${this.output}`,
      timeoutMs,
      pollMs: OUTPUT_POLL_MS,
    });
  }

  /** GET below /api/v1 with the token of api.json; undefined while nobody answers. */
  // deno-lint-ignore no-explicit-any
  async get(path: string): Promise<any> {
    const { dataDir, nodeId } = this.options;
    const folder = nodeId === undefined ? dataDir : join(dataDir, String(nodeId));
    try {
      const api = JSON.parse(await Deno.readTextFile(join(folder, "api.json")));
      const ask = this.options.fetch ?? fetch;
      const response = await ask(`http://${api.host}:${api.port}/api/v1/${path}`, {
        headers: { authorization: `Bearer ${api.token}` },
      });
      return await response.json();
    } catch {
      return undefined;
    }
  }

  /** Ctrl-C; gives the exit code. */
  async interrupt(): Promise<number> {
    this.#kill("SIGINT");
    return await this.ended();
  }

  /** kill -9, as a power cut would. Harmless after the end. */
  async kill(): Promise<void> {
    this.#kill("SIGKILL");
    await this.ended();
  }

  /** Waits for the end by itself; gives the exit code. */
  async ended(): Promise<number> {
    await Promise.all(this.#pumps);
    return this.#exitCode!;
  }

  #kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended already.
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** Polls until `check` gives something; fails after the patience, naming `what`. */
export async function until<Result>(
  check: () => Result | undefined | false | Promise<Result | undefined | false>,
  options: { what: string | (() => string); timeoutMs?: number; pollMs?: number },
): Promise<Result> {
  const endMs = performance.now() + (options.timeoutMs ?? PATIENCE_MS);
  for (;;) {
    const result = await check();
    if (result !== undefined && result !== false) return result;
    if (performance.now() > endMs) {
      const what = typeof options.what === "string" ? options.what : options.what();
      assert.fail(`Waited in vain for ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, options.pollMs ?? POLL_MS));
  }
}

/** Below the ports that systems hand to outgoing connections, which would take ours at any time. */
const PORTS = { first: 10_000, count: 17_000 };

/** A TCP port that was free a moment ago, and the one 5000 above it too (the API's). */
export function freePort(): number {
  for (;;) {
    const port = PORTS.first + Math.floor(Math.random() * PORTS.count);
    try {
      for (const each of [port, port + 5000]) {
        Deno.listen({ hostname: "0.0.0.0", port: each }).close();
      }
      return port;
    } catch {
      continue;
    }
  }
}

/** Runs `use` with a new folder that is removed afterwards. */
export async function withTempDir(use: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir({ prefix: "moim-test-" });
  try {
    await use(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

/** Every file below a folder with its content's hash, to show that nothing changed. */
export async function snapshot(dir: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const entry of Deno.readDir(dir)) {
    const path = join(dir, entry.name);
    if (entry.isDirectory) {
      found[entry.name + "/"] = "";
      for (const [name, hash] of Object.entries(await snapshot(path))) {
        found[`${entry.name}/${name}`] = hash;
      }
    } else {
      const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(path));
      found[entry.name] = new Uint8Array(digest).toHex();
    }
  }
  return found;
}

function spawn(args: string[], options: MoimOptions): Deno.ChildProcess {
  const binary = Deno.env.get("MOIM_BINARY");
  const command = binary ? resolve(ROOT, binary) : Deno.execPath();
  const first = binary ? [] : ["run", "--quiet", ...taskPermissions(), join(ROOT, "main.ts")];
  const [program, ...rest] = [...options.prefix ?? [], command, ...first, ...args];
  return new Deno.Command(program!, {
    args: rest,
    cwd: ROOT,
    env: environment(options),
    clearEnv: true,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
}

/** The flags of `deno task node`, so that tests run with exactly what users grant. */
function taskPermissions(): string[] {
  const manifest = JSON.parse(Deno.readTextFileSync(join(ROOT, "deno.json")));
  return String(manifest.tasks.node).split(/\s+/).filter((word) => word.startsWith("--"));
}

/** The test's environment without what would configure moim, then what the test sets. */
function environment(options: MoimOptions): Record<string, string> {
  const inherited = Object.entries(Deno.env.toObject())
    .filter(([name]) => !name.startsWith("MOIM_") && name !== "NODE_ID");
  return {
    ...Object.fromEntries(inherited),
    NO_COLOR: "1",
    MOIM_DATA_DIR: options.dataDir,
    MOIM_LAN: "off",
    MOIM_DHT: "off",
    MOIM_MAP_PORT: "off",
    ...(options.nodeId !== undefined && { NODE_ID: String(options.nodeId) }),
    ...options.env,
  };
}

/** Writes what standard input holds and ends it, whether the process reads it or not. */
async function feed(
  stdin: WritableStream<Uint8Array>,
  input: string | Uint8Array = "",
): Promise<void> {
  const writer = stdin.getWriter();
  const bytes = typeof input === "string" ? new TextEncoder().encode(input) : input;
  await writer.write(bytes).catch(() => {});
  await writer.close().catch(() => {});
}

async function pump(stream: ReadableStream<Uint8Array>, add: (text: string) => void) {
  const decoder = new TextDecoder();
  for await (const chunk of stream) add(decoder.decode(chunk, { stream: true }));
}
