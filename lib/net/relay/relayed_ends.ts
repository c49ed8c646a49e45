/**
 * Ends connections through relays that carry no stream of ours any more: they are of no use to us,
 * and the relay has others to serve.
 */
import type { Connection } from "@libp2p/interface";
import type { Cancel, Clock } from "../../base/clock.ts";

/** A stream that replaces the last one may just be under way. */
const LINGER_MS = 2_000;
const CLOSE_MS = 1_000;
/** What runs by itself on every connection, and is no reason to keep one. */
const INCIDENTAL = ["/ipfs/id/1.0.0", "/ipfs/id/push/1.0.0", "/ipfs/ping/1.0.0"];

export class RelayedEnds {
  readonly #clock: Clock;
  readonly #waiting = new Map<Connection, Cancel>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** A stream on this connection has ended. */
  end(connection: Connection): void {
    if (this.#waiting.has(connection)) return;
    const cancel = this.#clock.after(LINGER_MS, () => {
      this.#waiting.delete(connection);
      if (isUnused(connection)) close(connection);
    });
    this.#waiting.set(connection, cancel);
  }

  stop(): void {
    for (const cancel of this.#waiting.values()) cancel();
    this.#waiting.clear();
  }
}

function isUnused({ status, streams }: Connection): boolean {
  return status === "open" &&
    streams.every((stream) => stream.status !== "open" || INCIDENTAL.includes(stream.protocol));
}

function close(connection: Connection): void {
  const signal = AbortSignal.timeout(CLOSE_MS);
  connection.close({ signal }).catch((error) => connection.abort(error));
}
