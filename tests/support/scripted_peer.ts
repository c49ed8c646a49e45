/** A peer made of answers that a test writes, on a hub without a network. */
import type { Unsubscribe } from "../../lib/base/signals.ts";
import type { Fault } from "../../lib/consensus/rules.ts";
import type { PeerSession, SessionHub, SyncMessage } from "../../lib/net/hub.ts";
import type { BlockHeader } from "../../lib/primitives/block.ts";
import type { BlockId } from "../../lib/primitives/ids.ts";
import type { GoodbyeCode } from "../../lib/wire/goodbye.ts";
import type { Message, MessageOf } from "../../lib/wire/messages.ts";
import type { VersionBody } from "../../lib/wire/version.ts";
import type { Minted } from "./easy_chain.ts";

type Listener = (session: PeerSession) => void;
type MessageListener = Parameters<SessionHub["onMessage"]>[0];

export class ScriptedHub implements SessionHub {
  readonly #began = new Set<Listener>();
  readonly #ended = new Set<Listener>();
  readonly #messages = new Set<MessageListener>();
  readonly #open = new Set<ScriptedPeer>();

  sessions = () => [...this.#open];
  onSession = (listener: Listener) => subscribe(this.#began, listener);
  onSessionEnd = (listener: Listener) => subscribe(this.#ended, listener);
  onMessage = (listener: MessageListener) => subscribe(this.#messages, listener);

  /** A peer that says `version` (tip and work) and answers with `answer`. */
  connect(peerId: string, version: Partial<VersionBody>, answer: Answer = () => []): ScriptedPeer {
    const peer = new ScriptedPeer(this, peerId, version as VersionBody, answer);
    this.#open.add(peer);
    for (const listener of this.#began) listener(peer);
    return peer;
  }

  /** Called by the peer. */
  ended(peer: ScriptedPeer): void {
    if (!this.#open.delete(peer)) return;
    for (const listener of this.#ended) listener(peer);
  }

  async deliver(peer: ScriptedPeer, message: SyncMessage): Promise<void> {
    for (const listener of this.#messages) await listener(peer, message);
  }
}

/** What the peer sends when it is sent `message`. */
export type Answer = (message: Message) => Iterable<SyncMessage>;

export class ScriptedPeer implements PeerSession {
  readonly direction = "inbound" as const;
  readonly found = "inbound" as const;
  readonly address = "/memory";
  readonly isRelayed = false;
  readonly connectedAtMs = 0;
  readonly latencyMs = 0;
  readonly bytesIn = 0;
  readonly bytesOut = 0;
  isOpen = true;
  /** What the node sent to this peer. */
  readonly received: Message[] = [];
  /** Faults the node found in what this peer sent. */
  readonly faults: { fault: Fault; why: string }[] = [];
  isUseful = false;
  #last: Promise<void> = Promise.resolve();

  constructor(
    private readonly hub: ScriptedHub,
    readonly peerId: string,
    readonly remote: VersionBody,
    public answer: Answer,
  ) {}

  send(message: Message): boolean {
    if (!this.isOpen) return false;
    this.received.push(message);
    for (const reply of this.answer(message)) void this.say(reply);
    return true;
  }

  sendPaced(...messages: Message[]): Promise<boolean> {
    return Promise.resolve(messages.every((message) => this.send(message)));
  }

  punish(fault: Fault, why: string): void {
    this.faults.push({ fault, why });
    if (fault === "invalid") this.leave();
  }

  creditUseful(): void {
    this.isUseful = true;
  }

  close(_code: GoodbyeCode, _text: string): void {
    this.leave();
  }

  /** Sends `message` to the node, after everything said before; resolves when it is handled. */
  say(message: SyncMessage): Promise<void> {
    this.#last = this.#last.then(async () => {
      if (this.isOpen) await this.hub.deliver(this, message);
    });
    return this.#last;
  }

  leave(): void {
    this.isOpen = false;
    this.hub.ended(this);
  }

  /** The messages of one type that the node sent. */
  got<Type extends Message["type"]>(type: Type): MessageOf<Type>[] {
    return this.received.filter((each) => each.type === type) as MessageOf<Type>[];
  }
}

/** What an honest node with `minted` on genesis says of itself. */
export function versionOf(minted: readonly Minted[]): Partial<VersionBody> {
  const { id, height, totalWork } = minted.at(-1)!.context;
  return { tipId: id, tipHeight: height, totalWork };
}

/** Answers as an honest node whose chain is genesis and then `minted`. */
export function honest(minted: readonly Minted[], headersPerMessage = 2_000): Answer {
  const positions = new Map(minted.map(({ block }, at) => [block.id, at]));
  return function* (message): Iterable<SyncMessage> {
    if (message.type === "getheaders") {
      yield { type: "headers", headers: following(minted, positions, message, headersPerMessage) };
    }
    if (message.type !== "getdata") return;
    for (const item of message.items) {
      const at = positions.get(item.id as BlockId);
      if (at === undefined) yield { type: "notfound", items: [item] };
      else yield { type: "block", bytes: minted[at]!.block.bytes };
    }
  };
}

function following(
  minted: readonly Minted[],
  positions: ReadonlyMap<BlockId, number>,
  { locator, stop }: MessageOf<"getheaders">,
  limit: number,
): BlockHeader[] {
  const known = locator.find((id) => positions.has(id));
  const from = known === undefined ? 0 : positions.get(known)! + 1;
  const to = stop === undefined ? Infinity : positions.get(stop)! + 1;
  return minted.slice(from, Math.min(from + limit, to)).map(({ block }) => block.header);
}

function subscribe<Item>(set: Set<Item>, item: Item): Unsubscribe {
  set.add(item);
  return () => set.delete(item);
}
