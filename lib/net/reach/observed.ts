/**
 * At which addresses outsiders see this node, as they say when they identify themselves, and where
 * they see its peers, as those say when they want a direct connection.
 */
import type { IdentifyResult } from "@libp2p/interface";
import { addressClass } from "../../peers/address_class.ts";
import type { Host } from "../libp2p/host.ts";

/** The last so many peers. */
const PEERS_MAX = 64;

export class Observed {
  /** By the peer that sees us there. */
  readonly #ownIp = new Map<string, string>();
  readonly #peerIps = new Map<string, string[]>();

  constructor(host: Host) {
    host.node.addEventListener("peer:identify", ({ detail }) => this.#onIdentify(detail));
    host.node.addEventListener("peer:disconnect", ({ detail }) => {
      this.#ownIp.delete(detail.toString());
    });
  }

  /** Public IP addresses of ours, and how many peers see us there, most first. */
  own(): { ip: string; peers: number }[] {
    const counts = new Map<string, number>();
    for (const ip of this.#ownIp.values()) counts.set(ip, (counts.get(ip) ?? 0) + 1);
    return [...counts].map(([ip, peers]) => ({ ip, peers })).sort((a, b) => b.peers - a.peers);
  }

  /** The public IP addresses that the peer has at last told as its own; empty where it has not. */
  ofPeer(peerId: string): string[] {
    return this.#peerIps.get(peerId) ?? [];
  }

  /** The peer tells at which multiaddrs others see it. */
  notePeer(peerId: string, addresses: readonly string[]): void {
    const ips = addresses.flatMap((address) => publicIp(address) ?? []);
    if (ips.length > 0) putLast(this.#peerIps, peerId, [...new Set(ips)]);
  }

  /** All that was seen before is of another network. */
  forget(): void {
    this.#ownIp.clear();
    this.#peerIps.clear();
  }

  #onIdentify({ peerId, observedAddr, connection }: IdentifyResult): void {
    const ip = connection.direct && observedAddr ? publicIp(observedAddr.toString()) : undefined;
    if (ip !== undefined) putLast(this.#ownIp, peerId.toString(), ip);
  }
}

/** The IP of a multiaddr, if it is a public one. */
export function publicIp(address: string): string | undefined {
  return addressClass(address) === "public" ? address.split("/")[2] : undefined;
}

/** As `set`, but the key is the newest now, and the oldest goes where there are too many. */
function putLast<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > PEERS_MAX) map.delete(map.keys().next().value!);
}
