import { strict as assert } from "node:assert";
import { MAX_BLOCK_BYTES, MAX_TRANSACTION_BYTES } from "../../../lib/consensus/limits.ts";
import { BODY_MS_MAX, JSON_BYTES_MAX } from "../../../lib/http/body.ts";
import { REQUESTS_MAX } from "../../../lib/http/front.ts";
import { appOver, type Init, json, TOKEN } from "../../support/http_app.ts";
import { SimClock } from "../../support/sim_clock.ts";

const ID = "ab".repeat(32);

/** Of a node that is never asked: what comes is refused before. */
const ask = appOver({});

async function assertProblem(path: string, init: Init, status: number): Promise<void> {
  const what = `${init.method ?? "GET"} ${path} ${String(init.body ?? "").slice(0, 60)}`;
  const response = await ask(path, { token: TOKEN, ...init });
  assert.equal(response.status, status, what);
  assert.equal(response.headers.get("content-type"), "application/problem+json", what);
  assert.equal(response.headers.get("cache-control"), "no-store", what);
  const text = await response.text();
  const problem = JSON.parse(text);
  assert.equal(problem.type, "about:blank", what);
  assert.equal(problem.status, status, what);
  assert.ok(problem.title.length > 0 && problem.detail.length > 0, what);
  assert.ok(!problem.detail.includes("\n") && text.length < 1_000, `${what}: ${text}`);
  assert.doesNotMatch(text, /\.ts:|\bat (?:async )?\w+ \(|node_modules|file:\/\//, what);
}

const TOO_LONG = "9".repeat(20_000);
const BAD_IDS = [
  "xyz",
  "-1",
  "1e3",
  "0x10",
  " 7",
  "12345678901",
  ID + "0",
  ID.slice(1),
  "%00",
  "1%0a",
]
  .concat(TOO_LONG, "..%2fstatus", "%E0%A4%A", "'; drop", "<script>");
const BAD_LIMITS = ["0", "-1", "101", "1.5", "1e1", "", " 1", "abc", "NaN", "0x1", "+5", TOO_LONG];
const BAD_SPANS = ["0", "-1", "5001", "1.5", "", "x", TOO_LONG];
const BAD_HEIGHTS = ["-1", "4294967297", "1.5", "", "x", "1e3", TOO_LONG];
const BAD_CURSORS = ["", "1", "a:b", "-1:0", "1:2:3", "99999999999:0", "1:2\n", ID, TOO_LONG];

Deno.test("a malformed id is refused", async () => {
  for (const id of BAD_IDS) {
    for (const path of [`blocks/${id}`, `blocks/${id}/raw`]) {
      await assertProblem(`/api/v1/${path}`, {}, 400);
    }
  }
  for (const id of [...BAD_IDS, "7"]) {
    for (const path of ["", "/raw", "/proof"]) {
      await assertProblem(`/api/v1/transactions/${id}${path}`, {}, 400);
    }
  }
});

Deno.test("a malformed height, limit, span, cursor or number is refused", async () => {
  const cases: [string, string, string[]][] = [
    ["mempool", "limit", BAD_LIMITS],
    ["blocks", "limit", BAD_LIMITS],
    ["blocks", "before", BAD_HEIGHTS],
    ["blocks/packed", "from", BAD_HEIGHTS],
    ["blocks/packed", "limit", [...BAD_LIMITS.filter((limit) => limit !== "101"), "1001"]],
    ["forks", "blocks", [...BAD_SPANS, "201"]],
    ["spacing", "blocks", BAD_SPANS],
    ["minters", "blocks", BAD_SPANS],
    ["addresses/moim1a/coins", "limit", BAD_LIMITS],
    ["addresses/moim1a/coins", "before", [...BAD_CURSORS, "1:2"]],
    ["addresses/moim1a/history", "limit", BAD_LIMITS],
    ["addresses/moim1a/history", "before", [...BAD_CURSORS, `1-${ID}-0`]],
    ["search", "q", ["", "x".repeat(201), TOO_LONG]],
    ["events", "since", ["-1", "x", "", "1.5", "9007199254740993", TOO_LONG]],
    ["events", "limit", ["0", "501", "x", TOO_LONG]],
    ["events", "format", ["xml", "", "JSON"]],
  ];
  for (const [path, name, values] of cases) {
    for (const value of values) {
      await assertProblem(`/api/v1/${path}?${name}=${encodeURIComponent(value)}`, {}, 400);
    }
    await assertProblem(`/api/v1/${path}?${name}=1&${name}=2`, {}, 400);
    await assertProblem(`/api/v1/${path}?${name}x=1`, {}, 400);
  }
  await assertProblem("/api/v1/search", {}, 400);
  await assertProblem("/api/v1/status?x=1", {}, 400);
});

Deno.test("a malformed address or cursor of the stream is refused", async () => {
  await assertProblem(`/api/v1/addresses/${"x".repeat(129)}`, {}, 400);
  await assertProblem(`/api/v1/addresses/${TOO_LONG}/coins`, {}, 400);
  await assertProblem("/api/v1/events", { headers: { "last-event-id": "x" } }, 400);
});

const BAD_BODIES: Record<string, unknown[]> = {
  "peers": [{}, { address: 5 }, { address: "" }, { address: "x".repeat(401) }, { address: null }],
  "mint": [{}, { to: "" }, { to: "w1", count: 0 }, { to: "w1", count: 10_001 }, { to: ["w1"] }],
  "transactions/send": [
    {},
    { from: "a", to: "b" },
    { from: "a", to: "b", amount: -1 },
    { from: "a", to: "b", amount: 1.5 },
    { from: "a", to: "b", amount: "1" },
    { from: "a", to: "b", amount: 1e300 },
    { from: "a", to: "b", amount: 2 ** 53 },
    { from: "a", to: "b", amount: 1, fee: -1 },
    { from: "a", to: "b", amount: 1, memo: "x".repeat(257) },
    { from: "a", to: "b", amount: 1, mint: "yes" },
    { from: "x".repeat(129), to: "b", amount: 1 },
  ],
  "wallet/new": [{ alias: "" }, { alias: "a b" }, { alias: "x".repeat(65) }, { alias: 5 }],
  "wallet/import": [{}, { name: "a", secret: "ab" }, { name: "a b", secret: ID }],
  "wallet/export": [{ name: "" }, { name: 5 }],
  "wallet/restore": [{}, { mnemonic: "" }, { mnemonic: "x".repeat(1_001) }],
  "transactions": [{}, { hex: "a" }, { hex: "zz" }, { hex: 5 }],
  "reindex": [{ x: 1 }],
  "verify": [{ x: 1 }],
  "stop": [{ x: 1 }],
};

Deno.test("a malformed body is refused", async () => {
  for (const [path, bodies] of Object.entries(BAD_BODIES)) {
    const headers = { "content-type": "application/json" };
    for (const body of [...bodies, null, [], "text", 5, true, { "__proto__x": 1 }]) {
      await assertProblem(`/api/v1/${path}`, json(body), 400);
    }
    const broken = ["{", "\xff", "{}x", "[".repeat(50_000), '{"a":1,}', "NaN"];
    for (const body of broken) {
      await assertProblem(`/api/v1/${path}`, { method: "POST", body, headers }, 400);
    }
    const bytes = Uint8Array.of(0xff, 0xfe, 0x7b);
    await assertProblem(`/api/v1/${path}`, { method: "POST", body: bytes, headers }, 400);
    await assertProblem(`/api/v1/${path}`, { method: "POST" }, 415);
  }
});

Deno.test("a body that is too long is refused, wherever it goes", async () => {
  for (const path of Object.keys(BAD_BODIES).filter((each) => each !== "transactions")) {
    await assertProblem(`/api/v1/${path}`, json({ x: "x".repeat(JSON_BYTES_MAX) }), 413);
  }
  const cases: [string, string, number][] = [
    ["transactions", "application/octet-stream", MAX_TRANSACTION_BYTES + 1],
    ["transactions", "application/json", 2 * MAX_TRANSACTION_BYTES + JSON_BYTES_MAX + 1],
    ["blocks", "application/octet-stream", MAX_BLOCK_BYTES + 1],
  ];
  for (const [path, type, length] of cases) {
    const init = { method: "POST", headers: { "content-type": type } };
    await assertProblem(`/api/v1/${path}`, { ...init, body: new Uint8Array(length) }, 413);
  }
});

Deno.test("methods, media types and paths that are not there", async () => {
  for (const method of ["PUT", "DELETE", "PATCH", "OPTIONS", "POST"]) {
    await assertProblem("/api/v1/status", { method }, 405);
    await assertProblem("/metrics", { method }, 405);
    await assertProblem("/", { method }, 405);
  }
  await assertProblem("/api/v1/mint", {}, 405);
  // A stream has no end, and so no headers alone.
  assert.equal((await ask("/api/v1/events", { method: "HEAD", token: TOKEN })).status, 405);
  const refused = await ask("/api/v1/blocks", { method: "DELETE" });
  assert.equal(refused.headers.get("allow"), "GET, HEAD, POST");
  await refused.body?.cancel();
  for (const path of ["nothing", "status/more", "blocks/1/2/3", "wallet", "%2e%2e/status", ""]) {
    await assertProblem(`/api/v1/${path}`, {}, 404);
  }
  await assertProblem("/api", {}, 404);
  for (const accept of ["text/html", "application/xml", "application/json;q=0", "image/*"]) {
    await assertProblem("/api/v1/status", { headers: { accept } }, 406);
    await assertProblem("/api/v1/blocks/1/raw", { headers: { accept } }, 406);
  }
});

/** A body that is made as it is read; `pulled` counts the chunks that were asked for. */
function endlessBody(chunk: Uint8Array) {
  const state = { pulled: 0, cancelled: false };
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      state.pulled += 1;
      controller.enqueue(chunk);
    },
    cancel() {
      state.cancelled = true;
    },
  });
  return { body, state };
}

