import { strict as assert } from "node:assert";
import { z } from "@hono/zod-openapi";
import * as chain from "../../../lib/http/schemas/chain.ts";
import * as about from "../../../lib/http/schemas/node.ts";
import * as wallet from "../../../lib/http/schemas/wallet.ts";
import { resolveConfig } from "../../../lib/node/config.ts";
import { openNode } from "../../../lib/node/node.ts";
import { accepts } from "../../../lib/http/accept.ts";
import { appOn, appOver, type Ask, json, TOKEN } from "../../support/http_app.ts";
import { withTempDir } from "../../support/moim.ts";

const ID = "ab".repeat(32);

/** What a path asks the node for: the call and its arguments. */
const READING: [string, string, unknown[]][] = [
  ["network", "network", []],
  ["peers", "peers", []],
  ["mempool", "mempool", [{ limit: 20 }]],
  ["mempool?limit=7", "mempool", [{ limit: 7 }]],
  ["blocks", "chain", [{ limit: 20 }]],
  ["blocks?before=0&limit=100", "chain", [{ before: 0, limit: 100 }]],
  ["blocks/12", "block", ["12"]],
  [`blocks/${ID}`, "block", [ID]],
  ["blocks/12/raw", "rawBlock", ["12"]],
  [`transactions/${ID}`, "transaction", [ID]],
  [`transactions/${ID}/raw`, "rawTransaction", [ID]],
  [`transactions/${ID}/proof`, "proof", [ID]],
  ["addresses/moim1abc", "balance", ["moim1abc"]],
  ["addresses/%EA%B9%80", "balance", ["김"]],
  ["addresses/moim1abc/coins", "coins", ["moim1abc", { limit: 20 }]],
  [`addresses/moim1abc/coins?before=1-${ID}-2`, "coins", ["moim1abc", {
    before: `1-${ID}-2`,
    limit: 20,
  }]],
  ["addresses/moim1abc/history?before=5:1", "history", ["moim1abc", { before: "5:1", limit: 20 }]],
  ["forks", "forks", [{ blocks: 50 }]],
  ["spacing?blocks=5000", "spacing", [{ blocks: 5000 }]],
  ["minters?blocks=1", "minters", [{ blocks: 1 }]],
  ["search?q=a%20b", "search", ["a b"]],
  ["events?format=json&since=3&limit=2", "events", [{ since: 3, limit: 2 }]],
  ["wallet/keys", "walletList", []],
  ["wallet/balances", "balances", []],
];

Deno.test("each path asks the node for what it names", async () => {
  for (const [path, call, wanted] of READING) {
    const asked: unknown[][] = [];
    const ask = appOver({
      [call]: (...given: unknown[]) => {
        asked.push(given);
        return Promise.resolve(call.startsWith("raw") ? Uint8Array.of(1, 2) : { id: "aa" });
      },
    });
    const response = await ask(`/api/v1/${path}`, { token: TOKEN });
    assert.equal(response.status, 200, path);
    assert.equal(response.headers.get("x-content-type-options"), "nosniff", path);
    await response.body?.cancel();
    assert.deepEqual(plain(asked), [wanted], path);
  }
});

