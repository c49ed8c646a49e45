/** Where the demo plays: several nodes in this process, each with its own folder of a temporary one. */
import { join } from "node:path";
import { delay, EXIT, systemClock, UserError } from "../base/mod.ts";
import {
  type Flags,
  type NodeConfig,
  type NodeHandle,
  type OpenMode,
  openNode,
  resolveConfig,
} from "../node/mod.ts";

/** A step that takes this long has failed. */
const PATIENCE_MS = 60_000;
const POLL_MS = 50;
/** How long the end waits for a step that is under way. */
const LEAVING_MS = 2_000;
/** From one line to the next: what it takes to read one. */
const READING_MS = 1_300;

export class Stage {
  readonly #dir: string;
  readonly #out: (line: string) => void;
  readonly #readingMs: number;
  readonly #startedMs = systemClock.monotonicMs();
  #toldMs = -Infinity;
  readonly #closing = new AbortController();
  readonly #open = new Set<NodeHandle>();

  private constructor(dir: string, out: (line: string) => void, readingMs: number) {
    this.#dir = dir;
    this.#out = out;
    this.#readingMs = readingMs;
  }

  /** `fast`: lines come when their steps are done, however many at once. */
  static async open(out: (line: string) => void, { fast }: { fast: boolean }): Promise<Stage> {
    const dir = await Deno.makeTempDir({ prefix: "moim-demo-" });
    return new Stage(dir, out, fast ? 0 : READING_MS);
  }

  /** Tells one step, with the seconds since the beginning, once the one before could be read. */
  async tell(line: string): Promise<void> {
    const waitMs = this.#toldMs + this.#readingMs - systemClock.monotonicMs();
    if (waitMs > 0) await delay(systemClock, waitMs, this.#closing.signal);
    this.#toldMs = systemClock.monotonicMs();
    if (!this.#isClosing) this.#out(`${this.seconds().toFixed(1).padStart(5)} s  ${line}`);
  }

  /** Seconds since the beginning. */
  seconds(): number {
    return (systemClock.monotonicMs() - this.#startedMs) / 1000;
  }

  /** Opens somebody's folder, with the network or without. */
  async node(who: string, mode: OpenMode, flags: Flags): Promise<NodeHandle> {
    const node = await openNode(this.#config(who, flags), { mode });
    this.#open.add(node);
    if (this.#isClosing) {
      await this.leave(node);
      throw new UserError(EXIT.interrupted, "Interrupted");
    }
    return node;
  }

  /** Closes one node. */
  async leave(node: NodeHandle): Promise<void> {
    this.#open.delete(node);
    await node.close();
  }

  /** Waits until `check` gives something. Throws `UserError` (failed) after a minute. */
  async until<Result>(
    what: string,
    check: () => Promise<Result | undefined | false>,
  ): Promise<Result> {
    const endMs = systemClock.monotonicMs() + PATIENCE_MS;
    for (;;) {
      const result = await check();
      if (result !== undefined && result !== false) return result;
      if (this.#isClosing) throw new UserError(EXIT.interrupted, "Interrupted");
      if (systemClock.monotonicMs() > endMs) {
        throw new UserError(EXIT.failed, `The demo waited in vain: ${what}; try it again`);
      }
      await delay(systemClock, POLL_MS);
    }
  }

  /** Closes every node, waits a little for `story` to notice, and removes the folder. */
  async close(story: Promise<unknown>): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled([...this.#open].map((node) => node.close()));
    // Whoever waits for it is told already; a call that a closed node leaves unanswered is let go.
    await Promise.race([story.catch(() => {}), delay(systemClock, LEAVING_MS)]);
    await Deno.remove(this.#dir, { recursive: true });
  }

  get #isClosing(): boolean {
    return this.#closing.signal.aborted;
  }

  /** Loopback and a private DHT only, and nothing of the user's own settings. */
  #config(who: string, flags: Flags): NodeConfig {
    return resolveConfig({
      flags: { dataDir: join(this.#dir, who), port: "0", lan: "off", dht: "private", ...flags },
      env: {},
      readText: () => undefined,
      os: Deno.build.os,
    });
  }
}
