/**
 * A half-node that speaks frames over any transport, real or simulated: it sends what a test tells
 * it to, right or wrong, counts what it gets, and answers nothing by itself.
 */
import { ByteWriter } from "../../lib/base/bytes.ts";
import { WireError } from "../../lib/wire/error.ts";
import { decodeFrame, encodeFrame, FrameReader } from "../../lib/wire/frame.ts";
import type { Message, MessageOf, MessageType } from "../../lib/wire/messages.ts";
import { PROTOCOL_VERSION, type VersionBody } from "../../lib/wire/version.ts";
import type { DialTarget, PeerStream, Transport } from "../../lib/net/transport.ts";

/** What a test must say of itself to be of the node's network. */
export type PeerIdentity = Pick<VersionBody, "genesisId" | "networkName"> & Partial<VersionBody>;

export class WirePeer {
  /** Everything received, in order. */
  readonly received: Message[] = [];
  /** How the stream ended, once it has. */
  ended: "open" | "closed" | "reset" = "open";
  /** Called for each message received: the place for scripted answers. */
  onMessage: (message: Message) => void = () => {};
  #watchers = new Set<() => void>();

  private constructor(readonly stream: PeerStream) {
    void this.#read();
  }

  /** Opens a stream to a node and says nothing yet. */
  static async dial(transport: Transport, target: DialTarget): Promise<WirePeer> {
    return new WirePeer(await transport.open(target));
  }

  /** Opens a stream and exchanges `version`. */
  static async connect(
    transport: Transport,
    target: DialTarget,
    identity: PeerIdentity,
  ): Promise<WirePeer> {
    const peer = await WirePeer.dial(transport, target);
    peer.greet(identity);
    await peer.until((messages) => messages.some((message) => message.type === "version"));
    return peer;
  }

  /** The next stream that somebody opens to `transport`. */
  static accept(transport: Transport): Promise<WirePeer> {
    return new Promise((resolve) => {
      let isFirst = true;
      transport.onStream((stream) => {
        if (isFirst) resolve(new WirePeer(stream));
        isFirst = false;
      });
    });
  }

  /** Sends `version`, with the fields that do not matter filled in. */
  greet(identity: PeerIdentity): void {
    this.send({
      type: "version",
      protocol: PROTOCOL_VERSION,
      tipId: identity.genesisId,
      tipHeight: 0,
      totalWork: 1n,
      agent: "wire peer",
      timeMs: 1_767_225_600_000,
      nonce: crypto.getRandomValues(new BigUint64Array(1))[0]!,
      flags: 0,
      ...identity,
    });
  }

  send(message: Message): void {
    this.stream.send(encodeFrame(message));
  }

  /** A frame with any type byte and body, its length right. */
  sendFrame(code: number, body: Uint8Array): void {
    this.stream.send(frame(code, body));
  }

  sendRaw(bytes: Uint8Array): void {
    this.stream.send(bytes);
  }

  count(type: MessageType): number {
    return this.received.filter((message) => message.type === type).length;
  }

  /** The last message of a type; fails when none has come. */
  last<Type extends MessageType>(type: Type): MessageOf<Type> {
    const message = this.received.findLast((each) => each.type === type);
    if (message === undefined) throw new Error(`No ${type} has come`);
    return message as MessageOf<Type>;
  }

  /**
   * Resolves once `condition` holds; rejects when the stream ends first. No time limit of its own.
   */
  async until(condition: (received: readonly Message[]) => boolean): Promise<void> {
    while (!condition(this.received)) {
      if (this.ended !== "open") throw new Error(`The stream ended (${this.ended}) while waiting`);
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
  }

  /** Resolves when the stream has ended, however. */
  async untilEnded(): Promise<void> {
    while (this.ended === "open") {
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
  }

  async close(): Promise<void> {
    await this.stream.close();
  }

  async #read(): Promise<void> {
    const reader = new FrameReader();
    let ended: "closed" | "reset" = "closed";
    try {
      for await (const chunk of this.stream.incoming) {
        for (const each of reader.read(chunk)) {
          const message = decodeFrame(each);
          this.received.push(message);
          this.onMessage(message);
        }
        this.#wake();
      }
    } catch (error) {
      if (error instanceof WireError) throw error; // Nodes speak rightly; else a test must fail.
      ended = "reset";
    }
    this.ended = ended;
    this.#wake();
  }

  #wake(): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const wake of watchers) wake();
  }
}

/** A frame with any type byte and body. */
export function frame(code: number, body: Uint8Array): Uint8Array {
  return new ByteWriter().varint(body.length + 1).u8(code).bytes(body).finish();
}
