/**
 * Ends connections on which nobody answers any more: a peer whose cable is pulled, or whose laptop
 * sleeps, says nothing, and TCP alone notices it after a quarter of an hour. libp2p's own monitor
 * opens a stream for each ping, ten times the bytes of a ping of Yamux, which every libp2p speaks.
 */
import type { Connection } from "@libp2p/interface";
import { type Cancel, type Clock, every } from "../../base/clock.ts";
import { getLogger } from "../../base/log.ts";
import type { Host } from "./host.ts";

/**
 * A connection that was silent for a whole round is pinged. Shorter than the two minutes for which
 * the meanest home routers remember a quiet connection, and each ping is 0.3 kB with all headers.
 */
const ROUND_MS = 10_000;
/**
 * Three resendings of TCP (after 1, 2 and 4 s at most) fit in. With the rounds, a dead connection is
 * noticed after 18 s on average and 28 s at most.
 */
const PATIENCE_MS = 8_000;
/** After a change of our own network: two resendings, and people wait. */
const SHORT_PATIENCE_MS = 4_000;

const log = getLogger("net", "heartbeat");

/** What we use of the inside of a connection. */
type Inside = {
  muxer?: { ping?: () => Promise<number> };
  maConn?: { socket?: { readonly bytesRead?: number; readonly localAddress?: string } };
};

export class Heartbeat {
  readonly #host: Host;
  readonly #clock: Clock;
  /** Bytes that had come by the last round. */
  readonly #bytesRead = new WeakMap<Connection, number>();
  /** Connections that are to answer, until when, and how to stop waiting for them. */
  readonly #waiting = new Map<Connection, { endMs: number; cancel: Cancel }>();
  #cancel: Cancel = () => {};

  constructor(host: Host, clock: Clock) {
    this.#host = host;
    this.#clock = clock;
  }

  start(): void {
    const { node } = this.#host;
    this.#cancel = every(this.#clock, ROUND_MS, () => this.#round());
    node.addEventListener("connection:open", ({ detail }) => this.#onOpen(detail));
    node.addEventListener("connection:close", ({ detail }) => this.#forget(detail));
  }

  stop(): void {
    this.#cancel();
    for (const { cancel } of this.#waiting.values()) cancel();
  }

  /** Our network is another one: asks everybody at once, and ends what has lost its address. */
  checkAll(ownIps: ReadonlySet<string>): void {
    for (const connection of this.#host.node.getConnections()) {
      const local = (connection as Inside).maConn?.socket?.localAddress;
      if (local === undefined || isOwn(local, ownIps)) this.#ask(connection, SHORT_PATIENCE_MS);
      else this.#end(connection, `its address ${local} is gone`);
    }
  }

  /**
   * Who connects again has perhaps lost the former connection without our noticing. Two young ones
   * are mostly two sides that dialled at once, and both perhaps busy with starting.
   */
  #onOpen(connection: Connection): void {
    const nowMs = this.#clock.nowMs();
    for (const other of this.#host.node.getConnections(connection.remotePeer)) {
      if (other === connection) continue;
      const isYoung = nowMs - other.timeline.open < ROUND_MS;
      this.#ask(other, isYoung ? PATIENCE_MS : SHORT_PATIENCE_MS);
    }
  }

  #round(): void {
    for (const connection of this.#host.node.getConnections()) {
      const bytesRead = bytesReadOf(connection);
      const before = this.#bytesRead.get(connection);
      if (bytesRead !== undefined) this.#bytesRead.set(connection, bytesRead);
      if (bytesRead === undefined || bytesRead === before) this.#ask(connection, PATIENCE_MS);
    }
  }

  /** Whatever comes counts as an answer: on a slow line a pong waits behind megabytes. */
  #ask(connection: Connection, patienceMs: number): void {
    const { muxer } = connection as Inside;
    if (connection.status !== "open" || muxer?.ping === undefined) return;
    const endMs = this.#clock.monotonicMs() + patienceMs;
    // Whoever asks often, as one who dials again and again, does not put off the end.
    if ((this.#waiting.get(connection)?.endMs ?? Infinity) <= endMs) return;
    this.#forget(connection);
    const before = bytesReadOf(connection);
    const cancel = this.#clock.after(patienceMs, () => {
      this.#waiting.delete(connection);
      if (before !== undefined && bytesReadOf(connection) !== before) return;
      this.#end(connection, `no answer for ${patienceMs / 1_000} s`);
    });
    this.#waiting.set(connection, { endMs, cancel });
    // Never given up: Yamux takes a pong that it no longer waits for as a breach of the protocol.
    muxer.ping().then((roundTripMs) => {
      connection.rtt = roundTripMs;
      this.#forget(connection);
    }, () => {});
  }

  #forget(connection: Connection): void {
    this.#waiting.get(connection)?.cancel();
    this.#waiting.delete(connection);
  }

  #end(connection: Connection, why: string): void {
    if (connection.status !== "open") return;
    const peerId = connection.remotePeer.toString();
    log.info("Ended the connection to {peerId}: {why}", { peerId, why });
    connection.abort(new Error(`Connection lost: ${why}`));
  }
}

function bytesReadOf(connection: Connection): number | undefined {
  return (connection as Inside).maConn?.socket?.bytesRead;
}

/** IPv4 may be written as IPv6 where the socket is one for both. */
function isOwn(local: string, ownIps: ReadonlySet<string>): boolean {
  const plain = local.replace(/^::ffff:/, "").replace(/%.*$/, "");
  return plain.startsWith("127.") || plain === "::1" || ownIps.has(plain);
}
