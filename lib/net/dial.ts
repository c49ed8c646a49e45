/** What the dial loop asks of the peer manager, and what it hands it. */
import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import type { PeerBook } from "../peers/peer_book.ts";
import type { PeerSource } from "../peers/peer_record.ts";
import type { DialTarget, PeerStream, Transport } from "./transport.ts";

/**
 * Why a stream was opened: for a slot, for the user's `--peer`, only to see who is there, because
 * strangers named the peer, or to take the place of a session through a relay.
 */
export type DialKind = "slot" | "wanted" | "feeler" | "probe" | "direct";

export interface Dialled {
  readonly stream: PeerStream;
  readonly kind: DialKind;
  /** The addresses that were dialled, without `/p2p/ID`. */
  readonly addresses: readonly string[];
  /** Who named the peer, for one that no book knew. */
  readonly source?: PeerSource;
}

/** What the loop asks of the manager. */
export interface DialLoopOptions {
  readonly transport: Transport;
  readonly book: PeerBook;
  readonly clock: Clock;
  readonly random: Random;
  readonly wanted: readonly DialTarget[];
  /** Outbound sessions still wanted; handshakes count as sessions. */
  readonly freeSlots: () => number;
  readonly sessionCount: () => number;
  /** Whether there is a session or a handshake with the peer. */
  readonly isConnected: (peerId: string) => boolean;
  readonly isDiscouraged: (peerId: string) => boolean;
  /** Addresses of the outbound sessions. */
  readonly outboundAddresses: () => string[];
  /** Peers whose session goes through a relay. */
  readonly relayedPeers: () => readonly string[];
  readonly onDialled: (dialled: Dialled) => void;
}
