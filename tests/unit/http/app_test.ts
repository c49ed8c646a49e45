import { strict as assert } from "node:assert";
import { EXIT, UserError } from "../../../lib/base/mod.ts";
import { MAX_BLOCK_BYTES } from "../../../lib/consensus/limits.ts";
import type { SendRequest } from "../../../lib/node/mod.ts";
import { OPEN_REQUESTS_BURST } from "../../../lib/http/guard.ts";
import { appOver, json, TOKEN } from "../../support/http_app.ts";

const STATUS = { network: "tuto", minter: { name: "w1", when: "pending", state: "waiting" } };
const BLOCK_ID = "ab".repeat(32);

const app = (calls: Parameters<typeof appOver>[0], isOpen = true) => appOver(calls, { isOpen });

Deno.test("status needs no token, names the run and keeps the minter's key name", async () => {
  const request = app({ status: () => Promise.resolve(STATUS) });
  const open = await request("/api/v1/status");
  assert.equal(open.status, 200);
  assert.deepEqual(await open.json(), { network: "tuto", instanceId: "run-1" });
  const trusted = await (await request("/api/v1/status", { token: TOKEN })).json();
  assert.equal(trusted.minter.name, "w1");
});

Deno.test("whatever acts or shows the wallet needs the token", async () => {
  const request = app({});
  for (const path of ["mint", "transactions/send", "peers", "stop", "wallet/export", "verify"]) {
    for (const token of [undefined, "", "x".repeat(64), TOKEN + "t"]) {
      const init = token === undefined ? json({}) : { ...json({}), token };
      const response = await request(`/api/v1/${path}`, init);
      assert.equal(response.status, 401, path);
      await response.body?.cancel();
    }
  }
  const keys = await request("/api/v1/wallet/keys");
  assert.equal(keys.status, 401);
  await keys.body?.cancel();
});

Deno.test("with --http off every route needs the token, and the refusal names the run", async () => {
  const request = app({ status: () => Promise.resolve(STATUS) }, false);
  const refused = await request("/api/v1/status");
  assert.equal(refused.status, 401);
  assert.equal((await refused.json()).instanceId, "run-1");
  const trusted = await request("/api/v1/status", { token: TOKEN });
  assert.equal(trusted.status, 200);
  await trusted.body?.cancel();
});

Deno.test("the Host header must name loopback or the bound address", async () => {
  const request = app({ status: () => Promise.resolve(STATUS) });
  const codes: Record<string, number> = {
    "localhost:8000": 200,
    "[::1]:8000": 200,
    "127.0.0.1": 200,
    "evil.example:8000": 403,
    "127.0.0.1.evil.example": 403,
    "localhost@evil.example": 403,
    "10.0.0.7:8000": 403,
    "": 403,
  };
  for (const [host, status] of Object.entries(codes)) {
    const response = await request("/api/v1/status", { host });
    assert.equal(response.status, status, host);
    await response.body?.cancel();
  }
});

