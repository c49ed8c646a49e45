import { strict as assert } from "node:assert";
import type { NodeApi } from "../../../lib/node/mod.ts";
import { appOver, type Ask, HOST, type Init, TOKEN } from "../../support/http_app.ts";

/** A body that each acting route would take; a route that is not here fails the test. */
const BODIES: Record<string, unknown> = {
  "/api/v1/transactions": new Uint8Array([1]),
  "/api/v1/blocks": new Uint8Array([1]),
  "/api/v1/blocks/packed": new Uint8Array([1, 1]),
  "/api/v1/transactions/send": { from: "w1", to: "w2", amount: 1 },
  "/api/v1/mint": { to: "w1" },
  "/api/v1/peers": { address: "127.0.0.1:3000" },
  "/api/v1/reindex": {},
  "/api/v1/verify": {},
  "/api/v1/stop": {},
  "/api/v1/wallet/new": { alias: "w3" },
  "/api/v1/wallet/import": { name: "w3", secret: "ab".repeat(32) },
  "/api/v1/wallet/export": {},
  "/api/v1/wallet/restore": { mnemonic: "abandon ability" },
};

/** Every route that needs the token, by the server's own description. */
async function guardedRoutes(ask: Ask): Promise<{ method: string; path: string }[]> {
  const { paths } = await (await ask("/api/v1/openapi.json")).json() as {
    paths: Record<string, Record<string, { security: Record<string, unknown>[] }>>;
  };
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { security }]) => security.every((each) => "token" in each))
      .map(([method, _]) => ({ method: method.toUpperCase(), path }))
  );
}

/** A request that would act if it had the right headers. */
function requestOf({ method, path }: { method: string; path: string }): Init {
  if (method === "GET") return { method };
  const body = BODIES[path];
  assert.ok(body !== undefined, `no body for ${path}`);
  return body instanceof Uint8Array
    ? { method, body: body as BodyInit, headers: { "content-type": "application/octet-stream" } }
    : { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } };
}

function withHeaders(init: Init, headers: Record<string, string>): Init {
  return { ...init, headers: { ...init.headers as Record<string, string>, ...headers } };
}

const ATTACKS: Record<string, { change: (init: Init) => Init; status: number }> = {
  "without the token": { change: (init) => init, status: 401 },
  "with a wrong token": {
    change: (init) => ({ ...init, token: "x".repeat(TOKEN.length) }),
    status: 401,
  },
  "with a longer token": { change: (init) => ({ ...init, token: TOKEN + "t" }), status: 401 },
  "with the token as another scheme": {
    change: (init) => withHeaders(init, { authorization: `Basic ${TOKEN}` }),
    status: 401,
  },
  "with another Host": {
    change: (init) => ({ ...init, token: TOKEN, host: "evil.example" }),
    status: 403,
  },
  "with a foreign Origin": {
    change: (init) => withHeaders({ ...init, token: TOKEN }, { origin: "https://evil.example" }),
    status: 403,
  },
  "with Origin null": {
    change: (init) => withHeaders({ ...init, token: TOKEN }, { origin: "null" }),
    status: 403,
  },
  "from another port of this machine": {
    change: (init) => withHeaders({ ...init, token: TOKEN }, { origin: "http://127.0.0.1:81" }),
    status: 403,
  },
};

const FORMS = [
  "text/plain",
  "application/x-www-form-urlencoded",
  "multipart/form-data; boundary=x",
  "text/plain; application/json",
];

const GUARDED_CALLS: (keyof NodeApi)[] = [
  "send",
  "mint",
  "addPeer",
  "reindex",
  "verify",
  "stop",
  "walletNew",
  "walletImport",
  "walletExport",
  "walletRestore",
  "walletList",
  "balances",
  "submitBlock",
  "submitBlocks",
  "diagnosis",
  "submitTransaction",
];

/** A node that writes down which of its guarded calls are made. */
function watchedNode(): { ask: Ask; called: string[] } {
  const called: string[] = [];
  const calls = Object.fromEntries(GUARDED_CALLS.map((name) => [name, () => {
    called.push(name);
    return Promise.resolve({});
  }]));
  return { ask: appOver(calls), called };
}

Deno.test("each acting route refuses whoever may not act, and nothing is changed", async () => {
  const { ask, called } = watchedNode();
  const routes = await guardedRoutes(ask);
  assert.ok(routes.length >= Object.keys(BODIES).length + 2);
  for (const route of routes) {
    for (const [how, { change, status }] of Object.entries(ATTACKS)) {
      const response = await ask(route.path, change(requestOf(route)));
      assert.equal(response.status, status, `${route.method} ${route.path} ${how}`);
      assert.equal(response.headers.get("content-type"), "application/problem+json");
      assert.equal(response.headers.get("access-control-allow-origin"), null);
      await response.body?.cancel();
    }
  }
  assert.deepEqual(called, []);
});

Deno.test("no acting route takes a form, even with the token", async () => {
  const { ask, called } = watchedNode();
  const routes = (await guardedRoutes(ask)).filter(({ method }) => method === "POST");
  for (const route of routes) {
    for (const type of FORMS) {
      const init = withHeaders({ ...requestOf(route), token: TOKEN }, { "content-type": type });
      const response = await ask(route.path, init);
      assert.equal(response.status, 415, `${route.path} as ${type}`);
      await response.body?.cancel();
    }
  }
  assert.deepEqual(called, []);
});

Deno.test("with the token, from the node's own page, each acting route acts", async () => {
  const { ask, called } = watchedNode();
  const routes = await guardedRoutes(ask);
  for (const route of routes) {
    const init = { ...requestOf(route), token: TOKEN };
    const response = await ask(route.path, withHeaders(init, { origin: `http://${HOST}` }));
    assert.equal(response.status, 200, route.path);
    await response.text();
  }
  assert.equal(called.length, routes.length);
});

Deno.test("a route that is in no table acts for nobody, and is not there for the owner", async () => {
  const { ask } = watchedNode();
  const init = { method: "POST", body: "{}", headers: { "content-type": "application/json" } };
  assert.equal((await ask("/api/v1/nothing", init)).status, 401);
  assert.equal((await ask("/api/v1/nothing", { ...init, token: TOKEN })).status, 404);
  assert.equal((await ask("/api/v1/wallet/keys/")).status, 401);
});
