/**
 * Routers that answer a search by SSDP (UPnP Device Architecture 1.1, §1.3). The search goes to the
 * multicast address, as it must, and to the likely gateways themselves: an answer to that passes the
 * firewalls of most computers, which drop answers from somebody they have not written to.
 */
import { createSocket } from "node:dgram";
import type { Clock } from "../../base/clock.ts";

/** Where devices listen for searches. */
export const SSDP_ADDRESS = "239.255.255.250";
export const SSDP_PORT = 1900;
const SEARCHED = [
  "urn:schemas-upnp-org:device:InternetGatewayDevice:1",
  "urn:schemas-upnp-org:device:InternetGatewayDevice:2",
  "urn:schemas-upnp-org:service:WANIPConnection:1",
  "urn:schemas-upnp-org:service:WANPPPConnection:1",
] as const;
/** Packets get lost, on Wi-Fi most of all those to many. */
const SEARCH_AFTER_MS = [0, 500, 1_200] as const;
const ANSWER_CHARACTERS_MAX = 2_048;
/** A router names itself once for each thing searched; more come from who means harm. */
const LOCATIONS_MAX = 8;

export type SsdpSearch = {
  /** Own address in the network to search. */
  ownAddress: string;
  /** Addresses to ask: the multicast address and the likely gateways. */
  targets: string[];
  port?: number;
  /** Whose answers count. */
  accepts: (ip: string) => boolean;
  clock: Clock;
};

/** An answer: where the description of the device at `host` is. */
export type SsdpAnswer = { host: string; location: string };

/** Tells of each new answer until `signal` ends the search. Throws if the system cannot search. */
export async function searchSsdp(
  search: SsdpSearch,
  onAnswer: (answer: SsdpAnswer) => void,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const seen = new Set<string>();
  const socket = createSocket("udp4");
  socket.on("error", reject);
  socket.on("message", (message: Uint8Array, from) => {
    const location = search.accepts(from.address) ? locationOf(message) : undefined;
    if (location === undefined || seen.has(location) || seen.size >= LOCATIONS_MAX) return;
    seen.add(location);
    onAnswer({ host: from.address, location });
  });
  const { targets, port = SSDP_PORT, clock } = search;
  const sendAll = () => {
    for (const target of targets) {
      for (const wanted of SEARCHED) socket.send(searchOf(wanted), port, target, () => {});
    }
  };
  const cancels: (() => void)[] = [];
  socket.bind(0, search.ownAddress, () => {
    if (signal.aborted) return;
    cancels.push(...SEARCH_AFTER_MS.map((afterMs) => clock.after(afterMs, sendAll)));
  });
  const onAbort = () => resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
    for (const cancel of cancels) cancel();
    socket.close();
  }
}

function searchOf(wanted: string): string {
  return [
    "M-SEARCH * HTTP/1.1",
    `HOST: ${SSDP_ADDRESS}:${SSDP_PORT}`,
    'MAN: "ssdp:discover"',
    "MX: 1",
    `ST: ${wanted}`,
    "",
    "",
  ].join("\r\n");
}

/** The `LOCATION` of an answer to a search for a gateway. */
export function locationOf(message: Uint8Array): string | undefined {
  if (message.length > ANSWER_CHARACTERS_MAX) return undefined;
  const text = new TextDecoder().decode(message);
  if (!/^HTTP\/1\.[01] 200/.test(text)) return undefined;
  const kind = /^st:[ \t]*(\S+)[ \t]*\r?$/im.exec(text)?.[1];
  if (!(SEARCHED as readonly string[]).includes(kind ?? "")) return undefined;
  return /^location:[ \t]*(\S+)[ \t]*\r?$/im.exec(text)?.[1];
}