Deno.test("pages of other sites get nothing, and no answer allows them to read", async () => {
  const request = app({ status: () => Promise.resolve(STATUS) });
  const cases: [Record<string, string>, number][] = [
    [{ origin: "https://evil.example" }, 403],
    [{ origin: "null" }, 403],
    [{ origin: "http://127.0.0.1:8001" }, 403],
    [{ origin: "http://127.0.0.1:8000" }, 200],
    [{ "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors" }, 403],
    [{ "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }, 200],
    [{ "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors" }, 200],
  ];
  for (const [headers, status] of cases) {
    const response = await request("/api/v1/status", { headers });
    assert.equal(response.status, status, JSON.stringify(headers));
    assert.equal(response.headers.get("access-control-allow-origin"), null);
    await response.body?.cancel();
  }
});

Deno.test("bodies: JSON only, bounded, known fields only", async () => {
  const request = app({});
  const post = (init: RequestInit) => request("/api/v1/peers", { ...init, token: TOKEN });
  const cases: [RequestInit, number][] = [
    [{ method: "POST", body: "{}", headers: { "content-type": "text/plain" } }, 415],
    [{ method: "POST", body: "{", headers: { "content-type": "application/json" } }, 400],
    [json([]), 400],
    [json({}), 400],
    [json({ address: 5 }), 400],
    [json({ address: "a", extra: 1 }), 400],
    [json({ address: "a".repeat(70_000) }), 413],
  ];
  for (const [init, status] of cases) {
    const response = await post(init);
    assert.equal(response.status, status, String(init.body).slice(0, 40));
    assert.equal(response.headers.get("content-type"), "application/problem+json");
    const problem = await response.json();
    assert.equal(problem.status, status);
    assert.equal(problem.exitCode, EXIT.usage);
    assert.ok(problem.detail.length > 0);
  }
});

Deno.test("a user error keeps its line and exit code, as problem details", async () => {
  const request = app({
    block: () => Promise.reject(new UserError(EXIT.notFound, "Cannot find block 9")),
    peers: () => Promise.reject(new Error("disk on fire")),
  });
  const missing = await request("/api/v1/blocks/9");
  assert.equal(missing.status, 404);
  assert.deepEqual(await missing.json(), {
    type: "about:blank",
    title: "Not found",
    status: 404,
    detail: "Cannot find block 9",
    exitCode: EXIT.notFound,
  });
  const failed = await request("/api/v1/peers");
  assert.equal(failed.status, 500);
  const problem = await failed.json();
  assert.equal(problem.exitCode, EXIT.failed);
  assert.doesNotMatch(problem.detail, /disk/);
  assert.equal((await request("/api/v1/nothing")).status, 404);
});

Deno.test("long calls stream their lines, then the result or the problem", async () => {
  const seen: SendRequest[] = [];
  const request = app({
    send: (wanted: SendRequest, onLine: (line: string) => void) => {
      seen.push(wanted);
      onLine("one");
      onLine("two");
      return Promise.resolve({ txId: "ab" });
    },
    mint: () => Promise.reject(new UserError(EXIT.notFound, "No key")),
  });
  const body = { from: "w1", to: "w2", amount: 5 };
  const sent = await request("/api/v1/transactions/send", { ...json(body), token: TOKEN });
  assert.equal(sent.headers.get("content-type"), "application/x-ndjson");
  const lines = (await sent.text()).trim().split("\n").map((line) => JSON.parse(line));
  assert.deepEqual(lines, [{ line: "one" }, { line: "two" }, { result: { txId: "ab" } }]);
  assert.equal(seen[0]!.amount, 5);
  assert.equal(seen[0]!.mint, undefined);
  const minted = await request("/api/v1/mint", { ...json({ to: "w9" }), token: TOKEN });
  assert.equal(JSON.parse((await minted.text()).trim()).problem.exitCode, EXIT.notFound);
});

Deno.test("a block is handed in as bytes: with the token, bounded, and its outcome answered", async () => {
  const seen: Uint8Array[] = [];
  const request = app({
    submitBlock: (bytes: Uint8Array) => {
      seen.push(bytes);
      if (bytes.length > 3) throw new UserError(EXIT.rejected, "The block was refused");
      return Promise.resolve({ kind: "connected", id: "aa", height: 7 });
    },
  });
  const hand = (body: Uint8Array<ArrayBuffer>, type = "application/octet-stream", token = TOKEN) =>
    request("/api/v1/blocks", {
      method: "POST",
      body,
      headers: { "content-type": type },
      token,
    });
  const taken = await hand(Uint8Array.of(1, 2, 3));
  assert.equal(taken.status, 200);
  assert.deepEqual(await taken.json(), { kind: "connected", id: "aa", height: 7 });
  assert.deepEqual(seen, [Uint8Array.of(1, 2, 3)]);
  const cases: [Response, number][] = [
    [await hand(Uint8Array.of(1), "application/octet-stream", "x".repeat(64)), 401],
    [await hand(Uint8Array.of(1), "application/json"), 415],
    [await hand(new Uint8Array(MAX_BLOCK_BYTES + 1)), 413],
    [await hand(new Uint8Array(4)), 422],
  ];
  for (const [response, status] of cases) {
    assert.equal(response.status, status);
    await response.body?.cancel();
  }
  assert.equal(seen.length, 2);
});

Deno.test("key names are told to the owner only", async () => {
  const block = {
    id: BLOCK_ID,
    minterName: "w1",
    details: [{ outputs: [{ name: "w1", amount: 1 }] }],
  };
  const request = app({
    block: () => Promise.resolve(block),
    balance: () => Promise.resolve({ name: "w1" }),
    coins: () => Promise.resolve({ name: "w1", coins: [] }),
    minters: () => Promise.resolve([{ address: "moim1a", name: "w1", blocks: 3 }]),
    forks: () => Promise.resolve({ blocks: [{ id: "aa", minterName: "w1" }] }),
    search: () => Promise.resolve({ kind: "address", id: "moim1a" }),
  });
  const answers: [string, unknown, unknown][] = [
    [`blocks/${BLOCK_ID}`, { id: BLOCK_ID, details: [{ outputs: [{ amount: 1 }] }] }, block],
    ["addresses/moim1a", {}, { name: "w1" }],
    ["addresses/moim1a/coins", { coins: [] }, { name: "w1", coins: [] }],
    ["minters", [{ address: "moim1a", blocks: 3 }], [{
      address: "moim1a",
      name: "w1",
      blocks: 3,
    }]],
    ["forks", { blocks: [{ id: "aa" }] }, { blocks: [{ id: "aa", minterName: "w1" }] }],
    ["search?q=w1", { kind: "none" }, { kind: "address", id: "moim1a" }],
    ["search?q=moim1a", { kind: "address", id: "moim1a" }, { kind: "address", id: "moim1a" }],
  ];
  for (const [path, toStrangers, toOwner] of answers) {
    assert.deepEqual(await (await request(`/api/v1/${path}`)).json(), toStrangers, path);
    const owned = await request(`/api/v1/${path}`, { token: TOKEN });
    assert.deepEqual(await owned.json(), toOwner, path);
  }
  for (const path of ["addresses/w1", "addresses/w1/coins", "addresses/w1/history"]) {
    assert.equal((await request(`/api/v1/${path}`)).status, 401, path);
  }
  assert.equal((await request("/api/v1/addresses/w1", { token: TOKEN })).status, 200);
});

Deno.test("pages are bounded, and callers without the token share a quota", async () => {
  const request = app({ chain: () => Promise.resolve({ blocks: [], height: 0 }) });
  assert.equal((await request("/api/v1/blocks?limit=101")).status, 400);
  assert.equal((await request("/api/v1/blocks?before=-1")).status, 400);
  assert.equal((await request("/api/v1/blocks?limit=100&before=7")).status, 200);
  let refused = 0;
  for (let sent = 0; sent < OPEN_REQUESTS_BURST + 200 && refused === 0; sent++) {
    if ((await request("/api/v1/blocks")).status === 429) refused++;
  }
  assert.equal(refused, 1);
  assert.equal((await request("/api/v1/status")).status, 200);
  assert.equal((await request("/api/v1/blocks", { token: TOKEN })).status, 200);
});
