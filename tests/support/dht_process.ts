/** A plain DHT server as a process of its own: see `dht_server.ts`. */
import { join } from "node:path";

const PROGRAM = join(import.meta.dirname!, "dht_server.ts");

export class DhtProcess {
  private constructor(
    readonly child: Deno.ChildProcess,
    /** Its multiaddr with `/p2p/ID`. */
    readonly address: string,
  ) {}

  /** Starts one and waits until it listens. */
  static async start(args: string[] = []): Promise<DhtProcess> {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--no-check", PROGRAM, ...args],
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
