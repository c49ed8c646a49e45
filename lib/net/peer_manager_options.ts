/** What the peer manager is told, and what it tells of itself. */
import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { PeerBook } from "../peers/peer_book.ts";
import type { Prover } from "./membership/membership.ts";
import type { LocalVersion, Refusal } from "./session.ts";
import type { DialTarget, Transport } from "./transport.ts";

export interface PeerManagerOptions {
  readonly transport: Transport;
  readonly book: PeerBook;
  readonly clock: Clock;
  readonly random: Random;
  /** What `version` says of us, asked anew for every session. */
  readonly local: () => LocalVersion;
  /** The user's `--peer` addresses. */
  readonly wanted?: readonly DialTarget[];
  readonly outboundTarget?: number;
  readonly inboundMax?: number;
  /** Whether addresses are exchanged with peers; true unless said. */
  readonly gossip?: boolean;
  /** Proves the network's secret, where it has one. */
  readonly membership?: Prover | undefined;
  /** See `SessionOptions`. */
  readonly networkParameters?: () => Uint8Array | undefined;
}

export interface PeerStats {
  readonly outbound: number;
  readonly inbound: number;
  readonly handshakes: number;
  readonly dialing: number;
  readonly known: number;
  readonly discouraged: number;
  /** Messages and sessions refused since the start, by reason. */
  readonly refused: Readonly<Partial<Record<Refusal, number>>>;
  /** Bytes of ended sessions included. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}
