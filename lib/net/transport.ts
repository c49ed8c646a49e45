/**
 * The transport port: what sessions need of a peer-to-peer network, and nothing of how it is made.
 * `libp2p/transport.ts` is the real one, `memory_transport.ts` the simulated one.
 */
import type { PeerSource } from "../peers/peer_record.ts";

/** The one protocol that nodes of ours speak to each other. */
export const PROTOCOL = "/moim/1.0.0";

/** One protocol stream (`/moim/1.0.0`) to one peer, long-lived and two-way. */
export interface PeerStream {
  readonly peerId: string;
  /** Multiaddr of the other end as seen on this connection, without `/p2p/…`. */
  readonly remoteAddress: string;
  readonly openedBy: "us" | "them";
  /** Whether the connection under it goes through another peer. */
  readonly isRelayed: boolean;
  /** Chunks in order, of any size; ends when the other side closes, throws when it resets. */
  readonly incoming: AsyncIterable<Uint8Array>;
  /** Bytes handed to `send` that have not left yet: the caller drops a slow reader by it. */
  readonly bufferedBytes: number;
  /** Queues bytes in order; never blocks. Does nothing once the stream has ended. */
  send(bytes: Uint8Array): void;
  /** Ends the stream after what is queued has left (waits at most about a second). */
  close(): Promise<void>;
  /** Ends the stream at once. */
  reset(): void;
}

/** Whom to dial: at least an id or an address. */
export interface DialTarget {
  peerId?: string;
  /** Multiaddrs, each with or without `/p2p/ID`; those through a relay are dialled last. */
  addresses: string[];
  /** Only a direct connection will do: the peer is connected through a relay already. */
  isDirectOnly?: boolean;
}

/** The content of a signed peer record whose signature was right. */
export interface PeerRecordContent {
  peerId: string;
  addresses: string[];
  /** Milliseconds since 1970 by custom. */
  sequence: bigint;
}

/** Why a dial did not end in a stream. */
export type DialFailure =
  | "unreachable" // nobody answers there, or an id other than the one asked for
  | "no-protocol" // a libp2p peer that is not a moim node (a DHT server, say)
  | "aborted";

export class DialError extends Error {
  /** The id that answered, where one did. */
  readonly peerId: string | undefined;
  constructor(readonly failure: DialFailure, message: string, peerId?: string) {
    super(message);
    this.name = "DialError";
    this.peerId = peerId;
  }
}

export interface Transport {
  readonly peerId: string;
  /** Own addresses that others may dial, each ending in `/p2p/ID`; changes with the interfaces. */
  addresses(): string[];
  /** Dials if needed and opens the protocol stream. Throws `DialError`. */
  open(target: DialTarget, signal?: AbortSignal): Promise<PeerStream>;
  /** Streams opened by others. */
  onStream(listener: (stream: PeerStream) => void): void;
  /** A connected peer (by whatever way) that says it speaks the protocol; told once a connection. */
  onProtocolPeer(listener: (peerId: string, addresses: string[]) => void): void;
  /** A direct connection to the peer has come up, by whatever way; told for each of them. */
  onDirect(listener: (peerId: string) => void): void;
  /** Closes every connection to the peer. */
  disconnect(peerId: string): Promise<void>;
  /** Our own signed peer record, for `addr`. */
  signedRecord(): Promise<Uint8Array>;
  /** The signed record that identify brought of a connected peer, if it brought one. */
  recordOf(peerId: string): Promise<Uint8Array | undefined>;
  /** Checks the signature; throws on anything wrong. About 0.25 ms each: bound how many. */
  openRecord(bytes: Uint8Array): Promise<PeerRecordContent>;
}

export type { PeerSource };

/** Someone a discovery source found. */
export interface Candidate {
  peerId?: string;
  addresses: string[];
  source: PeerSource;
  /** The peer that told of it, where a stranger did: a DHT server's id. */
  toldBy?: string;
}