/** Without what is `undefined`. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

Deno.test("a HEAD is a GET without its body", async () => {
  const ask = appOver({ peers: () => Promise.resolve([]) });
  const response = await ask("/api/v1/peers", { method: "HEAD" });
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "application/json");
  assert.equal(await response.text(), "");
});

Deno.test("bytes: by id for years, by height for now", async () => {
  const ask = appOver({ rawBlock: () => Promise.resolve(Uint8Array.of(1, 2, 3)) });
  const byId = await ask(`/api/v1/blocks/${ID}/raw`);
  assert.equal(byId.headers.get("content-type"), "application/octet-stream");
  assert.match(byId.headers.get("cache-control")!, /max-age=31536000, immutable/);
  assert.deepEqual(await byId.bytes(), Uint8Array.of(1, 2, 3));
  const byHeight = await ask("/api/v1/blocks/7/raw");
  assert.equal(byHeight.headers.get("cache-control"), "no-store");
  await byHeight.body?.cancel();
});

Deno.test("a block is made once while the chain stands still, and named by an ETag", async () => {
  let tipId = "t1";
  let made = 0;
  const ask = appOver({
    status: () => Promise.resolve({ tipId }),
    block: () => Promise.resolve({ id: ID, minterName: "w1", confirmations: ++made }),
    walletNew: () => Promise.resolve({}),
  });
  const path = `/api/v1/blocks/${ID}`;
  const confirmations = async (init = {}) => (await (await ask(path, init)).json()).confirmations;
  assert.deepEqual([await confirmations(), await confirmations()], [1, 1]);
  const first = await ask(path);
  const etag = first.headers.get("etag")!;
  await first.body?.cancel();
  const same = await ask(path, { headers: { "if-none-match": `"x", W/${etag}` } });
  assert.deepEqual([same.status, await same.text()], [304, ""]);
  // The owner sees names, so that is another text.
  const owned = await (await ask(path, { token: TOKEN })).json();
  assert.deepEqual([owned.minterName, owned.confirmations], ["w1", 2]);
  tipId = "t2";
  const changed = await ask(path, { headers: { "if-none-match": etag } });
  assert.deepEqual([changed.status, (await changed.json()).confirmations], [200, 3]);
  await (await ask("/api/v1/wallet/new", { ...json({}), token: TOKEN })).text();
  assert.equal(await confirmations(), 4);
});

Deno.test("a payment is handed in as bytes or as hex", async () => {
  const seen: Uint8Array[] = [];
  const ask = appOver({
    submitTransaction: (bytes: Uint8Array) => {
      seen.push(bytes);
      return Promise.resolve({ txId: ID, state: "accepted", peers: 0 });
    },
  });
  const asHex = await ask("/api/v1/transactions", { ...json({ hex: "0aFf" }), token: TOKEN });
  assert.deepEqual(await asHex.json(), { txId: ID, state: "accepted", peers: 0 });
  const asBytes = await ask("/api/v1/transactions", {
    method: "POST",
    body: Uint8Array.of(10, 255),
    headers: { "content-type": "application/octet-stream" },
    token: TOKEN,
  });
  assert.equal(asBytes.status, 200);
  await asBytes.body?.cancel();
  assert.deepEqual(seen, [Uint8Array.of(10, 255), Uint8Array.of(10, 255)]);
});

Deno.test("events come as a stream unless a page is asked for", async () => {
  const ask = appOver({
    events: () => Promise.resolve({ events: [], oldest: 0, next: 5 }),
    watch: async function* ({ signal }: { signal: AbortSignal }) {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      yield* [];
    },
  });
  const stream = await ask("/api/v1/events");
  assert.equal(stream.headers.get("content-type"), "text/event-stream");
  await stream.body?.cancel();
  const page = await ask("/api/v1/events?format=json");
  assert.deepEqual(await page.json(), { events: [], oldest: 0, next: 5 });
});

Deno.test("Accept: what is named most exactly counts", () => {
  const cases: [string | null, boolean][] = [
    [null, true],
    ["*/*", true],
    ["application/*", true],
    ["text/html, application/json;q=0.1", true],
    ["text/html", false],
    ["application/json;q=0, */*", false],
    ["application/*;q=0, application/json", true],
    ["*/*;q=0", false],
  ];
  for (const [accept, wanted] of cases) {
    assert.equal(accepts(accept, ["application/json"]), wanted, String(accept));
  }
});

type Operation = { operationId: string; summary: string; responses: Record<string, unknown> };

