/**
 * One table of routes: each entry checks what a request brings, types what its answer holds and
 * describes both. A route acts unless it is a GET, and whatever acts needs the token; the rules stand
 * before every handler, so that a new route has them without asking.
 */
import { createRoute, OpenAPIHono, type RouteConfig, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Clock } from "../../base/mod.ts";
import type { NodeApi, OnLine } from "../../node/api.ts";
import { accepts } from "../accept.ts";
import { guarded, jsonText } from "../answers.ts";
import { bytesOf, JSON_BYTES_MAX, jsonOf, mediaType } from "../body.ts";
import { withoutKeyNames } from "../privacy.ts";
import { errorResponse, RequestError } from "../problem.ts";
import { problemSchema } from "../schemas/common.ts";
import { streamed } from "../stream.ts";

/** What the door has found out about a request before it gets here. */
export type Env = { Bindings: { hasToken: boolean } };

/** What every handler may use. */
export type Parts = {
  api: NodeApi;
  clock: Clock;
  instanceId: string;
  /** False with `--http off`: every route needs the token. */
  isOpen: boolean;
};

/** A checked request. */
export type Call<Params, Query, Body> = {
  params: Params;
  query: Query;
  body: Body;
  hasToken: boolean;
  request: Request;
};

type Described = {
  /** Below /api/v1, parameters in braces. */
  path: string;
  /** Name of the operation, for generated clients. */
  id: string;
  tag: "node" | "chain" | "addresses" | "events" | "wallet" | "acting";
  summary: string;
  description?: string;
  /** A GET that is the owner's business. */
  needsToken?: boolean;
  /** A GET whose answer has no end, and so no headers alone. */
  isEndless?: boolean;
};

type Asked<Params extends z.ZodType, Query extends z.ZodType> = {
  params?: Params;
  query?: Query;
};

type None = z.ZodObject<Record<never, never>>;

/** Statuses that a route may answer with besides those of all routes. */
type Failures = { failures?: readonly number[] };

/** An entry of the table. */
type Known = { path: RegExp; isExact: boolean; methods: readonly string[]; needsToken: boolean };

type Result<Schema extends z.ZodType> = Promise<z.infer<Schema> | Response>;

const PREFIX = "/api/v1";

/** All routes, and what can be said of them without calling one. */
export class Router {
  readonly app = new OpenAPIHono<Env>({ strict: false });
  readonly parts: Parts;
  readonly #known: Known[] = [];

