/**
 * kad-dht as we run it: bounded in what it keeps and dials of what strangers say, and for members
 * alone where a network has a secret. Names the parts of its inside that we use.
 */
import type { Connection, PeerId, PeerInfo, Stream } from "@libp2p/interface";
import type { KadDHT } from "@libp2p/kad-dht";
import type { Multiaddr } from "@multiformats/multiaddr";
import type { CID } from "multiformats/cid";
import type { Clock } from "../../base/clock.ts";
import { systemRandom } from "../../base/random.ts";
import { RefillingBudget } from "../../peers/refilling_budget.ts";
import type { DhtKind } from "./kind.ts";
import { DhtStore } from "./store.ts";
import type { Host, Internals } from "../libp2p/host.ts";
import type { MemberGate } from "../membership/member_gate.ts";

/**
 * How often kad-dht asks around only to know more servers. Its five minutes are made for servers of
 * a large network; our own look-ups every ten minutes keep the table fresh enough, and each such
 * round asks up to twenty servers for some kB.
 */
const ASK_AROUND_MS = 30 * 60_000;
/** Addresses of one peer in an answer: as many as a signed record holds. */
const ADDRESSES_PER_PEER = 8;
/**
 * Peers taken up from one answer as servers to ask: an honest one names at most 20, and names them
 * first. All are put into libp2p's peer store, and without this a thousand invented ones would be.
 */
const NAMED_PER_ANSWER = 40;
/** Servers known from hearsay that are dialled, only to know more: so many at once, then 40 a minute. */
const HEARSAY = { max: 40, everyMs: 1_500 } as const;
/** How long a member's stream waits for its `version`. */
const MEMBERSHIP_MS = 2_000;

/** kad-dht's service with members that its published type leaves out. */
export type DhtService = KadDHT & {
  routingTable: EventTarget & { readonly size: number };
  onPeerConnect(peer: PeerInfo): Promise<void>;
  network: { safeDispatchEvent(type: string, detail: { detail: PeerInfo }): boolean };
  providers: { addProvider(key: CID, provider: PeerId): Promise<void> };
  routingTableRefresh: { refreshInterval: number };
  contentRouting: { routingTable: { readonly kBucketSize: number } };
};

export type DhtServiceOptions = {
  host: Host;
  clock: Clock;
  kind: DhtKind;
  protocol: string;
  isServer: boolean;
  /** Set where strangers are to be kept out. */
  gate?: MemberGate;
  /** Whether the peer has proven to be of our network; its records are kept before others'. */
  isMember: (peerId: string) => boolean;
};

/** Loads and starts it. */
export async function startDhtService(options: DhtServiceOptions): Promise<DhtService> {
  const { host, clock, kind, protocol, isServer, isMember } = options;
  const { kadDHT, passthroughMapper, removePrivateAddressesMapper } = await import(
    "@libp2p/kad-dht"
  );
  const visible = kind === "public" ? removePrivateAddressesMapper : passthroughMapper;
  const make = kadDHT({
    protocol,
    clientMode: !isServer,
    peerInfoMapper: (peer) => {
      const { id, multiaddrs } = visible(peer);
      return { id, multiaddrs: multiaddrs.slice(0, ADDRESSES_PER_PEER) };
    },
    // Queries are begun by us when there is somebody to ask: they need not wait for that, nor for
    // the self-query that kad-dht makes a second after its start.
    allowQueryWithZeroPeers: true,
    querySelfInterval: ASK_AROUND_MS,
    datastorePrefix: `/${kind}-dht`,
    logPrefix: `libp2p:${kind}-dht`,
  });
  const isTrusted = (peerId: string) => peerId === host.peerId || isMember(peerId);
  return await host.addService<DhtService>((components) => {
    const service = make(components) as DhtService;
    service.routingTableRefresh.refreshInterval = ASK_AROUND_MS;
    // A look-up of kad-dht ends at 20 providers, so that one server could hide all others' answers
    // behind 20 inventions. Ours ends when the servers nearest to the key have answered.
    service.contentRouting.routingTable = { kBucketSize: Infinity };
    boundHearsay(service, host, clock, kind);
    return service;
  }, {
    datastore: new DhtStore(systemRandom, isTrusted),
    ...(options.gate && gated(host.internals, kind, options.gate)),
  });
}

/**
 * kad-dht takes every peer that an answer names, providers too, for a server, and dials it. Whoever
 * answers a query enters the table anyway, and so does every server that is connected.
 */
function boundHearsay(service: DhtService, host: Host, clock: Clock, kind: DhtKind): void {
  const connect = service.onPeerConnect.bind(service);
  const budget = new RefillingBudget(HEARSAY);
  service.onPeerConnect = (peer) => {
    if (host.connectionTo(peer.id.toString()) !== undefined) return connect(peer);
    const nowMs = clock.monotonicMs();
    // The public network is never short of servers; among few, each counts.
    if (kind === "public" || !budget.has(nowMs)) return Promise.resolve();
    budget.take(nowMs);
    return connect(peer);
  };
  const { network } = service;
  const dispatch = network.safeDispatchEvent.bind(network);
  let named = 0;
  network.safeDispatchEvent = (type, detail) => {
    // All that an answer names is told in one go.
    if (named === 0) queueMicrotask(() => named = 0);
    return ++named > NAMED_PER_ANSWER ? false : dispatch(type, detail);
  };
}

type Handler = (stream: Stream, connection: Connection) => unknown;

/**
 * Parts of libp2p through which strangers are neither answered nor asked. libp2p's own middleware
 * is of no use here: each stream adds its handler once more to the list that is registered (3.3.11).
 */
function gated(
  { registrar, connectionManager }: Internals,
  kind: DhtKind,
  gate: MemberGate,
): Partial<Internals> {
  const answer = (handler: Handler): Handler => async (stream, connection) => {
    if (await gate.admits(connection.remotePeer.toString(), MEMBERSHIP_MS)) {
      return handler(stream, connection);
    }
    stream.abort(new Error("This DHT is for members only"));
  };
  // The servers of a private DHT are named by the user, and need not be members.
  const asks = (peer: PeerId) => kind === "private" || gate.isMember(peer.toString());
  return {
    registrar: withMembers(registrar, {
      handle: (protocol: string, handler: Handler, options?: object) =>
        registrar.handle(protocol, answer(handler), options),
    }),
    connectionManager: withMembers(connectionManager, {
      openStream: (peer: PeerId | Multiaddr, protocol: string, options?: object) => {
        if (!("toMultihash" in peer) || asks(peer)) {
          return connectionManager.openStream(peer, protocol, options);
        }
        return Promise.reject(new Error("This peer has not proven to be a member"));
      },
    }),
  };
}

/** The same object but for these members. */
function withMembers<Target extends object>(target: Target, members: Partial<Target>): Target {
  return new Proxy(target, {
    get(_target, name) {
      const own = Reflect.get(members, name);
      if (own !== undefined) return own;
      const member = Reflect.get(target, name);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}
