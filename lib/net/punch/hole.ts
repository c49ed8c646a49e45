/**
 * One hole: a local port, and the addresses at which the outside sees what leaves through it. A
 * router lets in what answers, so each side must send from the port that the other was told to the
 * port that it was told itself.
 *
 * Most routers keep the number of a port, or give it another one, the same for everybody. Some take
 * a new one for each connection: where they count on from the last, the next ones are foretold;
 * where they draw lots, nothing is.
 */
import type { Connection, IdentifyResult } from "@libp2p/interface";
import { networkInterfaces } from "node:os";
import { classOf, splitPeerId } from "../addresses.ts";
import { freePort } from "../libp2p/free_port.ts";
import type { Host } from "../libp2p/host.ts";
import { nextPorts, portOf, portStep } from "./ports.ts";
import { dialFrom } from "./sockets.ts";

/** Whom we ask how the port looks is connected already, so its answer takes some round trips. */
const OBSERVE_MS = 2_000;
const OWN_IP6_MAX = 2;
/** Connections after the first that show whether the router counts, made where it renumbers. */
const MORE_LOOKS = 2;

export type Hole = {
  localPort: number;
  /** Multiaddrs for the other side. */
  addresses: string[];
  /** Those of them that are not foretold. */
  lasting: string[];
  /** From the port of one connection to that of the next, where the router counts. */
  step?: number;
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

/** A connection to the observer, and the public address that it sees it come from. */
type Look = { connection: Connection; seen?: string };

/** Opens a hole for one attempt. Without an observer the router is taken to keep port numbers. */
export async function openHole(host: Host, options: HoleOptions): Promise<Hole> {
  const localPort = freePort(0);
  const look = await observe(host, localPort, options);
  const lasting = [
    ...look?.seen === undefined ? [] : [look.seen],
    ...options.outsideIps.map((ip) => `/ip4/${ip}/tcp/${localPort}`),
    ...ownPublicIp6().map((ip) => `/ip6/${ip}/tcp/${localPort}`),
  ];
  const hole: Hole = {
    localPort,
    addresses: [...new Set(lasting)],
    lasting,
    close: () => void look?.connection.close().catch(() => {}),
  };
  if (look?.seen === undefined || portOf(look.seen) === localPort) return hole;
  const seen = [look.seen, ...await lookAgain(host, options, MORE_LOOKS)];
  const step = portStep(seen.map(portOf));
  return step === undefined ? hole : foretell({ ...hole, step }, seen.at(-1)!);
}

/**
 * The same hole with the addresses of this moment: where the router counts, other connections may
 * have been made since it was opened.
 */
export async function refresh(host: Host, hole: Hole, options: HoleOptions): Promise<Hole> {
  if (hole.step === undefined) return hole;
  const [last] = await lookAgain(host, options, 1);
  return last === undefined ? hole : foretell(hole, last);
}

/** Foretold ones come first: two sides that both count must dial the other's in their order. */
function foretell(hole: Hole, last: string): Hole {
  const next = nextPorts(portOf(last), hole.step!)
    .map((port) => last.replace(/\d+$/, String(port)));
  return { ...hole, addresses: [...new Set([...next, ...hole.lasting])] };
}

/** Where the observer sees new connections of ours, in the order in which they are made. */
async function lookAgain(host: Host, options: HoleOptions, count: number): Promise<string[]> {
  const looks = await Promise.all(
    Array.from({ length: count }, () => observe(host, freePort(0), options)),
  );
  for (const look of looks) look?.connection.close().catch(() => {});
  return looks.flatMap((look) => look?.seen ?? []);
}

/** Connects to the observer once more, from a port, and hears where that comes from. */
async function observe(
  host: Host,
  localPort: number,
  { observer, signal }: HoleOptions,
): Promise<Look | undefined> {
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
    return { connection, ...(classOf(seen) === "public" && { seen: splitPeerId(seen).base }) };
  } catch {
    return undefined; // Then what is known without it must do.
  } finally {
    host.node.removeEventListener("peer:identify", onIdentify);
  }
}

/** A firewall for IPv6 lets in answers too, and no router changes addresses there. */
function ownPublicIp6(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => list ?? [])
    .filter(({ family, internal }) => family === "IPv6" && !internal)
    .map(({ address }) => address)
    .filter((ip) => classOf(`/ip6/${ip}/tcp/1`) === "public")
    .slice(0, OWN_IP6_MAX);
}