  constructor(parts: Parts) {
    this.parts = parts;
    this.app.onError((error) => errorResponse(error));
    this.app.notFound(() => errorResponse(new RequestError(404, "No such route")));
    this.app.use("*", (context, next) => this.#admit(context, next));
  }

  /** A GET that answers with JSON. */
  read<
    Answer extends z.ZodType,
    Params extends z.ZodType = None,
    Query extends z.ZodType = None,
  >(
    spec: Described & Asked<Params, Query> & Failures & {
      answer: Answer;
      /** The answer's `name` is no key's. */
      keepsNames?: boolean;
    },
    handle: (call: Call<z.output<Params>, z.output<Query>, undefined>) => Result<Answer>,
  ): void {
    const content = { "application/json": { schema: spec.answer } };
    this.#add("get", spec, content, async (context) => {
      const call = { ...asked(context, spec), body: undefined } as Parameters<typeof handle>[0];
      const result = await handle(call);
      if (result instanceof Response) return result;
      const isOpen = call.hasToken || spec.keepsNames === true;
      return jsonText(JSON.stringify(isOpen ? result : withoutKeyNames(result)));
    });
  }

  /** A GET that answers with something else than JSON, described by media type. */
  readOther<Params extends z.ZodType = None, Query extends z.ZodType = None>(
    spec: Described & Asked<Params, Query> & Failures & {
      content: Content;
    },
    handle: (
      call: Call<z.output<Params>, z.output<Query>, undefined>,
      next: () => Promise<void>,
    ) => Promise<Response | void>,
  ): void {
    this.#add("get", spec, spec.content, async (context, next) => {
      const call = { ...asked(context, spec), body: undefined } as Parameters<typeof handle>[0];
      return await handle(call, next);
    });
  }

  /** A POST of JSON that answers with JSON. */
  act<Body extends z.ZodType, Answer extends z.ZodType>(
    spec: Described & Failures & { body: Body; answer: Answer },
    handle: (body: z.output<Body>) => Promise<z.infer<Answer>>,
  ): void {
    const body = jsonContent(spec.body);
    const content = { "application/json": { schema: spec.answer } };
    this.#add("post", { ...spec, body }, content, async (context) => {
      return jsonText(JSON.stringify(await handle(await this.#jsonBody(context, spec.body))));
    });
  }

  /** A POST of JSON that answers with lines of JSON while it works. */
  actLong<Body extends z.ZodType, Answer extends z.ZodType>(
    spec: Described & { body: Body; answer: Answer },
    handle: (body: z.output<Body>, onLine: OnLine) => Promise<z.infer<Answer>>,
  ): void {
    const body = jsonContent(spec.body);
    this.#add("post", { ...spec, body }, linesOf(spec.answer), async (context) => {
      const wanted = await this.#jsonBody(context, spec.body);
      return streamed((onLine) => handle(wanted, onLine));
    });
  }

  /** A POST of bytes that answers with JSON; `json` is another form of the same. */
  actBytes<Answer extends z.ZodType, Json extends z.ZodType>(
    spec: Described & {
      bytesMax: number;
      answer: Answer;
      json?: { body: Json; bytes: (body: z.output<Json>) => Uint8Array };
    },
    handle: (bytes: Uint8Array) => Promise<z.infer<Answer>>,
  ): void {
    const { json, bytesMax } = spec;
    const body = { ...BYTES_CONTENT, ...(json && jsonContent(json.body)) };
    const content = { "application/json": { schema: spec.answer } };
    this.#add("post", { ...spec, body, failures: [422] }, content, async (context) => {
      const isJson = json !== undefined && mediaType(context.req.raw) === "application/json";
      const bytes = isJson
        ? json.bytes(await this.#jsonBody(context, json.body, 2 * bytesMax + JSON_BYTES_MAX))
        : await bytesOf(context.req.raw, bytesMax, this.parts.clock);
      return jsonText(JSON.stringify(await handle(bytes)));
    });
  }

  /** The description of all routes, OpenAPI 3.1. */
  describe(version: string): object {
    this.app.openAPIRegistry.registerComponent("securitySchemes", "token", {
      type: "http",
      scheme: "bearer",
      description: "The token of api.json in the data folder; new at each start",
    });
    return this.app.getOpenAPI31Document({
      openapi: "3.1.0",
      info: {
        title: "Moim",
        version,
        description:
          "A node of a Moim chain. Reading needs no token (with `--http off` everything does); " +
          "all that acts needs it. Amounts are integers in grains, times milliseconds since 1970. " +
          "The Host header must name loopback or the bound address.",
        license: { name: "MIT" },
      },
      servers: [{ url: "/" }],
    });
  }

  /** Whether a path and method are in the table, and may be asked by this caller. */
  async #admit(context: Context<Env>, next: () => Promise<void>): Promise<Response | void> {
    const path = context.req.path.replace(/(.)\/$/, "$1");
    const fitting = this.#known.filter((route) => route.path.test(path));
    // A path that stands there as it is, such as "/transactions/send", is no id's.
    const exact = fitting.filter((route) => route.isExact);
    const routes = exact.length > 0 ? exact : fitting;
    const { method } = context.req;
    const route = routes.find(({ methods }) => methods.includes(method));
    if (route === undefined && routes.length > 0) {
      throw notAllowed(routes.flatMap(({ methods }) => methods));
    }
    // What is in no table is refused as what acts: nothing here answers it.
    const needsToken = route?.needsToken ?? (method !== "GET" && method !== "HEAD");
    if (!context.env.hasToken && (needsToken || !this.parts.isOpen)) {
      return errorResponse(tokenNeeded(), this.parts.instanceId);
    }
    await next();
  }

  #add(
    method: "get" | "post",
    spec: Described & Asked<z.ZodType, z.ZodType> & Failures & { body?: Content },
    content: Content,
    handle: (context: Context<Env>, next: () => Promise<void>) => Promise<Response | void>,
  ): void {
    const path = PREFIX + spec.path;
    const needsToken = method === "post" || spec.needsToken === true;
    this.app.openAPIRegistry.registerPath(createRoute({
      method,
      path,
      operationId: spec.id,
      tags: [spec.tag],
      summary: spec.summary,
      ...(spec.description !== undefined && { description: spec.description }),
      security: needsToken ? [{ token: [] }] : [{}, { token: [] }],
      request: {
        ...(spec.params && { params: spec.params as z.ZodObject }),
        ...(spec.query && { query: spec.query as z.ZodObject }),
        ...(spec.body && { body: { content: spec.body, required: true } }),
      },
      responses: {
        200: { description: "Done", content },
        ...problems([...COMMON, ...(spec.body ? OF_BODIES : []), ...spec.failures ?? []]),
      },
    }));
    const pattern = path.replaceAll(".", "\\.").replaceAll(/\{[^}]+\}/g, "[^/]+");
    this.#known.push({
      path: new RegExp(`^${pattern}$`),
      isExact: !spec.path.includes("{"),
      methods: method === "post" ? ["POST"] : spec.isEndless ? ["GET"] : ["GET", "HEAD"],
      needsToken,
    });
    const produces = Object.keys(content);
    // Whoever waits for one JSON value reads lines of JSON as well: the node's own commands do.
    if (produces.includes("application/x-ndjson")) produces.push("application/json");
    const consumes = Object.keys(spec.body ?? {});
    this.app.on([method], path.replaceAll(/\{(.+?)\}/g, ":$1"), async (context, next) => {
      const { headers } = context.req.raw;
      // Asked before already; a second time here, where the path can be no other one.
      if (needsToken && !context.env.hasToken) throw tokenNeeded();
      if (!accepts(headers.get("accept"), produces)) {
        throw new RequestError(406, `Accept ${produces.join(" or ")}`);
      }
      if (consumes.length > 0 && !consumes.includes(mediaType(context.req.raw) ?? "")) {
        throw new RequestError(415, `Send the body as ${consumes.join(" or ")}`);
      }
      const response = await handle(context, next);
      if (response !== undefined) return response;
      guarded(context.res);
    });
  }

  async #jsonBody<Body extends z.ZodType>(
    context: Context<Env>,
    schema: Body,
    bytesMax = JSON_BYTES_MAX,
  ): Promise<z.output<Body>> {
    const value = await jsonOf(context.req.raw, bytesMax, this.parts.clock);
    return checked(schema, value === undefined ? {} : value, "the body");
  }
}

