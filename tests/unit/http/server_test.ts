import { strict as assert } from "node:assert";
import { EXIT, UserError } from "../../../lib/base/mod.ts";
import { serveApi } from "../../../lib/http/mod.ts";
import type { NodeApi } from "../../../lib/node/mod.ts";
import { exchange } from "../../../lib/node/api_client.ts";
import { RemoteNode } from "../../../lib/node/remote_node.ts";
import { fakeNode } from "../../support/fake_node.ts";

const TOKEN = "a".repeat(64);

async function served(
  calls: Partial<Record<keyof NodeApi, unknown>>,
  use: (node: RemoteNode, port: number) => Promise<void>,
  isOpen = true,
) {
  const server = await serveApi(fakeNode(calls as Partial<NodeApi>), {
    setting: isOpen ? { kind: "on", host: "127.0.0.1", port: 0 } : { kind: "off" },
    preferredPort: 0,
    token: TOKEN,
    instanceId: "run-1",
  });
  try {
    await use(new RemoteNode({ host: server.host, port: server.port, token: TOKEN }), server.port);
  } finally {
    await server.close();
  }
}

Deno.test("a remote node answers as the one behind the API: results, lines, errors", async () => {
  const lines: string[] = [];
  const calls = {
    balance: (who: string) => Promise.resolve({ who, confirmed: 5 }),
    history: (who: string, page: unknown) => Promise.resolve({ who, page }),
    mint: (request: unknown, onLine: (line: string) => void) => {
      onLine("halfway");
      return Promise.resolve({ request });
    },
    send: () => Promise.reject(new UserError(EXIT.rejected, "Too few coins")),
    walletNew: (alias?: string) => Promise.resolve({ alias: alias ?? null }),
    status: () => Promise.resolve({ tipId: "t1" }),
    block: () => Promise.reject(new UserError(EXIT.notFound, "No block")),
  };
  await served(calls, async (node) => {
    assert.deepEqual(await node.balance("김 철수/1"), { who: "김 철수/1", confirmed: 5 });
    assert.deepEqual(await node.history("w1", { before: "12:3", limit: 3 }), {
      who: "w1",
      page: { before: "12:3", limit: 3 },
    });
    const minted = await node.mint({ to: "w1", count: 2 }, (line) => lines.push(line));
    assert.deepEqual(minted, { request: { to: "w1", count: 2 } });
    assert.deepEqual(lines, ["halfway"]);
    assert.deepEqual(await node.walletNew(), { alias: null });
    const failure = (code: number, message: string) => (error: unknown) =>
      error instanceof UserError && error.exitCode === code && error.message === message;
    await assert.rejects(
      node.send({ from: "w1", to: "w2", amount: 1 }),
      failure(EXIT.rejected, "Too few coins"),
    );
    await assert.rejects(node.block("9"), failure(EXIT.notFound, "No block"));
  });
});

Deno.test("nobody there: unreachable, and no proxy is asked", async () => {
  const proxy = Deno.env.get("HTTP_PROXY");
  Deno.env.set("HTTP_PROXY", "http://127.0.0.1:9");
  try {
    await served({ status: () => Promise.resolve({ height: 3 }) }, async (node) => {
      assert.equal((await node.status()).height, 3);
    });
  } finally {
    if (proxy === undefined) Deno.env.delete("HTTP_PROXY");
    else Deno.env.set("HTTP_PROXY", proxy);
  }
  let port = 0;
  await served({}, (_node, used) => Promise.resolve(void (port = used)));
  await assert.rejects(
    new RemoteNode({ host: "127.0.0.1", port, token: TOKEN }).status(),
    (error) => error instanceof UserError && error.exitCode === EXIT.unreachable,
  );
});

Deno.test("with --http off the run is named, and nothing answered, without the token", async () => {
  await served({ status: () => Promise.resolve({ height: 3 }) }, async (node, port) => {
    const call = { method: "GET" as const, path: "status" };
    const { status, content } = await exchange({ host: "127.0.0.1", port }, call);
    assert.equal(status, 401);
    assert.equal((content as { instanceId: string }).instanceId, "run-1");
    assert.equal((await node.status()).height, 3);
  }, false);
});

Deno.test("a wanted port that is busy is an error, a preferred one is not", async () => {
  await served({}, async (_node, port) => {
    const options = { preferredPort: port, token: TOKEN, instanceId: "run-2" };
    const setting = { kind: "on" as const, host: "127.0.0.1" };
    await assert.rejects(
      async () => await serveApi(fakeNode({}), { ...options, setting: { ...setting, port } }),
      (error) => error instanceof UserError && /port is busy/.test(error.message),
    );
    const other = await serveApi(fakeNode({}), { ...options, setting });
    assert.notEqual(other.port, port);
    await other.close();
  });
});

Deno.test("a body that is too long is refused before it comes", async () => {
  await served({}, async (_node, port) => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const head = [
      "POST /api/v1/blocks HTTP/1.1",
      `host: 127.0.0.1:${port}`,
      `authorization: Bearer ${TOKEN}`,
      "content-type: application/octet-stream",
      "content-length: 100000000",
    ];
    await connection.write(new TextEncoder().encode(head.join("\r\n") + "\r\n\r\n"));
    const answer = new Uint8Array(1024);
    const length = await connection.read(answer);
    const text = new TextDecoder().decode(answer.subarray(0, length ?? 0));
    assert.match(text, /^HTTP\/1\.1 413 /);
    connection.close();
  });
});

Deno.test("serving begins without hono, zod and what describes and draws", async () => {
  const seen = new Set<string>();
  const waiting = [new URL("../../../lib/http/mod.ts", import.meta.url)];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (seen.has(file.pathname)) continue;
    seen.add(file.pathname);
    const source = await Deno.readTextFile(file);
    const statements = source.matchAll(/^(?:import|export) (?!type )[^;]*? from "([^"]+)";/gms);
    for (const [, specifier] of statements) {
      assert.ok(specifier!.startsWith("."), `${file.pathname} imports ${specifier}`);
      // Other rooms load little by their own promise; those of this room are followed.
      const imported = new URL(specifier!, file);
      if (imported.pathname.includes("/lib/http/")) waiting.push(imported);
    }
  }
  assert.ok(seen.size >= 8);
  assert.ok([...seen].every((path) => !/routes|schemas|explorer|events|metrics/.test(path)));
});
