/**
 * Tells the servers nearest to a key where we are. kad-dht's own way tells nobody before its walk
 * has ended, and one server that names some hundred dead ones as nearer can keep it from ending; here
 * those that have answered by then are told.
 */
import type { PeerId } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { messageOf } from "../../base/errors.ts";
import { classOf, splitPeerId } from "../addresses.ts";
import { toldAddresses } from "./belief.ts";
import { nearestFirst } from "./exchange.ts";
import type { DhtKind } from "./kind.ts";
import { encodeAddProvider } from "./messages.ts";
import type { DhtService } from "./service.ts";
import type { Host } from "../libp2p/host.ts";

/** Kademlia's k: a record is kept by this many servers. */
export const RECORD_SERVERS = 20;
/** They have just answered, so they are connected. */
const TELL_MS_MAX = 10_000;

export type Advertising = {
  dht: DhtService;
  host: Host;
  kind: DhtKind;
  protocol: string;
  /** Our addresses, as servers may know them. */
  addresses: () => string[];
  /** Multihash of the record's key. */
  key: Uint8Array;
  /** How long to look for servers nearer to the key. */
  walkMs: number;
  stop: AbortSignal;
};

export type Advertised = {
  /** Ids of the servers that have our record now. */
  stored: Set<string>;
  /** The walk did not come to its end. */
  isPartial: boolean;
  lastError?: string;
};

/** Walks towards the key and stores our record. Does not throw. */
export async function advertise(advertising: Advertising): Promise<Advertised> {
  const { dht, host, key, walkMs, stop } = advertising;
  const answered = new Map<string, PeerId>();
  let isPartial = false;
  let lastError: string | undefined;
  try {
    const signal = AbortSignal.any([stop, AbortSignal.timeout(walkMs)]);
    for await (const event of dht.getClosestPeers(key, { signal })) {
      if (event.name === "PEER_RESPONSE") answered.set(event.from.toString(), event.from);
      if (event.name === "QUERY_ERROR") lastError = messageOf(event.error);
    }
  } catch (error) {
    isPartial = true;
    lastError = messageOf(error);
  }
  answered.delete(host.peerId);
  const servers = nearestFirst(
    [...answered.values()].map((server) => ({ server, id: server.toMultihash().bytes })),
    key,
  ).slice(0, RECORD_SERVERS);
  const stored = new Set<string>();
  await Promise.all(servers.map(async ({ server }) => {
    try {
      await tell(server, advertising);
      stored.add(server.toString());
    } catch (error) {
      lastError = messageOf(error);
    }
  }));
  return { stored, isPartial, ...(lastError !== undefined && { lastError }) };
}

async function tell(
  server: PeerId,
  { host, kind, protocol, addresses: own, key, stop }: Advertising,
) {
  const connection = host.connectionTo(server.toString());
  if (connection === undefined) throw new Error("The server has gone");
  const via = classOf(connection.remoteAddr.toString());
  const addresses = toldAddresses(kind, own(), via)
    .map((address) => multiaddr(splitPeerId(address).base).bytes);
  if (addresses.length === 0) throw new Error("No address of this node is of use there");
  const signal = AbortSignal.any([stop, AbortSignal.timeout(TELL_MS_MAX)]);
  const stream = await connection.newStream(protocol, { signal });
  try {
    stream.send(encodeAddProvider(key, { id: host.node.peerId.toMultihash().bytes, addresses }));
    await stream.close({ signal });
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error(String(error)));
    throw error;
  }
}
