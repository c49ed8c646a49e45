/** What a running node can tell the doctor of its network. */
import { bareAddress, isRelayedAddress } from "../peers/address_class.ts";
import { splitPeerId } from "../net/addresses.ts";
import { PUBLIC_BOOTSTRAPS } from "../net/dht/kind.ts";
import type { DiscoveryState } from "../net/discovery.ts";
import type { Libp2pTransport } from "../net/libp2p/transport.ts";
import type { PeerManager } from "../net/peer_manager.ts";
import type { PeerBook } from "../peers/peer_book.ts";
import type { Neighbour, NodeDiagnosis } from "./api.ts";
import type { NodeConfig } from "./config.ts";
import { classOfIp, ipOf } from "./doctor_facts.ts";

/** More say nothing new, and each is dialled. */
const NEIGHBOURS_MAX = 16;
const TARGETS_MAX = 12;

export interface EvidenceParts {
  config: NodeConfig;
  network: string;
  transport: Libp2pTransport;
  peers: PeerManager;
  book: PeerBook;
  nowMs: number;
  /** When the node's own addresses became what they are; 0 for since the start. */
  addressesSinceMs: number;
}

export function evidenceOf(parts: EvidenceParts): NodeDiagnosis {
  const { config, network, transport, peers, book } = parts;
  const { state, text } = transport.reachability();
  const dht = transport.discovery().filter(({ source }) => source !== "lan");
  const staleSinceMs = staleness(dht, parts);
  const refused = peers.stats().refused;
  return {
    running: true,
    network,
    settings: settingsOf(config),
    port: { port: transport.port, state: "ours" },
    peers: peers.sessions().length,
    addresses: transport.addresses().flatMap((address) => bareAddress(address) ?? []),
    reach: { state, text },
    portMapping: transport.portMapping(),
    observed: transport.observed.own(),
    clocksMs: peers.witness.clocksMs(),
    foreign: peers.witness.foreign(),
    dht: dht.filter(({ state }) => state !== "off").map((each) => ({
      name: each.source,
      answers: isAnswering(each),
      text: each.text,
    })),
    ...(staleSinceMs !== undefined && { staleSinceMs }),
    secretMismatches: refused["wrong-secret"] ?? 0,
    neighbours: neighboursOf(parts),
    targets: targetsOf(
      config,
      book.all().map(({ peerId, addresses }) => {
        return { peerId, addresses: addresses.map(({ address }) => address) };
      }),
    ),
  };
}

export function settingsOf({ dht, lan, announce }: NodeConfig): NodeDiagnosis["settings"] {
  return { dht, lan, announce: announce.map((address) => splitPeerId(address).base) };
}

/** Whom the node would ask to get in, named ones first. */
export function targetsOf(
  config: NodeConfig,
  known: readonly { peerId: string; addresses: readonly string[] }[],
): string[] {
  const remembered = known.flatMap(({ peerId, addresses }) =>
    addresses.filter((address) => !isRelayedAddress(address) && isOutside(address))
      .slice(0, 1).map((address) => `${address}/p2p/${peerId}`)
  );
  const bootstraps = config.dht === "public" ? PUBLIC_BOOTSTRAPS : [];
  return [...config.peers, ...remembered.slice(0, TARGETS_MAX), ...bootstraps];
}

function isOutside(address: string): boolean {
  const ip = ipOf(address);
  return ip === undefined || classOfIp(ip) === "public";
}

function isAnswering({ tablePeers = 0, state }: DiscoveryState): boolean {
  return tablePeers > 0 || state === "advertised";
}

/** How long the public DHT, or our own, has not been told of the addresses of now. */
function staleness(dht: readonly DiscoveryState[], parts: EvidenceParts): number | undefined {
  const { addressesSinceMs, nowMs } = parts;
  const toldMs = Math.max(0, ...dht.map(({ advertisedAtMs = 0 }) => advertisedAtMs));
  if (toldMs === 0 || toldMs >= addressesSinceMs) return undefined;
  return nowMs - addressesSinceMs;
}

function neighboursOf({ peers, book, transport }: EvidenceParts): Neighbour[] {
  const sessions = new Map(peers.sessions().map((session) => [session.peerId, session]));
  const neighbours = book.all().flatMap(({ peerId, addresses }): Neighbour[] => {
    const near = addresses.map(({ address }) => address).filter(isPrivate);
    if (near.length === 0) return [];
    const session = sessions.get(peerId);
    const connection = session === undefined ? "none" : session.isRelayed ? "relayed" : "direct";
    return [{ peerId, addresses: near, connection, outside: transport.observed.ofPeer(peerId) }];
  });
  // Whoever goes through a relay although he may be near is who the doctor wants to hear of.
  const isRelayed = ({ connection }: Neighbour) => connection === "relayed" ? 0 : 1;
  return neighbours.sort((a, b) => isRelayed(a) - isRelayed(b)).slice(0, NEIGHBOURS_MAX);
}

function isPrivate(address: string): boolean {
  const ip = ipOf(address);
  return ip !== undefined && !isRelayedAddress(address) && classOfIp(ip) === "private";
}
