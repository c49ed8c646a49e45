/** Routes that tell of the node itself. */
import { z } from "@hono/zod-openapi";
import { mempoolSchema, networkSchema, peerSchema, statusSchema } from "../schemas/node.ts";
import { diagnosisSchema } from "../schemas/diagnosis.ts";
import { limitQuery } from "../schemas/requests.ts";
import { statusOf } from "../status.ts";
import type { Router } from "./router.ts";

export function addNode(router: Router): void {
  const { api, instanceId } = router.parts;
  router.read({
    path: "/status",
    id: "status",
    tag: "node",
    summary: "The node at a glance",
    answer: statusSchema,
    keepsNames: true,
  }, ({ hasToken }) => statusOf(api, instanceId, hasToken));
  router.read({
    path: "/network",
    id: "network",
    tag: "node",
    summary: "The network's parameters and genesis",
    answer: networkSchema,
    keepsNames: true,
  }, async ({ hasToken }) => {
    const { folder, ...network } = await api.network();
    return { ...network, ...(hasToken && { folder }) };
  });
  router.read({
    path: "/diagnosis",
    id: "diagnosis",
    tag: "node",
    summary: "What the node knows of its own network, for `moim doctor`",
    needsToken: true,
    answer: diagnosisSchema,
  }, () => api.diagnosis());
  router.read({
    path: "/peers",
    id: "peers",
    tag: "node",
    summary: "Connected peers first, then those that are remembered",
    answer: z.array(peerSchema),
  }, () => api.peers());
  router.read({
    path: "/mempool",
    id: "mempool",
    tag: "node",
    summary: "Unconfirmed payments, highest fee rate first",
    query: limitQuery,
    answer: mempoolSchema,
  }, ({ query }) => api.mempool(query));
}
