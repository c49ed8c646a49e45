/**
 * A client of a node's API that costs next to nothing: one open connection, one write a question. A
 * client that takes as long as the node does would measure itself, on the cores that the node needs.
 */
import type { BenchNode } from "./node_process.ts";

const HEAD_END = "\r\n\r\n";
/** More than any answer that is asked for so. */
const ANSWER_BYTES_MAX = 64 * 1024;

export class LeanClient implements Disposable {
  readonly #connection: Deno.TcpConn;
  readonly #head: string;
  readonly #answer = new Uint8Array(ANSWER_BYTES_MAX);
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4));

  private constructor(connection: Deno.TcpConn, head: string) {
    this.#connection = connection;
    this.#head = head;
  }

  static async open({ port, token }: BenchNode): Promise<LeanClient> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    return new LeanClient(
      connection,
      `host: 127.0.0.1:${port}\r\nauthorization: Bearer ${token}\r\n` +
        "content-type: application/octet-stream\r\n",
    );
  }

  /** The bytes of a call below /api/v1, to be made before the clock runs. */
  request(method: "GET" | "POST", path: string, body: Uint8Array = new Uint8Array()): Uint8Array {
    const head = `${method} /api/v1/${path} HTTP/1.1\r\n${this.#head}` +
      `content-length: ${body.length}${HEAD_END}`;
    return new Uint8Array([...new TextEncoder().encode(head), ...body]);
  }

  /** Makes one call at a time. Throws with the answer's text unless it is 200. */
  async ask(request: Uint8Array): Promise<string> {
    for (let sent = 0; sent < request.length;) {
      sent += await this.#connection.write(request.subarray(sent));
    }
    for (let length = 0;;) {
      const read = await this.#connection.read(this.#answer.subarray(length));
      if (read === null) throw new Error("The node closed the connection");
      length += read;
      const text = new TextDecoder().decode(this.#answer.subarray(0, length));
      const bodyAt = text.indexOf(HEAD_END) + HEAD_END.length;
      const size = /^content-length: *(\d+)/im.exec(text)?.[1];
      if (bodyAt < HEAD_END.length || length < bodyAt + Number(size)) continue;
      if (!text.startsWith("HTTP/1.1 200 ")) throw new Error(text);
      return text.slice(bodyAt);
    }
  }

  /** Asks for the status until the chain has that height. This thread sleeps in between. */
  async untilHeight(
    height: number,
    { everyMs, patienceMs }: { everyMs: number; patienceMs: number },
  ): Promise<void> {
    const endMs = performance.now() + patienceMs;
    const status = this.request("GET", "status");
    for (;;) {
      const found = Number(/"height":(\d+)/.exec(await this.ask(status))?.[1]);
      if (found >= height) return;
      if (performance.now() > endMs) throw new Error(`No height ${height}: ${found}`);
      // A timer of Deno's takes 2 ms where less than one is asked for.
      Atomics.wait(this.#sleeper, 0, 0, everyMs);
    }
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}
