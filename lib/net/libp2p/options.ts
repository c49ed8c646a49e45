/** What a real transport is told at its start. */
import type { Clock } from "../../base/clock.ts";
import type { DhtMode } from "../dht/kind.ts";
import type { Candidate } from "../transport.ts";

export type Libp2pTransportOptions = {
  /** Ed25519 seed of the node's identity, 32 bytes. */
  identitySeed: Uint8Array;
  /** TCP port; 0 picks a free one. A busy one throws `PortBusyError`. */
  port: number;
  /** One address to listen on instead of all, such as 127.0.0.1. */
  listenHost?: string;
  /** Known public addresses of this node (multiaddr or host:port), announced and trusted. */
  announce?: string[];
  /**
   * `own`: the chain's own DHT runs beside the public one; true unless said. `membersOnly`: in the
   * chain's own or private DHT only members are answered and asked.
   */
  dht?: { mode: DhtMode | "off"; protocol?: string; own?: boolean; membersOnly?: boolean };
  /** Who goes through which relay is for members alone to know. */
  hidesRelays?: boolean;
  /** DHT servers to enter by: multiaddrs, with or without `/p2p/ID`. */
  bootstraps?: string[];
  /** Search the local network. */
  lan?: boolean;
  /** The phrase (or what stands for it) under which nodes meet. */
  rendezvous: string;
  /** Program and version, such as `moim/0.1.0`. */
  agent?: string;
  /** Ask the router for a way in. */
  mapPort?: boolean;
  /** Serve members as a relay where others can reach this node; true unless said. */
  relay?: boolean;
  /** Whether the peer has proven during this run that it is of our network: members are relayed. */
  isMember?: (peerId: string) => boolean;
  clock?: Clock;
  /** Whether more peers are wanted: decides how often the DHT is asked. */
  wantsPeers?: () => boolean;
  /** Whether nobody is connected. */
  isAlone?: () => boolean;
  onCandidate?: (candidate: Candidate) => void;
  /** A line for the user, such as a warning. */
  onNotice?: (text: string) => void;
};
