/** What is answered about the node itself: status, network, peers, mempool. */
import { z } from "@hono/zod-openapi";
import type {
  AddPeerResult,
  MempoolPage,
  NetworkInfo,
  NodeStatus,
  PeerInfo,
} from "../../node/mod.ts";
import type { ReachStatus, SourceStatus, SyncStatus } from "../../node/api.ts";
import {
  absent,
  bigNumber,
  count,
  grains,
  hashHex,
  height,
  oneOf,
  quantity,
  schemaOf,
  timeMs,
} from "./common.ts";

const sourceStatus = schemaOf<SourceStatus>("SourceStatus")(z.object({
  source: oneOf("known", "peer", "lan", "dht", "own-dht", "gossip"),
  enabled: z.boolean(),
  text: z.string(),
}));

const syncStatus = schemaOf<SyncStatus>("SyncStatus")(z.object({
  phase: oneOf("offline", "starting", "idle", "headers", "blocks", "synced"),
  height,
  targetHeight: height,
  blocksPerSecond: absent(quantity),
  etaMs: absent(quantity),
}));

const reachStatus = schemaOf<ReachStatus>("ReachStatus")(z.object({
  state: oneOf("open", "mapped", "relayed", "closed", "unknown"),
  relays: z.array(z.string()).openapi({
    description: "Peer ids of relays that pass data on to it",
  }),
  addresses: z.array(z.string()).openapi({ description: "Multiaddrs that lead here from outside" }),
}));

const access = oneOf("open", "secret", "words").openapi({
  description:
    "Who takes part: everyone with the phrase, or only who knows the secret or the words",
});

export const statusSchema = schemaOf<NodeStatus>("Status")(z.object({
  instanceId: absent(z.string()).openapi({ description: "Random id of this run, as in api.json" }),
  version: z.string(),
  running: z.boolean(),
  network: z.string(),
  genesisId: hashHex,
  access,
  height,
  tipId: hashHex,
  tipTimeMs: timeMs,
  totalWork: bigNumber,
  sync: syncStatus,
  peers: count,
  peersKnown: count,
  peerId: absent(z.string()),
  addresses: z.array(z.string()).openapi({ description: "Multiaddrs that others may dial" }),
  reachability: z.string(),
  reach: absent(reachStatus).openapi({ description: "How others reach this node from outside" }),
  discovery: z.array(sourceStatus),
  mempool: z.object({ transactions: count, bytes: count }),
  minter: absent(
    z.object({
      name: z.string(),
      when: oneOf("pending", "always"),
      state: z.string(),
      hashesPerSecond: absent(quantity),
    }),
  ).openapi({ description: "With the token only" }),
  indexes: z.object({ ready: z.boolean(), height }),
  refused: absent(z.record(z.string(), count)).openapi({
    description: "Messages and sessions refused since the start, by reason",
  }),
  startedMs: absent(timeMs),
}));

/** The data folder is its owner's business. */
export const networkSchema = schemaOf<Omit<NetworkInfo, "folder"> & { folder?: string }>(
  "Network",
)(z.object({
  name: z.string(),
  genesisId: hashHex,
  access,
  rendezvous: z.string().openapi({ description: "The phrase under which nodes meet" }),
  rendezvousCid: z.string().openapi({ description: "Its CIDv1, the key in the DHT" }),
  parameters: z.record(z.string(), z.unknown()),
  folder: absent(z.string()).openapi({ description: "With the token only" }),
}));

export const peerSchema = schemaOf<PeerInfo>("Peer")(z.object({
  peerId: z.string(),
  connected: z.boolean(),
  found: oneOf("known", "peer", "lan", "dht", "own-dht", "gossip", "inbound"),
  addresses: z.array(z.string()),
  address: absent(z.string()),
  direction: absent(oneOf("outbound", "inbound")),
  relayed: absent(z.boolean()).openapi({ description: "True where it goes through another peer" }),
  agent: absent(z.string()),
  height: absent(height),
  latencyMs: absent(quantity),
  connectedAtMs: absent(timeMs),
  lastSeenMs: absent(timeMs),
  bytesIn: absent(count),
  bytesOut: absent(count),
  failuresInARow: absent(count),
}));

export const addPeerResult = schemaOf<AddPeerResult>("AddPeerResult")(z.object({
  state: oneOf("connected", "trying"),
  peerId: absent(z.string()),
  text: z.string(),
}));

export const mempoolSchema = schemaOf<MempoolPage>("Mempool")(z.object({
  transactions: count,
  bytes: count,
  entries: z.array(z.object({ txId: hashHex, bytes: count, fee: grains, addedMs: timeMs })),
}));
