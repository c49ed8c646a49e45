/** Streams of our protocol, opened by us or by the peer, and who is known to speak it. */
import type { Connection, IdentifyResult, Stream } from "@libp2p/interface";
import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { Signal } from "../../base/signals.ts";
import { splitPeerId } from "../addresses.ts";
import { RelayedEnds } from "../relay/relayed_ends.ts";
import { DialError, type DialTarget, type PeerStream, PROTOCOL } from "../transport.ts";
import type { Dialer } from "./dialer.ts";
import type { Host } from "./host.ts";
import { Libp2pStream } from "./stream.ts";

/** One each way is normal; two while both sides dial at once. */
const STREAMS_PER_PEER_MAX = 4;
const OPEN_STREAM_MS = 5_000;
/** Weight that keeps a peer of ours when libp2p must close connections. */
const PEER_TAG = { moim: { value: 100 } };

export class StreamDoor {
  /** Streams that peers have opened. */
  readonly streams = new Signal<PeerStream>();
  /** Peers that identify has shown to speak the protocol, once for each connection. */
  readonly protocolPeers = new Signal<{ peerId: string; addresses: string[] }>();
  /** Peers to which there is a new direct connection. */
  readonly directs = new Signal<string>();
  readonly #host: Host;
  readonly #dialer: Dialer;
  readonly #relayedEnds: RelayedEnds;
  readonly #told = new WeakSet<Connection>();

  constructor(host: Host, dialer: Dialer, clock: Clock) {
    this.#host = host;
    this.#dialer = dialer;
    this.#relayedEnds = new RelayedEnds(clock);
  }

  /** Lets peers in. */
  async start(): Promise<void> {
    const { node } = this.#host;
    node.addEventListener("peer:identify", (event) => this.#onIdentify(event.detail));
    node.addEventListener("connection:open", (event) => this.#onConnection(event.detail));
    await node.handle(PROTOCOL, (stream, connection) => {
      this.streams.emit(this.#adopt(stream, connection, "them"));
    }, {
      maxInboundStreams: STREAMS_PER_PEER_MAX,
      maxOutboundStreams: STREAMS_PER_PEER_MAX,
      runOnLimitedConnection: true,
    });
  }

  stop(): void {
    this.#relayedEnds.stop();
  }

  /** A stream to the target, over a connection that exists or a new one. Throws `DialError`. */
  async open(target: DialTarget, signal?: AbortSignal): Promise<PeerStream> {
    const connection = await this.#dialer.connect(target, signal);
    const peerId = connection.remotePeer.toString();
    const timeout = AbortSignal.timeout(OPEN_STREAM_MS);
    const stop = signal ? AbortSignal.any([signal, timeout]) : timeout;
    try {
      const options = { signal: stop, runOnLimitedConnection: true };
      const stream = await connection.newStream(PROTOCOL, options);
      return this.#adopt(stream, connection, "us");
    } catch (error) {
      throw this.#openFailure(error, connection, peerId, signal);
    }
  }

  #adopt(stream: Stream, connection: Connection, openedBy: "us" | "them"): PeerStream {
    void this.#host.node.peerStore.merge(connection.remotePeer, { tags: PEER_TAG }).catch(() => {});
    if (!connection.direct) {
      stream.addEventListener("close", () => this.#relayedEnds.end(connection));
    }
    return new Libp2pStream(stream, connection, openedBy);
  }

  #openFailure(error: unknown, connection: Connection, peerId: string, signal?: AbortSignal) {
    if (error instanceof Error && error.name === "UnsupportedProtocolError") {
      const text = `The peer at ${connection.remoteAddr} does not speak ${PROTOCOL}`;
      return new DialError("no-protocol", text, peerId);
    }
    if (signal?.aborted) return new DialError("aborted", "Dial aborted", peerId);
    // A connection on which no stream opens is dead, and would be found again by the next dial.
    connection.abort(new Error("No stream could be opened"));
    return new DialError("unreachable", messageOf(error).split("\n")[0]!, peerId);
  }

  #onIdentify(result: IdentifyResult): void {
    if (!result.protocols.includes(PROTOCOL) || this.#told.has(result.connection)) return;
    this.#told.add(result.connection);
    const addresses = result.signedPeerRecord?.addresses ?? result.listenAddrs;
    this.protocolPeers.emit({
      peerId: result.peerId.toString(),
      addresses: addresses.map((address) => splitPeerId(address.toString()).base),
    });
  }

  #onConnection(connection: Connection): void {
    if (!connection.direct) return;
    this.directs.emit(connection.remotePeer.toString());
  }
}
