/**
 * One session: a protocol stream from its first message to its end. It judges form, order, quota and pace;
 * what messages mean is for others. The next frame is not touched before the last one is handled,
 * so a peer can make us work only as fast as we do.
 */
import { AssertionFailure } from "../base/assert.ts";
import { type Cancel, type Clock, delay } from "../base/clock.ts";
import { getLogger } from "../base/log.ts";
import type { Fault } from "../consensus/rules.ts";
import { WireError, type WireFault } from "../wire/error.ts";
import { decodeFrame, type Frame, FrameReader, FrameWriter } from "../wire/frame.ts";
import type { GoodbyeCode } from "../wire/goodbye.ts";
import { type Message, type MessageOf, MESSAGES, type MessageType } from "../wire/messages.ts";
import { FLAG_COMPACT_BLOCKS, PROTOCOL_VERSION, type VersionBody } from "../wire/version.ts";
import {
  type Guesses,
  Handshake,
  HANDSHAKE_TYPES,
  type HandshakeStep,
  type SecretMismatch,
} from "./membership/handshake.ts";
import type { Prover } from "./membership/membership.ts";
import { RateLimiter } from "./rate_limit.ts";
import type { PeerSource, PeerStream } from "./transport.ts";

export const HANDSHAKE_MS = 5_000;
/**
 * What may wait for a reader: the answer to 16 requests for the largest block, and as much again.
 */
export const SEND_BUFFER_MAX = 16 * 1024 * 1024;
/** Below this a paced sender goes on: enough for 20 ms at 100 MB/s. */
export const SEND_BUFFER_LOW = 2 * 1024 * 1024;
const PACE_MS = 10;
/** Messages of one turn leave in one write, but no more than this: a record of noise, about. */
const WRITE_BYTES = 60 * 1024;
/** A reader that takes nothing for so long is dropped. */
export const SLOW_READER_MS = 20_000;
/** A peer that goes on past its quota this often is not worth its bandwidth. */
export const OVER_QUOTA_MAX = 1_000;
/** Answers still owed to us, in all; far above what `sync` keeps in flight. */
const ASKED_MAX = 20_000;

/** Why a message was not handled, or a session not held: the names of the counters. */
export type Refusal =
  | WireFault
  | Fault
  | "out-of-order" // something before `version`, or a second one
  | "over-quota"
  | "no-version" // none within the time for it
  | "wrong-secret" // the secret of one side is missing, or another
  | "guessing" // too many wrong secrets were tried
  | "slow-reader";

/** How a session ended. */
export type SessionEnd =
  | { kind: "goodbye"; code: GoodbyeCode; text: string } // the peer said so
  | { kind: "closed-by-us"; code: GoodbyeCode }
  | { kind: "closed" } // the stream ended or was reset
  | { kind: "refused"; refusal: Refusal };

/** What this node says of itself in `version`; the session adds the rest. */
export type LocalVersion = Pick<
  VersionBody,
  "genesisId" | "tipId" | "tipHeight" | "totalWork" | "agent" | "networkName"
>;

/** What a session tells its owner. Calls come one at a time and in order. */
export interface SessionHooks {
  /** `version` has come and is of our network; the hook may close the session. */
  onReady(session: Session): void;
  /** `version` has come and is of another network, or of ourselves; the hook closes the session. */
  onForeign(session: Session, remote: VersionBody): void;
  /** The two sides share no secret; the session ends right after. */
  onSecretMismatch(session: Session, mismatch: SecretMismatch): void;
  onMessage(session: Session, message: Message): void | Promise<void>;
  onRefused(session: Session, refusal: Refusal, why: string): void;
  /** The peer sent something that no honest node sends. The session ends right after. */
  onInvalid(session: Session, why: string): void;
  /** Called once, whatever the end. */
  onEnd(session: Session, end: SessionEnd): void;
}

export interface SessionOptions {
  readonly stream: PeerStream;
  readonly found: PeerSource;
  readonly clock: Clock;
  /** Absent only with `askNetwork`. */
  readonly local?: LocalVersion;
  readonly nonce: bigint;
  readonly hooks: SessionHooks;
  /** Proves the network's secret; absent where it has none. */
  readonly membership?: Prover;
  /** How often the peer may still guess at the secret; unlimited unless given. */
  readonly guesses?: Guesses;
  /** Canonical JSON for a peer that comes without it; undefined when there is no sending it. */
  readonly networkParameters?: () => Uint8Array | undefined;
  /**
   * Given, the session asks for the network's parameters instead of saying `version`, hands them to
   * this (empty: too long to be sent) and ends with `probe`.
   */
  readonly askNetwork?: (parameters: Uint8Array) => void;
}

