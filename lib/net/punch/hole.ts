/**
 * One hole: a local port, and the addresses at which the outside sees what leaves through it. A
 * router lets in what answers, so each side must send from the port that the other was told to the
 * port that it was told itself: a TCP simultaneous open (RFC 9293, figure 8), in which nobody
 * listens.
 */
import type {
  Connection,
  IdentifyResult,
  MultiaddrConnection,
  Upgrader,
  UpgraderOptions,
} from "@libp2p/interface";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { networkInterfaces } from "node:os";
import { type Clock, delay } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import { classOf, splitPeerId } from "../addresses.ts";
import { freePort } from "../libp2p/free_port.ts";
import type { Host } from "../libp2p/host.ts";

/** Whom we ask how the port looks is connected already, so its answer takes some round trips. */
const OBSERVE_MS = 2_000;
const OWN_IP6_MAX = 2;
/** Ways to one peer, tried at once: what its router made of the port, the port itself, IPv6. */
const WAYS_MAX = 4;
/**
 * A router that answers with a reset, not with silence, ends the attempt at once. One succeeds when
 * both sides' packets are under way at the same time, so it is made again: after a random pause, as
 * two sides with one rhythm would go on missing each other.
 */
const REFUSED_PAUSE_MS = 1.5;
const REFUSED_MAX = 400;

export type Hole = {
  localPort: number;
  /** Multiaddrs for the other side. */
  addresses: string[];
  /** Gives up what keeps the port open at the router. */
  close: () => void;
};

export type HoleOptions = {
  /** Addresses that peers outside have seen us at. */
  outsideIps: string[];
  /** Somebody outside whom we dialled: is asked how the port looks from there. */
  observer?: Connection;
  signal: AbortSignal;
};

/** Opens a hole for one attempt. Without an observer the router is taken to keep port numbers. */
export async function openHole(host: Host, options: HoleOptions): Promise<Hole> {
  const localPort = freePort(0);
  const probe = await observe(host, localPort, options).catch(() => undefined);
  const kept = [
    ...options.outsideIps.map((ip) => `/ip4/${ip}/tcp/${localPort}`),
    ...ownPublicIp6().map((ip) => `/ip6/${ip}/tcp/${localPort}`),
  ];
  return {
    localPort,
    addresses: [...new Set([...probe?.seen ?? [], ...kept])],
    close: () => void probe?.connection.close().catch(() => {}),
  };
}

/** Connects to the observer once more, from the port of the hole, and hears where that comes from. */
async function observe(host: Host, localPort: number, { observer, signal }: HoleOptions) {
  if (observer === undefined) return undefined;
  const stop = AbortSignal.any([signal, AbortSignal.timeout(OBSERVE_MS)]);
  // libp2p asks on each new connection by itself, and only one question at a time is answered.
  const told = new Map<Connection, string>();
  let wake = () => {};
  const onIdentify = ({ detail }: CustomEvent<IdentifyResult>) => {
    told.set(detail.connection, detail.observedAddr?.toString() ?? "");
    wake();
  };
  host.node.addEventListener("peer:identify", onIdentify);
  stop.addEventListener("abort", () => wake(), { once: true });
  try {
    const connection = await dialFrom(host, observer.remoteAddr, { localPort, signal: stop });
    while (!told.has(connection) && !stop.aborted && connection.status === "open") {
      await new Promise<void>((resolve) => wake = resolve);
    }
    const seen = told.get(connection) ?? "";
    return { connection, seen: classOf(seen) === "public" ? [splitPeerId(seen).base] : [] };
  } finally {
    host.node.removeEventListener("peer:identify", onIdentify);
  }
}

export type Punch = {
  peerId: string;
  hole: Hole;
  /** Where the other side says its hole is. */
  addresses: string[];
  /** Of two sides that both dial, one must act as if it had been dialled. */
  initiator: boolean;
  clock: Clock;
  random: Random;
  signal: AbortSignal;
};

/** Dials all the ways at once until one connects. Throws when `signal` ends it before. */
export async function punch(host: Host, options: Punch): Promise<Connection> {
  const { peerId, addresses } = options;
  const usable = addresses.map((address) => splitPeerId(address).base)
    .filter((address) => classOf(address) === "public");
  const ways = [...new Set(usable)].slice(0, WAYS_MAX);
  if (ways.length === 0) throw new Error("The other side names no public address");
  const connected = new AbortController();
  const isOver = () => connected.signal.aborted || options.signal.aborted;
  // What is under way when one has connected goes on: the other side may keep that one.
  const attempts = ways.map(async (way) => {
    const connection = await keepDialling(
      host,
      multiaddr(`${way}/p2p/${peerId}`),
      options,
      isOver,
    );
    connected.abort();
    return connection;
  });
  return await Promise.any(attempts).catch((error: AggregateError) => {
    throw new Error(messageOf(error.errors[0]));
  });
}

async function keepDialling(
  host: Host,
  address: Multiaddr,
  { hole, initiator, signal, clock, random }: Punch,
  isOver: () => boolean,
): Promise<Connection> {
  for (let refused = 0;; refused++) {
    try {
      return await dialFrom(host, address, { localPort: hole.localPort, initiator, signal });
    } catch (error) {
      const isRefused = /ECONNREFUSED|ECONNRESET/.test(messageOf(error));
      if (!isRefused || isOver() || refused === REFUSED_MAX) throw error;
      await delay(clock, random.float() * REFUSED_PAUSE_MS, signal);
    }
  }
}

type DialFromOptions = { localPort: number; initiator?: boolean; signal: AbortSignal };

/** Dials from a port of ours: libp2p's transport hands what it does not know on to the socket. */
async function dialFrom(
  host: Host,
  address: Multiaddr,
  { localPort, initiator = true, signal }: DialFromOptions,
): Promise<Connection> {
  const { transportManager, upgrader } = host.internals;
  const isIp6 = address.getComponents()[0]?.name === "ip6";
  // The socket goes on listening to its signal, which must not end what has been connected.
  const ended = new AbortController();
  const onAbort = () => ended.abort();
  signal.throwIfAborted();
  signal.addEventListener("abort", onAbort, { once: true });
  const options = {
    localPort,
    localAddress: isIp6 ? "::" : "0.0.0.0",
    initiator,
    signal: ended.signal,
    upgrader: initiator ? upgrader : asDialled(upgrader),
  };
  try {
    return await transportManager.dialTransportForMultiaddr(address)!.dial(address, options);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/**
 * Yamux asks the socket which of both sides it is, and libp2p forgets to tell that we act as if we
 * had been dialled: both sides would number their streams alike, and the connection would end with
 * the first of them.
 */
function asDialled(upgrader: Upgrader): Upgrader {
  return {
    upgradeInbound: (raw, options) => upgrader.upgradeInbound(raw, options),
    upgradeOutbound: (raw: MultiaddrConnection, options: UpgraderOptions) => {
      raw.direction = "inbound";
      return upgrader.upgradeOutbound(raw, options);
    },
  } as Upgrader;
}

/** A firewall for IPv6 lets in answers too, and no router changes addresses there. */
function ownPublicIp6(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => list ?? [])
    .filter(({ family, internal }) => family === "IPv6" && !internal)
    .map(({ address }) => address)
    .filter((ip) => classOf(`/ip6/${ip}/tcp/1`) === "public")
    .slice(0, OWN_IP6_MAX);
}
