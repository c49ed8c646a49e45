/**
 * The Rust program of `rust/` as processes: it shares nothing with Moim but the phrase.
 * @module
 */

const RUST_FOLDER = new URL("./rust/", import.meta.url);
const RUST_BINARY = new URL("./target/debug/moim_interop", RUST_FOLDER);

/** After this long a test fails instead of waiting on: far more than a busy machine needs. */
const PATIENCE_MS = 60_000;

/** One line of JSON from the Rust program; which fields are there depends on `event`. */
export interface StrangerEvent {
  readonly event: string;
  readonly peer?: string;
  readonly agent?: string;
  readonly address?: string;
  readonly addresses?: readonly string[];
  readonly direction?: "inbound" | "outbound";
  readonly protocols?: readonly string[];
  /** Key of a provider record, in hex. */
  readonly key?: string;
}

/** Whether the Rust program can be built here. */
export function hasCargo(): boolean {
  try {
    return new Deno.Command("cargo", { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

let built: Promise<void> | undefined;

/** Builds the Rust program, once however often it is asked; throws what cargo says. */
export function buildStranger(): Promise<void> {
  built ??= (async () => {
    const cargo = new Deno.Command("cargo", {
      args: ["build", "--locked", "--quiet"],
      cwd: RUST_FOLDER,
      env: { CARGO_TARGET_DIR: "target" },
    });
    const { success, stderr } = await cargo.output();
    if (!success) throw new Error(`Cannot build ${RUST_FOLDER}:\n${decode(stderr)}`);
  })();
  return built;
}

/** Runs a command of the Rust program to its end: its exit code and its lines. */
export async function runStranger(args: string[]): Promise<{ code: number; lines: unknown[] }> {
  const { code, stdout } = await new Deno.Command(RUST_BINARY, { args, stderr: "inherit" })
    .output();
  const lines = decode(stdout).split("\n").filter((line) => line !== "");
  return { code, lines: lines.map((line) => JSON.parse(line)) };
}

/** A command of the Rust program that keeps running, and everything it has said so far. */
export class Stranger implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #events: StrangerEvent[] = [];
  readonly #reading: Promise<void>;
  /** Called after each event and at the end; replaced by whoever waits. */
  #wake: () => void = () => {};
  #ended = false;

  constructor(args: string[]) {
    this.#child = new Deno.Command(RUST_BINARY, { args, stdout: "piped", stderr: "inherit" })
      .spawn();
    this.#reading = this.#read();
  }

  async #read(): Promise<void> {
    let rest = "";
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      this.#events.push(...lines.map((line) => JSON.parse(line)));
      this.#wake();
    }
    this.#ended = true;
    this.#wake();
  }

  /** The first event, past or to come, that fits. Throws when none comes. */
  async event(what: string, fits: (event: StrangerEvent) => boolean): Promise<StrangerEvent> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#wake();
    }, PATIENCE_MS);
    try {
      while (true) {
        const found = this.#events.find(fits);
        if (found) return found;
        if (this.#ended || late) throw new Error(`No event "${what}" in:\n${this.#told()}`);
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #told(): string {
    return this.#events.map((event) => JSON.stringify(event)).join("\n");
  }

  /** Where it listens, with its peer id. */
  async address(): Promise<string> {
    const { address } = await this.event("listening", ({ event }) => event === "listening");
    return address!;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    kill(this.#child, "SIGKILL");
    await this.#reading;
    await this.#child.status;
  }
}

/** Starts `count` DHT servers of the Rust program, each of which knows the first. */
export async function startServers(
  stack: AsyncDisposableStack,
  count: number,
): Promise<{ servers: Stranger[]; addresses: string[] }> {
  const servers: Stranger[] = [];
  const addresses: string[] = [];
  for (let index = 0; index < count; index++) {
    const first = addresses[0];
    const known = first === undefined ? [] : ["--bootstrap", first];
    const server = stack.use(new Stranger(["serve", ...known]));
    servers.push(server);
    addresses.push(await server.address());
  }
  return { servers, addresses };
}

function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    // It has ended by itself already.
    if (!(error instanceof TypeError) && !(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
