/**
 * All routes below /api/v1. Loaded when a request needs it: what checks and describes them takes
 * longer to load than a node to start.
 * @module
 */
import { Hono } from "hono";
import { jsonText } from "../answers.ts";
import type { Blocks } from "../blocks.ts";
import { addEvents } from "../events.ts";
import { eventPage, sentEvent } from "../schemas/chain.ts";
import { eventsQuery } from "../schemas/requests.ts";
import { addActing } from "./acting.ts";
import { addAddresses } from "./addresses.ts";
import { addChain } from "./chain.ts";
import { addNode } from "./node.ts";
import { type Env, type Parts, Router } from "./router.ts";
import { addWallet } from "./wallet.ts";
import { z } from "@hono/zod-openapi";

export type RouteParts = Parts & {
  blocks: Blocks;
  version: string;
  /** Ends the streams of events. */
  signal: AbortSignal;
};

/** The routes of the API; `env.hasToken` tells who asks. */
export function createRoutes(parts: RouteParts): Hono<Env> {
  const router = new Router(parts);
  const { api, blocks, clock, signal } = parts;
  addNode(router);
  addChain(router, blocks);
  addAddresses(router);
  router.readOther({
    path: "/events",
    id: "events",
    tag: "events",
    summary: "What happens on the chain, numbered",
    description:
      "Server-sent events: a block `connected` or `disconnected` has a number, by which " +
      "a client goes on where it was (Last-Event-ID wins over `since`); `mempool` and `peers` have none",
    isEndless: true,
    query: eventsQuery,
    content: {
      "text/event-stream": { schema: sentEvent },
      "application/json": { schema: eventPage },
    },
  }, async (_call, next) => {
    await next();
  });
  addEvents(router.app, api, { clock, signal });
  addWallet(router, () => blocks.forget());
  addActing(router);
  let description: string | undefined;
  router.read({
    path: "/openapi.json",
    id: "openapi",
    tag: "node",
    summary: "This description",
    answer: z.record(z.string(), z.unknown()),
  }, () => {
    description ??= JSON.stringify(router.describe(parts.version));
    return Promise.resolve(jsonText(description));
  });
  return router.app;
}