Deno.test("an endless body is read no further than its bound, and nothing of it is kept", async () => {
  const chunk = new Uint8Array(64 * 1024);
  const before = Deno.memoryUsage();
  for (let round = 0; round < 100; round++) {
    const { body, state } = endlessBody(chunk);
    const response = await ask("/api/v1/blocks", {
      method: "POST",
      token: TOKEN,
      body,
      headers: { "content-type": "application/octet-stream" },
    });
    assert.equal(response.status, 413);
    await response.body?.cancel();
    assert.ok(state.pulled <= MAX_BLOCK_BYTES / chunk.length + 3, `${state.pulled} chunks`);
    assert.ok(state.cancelled);
  }
  const after = Deno.memoryUsage();
  // 100 bodies of half a megabyte have gone by.
  assert.ok(after.heapUsed + after.external - before.heapUsed - before.external < 40_000_000);
});

Deno.test("a body that comes too slowly is given up", async () => {
  const clock = new SimClock();
  const slow = appOver({}, { clock });
  const cases: [string, Record<string, string>][] = [
    ["blocks", { "content-type": "application/octet-stream" }],
    ["mint", { "content-type": "application/json" }],
  ];
  for (const [path, headers] of cases) {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(Uint8Array.of(0x7b)),
      cancel: () => {
        cancelled = true;
      },
    });
    const answer = slow(`/api/v1/${path}`, { method: "POST", token: TOKEN, body, headers });
    let response: Response | undefined;
    void answer.then((given) => response = given);
    while (response === undefined) await clock.advance(BODY_MS_MAX);
    assert.equal(response.status, 408);
    assert.equal((await response.json()).status, 408);
    assert.ok(cancelled);
  }
});

Deno.test("a bad input leaves nothing behind", async () => {
  const before = Deno.memoryUsage().heapUsed;
  for (let round = 0; round < 3_000; round++) {
    const response = await ask(`/api/v1/blocks/${round}x${TOO_LONG.slice(0, 200)}`, {
      token: TOKEN,
    });
    await response.body?.cancel();
  }
  assert.ok(Deno.memoryUsage().heapUsed - before < 40_000_000);
});

Deno.test("more requests at once than a node answers are told to come again", async () => {
  const gate = Promise.withResolvers<unknown[]>();
  const busy = appOver({ peers: () => gate.promise });
  const waiting = Array.from(
    { length: REQUESTS_MAX },
    () => busy("/api/v1/peers", { token: TOKEN }),
  );
  const refused = await busy("/api/v1/peers", { token: TOKEN });
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get("retry-after"), "1");
  await refused.body?.cancel();
  assert.equal((await busy("/api/v1/status")).status, 200);
  gate.resolve([]);
  for (const response of await Promise.all(waiting)) assert.equal(response.status, 200);
  assert.equal((await busy("/api/v1/peers", { token: TOKEN })).status, 200);
});
