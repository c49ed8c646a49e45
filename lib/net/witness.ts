/** What peers told in passing that says something of our own machine: the time, and other networks. */

import type { VersionBody } from "../wire/version.ts";

/** The last so many peers' clocks: one peer is one voice, and the median needs no more. */
const CLOCKS_MAX = 32;
const NETWORKS_MAX = 16;
const PEERS_OF_NETWORK_MAX = 100;

type Told = { peerId: string; remote: VersionBody };
type Timing = { connectedAtMs: number; latencyMs: number };

export type ForeignNetwork = { network: string; genesisId: string; peers: number };

export class Witness {
  readonly #clocksMs = new Map<string, number>();
  readonly #foreign = new Map<string, { network: string; peers: Set<string> }>();

  /** A session has just become ready: its `version` left the peer half a round trip before. */
  noteClock({ peerId, remote, connectedAtMs, latencyMs }: Told & Timing): void {
    const aheadMs = Math.round(remote.timeMs - connectedAtMs + latencyMs / 2);
    this.#clocksMs.delete(peerId);
    this.#clocksMs.set(peerId, aheadMs);
    if (this.#clocksMs.size > CLOCKS_MAX) {
      this.#clocksMs.delete(this.#clocksMs.keys().next().value!);
    }
  }

  /** The peer is of another chain. */
  noteForeign({ peerId, remote: { networkName: network, genesisId } }: Told): void {
    let known = this.#foreign.get(genesisId);
    if (known === undefined) {
      if (this.#foreign.size >= NETWORKS_MAX) return;
      known = { network, peers: new Set() };
      this.#foreign.set(genesisId, known);
    }
    if (known.peers.size < PEERS_OF_NETWORK_MAX) known.peers.add(peerId);
  }

  /** One figure for each peer of late. */
  clocksMs(): number[] {
    return [...this.#clocksMs.values()];
  }

  foreign(): ForeignNetwork[] {
    return [...this.#foreign].map(([genesisId, { network, peers }]) => {
      return { network, genesisId, peers: peers.size };
    });
  }
}
