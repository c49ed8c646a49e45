/**
 * Requests to the HTTP API of a running node. Uses node:http because `fetch` would send a loopback
 * request, and the token in it, to the proxy that HTTP_PROXY names. It is loaded by the first
 * request: a node that starts asks nobody, and loading it would hold up its own first answer.
 */
import type { IncomingMessage } from "node:http";
import { concatBytes, utf8 } from "../base/bytes.ts";
import { EXIT, type ExitCode, messageOf, UserError } from "../base/errors.ts";
import type { NodeNews, OnLine } from "./api.ts";
import { readEventStream } from "./event_stream.ts";

/** Where the API is, and what opens it (absent: only what needs no token). */
export type Endpoint = { host: string; port: number; token?: string | undefined };

/** One request; `onLine` receives the progress lines of a streamed answer. */
export type ApiRequest = {
  method: "GET" | "POST";
  /** Below /api/v1, such as `status`. */
  path: string;
  /** Bytes go as they are, everything else as JSON. */
  body?: unknown;
  onLine?: OnLine | undefined;
  /** Ends an attempt that gets no answer at all; without it an answer may take any time. */
  timeoutMs?: number | undefined;
  /** The form of answer that is wanted; JSON without it. */
  accept?: string | undefined;
  /** Ends the request, and the answer under way. */
  signal?: AbortSignal | undefined;
};

/** An answer as it came: status, and JSON or bytes (undefined where there was neither). */
export type ApiAnswer = { status: number; content: unknown };

/** Most bytes of one answer or one line of a streamed one (a block of 512 KiB, taken apart). */
const ANSWER_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Sends a request. Throws whatever node:http throws when nobody answers; a problem is an answer.
 */
export async function exchange(endpoint: Endpoint, call: ApiRequest): Promise<ApiAnswer> {
  const response = await send(endpoint, call);
  const type = String(response.headers["content-type"] ?? "");
  if (type.startsWith("application/x-ndjson")) return await readStream(response, call.onLine);
  if (type.startsWith("application/octet-stream")) {
    return { status: response.statusCode ?? 0, content: await readBytes(response) };
  }
  const text = await readAll(response);
  const isJson = type.startsWith("application/json") || type.startsWith("application/problem+json");
  return {
    status: response.statusCode ?? 0,
    content: isJson && text !== "" ? JSON.parse(text) : undefined,
  };
}

/** Sends a request and gives the result. Throws the `UserError` that a problem carries. */
export async function callApi<Result>(endpoint: Endpoint, call: ApiRequest): Promise<Result> {
  let answer: ApiAnswer;
  try {
    answer = await exchange(endpoint, call);
  } catch (error) {
    throw new UserError(
      EXIT.unreachable,
      `Cannot reach the running node: ${messageOf(error)}; look whether it still runs`,
      { cause: error },
    );
  }
  if (answer.status >= 200 && answer.status < 300) return answer.content as Result;
  throw problemError(answer);
}

/**
 * Follows the events of a running node until `signal` aborts. Throws the `UserError` that a problem
 * carries, or unreachable (4) when the node ends or the connection does.
 */
export async function* watchApi(
  endpoint: Endpoint,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<NodeNews> {
  const accept = "text/event-stream";
  let response: IncomingMessage | undefined;
  try {
    response = await send(endpoint, { method: "GET", path, accept, signal });
    if (response.statusCode === 200) {
      yield* readEventStream(response as AsyncIterable<Uint8Array>);
      throw new Error("it has closed the stream");
    }
  } catch (error) {
    if (signal.aborted) return;
    throw new UserError(
      EXIT.unreachable,
      `Cannot follow the running node: ${messageOf(error)}; look whether it still runs`,
      { cause: error },
    );
  } finally {
    if (response?.statusCode === 200) response.destroy();
  }
  const text = await readAll(response);
  throw problemError({ status: response.statusCode ?? 0, content: JSON.parse(text) });
}

function problemError({ status, content }: ApiAnswer): UserError {
  const problem = (content ?? {}) as { detail?: unknown; exitCode?: unknown };
  const code = Object.values(EXIT).find((known) => known === problem.exitCode);
  const detail = typeof problem.detail === "string"
    ? problem.detail
    : `The running node answered with status ${status}`;
  return new UserError((code ?? EXIT.failed) as ExitCode, detail);
}

async function send(endpoint: Endpoint, call: ApiRequest): Promise<IncomingMessage> {
  const { request } = await import("node:http");
  const isBytes = call.body instanceof Uint8Array;
  const body = isBytes || call.body === undefined
    ? call.body as Uint8Array | undefined
    : utf8(JSON.stringify(call.body));
  const headers: Record<string, string> = {
    accept: call.accept ?? "application/json, application/octet-stream",
  };
  if (endpoint.token !== undefined) headers.authorization = `Bearer ${endpoint.token}`;
  if (call.method === "POST") {
    headers["content-type"] = isBytes ? "application/octet-stream" : "application/json";
  }
  if (body !== undefined) headers["content-length"] = String(body.length);
  return await new Promise((resolve, reject) => {
    const outgoing = request({
      host: endpoint.host,
      port: endpoint.port,
      method: call.method,
      path: `/api/v1/${call.path}`,
      headers,
      agent: false,
      ...(call.signal && { signal: call.signal }),
    }, resolve);
    outgoing.on("error", reject);
    if (call.timeoutMs !== undefined) {
      outgoing.setTimeout(call.timeoutMs, () => outgoing.destroy(new Error("No answer in time")));
    }
    outgoing.end(body);
  });
}

async function readAll(response: IncomingMessage): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > ANSWER_BYTES_MAX) throw new Error("The answer is too long");
  }
  return text + decoder.decode();
}

async function readBytes(response: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > ANSWER_BYTES_MAX) throw new Error("The answer is too long");
  }
  return concatBytes(...chunks);
}

/** Reads `{"line"}` objects until the one that holds the result or the problem. */
async function readStream(
  response: IncomingMessage,
  onLine: OnLine | undefined,
): Promise<ApiAnswer> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > ANSWER_BYTES_MAX) throw new Error("The answer is too long");
    for (const line of lines) {
      if (line === "") continue;
      const item = JSON.parse(line) as { line?: string; result?: unknown; problem?: unknown };
      if (item.line !== undefined) onLine?.(item.line);
      else if (item.problem !== undefined) return { status: 500, content: item.problem };
      else return { status: 200, content: item.result };
    }
  }
  throw new Error("The answer ended early");
}
