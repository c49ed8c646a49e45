/** The HTTP API as a pure function from request to answer: no socket, so tests call `request()`. */
import { Hono } from "hono";
import { type Clock, systemClock } from "../base/mod.ts";
import { MAX_BLOCK_BYTES } from "../consensus/limits.ts";
import type { NodeApi } from "../node/mod.ts";
import { bytesOf, Fields, queryInteger } from "./fields.ts";
import { isHostAllowed, isTokenRight, RequestQuota } from "./guard.ts";
import { withoutKeyNames } from "./privacy.ts";
import { problemOf, problemResponse, RequestError } from "./problem.ts";
import { streamed } from "./stream.ts";

/** What the API guards itself with. */
export type AppOptions = {
  /** Opens everything that acts, and what is the owner's business. */
  token: string;
  /** Random id of this run, as in api.json. */
  instanceId: string;
  /** Host the server listens on, as the user gave it. */
  boundHost: string;
  /** False with `--http off`: every route needs the token. */
  isOpen: boolean;
  clock?: Clock;
};

/** Entries of one page: default and most. */
const PAGE_DEFAULT = 20;
const PAGE_MAX = 100;
const HEIGHT_MAX = 2 ** 32;

type Env = { Variables: { hasToken: boolean } };

/** The API over `api`, below /api/v1. */
export function createApp(api: NodeApi, options: AppOptions): Hono<Env> {
  const app = new Hono<Env>({ strict: false });
  const quota = new RequestQuota(options.clock ?? systemClock);
  app.onError((error) => problemResponse(problemOf(error)));
  app.notFound(() => problemResponse(problemOf(new RequestError(404, "No such route"))));
  app.use("*", async (context, next) => {
    const { headers } = context.req.raw;
    if (!isHostAllowed(headers.get("host") ?? undefined, options.boundHost)) {
      throw new RequestError(403, "The Host header must name loopback or the bound address");
    }
    const hasToken = isTokenRight(headers.get("authorization") ?? undefined, options.token);
    if (!hasToken && !quota.take()) throw new RequestError(429, "Too many requests: wait a little");
    context.set("hasToken", hasToken);
    const acts = context.req.method !== "GET" || context.req.path.startsWith("/api/v1/wallet/");
    if (!hasToken && (acts || !options.isOpen)) return tokenNeeded(options.instanceId);
    await next();
    context.header("cache-control", "no-store");
    context.header("x-content-type-options", "nosniff");
  });
  addReading(app, api, options.instanceId);
  addWallet(app, api);
  addActing(app, api);
  return app;
}

function tokenNeeded(instanceId: string): Response {
  const problem = problemOf(
    new RequestError(401, "Send the token of api.json as Authorization: Bearer"),
  );
  return problemResponse({ ...problem, instanceId });
}

function addReading(app: Hono<Env>, api: NodeApi, instanceId: string): void {
  const get = (path: string, answer: (call: ReadCall) => Promise<unknown>) =>
    app.get(`/api/v1/${path}`, async (context) => {
      const hasToken = context.get("hasToken");
      const content = await answer({
        hasToken,
        param: (name) => context.req.param(name) ?? "",
        query: (name) => context.req.query(name),
      });
      // A network's name is not a key's: only answers about coins are stripped.
      const isAboutCoins = /^(blocks|transactions|addresses)/.test(path);
      return context.json(
        (hasToken || !isAboutCoins ? content : withoutKeyNames(content)) as object,
      );
    });
  get("status", async ({ hasToken }) => {
    const { minter, ...status } = await api.status();
    return { ...status, ...(hasToken && minter !== undefined && { minter }), instanceId };
  });
  get("network", async ({ hasToken }) => {
    const { folder, ...network } = await api.network();
    return { ...network, ...(hasToken && { folder }) };
  });
  get("peers", () => api.peers());
  get("mempool", ({ query }) => api.mempool({ limit: limitOf(query) }));
  get("blocks", ({ query }) =>
    api.chain({
      before: queryInteger(query("before"), "before", { min: 0, max: HEIGHT_MAX }, undefined),
      limit: limitOf(query),
    }));
  get("blocks/:id", ({ param }) => api.block(param("id")));
  get("transactions/:id", ({ param }) => api.transaction(param("id")));
  get("addresses/:address", (call) => api.balance(addressOf(call)));
  get(
    "addresses/:address/history",
    (call) =>
      api.history(addressOf(call), { before: call.query("before"), limit: limitOf(call.query) }),
  );
}

type ReadCall = {
  hasToken: boolean;
  param: (name: string) => string;
  query: (name: string) => string | undefined;
};

function limitOf(query: ReadCall["query"]): number {
  return queryInteger(query("limit"), "limit", { min: 1, max: PAGE_MAX }, PAGE_DEFAULT);
}

/** With the token a key's name will do as well. */
function addressOf({ hasToken, param }: ReadCall): string {
  const who = param("address");
  if (!hasToken && !who.toLowerCase().startsWith("moim1")) {
    throw new RequestError(400, `"${who}" is no address; names of keys need the token`);
  }
  return who;
}

function addWallet(app: Hono<Env>, api: NodeApi): void {
  app.get("/api/v1/wallet/keys", async (context) => context.json(await api.walletList()));
  app.get("/api/v1/wallet/balances", async (context) => context.json(await api.balances()));
  post(app, "wallet/new", async (fields) => {
    const alias = fields.optionalText("alias");
    fields.end();
    return await api.walletNew(alias);
  });
  post(app, "wallet/import", async (fields) => {
    const [name, secret] = [fields.text("name"), fields.text("secret")];
    fields.end();
    return await api.walletImport(name, secret);
  });
  post(app, "wallet/export", async (fields) => {
    const name = fields.optionalText("name");
    fields.end();
    return await api.walletExport(name);
  });
  post(app, "wallet/restore", async (fields) => {
    const mnemonic = fields.text("mnemonic");
    fields.end();
    return await api.walletRestore(mnemonic);
  });
}

function addActing(app: Hono<Env>, api: NodeApi): void {
  app.post("/api/v1/blocks", async (context) => {
    return context.json(await api.submitBlock(await bytesOf(context.req.raw, MAX_BLOCK_BYTES)));
  });
  post(app, "peers", async (fields) => {
    const address = fields.text("address");
    fields.end();
    return await api.addPeer(address);
  });
  post(app, "transactions/send", (fields) => {
    const request = {
      from: fields.text("from"),
      to: fields.text("to"),
      amount: fields.integer("amount"),
      fee: fields.optionalInteger("fee"),
      memo: fields.optionalText("memo"),
      mint: fields.flag("mint"),
      peer: fields.optionalText("peer"),
      wait: fields.flag("wait"),
    };
    fields.end();
    return streamed((onLine) => api.send(request, onLine));
  });
  post(app, "mint", (fields) => {
    const request = { to: fields.text("to"), count: fields.optionalInteger("count") };
    fields.end();
    return streamed((onLine) => api.mint(request, onLine));
  });
  post(app, "reindex", (fields) => {
    fields.end();
    return streamed((onLine) => api.reindex(onLine));
  });
  post(app, "verify", (fields) => {
    fields.end();
    return streamed((onLine) => api.verify(onLine));
  });
  post(app, "stop", async (fields) => {
    fields.end();
    await api.stop();
    return { stopping: true };
  });
}

function post(
  app: Hono<Env>,
  path: string,
  answer: (fields: Fields) => Promise<object> | Response,
): void {
  app.post(`/api/v1/${path}`, async (context) => {
    const result = await answer(await Fields.of(context.req.raw));
    return result instanceof Response ? result : context.json(result);
  });
}
