/**
 * Clients of a node's API that cost next to nothing: one open connection, one write a question, or
 * events that come by themselves. A client that takes as long as the node does would measure itself,
 * on the cores that the node needs.
 */
import type { BenchNode } from "./node_process.ts";

const HEAD_END = "\r\n\r\n";
/** More than any answer that is asked for so. */
const ANSWER_BYTES_MAX = 64 * 1024;

export class LeanClient implements Disposable {
  readonly #connection: Deno.TcpConn;
  readonly #head: string;
  readonly #answer = new Uint8Array(ANSWER_BYTES_MAX);

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

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}

/** Follows the chain of a node by its event stream, as btcd is followed over a websocket. */
export class LeanEvents implements Disposable {
  readonly #connection: Deno.TcpConn;
  readonly #read = new Uint8Array(ANSWER_BYTES_MAX);
  /** What came and is not looked at yet. */
  #text = "";

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  /** Resolves when the node has begun to tell. */
  static async open({ port, token }: BenchNode): Promise<LeanEvents> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const events = new LeanEvents(connection);
    await connection.write(
      new TextEncoder().encode(
        `GET /api/v1/events HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n` +
          `authorization: Bearer ${token}\r\naccept: text/event-stream${HEAD_END}`,
      ),
    );
    while (!events.#text.includes("retry:")) await events.#more();
    if (!events.#text.startsWith("HTTP/1.1 200 ")) throw new Error(events.#text);
    return events;
  }

  /** Waits until the block at that height is told of as connected; throws when it takes too long. */
  async untilConnected(height: number, patienceMs: number): Promise<void> {
    const isTold = new RegExp(`"kind":"connected"[^}]*"height":${height}\\b`);
    const patience = setTimeout(() => this.#connection.close(), patienceMs);
    while (!isTold.test(this.#text)) await this.#more();
    clearTimeout(patience);
    this.#text = "";
  }

  async #more(): Promise<void> {
    const length = await this.#connection.read(this.#read);
    if (length === null) throw new Error("The node closed the connection");
    this.#text += new TextDecoder().decode(this.#read.subarray(0, length));
  }

  [Symbol.dispose](): void {
    this.#connection.close();
  }
}
