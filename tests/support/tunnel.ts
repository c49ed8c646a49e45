/**
 * HTTP into a network namespace: a TCP connection of its loopback whose bytes two `cat`s carry over
 * pipes, kept for many requests, so that polling thirty nodes costs next to nothing.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();
/** A node that does not answer is asked again by whoever polls. */
const PATIENCE_MS = 10_000;

/** One port of one namespace. Requests queue: one is under way at a time. */
export class Tunnel {
  readonly #prefix: string[];
  readonly #port: number;
  #pipe: Pipe | undefined;
  #last: Promise<unknown> = Promise.resolve();

  constructor(prefix: string[], port: number) {
    this.#prefix = prefix;
    this.#port = port;
  }

  /** As the global `fetch`, for text bodies. Throws when nobody listens. */
  fetch(url: string, init: RequestInit = {}): Promise<Response> {
    const result = this.#last.then(() => this.#fetch(url, init));
    this.#last = result.catch(() => {});
    return result;
  }

  /** Ends the connection; a later request opens another. */
  async close(): Promise<void> {
    const pipe = this.#pipe;
    this.#pipe = undefined;
    await pipe?.close();
  }

  async #fetch(url: string, init: RequestInit): Promise<Response> {
    this.#pipe ??= new Pipe(this.#prefix, this.#port);
    const pipe = this.#pipe;
    const timer = setTimeout(() => pipe.kill(), PATIENCE_MS);
    try {
      const response = await pipe.request(url, init);
      if (response.headers.get("connection") === "close") await this.close();
      return response;
    } catch (error) {
      await this.close();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }
}

class Pipe {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array();

  constructor(prefix: string[], port: number) {
    const script = `exec 3<>/dev/tcp/127.0.0.1/${port} || exit 1; cat <&3 & exec cat >&3`;
    const command = [...prefix, "bash", "-c", script];
    this.#child = new Deno.Command(command[0]!, {
      args: command.slice(1),
      stdin: "piped",
      stdout: "piped",
      stderr: "null",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#reader = this.#child.stdout.getReader();
  }

  /** One request and its answer (RFC 9112: a body by length or in chunks). */
  async request(url: string, init: RequestInit): Promise<Response> {
    const { host, pathname, search } = new URL(url);
    const headers = new Headers(init.headers);
    headers.set("host", host);
    const body = encoder.encode(String(init.body ?? ""));
    if (init.body) headers.set("content-length", String(body.length));
    const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
    const head = `${init.method ?? "GET"} ${pathname}${search} HTTP/1.1\r\n${lines}\r\n`;
    await this.#writer.write(encoder.encode(head));
    if (init.body) await this.#writer.write(body);
    return await this.#answer();
  }

  kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    this.#reader.cancel().catch(() => {});
  }

  async close(): Promise<void> {
    this.kill();
    await this.#writer.close().catch(() => {});
    await this.#child.status;
  }

  async #answer(): Promise<Response> {
    const [first, ...lines] = (await this.#until("\r\n\r\n")).split("\r\n");
    const status = Number(first!.split(" ")[1]);
    const headers = new Headers(lines.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }));
    const body = headers.get("transfer-encoding") === "chunked"
      ? await this.#chunks()
      : decoder.decode(await this.#take(Number(headers.get("content-length") ?? 0)));
    return new Response(status === 204 || status === 304 ? null : body, { status, headers });
  }

  async #chunks(): Promise<string> {
    let text = "";
    for (;;) {
      const length = Number.parseInt(await this.#until("\r\n"), 16);
      text += decoder.decode(await this.#take(length), { stream: length > 0 });
      await this.#until("\r\n");
      if (length === 0) return text;
    }
  }

  /** The text before `end`, which is taken too. */
  async #until(end: string): Promise<string> {
    for (;;) {
      const at = decoder.decode(this.#buffer.subarray(0, 16_384)).indexOf(end);
      // Heads and chunk lengths are ASCII: characters are bytes.
      if (at >= 0) return decoder.decode(await this.#take(at + end.length)).slice(0, -end.length);
      await this.#more();
    }
  }

  async #take(length: number): Promise<Uint8Array> {
    while (this.#buffer.length < length) await this.#more();
    const taken = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    return taken;
  }

  async #more(): Promise<void> {
    const { value } = await this.#reader.read();
    if (value === undefined) throw new Error("The connection into the namespace has ended");
    const joined = new Uint8Array(this.#buffer.length + value.length);
    joined.set(this.#buffer);
    joined.set(value, this.#buffer.length);
    this.#buffer = joined;
  }
}
