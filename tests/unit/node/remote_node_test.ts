import assert from "node:assert/strict";
import { EXIT, UserError } from "../../../lib/base/mod.ts";
import type { NodeNews } from "../../../lib/node/api.ts";
import { RemoteNode } from "../../../lib/node/remote_node.ts";

const STEP = { number: 7, kind: "connected", id: "ab".repeat(32), height: 7 } as const;

async function withServer(
  answer: (request: Request) => Response,
  run: (node: RemoteNode) => Promise<void>,
): Promise<void> {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  try {
    await run(new RemoteNode({ host: "127.0.0.1", port: server.addr.port, token: "t" }));
  } finally {
    await server.shutdown();
  }
}

function eventStream(...chunks: string[]): Response {
  const body = ReadableStream.from(chunks.map((chunk) => new TextEncoder().encode(chunk)));
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
}

const isError = (exitCode: number, message: RegExp) => (error: unknown) =>
  error instanceof UserError && error.exitCode === exitCode && message.test(error.message);

async function followed(node: RemoteNode, since?: number): Promise<NodeNews[]> {
  const news: NodeNews[] = [];
  const end = new AbortController();
  for await (const each of node.watch({ since, signal: end.signal })) {
    news.push(each);
    if (each.kind === "peers") end.abort();
  }
  return news;
}

Deno.test("a running node's events are read whole, however they are cut", () => {
  const text = `retry: 1000\nid: 6\n\n:\n\nid: 7\nevent: connected\ndata: ${
    JSON.stringify(STEP)
  }\n\nevent: peers\ndata: {"kind":"peers","peers":2}\n\n`;
  const paths: string[] = [];
  const answer = ({ url }: Request) => {
    paths.push(new URL(url).pathname + new URL(url).search);
    return eventStream(...text);
  };
  return withServer(answer, async (node) => {
    assert.deepEqual(await followed(node, 7), [STEP, { kind: "peers", peers: 2 }]);
    assert.deepEqual(await followed(node), [STEP, { kind: "peers", peers: 2 }]);
    assert.deepEqual(paths, ["/api/v1/events?since=7", "/api/v1/events"]);
  });
});

Deno.test("a number that is gone, and a node that ends, are told as such", () => {
  const gone = { status: 404, detail: "Event 1 is not here", exitCode: EXIT.notFound };
  const answer = ({ url }: Request) =>
    url.includes("since")
      ? new Response(JSON.stringify(gone), {
        status: 404,
        headers: { "content-type": "application/problem+json" },
      })
      : eventStream(`id: 7\nevent: connected\ndata: ${JSON.stringify(STEP)}\n\n`);
  return withServer(answer, async (node) => {
    await assert.rejects(followed(node, 1), isError(EXIT.notFound, /^Event 1 is not here$/));
    await assert.rejects(followed(node), isError(EXIT.unreachable, /closed the stream/));
  });
});

Deno.test("raw forms come as bytes", () => {
  const bytes = Uint8Array.of(0, 255, 10, 13);
  const answer = () =>
    new Response(bytes, { headers: { "content-type": "application/octet-stream" } });
  return withServer(answer, async (node) => {
    assert.deepEqual(await node.rawBlock("7"), bytes);
    assert.deepEqual(await node.rawTransaction("ab".repeat(32)), bytes);
  });
});