/** What is said when guesses at the secret come too fast: to a member that comes for the first time. */
export const TOO_MANY_GUESSES = "too many wrong secrets were tried here: come back in a minute";

/** What is said to a peer that does not share the secret. It tells nothing that is not public. */
const MISMATCH_TEXTS: Readonly<Record<SecretMismatch, string>> = {
  asked: "this node has no secret for its network",
  unproven: "this network asks for a secret",
  differs: "the secret differs",
};

const logger = getLogger("net", "session");

export class Session {
  readonly peerId: string;
  readonly direction: "outbound" | "inbound";
  readonly address: string;
  readonly isRelayed: boolean;
  found: PeerSource;
  /** Milliseconds since 1970 at which the session became ready; before that, at which it began. */
  connectedAtMs: number;
  /** From our `version` sent to theirs received; 0 before. */
  latencyMs = 0;
  bytesIn = 0;
  bytesOut = 0;
  /** When the peer last gave us something new and right; 0 for never. */
  lastUsefulMs = 0;
  readonly #stream: PeerStream;
  readonly #clock: Clock;
  readonly #options: SessionOptions;
  readonly #hooks: SessionHooks;
  readonly #limiter = new RateLimiter<MessageType>((type) => MESSAGES[type].quota);
  readonly #asked = new Map<MessageType, number>();
  readonly #outbox = new FrameWriter();
  readonly #refused = new Map<Refusal, number>();
  readonly #handshake: Handshake;
  #versionSentMs: number;
  #state: "handshake" | "open" | "ended" = "handshake";
  #remote: VersionBody | undefined;
  #cancelTimeout: Cancel = () => {};
  #isFlushDue = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#stream = options.stream;
    this.#clock = options.clock;
    this.#hooks = options.hooks;
    this.#versionSentMs = options.clock.monotonicMs();
    this.peerId = options.stream.peerId;
    this.direction = options.stream.openedBy === "us" ? "outbound" : "inbound";
    this.address = options.stream.remoteAddress;
    this.isRelayed = options.stream.isRelayed;
    this.found = options.found;
    this.connectedAtMs = options.clock.nowMs();
    const { local, membership, guesses, networkParameters } = options;
    this.#handshake = new Handshake({
      version: local && !options.askNetwork ? () => this.#version(local) : undefined,
      proof: membership?.begin(options.stream),
      guesses,
      networkParameters,
    });
  }

  /** Sends what comes first (our `version`, or the secret's proof) and begins to read. */
  start(): void {
    this.#cancelTimeout = this.#clock.after(HANDSHAKE_MS, () => this.#onHandshakeTimeout());
    for (const message of this.#handshake.begin()) this.#write(message);
    void this.#read();
  }

  /** The peer's `version`; asked for only once it has come. */
  get remote(): VersionBody {
    if (this.#remote === undefined) throw new AssertionFailure("The peer's version has come");
    return this.#remote;
  }

  /** True from `version` to the end. */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  get hasEnded(): boolean {
    return this.#state === "ended";
  }

  /** How many messages were refused, by reason. */
  get refused(): ReadonlyMap<Refusal, number> {
    return this.#refused;
  }

  /**
   * Queues a message. False when the session is over, or has just been dropped as a slow reader.
   */
  send(message: Message): boolean {
    if (this.#state !== "open") return false;
    if (this.#bufferedBytes > SEND_BUFFER_MAX) {
      this.#dropSlowReader();
      return false;
    }
    this.#noteAsked(message);
    this.#write(message);
    return true;
  }

  /**
   * For long answers: sends each as soon as little is queued. False when the session has ended, or
   * was dropped because the peer took nothing for `SLOW_READER_MS`.
   */
  async sendPaced(...messages: Message[]): Promise<boolean> {
    for (const message of messages) {
      if (this.#bufferedBytes > SEND_BUFFER_LOW) await this.#pace();
      if (!this.send(message)) return false;
    }
    return this.isOpen;
  }

  /**
   * Tells of a fault in what the peer sent. `invalid` ends the session and discourages the peer;
   * the others are only counted: they are nobody's guilt.
   */
  punish(fault: Fault, why: string): void {
    if (this.#state === "ended") return;
    this.#refuse(fault, why);
    if (fault !== "invalid") return;
    this.#hooks.onInvalid(this, why);
    this.#reset(fault);
  }

  /** Tells that the peer gave us something new and right. */
  creditUseful(): void {
    this.lastUsefulMs = this.#clock.nowMs();
  }

  /** Ends the session politely: a `goodbye`, then the stream once it has left. */
  close(code: GoodbyeCode, text: string): void {
    void this.closeAndWait(code, text);
  }

  /** As `close`; resolves when the stream has closed. */
  async closeAndWait(code: GoodbyeCode, text: string): Promise<void> {
    if (this.#state === "ended") return;
    this.#write({ type: "goodbye", code, text });
    this.#flush();
    const closed = this.#stream.close();
    this.#finish({ kind: "closed-by-us", code });
    await closed;
  }

  get #bufferedBytes(): number {
    return this.#stream.bufferedBytes + this.#outbox.length;
  }

  /** Waits until little is queued, or the session ends. */
  async #pace(): Promise<void> {
    let lowest = this.#bufferedBytes;
    let progressMs = this.#clock.monotonicMs();
    while (this.#state === "open" && this.#bufferedBytes > SEND_BUFFER_LOW) {
      if (this.#bufferedBytes < lowest) {
        lowest = this.#bufferedBytes;
        progressMs = this.#clock.monotonicMs();
      } else if (this.#clock.monotonicMs() - progressMs >= SLOW_READER_MS) {
        this.#dropSlowReader();
      }
      await delay(this.#clock, PACE_MS);
    }
  }

  async #read(): Promise<void> {
    const reader = new FrameReader();
    try {
      for await (const chunk of this.#stream.incoming) {
        this.bytesIn += chunk.length;
        // What was under way when we ended the session is nobody's fault.
        if (this.hasEnded) return;
        for (const frame of reader.read(chunk)) {
          // Most messages are handled at once: then nothing waits, not even for a microtask.
          const handled = this.#handle(frame);
          if (handled !== undefined) await handled;
          if (this.hasEnded) return;
        }
      }
      reader.end();
    } catch (error) {
      this.#fail(error);
    }
    this.#finish({ kind: "closed" });
    this.#stream.close().catch(() => this.#stream.reset());
  }

  #fail(error: unknown): void {
    if (this.#state === "ended" || !(error instanceof WireError)) return;
    this.#refuse(error.fault, error.message);
    // A stream that is cut off may be a cable pulled; every other wrong byte was meant.
    if (error.fault !== "truncated") this.#hooks.onInvalid(this, error.message);
    this.#reset(error.fault);
  }

  #handle(frame: Frame): void | Promise<void> {
    try {
      const handled = this.#take(frame);
      if (handled === undefined) return;
      return handled.catch((error) => this.#onHandlerError(frame.type, error));
    } catch (error) {
      if (error instanceof WireError) throw error;
      this.#onHandlerError(frame.type, error);
    }
  }

  /** Judges one frame: order, quota, form, in this order; then hands it over. */
  #take(frame: Frame): void | Promise<void> {
    const { type } = frame;
    const isOpen = this.#state === "open";
    if (type !== "goodbye" && !isOpen && !this.#handshake.expects(type)) {
      return this.#act(this.#handshake.unexpected(type));
    }
    if (isOpen && HANDSHAKE_TYPES.has(type)) return this.#misorder(`${type} came after version`);
    if (!this.#isWithinQuota(type)) return;
    const message = decodeFrame(frame);
    if (message.type === "goodbye") return this.#takeLeave(message);
    if (isOpen) return this.#hooks.onMessage(this, message);
    this.#act(this.#handshake.take(message));
  }

  /** Does what the handshake says. */
  #act(step: HandshakeStep | undefined): void {
    switch (step?.kind) {
      case undefined:
        return;
      case "say":
        for (const message of step.messages) this.#write(message);
        return;
      case "version":
        return this.#greet(step.version);
      case "network":
        this.#options.askNetwork?.(step.parameters);
        return this.close("probe", "only asking for the network's parameters");
      case "secret":
        this.#refuse("wrong-secret", step.why);
        this.#hooks.onSecretMismatch(this, step.mismatch);
        return this.#dismiss("wrong-secret", "secret", MISMATCH_TEXTS[step.mismatch]);
      case "too-many-guesses":
        this.#refuse("guessing", "too many wrong secrets were tried");
        return this.#dismiss("guessing", "full", TOO_MANY_GUESSES);
      case "out-of-order":
        return this.#misorder(step.why);
    }
  }

  #onHandshakeTimeout(): void {
    this.#refuse("no-version", `no version within ${HANDSHAKE_MS / 1000} s`);
    if (!this.#handshake.isProving) return this.#reset("no-version");
    this.#dismiss("no-version", "secret", MISMATCH_TEXTS.unproven);
  }

  /** As `close`, for a session that is refused. */
  #dismiss(refusal: Refusal, code: GoodbyeCode, text: string): void {
    if (this.#state === "ended") return;
    this.#write({ type: "goodbye", code, text });
    this.#flush();
    this.#stream.close().catch(() => this.#stream.reset());
    this.#finish({ kind: "refused", refusal });
  }

  #misorder(why: string): void {
    this.#refuse("out-of-order", why);
    this.#hooks.onInvalid(this, why);
    this.#reset("out-of-order");
  }

  /** Answers to what we asked for are free; everything else takes from the quota. */
  #isWithinQuota(type: MessageType): boolean {
    const asked = this.#asked.get(type) ?? 0;
    if (asked > 0) {
      this.#asked.set(type, asked - 1);
      return true;
    }
    if (this.#limiter.take(type, this.#clock.monotonicMs())) return true;
    this.#refuse("over-quota", `${type} came too often`);
    if (this.#refused.get("over-quota")! > OVER_QUOTA_MAX) {
      this.close("other", `too many messages of the kind ${type}`);
    }
    return false;
  }

  #version(local: LocalVersion): VersionBody {
    this.#versionSentMs = this.#clock.monotonicMs();
    return {
      protocol: PROTOCOL_VERSION,
      timeMs: Math.floor(this.#clock.nowMs()),
      nonce: this.#options.nonce,
      flags: FLAG_COMPACT_BLOCKS,
      ...local,
    };
  }

  #greet(version: VersionBody): void {
    this.#cancelTimeout();
    this.latencyMs = Math.round(this.#clock.monotonicMs() - this.#versionSentMs);
    this.connectedAtMs = this.#clock.nowMs();
    this.#remote = version;
    const isForeign = version.genesisId !== this.#options.local?.genesisId ||
      version.nonce === this.#options.nonce;
    if (isForeign) return this.#hooks.onForeign(this, version);
    this.#state = "open";
    this.#hooks.onReady(this);
  }

  #takeLeave({ code, text }: MessageOf<"goodbye">): void {
    this.#finish({ kind: "goodbye", code, text });
    this.#stream.close().catch(() => this.#stream.reset());
  }

  #noteAsked(message: Message): void {
    if (message.type === "getaddr") this.#expect("addr", 1);
    if (message.type === "getheaders") this.#expect("headers", 1);
    if (message.type === "getblocktxn") {
      this.#expect("blocktxn", 1);
      this.#expect("notfound", 1);
    }
    if (message.type !== "getdata") return;
    const blocks = message.items.reduce((sum, { kind }) => sum + (kind === "block" ? 1 : 0), 0);
    this.#expect("block", blocks);
    this.#expect("tx", message.items.length - blocks);
    this.#expect("notfound", message.items.length);
  }

  #expect(type: MessageType, count: number): void {
    this.#asked.set(type, Math.min(ASKED_MAX, (this.#asked.get(type) ?? 0) + count));
  }

  #write(message: Message): void {
    this.#outbox.add(message);
    if (this.#outbox.length >= WRITE_BYTES) return this.#flush();
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(() => this.#flush());
  }

  /** Each write is a record of its own on every layer below, and costs what a large one costs. */
  #flush(): void {
    this.#isFlushDue = false;
    if (this.#outbox.length === 0) return;
    const bytes = this.#outbox.take();
    this.bytesOut += bytes.length;
    this.#stream.send(bytes);
  }

  #refuse(refusal: Refusal, why: string): void {
    this.#refused.set(refusal, (this.#refused.get(refusal) ?? 0) + 1);
    this.#hooks.onRefused(this, refusal, why);
  }

  #dropSlowReader(): void {
    if (this.#state === "ended") return;
    this.#refuse("slow-reader", "it does not read what we send");
    this.#reset("slow-reader");
  }

  #reset(refusal: Refusal): void {
    this.#stream.reset();
    this.#finish({ kind: "refused", refusal });
  }

  #finish(end: SessionEnd): void {
    if (this.#state === "ended") return;
    this.#state = "ended";
    this.#cancelTimeout();
    this.#hooks.onEnd(this, end);
  }

  /** A handler's error is ours, not the peer's. A broken assertion must stop the node. */
  #onHandlerError(type: MessageType, error: unknown): void {
    logger.error("Cannot handle {type} of {peerId}: {error}", { type, peerId: this.peerId, error });
    if (error instanceof AssertionFailure) {
      queueMicrotask(() => {
        throw error;
      });
    }
    this.close("other", "internal error");
  }
}
