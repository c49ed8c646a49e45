/** What a node knows of its own network. */
import { z } from "@hono/zod-openapi";
import type { NodeDiagnosis } from "../../node/mod.ts";
import { absent, count, hashHex, oneOf, quantity, schemaOf } from "./common.ts";

const multiaddrs = z.array(z.string()).openapi({ description: "Multiaddrs" });
const ip = z.string().openapi({ description: "An IP address" });

const neighbour = z.object({
  peerId: z.string(),
  addresses: multiaddrs,
  connection: oneOf("direct", "relayed", "none"),
  outside: z.array(ip),
});

const portMapping = z.object({
  state: oneOf("off", "waiting", "searching", "mapped", "double-nat", "none"),
  text: z.string(),
  externalAddress: absent(z.string()),
  routerIp: absent(ip),
});

export const diagnosisSchema = schemaOf<NodeDiagnosis>("Diagnosis")(z.object({
  running: z.boolean(),
  network: z.string(),
  settings: z.object({
    dht: oneOf("public", "private", "off"),
    lan: z.boolean(),
    announce: multiaddrs,
  }),
  port: z.object({ port: count, state: oneOf("ours", "free", "busy"), by: absent(z.string()) }),
  peers: count,
  addresses: multiaddrs,
  reach: absent(z.object({
    state: oneOf("open", "mapped", "relayed", "closed", "unknown"),
    text: z.string(),
  })),
  portMapping: absent(portMapping),
  observed: z.array(z.object({ ip, peers: count })),
  clocksMs: z.array(z.int()).openapi({ description: "How far each peer's clock is ahead of ours" }),
  foreign: z.array(z.object({ network: z.string(), genesisId: hashHex, peers: count })),
  dht: z.array(z.object({ name: z.string(), answers: z.boolean(), text: z.string() })),
  staleSinceMs: absent(quantity),
  secretMismatches: count,
  neighbours: z.array(neighbour),
  targets: z.array(z.string()),
}));
