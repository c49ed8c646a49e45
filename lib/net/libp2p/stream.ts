/** A libp2p stream as the port's `PeerStream`: bounded in both directions. */
import type { Connection, Stream } from "@libp2p/interface";
import { systemClock, yieldToOthers } from "../../base/clock.ts";
import { splitPeerId } from "../addresses.ts";
import type { PeerStream } from "../transport.ts";

/** Unread bytes at which the other side is told to stop, and at which it may go on. */
const UNREAD_BYTES_HIGH = 1 << 20;
const UNREAD_BYTES_LOW = 1 << 18;

/** What may still arrive after we said stop: one full receive window, with room to spare. */
export const RECEIVE_WINDOW_BYTES_MAX = 4 << 20;
const READ_BUFFER_BYTES_MAX = 2 * RECEIVE_WINDOW_BYTES_MAX;

/** Reading what is here already gives way to the rest of the process after this long. */
const TURN_MS = 10;

const CLOSE_MS = 1_000;

/** The sender is told of what was read when it is this part of the window, which is 256 kB or more. */
const UNTOLD_PART = 1 / 4;

export class Libp2pStream implements PeerStream {
  readonly peerId: string;
  readonly remoteAddress: string;
  readonly isRelayed: boolean;
  readonly incoming: AsyncIterable<Uint8Array>;
  readonly #stream: Stream;
  readonly #unread: Uint8Array[] = [];
  #unreadBytes = 0;
  #ended = false;
  #error: Error | undefined;
  #wake: () => void = () => {};

  constructor(stream: Stream, connection: Connection, readonly openedBy: "us" | "them") {
    this.#stream = stream;
    this.peerId = connection.remotePeer.toString();
    this.remoteAddress = splitPeerId(connection.remoteAddr.toString()).base;
    this.incoming = { [Symbol.asyncIterator]: () => this.#read() };
    this.isRelayed = !connection.direct;
    // A session is quiet for as long as nothing happens; the connection has its own heartbeat.
    stream.inactivityTimeout = Number.MAX_SAFE_INTEGER;
    stream.maxReadBufferLength = READ_BUFFER_BYTES_MAX;
    tellOfManyOnly(stream);
    stream.addEventListener("message", (event) => this.#onData(plain(event.data.subarray())));
    stream.addEventListener("remoteCloseWrite", () => this.#onEnd(undefined));
    stream.addEventListener("close", (event) => this.#onEnd(event.error));
    // An end that came while the stream was being negotiated was told to nobody. What came before
    // it is handed over in a microtask of its own, which is queued already.
    if (stream.remoteWriteStatus === "closed" || stream.status !== "open") {
      queueMicrotask(() => this.#onEnd(undefined));
    }
  }

  get bufferedBytes(): number {
    return this.#stream.writeBufferLength;
  }

  send(bytes: Uint8Array): void {
    if (this.#stream.status !== "open") return;
    try {
      this.#stream.send(bytes);
    } catch (error) {
      this.#stream.abort(error instanceof Error ? error : new Error(String(error)));
    }
  }

  async close(): Promise<void> {
    try {
      await this.#stream.close({ signal: AbortSignal.timeout(CLOSE_MS) });
      this.#onEnd(undefined);
    } catch {
      this.reset();
    }
  }

  reset(): void {
    this.#stream.abort(new Error("Stream reset by this side"));
  }

  #onData(bytes: Uint8Array): void {
    this.#unread.push(bytes);
    this.#unreadBytes += bytes.length;
    if (this.#unreadBytes > UNREAD_BYTES_HIGH) this.#tryTo(() => this.#stream.pause());
    this.#wake();
  }

  /** What libp2p still holds back of a paused stream is read first: it came before the end. */
  #onEnd(error: Error | undefined): void {
    if (this.#ended) return;
    this.#tryTo(() => this.#stream.resume());
    this.#ended = true;
    this.#error = error;
    this.#wake();
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    let turnStartMs = systemClock.monotonicMs();
    while (true) {
      if (systemClock.monotonicMs() - turnStartMs > TURN_MS) {
        await yieldToOthers();
        turnStartMs = systemClock.monotonicMs();
      }
      const chunk = this.#unread.shift();
      if (chunk !== undefined) {
        this.#unreadBytes -= chunk.length;
        if (this.#unreadBytes < UNREAD_BYTES_LOW) this.#tryTo(() => this.#stream.resume());
        yield chunk;
      } else if (this.#ended) {
        if (this.#error !== undefined) throw this.#error;
        return;
      } else {
        await new Promise<void>((resolve) => this.#wake = resolve);
        turnStartMs = systemClock.monotonicMs();
      }
    }
  }

  /** Pausing a stream that is just closing throws; there is nothing left to pause then. */
  #tryTo(action: () => void): void {
    try {
      action();
    } catch {
      return;
    }
  }
}

/** A view without the habits of `Buffer`, whose `slice` does not copy. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What we use of the inside of a yamux stream. */
type Windowed = {
  readonly state: number;
  readonly recvWindow: number;
  readonly recvWindowCapacity: number;
  sendWindowUpdate: () => void;
};
/** `StreamState.Established` of yamux: no flag waits to be sent along. */
const ESTABLISHED = 3;

/**
 * Yamux for JavaScript answers each message with a window update, which costs both sides as much as
 * the message does, before the message is even handled. Other implementations wait for half a window.
 */
function tellOfManyOnly(stream: Stream): void {
  const windowed = stream as unknown as Windowed;
  const tell = windowed.sendWindowUpdate;
  if (typeof tell !== "function") return;
  windowed.sendWindowUpdate = () => {
    const { recvWindow, recvWindowCapacity, state } = windowed;
    const untold = recvWindow - recvWindowCapacity;
    if (state !== ESTABLISHED || untold >= UNTOLD_PART * recvWindow) tell.call(stream);
  };
}