/** Media types with what they hold. */
type Content = Record<string, { schema: z.ZodType | { type: "string"; format?: string } }>;

const BYTES: { type: "string"; format: string } = { type: "string", format: "binary" };

/** Bytes as they are. */
export const BYTES_CONTENT: Content = { "application/octet-stream": { schema: BYTES } };

const COMMON = [400, 401, 403, 404, 406, 429, 500, 503];
const OF_BODIES = [408, 409, 413, 415];

const DESCRIPTIONS: Readonly<Record<number, string>> = {
  304: "Not changed since the ETag that was sent",
  400: "The request breaks the rules below",
  401: "The token is needed",
  403: "Another host's name, or a page of another site",
  404: "Not here",
  406: "The answer has another media type than is accepted",
  408: "The body came too slowly",
  409: "It does not go with what is here",
  413: "The body is too long",
  415: "The body must be of another media type",
  422: "Rejected by the rules of the chain",
  429: "Too many requests without the token",
  500: "The node failed",
  503: "Not reachable now, or too much at once",
};

function problems(statuses: readonly number[]): RouteConfig["responses"] {
  const content = { "application/problem+json": { schema: problemSchema } };
  return Object.fromEntries(statuses.map((status) => [status, {
    description: DESCRIPTIONS[status] ?? "Failed",
    ...(status >= 400 && { content }),
  }]));
}

function jsonContent(schema: z.ZodType): Content {
  return { "application/json": { schema } };
}

/** Lines of JSON: how far it is, then the result or the problem. */
function linesOf(answer: z.ZodType): Content {
  const schema = z.union([
    z.object({ line: z.string() }),
    z.object({ result: answer }),
    z.object({ problem: problemSchema }),
  ]);
  const description = "One such object a line; the result or the problem is the last";
  return { "application/x-ndjson": { schema: schema.openapi({ description }) } };
}

function asked(context: Context<Env>, spec: Asked<z.ZodType, z.ZodType>) {
  return {
    params: checked(spec.params ?? z.object({}), context.req.param(), "the path"),
    query: checked(spec.query ?? z.strictObject({}), queryOf(context), "the query"),
    hasToken: context.env.hasToken,
    request: context.req.raw,
  };
}

/** A parameter that stands twice is a list, which no schema takes. */
function queryOf(context: Context<Env>): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(context.req.queries()).map((
      [name, values],
    ) => [name, values.length === 1 ? values[0]! : values]),
  );
}

/** The checked value. Throws `RequestError` (400) that names the first thing that is wrong. */
function checked<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  where: string,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const name = issue?.path.join(".") ?? "";
  const why = issue?.message ?? "it does not fit";
  // Where the node has a line of its own for it, that line stands in the schema.
  if (why.startsWith('"')) throw new RequestError(400, why);
  throw new RequestError(400, `Cannot use ${name === "" ? where : `"${name}"`}: ${why}`);
}

function notAllowed(methods: readonly string[]): RequestError {
  return new RequestError(405, `Use ${methods.join(" or ")} here`, { allow: methods.join(", ") });
}

function tokenNeeded(): RequestError {
  return new RequestError(401, "Send the token of api.json as Authorization: Bearer");
}
