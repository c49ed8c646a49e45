/**
 * The door of the HTTP server: who may come in, the answer of `status`, and everything else as soon as
 * it is needed. It loads little, so that a node answers its first question when the chain is open.
 */
import type { Hono } from "hono";
import { type Clock, systemClock } from "../base/mod.ts";
import { type NodeApi, VERSION } from "../node/mod.ts";
import { guarded, jsonText } from "./answers.ts";
import { Blocks } from "./blocks.ts";
import { isForeign, isHostAllowed, isTokenRight, RequestQuota } from "./guard.ts";
import { errorResponse, RequestError } from "./problem.ts";
import { publicNode } from "./public_node.ts";
import { statusOf } from "./status.ts";

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
  /** Where people on this machine find the explorer. */
  homeUrl?: () => string;
};

/** Requests being answered at once, streams apart; more are told to come again. */
export const REQUESTS_MAX = 256;

type PartName = "api" | "metrics" | "pages";

/** A part of the server that is loaded when it is asked for. */
type Part = (request: Request, hasToken: boolean) => Response | Promise<Response>;

const STATUS_PATH = "/api/v1/status";

export class Front {
  readonly #api: NodeApi;
  readonly #options: AppOptions;
  readonly #clock: Clock;
  readonly #quota: RequestQuota;
  readonly #blocks: Blocks;
  readonly #closing = new AbortController();
  readonly #parts = new Map<string, Promise<Part>>();
  /** The Host header that was allowed last: nearly all requests send the same. */
  #knownHost: string | undefined;
  #answering = 0;

  constructor(api: NodeApi, options: AppOptions) {
    this.#api = api;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#quota = new RequestQuota(this.#clock);
    this.#blocks = new Blocks(api);
  }

  /** Answers a request; never throws or rejects. */
  readonly fetch = async (request: Request): Promise<Response> => {
    try {
      return await this.#answer(request);
    } catch (error) {
      return errorResponse(error);
    }
  };

  /** As `fetch`, without a socket. */
  request(url: string, init?: RequestInit): Promise<Response> {
    return this.fetch(new Request(url, init));
  }

  /** Ends the streams. */
  close(): void {
    this.#closing.abort();
  }

  #answer(request: Request): Response | Promise<Response> {
    const { headers } = request;
    const host = headers.get("host") ?? undefined;
    if (host === undefined || host !== this.#knownHost) {
      if (!isHostAllowed(host, this.#options.boundHost)) {
        throw new RequestError(403, "The Host header must name loopback or the bound address");
      }
      this.#knownHost = host;
    }
    if (isForeign(headers, host!)) {
      throw new RequestError(403, "Pages of other sites may not ask: open the node's own address");
    }
    const hasToken = isTokenRight(headers.get("authorization") ?? undefined, this.#options.token);
    const path = pathOf(request.url);
    if (path === STATUS_PATH && request.method === "GET" && isPlain(request)) {
      if (!hasToken && !this.#options.isOpen) return this.#tokenNeeded();
      return this.#status(hasToken);
    }
    if (!hasToken && !this.#quota.take()) {
      throw new RequestError(429, "Too many requests without the token: wait a little", {
        "retry-after": "1",
      });
    }
    if (this.#answering >= REQUESTS_MAX) {
      throw new RequestError(503, "Too many requests at once: wait a little", {
        "retry-after": "1",
      });
    }
    return this.#byPart(request, path, hasToken);
  }

  async #status(hasToken: boolean): Promise<Response> {
    return jsonText(JSON.stringify(await statusOf(this.#api, this.#options.instanceId, hasToken)));
  }

  async #byPart(request: Request, path: string, hasToken: boolean): Promise<Response> {
    const isApi = path.startsWith("/api/");
    const isReading = request.method === "GET" || request.method === "HEAD";
    if (!isApi && !hasToken && !this.#options.isOpen) return this.#tokenNeeded();
    if (!isApi && !isReading) {
      throw new RequestError(405, "Use GET or HEAD here", { allow: "GET, HEAD" });
    }
    this.#answering += 1;
    try {
      const part = await this.#part(isApi ? "api" : path === "/metrics" ? "metrics" : "pages");
      return await part(request, hasToken);
    } finally {
      this.#answering -= 1;
    }
  }

  #tokenNeeded(): Response {
    const error = new RequestError(401, "Send the token of api.json as Authorization: Bearer");
    return errorResponse(error, this.#options.instanceId);
  }

  #part(name: PartName): Promise<Part> {
    const known = this.#parts.get(name);
    if (known !== undefined) return known;
    const loading = this.#load(name);
    this.#parts.set(name, loading);
    loading.catch(() => this.#parts.delete(name));
    return loading;
  }

  #load(name: PartName): Promise<Part> {
    if (name === "api") return this.#loadApi();
    return name === "metrics" ? this.#loadMetrics() : this.#loadPages();
  }

  async #loadApi(): Promise<Part> {
    const { createRoutes } = await import("./routes/mod.ts");
    const routes = createRoutes({
      api: this.#api,
      clock: this.#clock,
      instanceId: this.#options.instanceId,
      isOpen: this.#options.isOpen,
      blocks: this.#blocks,
      version: VERSION,
      signal: this.#closing.signal,
    });
    return (request, hasToken) => routes.fetch(request, { hasToken });
  }

  async #loadMetrics(): Promise<Part> {
    const [{ Hono }, { addMetrics }] = await Promise.all([
      import("hono"),
      import("./metrics.ts"),
    ]);
    const app = plainApp(new Hono());
    addMetrics(app, this.#api, { clock: this.#clock, signal: this.#closing.signal });
    return async (request) => guarded(await app.fetch(request));
  }

  async #loadPages(): Promise<Part> {
    const [{ Hono }, { addExplorer }] = await Promise.all([
      import("hono"),
      import("./explorer/mod.ts"),
    ]);
    const app = plainApp(new Hono());
    addExplorer(app, publicNode(this.#api, this.#blocks), {
      version: VERSION,
      homeUrl: this.#options.homeUrl ?? (() => "/"),
      clock: this.#clock,
    });
    return async (request) => guarded(await app.fetch(request));
  }
}

/** An app whose errors are problems. */
function plainApp(app: Hono): Hono {
  app.onError((error) => errorResponse(error));
  app.notFound(() => errorResponse(new RequestError(404, "No such page")));
  return app;
}

/** The path of a request's URL, as it stands there. */
function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("://") + 3);
  const query = url.indexOf("?", start);
  return start < 0 ? "/" : url.slice(start, query < 0 ? undefined : query);
}

/** Whether a request has no query and takes JSON, as far as can be told at once. */
function isPlain(request: Request): boolean {
  if (!request.url.endsWith(STATUS_PATH)) return false;
  const accept = request.headers.get("accept");
  return accept === null || accept === "*/*" || accept === "application/json" ||
    accept.startsWith("application/json,");
}
