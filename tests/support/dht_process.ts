/** A DHT server as a process of its own: a plain one (`dht_server.ts`) or one that lies. */
import { join } from "node:path";

const PROGRAM = join(import.meta.dirname!, "dht_server.ts");
const LIAR = join(import.meta.dirname!, "lying_dht.ts");

export class DhtProcess {
  private constructor(
    readonly child: Deno.ChildProcess,
    /** Its multiaddr with `/p2p/ID`. */
    readonly address: string,
  ) {}

  /** Starts one and waits until it listens. `prefix` runs it elsewhere (`ip netns exec NAME`). */
  static start(args: string[] = [], prefix: string[] = []): Promise<DhtProcess> {
    return DhtProcess.#spawn(PROGRAM, args, prefix);
  }

  /** The same for a server that lies: see `lying_dht.ts`. */
  static liar(args: string[] = [], prefix: string[] = []): Promise<DhtProcess> {
    return DhtProcess.#spawn(LIAR, args, prefix);
  }

  static async #spawn(file: string, args: string[], prefix: string[]): Promise<DhtProcess> {
    const deno = [Deno.execPath(), "run", "-A", "--quiet", "--no-check", file];
    const [program, ...rest] = [...prefix, ...deno, ...args];
    const child = new Deno.Command(program!, {
      args: rest,
      stdin: "null",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const reader = child.stdout.getReader();
    let text = "";
    while (!text.includes("\n")) {
      const { value, done } = await reader.read();
      if (done) throw new Error("The DHT server ended before it was ready");
      text += new TextDecoder().decode(value);
    }
    reader.releaseLock();
    return new DhtProcess(child, JSON.parse(text.split("\n")[0]!).address);
  }

  async stop(): Promise<void> {
    try {
      this.child.kill("SIGKILL");
    } catch {
      // It is gone already.
    }
    await this.child.status;
    await this.child.stdout.cancel();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