Deno.test("the description names every route, each answer and each refusal", async () => {
  const ask = appOver({});
  const document = await (await ask("/api/v1/openapi.json")).json();
  assert.equal(document.openapi, "3.1.0");
  const paths = document.paths as Record<string, Record<string, Operation>>;
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation }))
  );
  const names = operations.map(({ operationId }) => operationId);
  assert.equal(new Set(names).size, names.length);
  for (const { path, method, responses, summary } of operations) {
    assert.ok(summary.length > 0, path);
    for (const status of ["200", "400", "401", "403", "429", "500"]) {
      assert.ok(status in responses, `${method} ${path} ${status}`);
    }
    assert.equal("413" in responses, method === "post", path);
  }
  for (const [path] of READING) {
    const described = path.replace(/\?.*/, "").replace(
      /(addresses|blocks|transactions)\/[^/]+/,
      "$1/{}",
    );
    const known = Object.keys(paths).map((each) => each.replace(/\{\w+\}/g, "{}"));
    assert.ok(known.includes(`/api/v1/${described}`), path);
  }
});

/** What real answers are checked against: the schemas that describe them. */
const ANSWERS: [string, z.ZodType][] = [
  ["status", about.statusSchema],
  ["network", about.networkSchema],
  ["peers", z.array(about.peerSchema)],
  ["mempool", about.mempoolSchema],
  ["blocks", chain.chainPage],
  ["blocks/0", chain.blockSchema],
  ["blocks/3", chain.blockSchema],
  ["transactions/{payment}", chain.transactionSchema],
  ["transactions/{payment}/proof", chain.proofSchema],
  ["transactions/{pending}", chain.transactionSchema],
  ["addresses/w2", wallet.balanceSchema],
  ["addresses/w1/coins?limit=1", wallet.coinPage],
  ["addresses/w1/history?limit=1", wallet.historyPage],
  ["forks", chain.forkTree],
  ["spacing", chain.spacingSeries],
  ["minters", z.array(chain.minterShare)],
  ["search?q=w2", chain.searchResult],
  ["search?q=nothing", chain.searchResult],
  ["events?format=json", chain.eventPage],
  ["wallet/keys", z.array(wallet.walletKey)],
  ["wallet/balances", z.array(wallet.balanceSchema)],
];

Deno.test("what a node answers is what the description says, and pages follow each other", async () => {
  await withTempDir(async (dataDir) => {
    const config = resolveConfig({
      flags: { network: "dev", dataDir },
      env: { HOME: dataDir },
      readText: () => undefined,
      os: Deno.build.os,
    });
    const node = await openNode(config, { mode: "offline" });
    await node.walletNew("w1");
    await node.walletNew("w2");
    await node.mint({ to: "w1", count: 12 });
    const paid = await node.send({ from: "w1", to: "w2", amount: 5, memo: "hello", mint: true });
    const pending = await node.send({ from: "w1", to: "w2", amount: 6 });
    const ask = appOn(node);
    for (const [path, schema] of ANSWERS) {
      const asked = path.replace("{payment}", paid.txId).replace("{pending}", pending.txId);
      const response = await ask(`/api/v1/${asked}`, { token: TOKEN });
      const content = await response.json();
      assert.equal(response.status, 200, `${path}: ${JSON.stringify(content)}`);
      const result = schema.safeParse(content);
      assert.ok(result.success, `${path}: ${result.error}`);
    }
    await assertPages(ask, "blocks?limit=5", "blocks", 14);
    await assertPages(ask, "addresses/w1/history?limit=3", "entries", 15);
    await assertPages(ask, "addresses/w1/coins?limit=4", "coins", 13);
    await node.close();
  });
});

/** Follows `next` to the end: every entry once. */
async function assertPages(ask: Ask, path: string, list: string, most: number): Promise<void> {
  const seen: string[] = [];
  let before = "";
  do {
    const page = await (await ask(`/api/v1/${path}${before}`, { token: TOKEN })).json();
    seen.push(...page[list].map((entry: unknown) => JSON.stringify(entry)));
    before = page.next === undefined ? "" : `&before=${page.next}`;
  } while (before !== "" && seen.length <= 2 * most);
  assert.equal(new Set(seen).size, seen.length, path);
  assert.equal(seen.length, most, path);
}
