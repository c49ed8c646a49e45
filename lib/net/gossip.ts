/**
 * `addr` gossip: signed peer records are checked, believed within the policy of `peers`, and passed
 * on once. What is held here is a cache; the memory is the peer book.
 */
import { toHex } from "../base/bytes.ts";
import type { Cancel, Clock } from "../base/clock.ts";
import { getLogger } from "../base/log.ts";
import { type Random, randomBelow, shuffled } from "../base/random.ts";
import { addressClass } from "../peers/address_class.ts";
import { judgeRecord, travellingAddresses } from "../peers/gossip_policy.ts";
import { sha256 } from "../primitives/hash.ts";
import { MAX_ADDR_RECORDS, MAX_RECORD_BYTES } from "../wire/addr.ts";
import { RateLimiter } from "./rate_limit.ts";
import type { Session } from "./session.ts";
import type { Candidate, PeerRecordContent, Transport } from "./transport.ts";

/** Records held for answering; the oldest goes first. */
const HELD_MAX = 500;
/** Digests of records judged before, so that a repeated one costs no signature check. */
const SEEN_MAX = 2_000;
/**
 * Peers to which a piece of news is passed on. Each passes it on once: enough to reach everyone.
 */
const FANOUT = 3;
/** Longer lists are answers, not news, and are not passed on. */
const NEWS_MAX = 10;
/** News of this long go out together. */
const NEWS_DELAY_MS = 200;
/** Signature checks one peer may cause: a quarter of a millisecond each. */
const CHECKS = { count: 300, everyMs: 60_000 };
/** identify may end after the session began. */
const IDENTIFY_RETRIES_MS = [500, 2_000, 5_000];

interface HeldRecord {
  readonly bytes: Uint8Array;
  readonly content: PeerRecordContent;
}

export interface GossipOptions {
  readonly transport: Transport;
  readonly clock: Clock;
  readonly random: Random;
  readonly sessions: () => readonly Session[];
  readonly onFound: (candidate: Candidate) => void;
}

const logger = getLogger("net", "gossip");

export class Gossip {
  readonly #options: GossipOptions;
  readonly #held = new Map<string, HeldRecord>();
  readonly #seen = new Set<string>();
  readonly #checks = new WeakMap<Session, RateLimiter<"record">>();
  #news: { record: HeldRecord; from: string }[] = [];
  #cancelNews: Cancel | undefined;

  constructor(options: GossipOptions) {
    this.#options = options;
  }

  stop(): void {
    this.#cancelNews?.();
    this.#news = [];
  }

  /** A session has begun: asks it for records, and takes up the peer's own. */
  onSession(session: Session): void {
    session.send({ type: "getaddr" });
    void this.#learnFromIdentify(session, 0);
  }

  /** Asks any one session for more. */
  ask(): void {
    const sessions = this.#options.sessions();
    sessions[randomBelow(this.#options.random, sessions.length)]?.send({ type: "getaddr" });
  }

  /** Tells everyone where we are now: our addresses have changed. */
  async readvertise(): Promise<void> {
    const record = await this.#ownRecord();
    if (record === undefined) return;
    for (const session of this.#options.sessions()) {
      if (this.#travels(record, session)) session.send({ type: "addr", records: [record.bytes] });
    }
  }

  /** Answers `getaddr`: our own record, those of our sessions, then any. */
  async onGetAddr(session: Session): Promise<void> {
    const own = await this.#ownRecord();
    const connected = new Set(this.#options.sessions().map((other) => other.peerId));
    const others = shuffled([...this.#held.values()], this.#options.random)
      .filter((record) => record.content.peerId !== session.peerId)
      .sort((a, b) =>
        Number(connected.has(b.content.peerId)) - Number(connected.has(a.content.peerId))
      );
    const records = (own === undefined ? others : [own, ...others])
      .filter((record) => this.#travels(record, session))
      .slice(0, MAX_ADDR_RECORDS)
      .map((record) => record.bytes);
    session.send({ type: "addr", records });
  }

  /** Takes up records that a peer sent. A wrong signature condemns it: it should have checked. */
  async onAddr(session: Session, records: readonly Uint8Array[]): Promise<void> {
    const limiter = this.#limiterOf(session);
    for (const bytes of records) {
      const digest = toHex(sha256(bytes));
      if (this.#seen.has(digest)) continue;
      if (!limiter.take("record", this.#options.clock.monotonicMs())) return;
      const content = await this.#open(bytes);
      if (content === undefined) return session.punish("invalid", "a peer record is not signed");
      this.#remember(digest);
      this.#judge(session, { bytes, content }, records.length <= NEWS_MAX);
      if (session.hasEnded) return;
    }
  }

  async #learnFromIdentify(session: Session, attempt: number): Promise<void> {
    const { transport, clock } = this.#options;
    const bytes = await transport.recordOf(session.peerId).catch(() => undefined);
    if (session.hasEnded) return;
    const retryMs = IDENTIFY_RETRIES_MS[attempt];
    if (bytes === undefined) {
      if (retryMs === undefined) return;
      clock.after(retryMs, () => {
        if (!session.hasEnded) void this.#learnFromIdentify(session, attempt + 1);
      });
      return;
    }
    const content = await this.#open(bytes);
    if (content?.peerId !== session.peerId || session.hasEnded) return;
    this.#judge(session, { bytes, content }, true);
  }

  #judge(session: Session, record: HeldRecord, isNews: boolean): void {
    const { peerId } = record.content;
    const { transport, clock, onFound } = this.#options;
    if (peerId === transport.peerId) return;
    const held = this.#held.get(peerId)?.content;
    const via = addressClass(session.address) ?? "public";
    const verdict = judgeRecord(record.content, via, clock.nowMs(), held?.sequence);
    if (verdict.kind === "refused") {
      if (verdict.reason !== "not-newer") {
        logger.debug("Refused a record of {peerId}: {reason}", { peerId, reason: verdict.reason });
      }
      return;
    }
    if (record.bytes.length <= MAX_RECORD_BYTES) this.#hold(record);
    // A record is signed anew for every answer; only other addresses make it news.
    const isSame = held !== undefined && sameAddresses(held.addresses, record.content.addresses);
    if (isNews && !isSame) this.#tell(record, session.peerId);
    const isOwn = peerId === session.peerId;
    onFound({ peerId, addresses: verdict.addresses, source: isOwn ? session.found : "gossip" });
  }

  #hold(record: HeldRecord): void {
    this.#held.delete(record.content.peerId);
    this.#held.set(record.content.peerId, record);
    if (this.#held.size > HELD_MAX) this.#held.delete(this.#held.keys().next().value!);
  }

  #remember(digest: string): void {
    this.#seen.add(digest);
    if (this.#seen.size > SEEN_MAX) this.#seen.delete(this.#seen.values().next().value!);
  }

  #tell(record: HeldRecord, from: string): void {
    if (this.#news.length >= MAX_ADDR_RECORDS) return;
    this.#news.push({ record, from });
    this.#cancelNews ??= this.#options.clock.after(NEWS_DELAY_MS, () => this.#flushNews());
  }

  #flushNews(): void {
    this.#cancelNews = undefined;
    const news = this.#news;
    this.#news = [];
    const recipients = new Map<Session, Uint8Array[]>();
    for (const { record, from } of news) {
      const others = this.#options.sessions().filter((session) =>
        session.peerId !== from && session.peerId !== record.content.peerId &&
        this.#travels(record, session)
      );
      for (const session of shuffled(others, this.#options.random).slice(0, FANOUT)) {
        recipients.set(session, [...recipients.get(session) ?? [], record.bytes]);
      }
    }
    for (const [session, records] of recipients) {
      session.send({ type: "addr", records: records.slice(0, NEWS_MAX) });
    }
  }

  #travels(record: HeldRecord, session: Session): boolean {
    const via = addressClass(session.address) ?? "public";
    return travellingAddresses(record.content.addresses, via).length > 0;
  }

  #limiterOf(session: Session): RateLimiter<"record"> {
    const limiter = this.#checks.get(session) ?? new RateLimiter<"record">(() => CHECKS);
    this.#checks.set(session, limiter);
    return limiter;
  }

  async #ownRecord(): Promise<HeldRecord | undefined> {
    const { transport } = this.#options;
    const bytes = await transport.signedRecord().catch(() => undefined);
    if (bytes === undefined || bytes.length > MAX_RECORD_BYTES) return undefined;
    const content = { peerId: transport.peerId, addresses: transport.addresses(), sequence: 0n };
    return { bytes, content };
  }

  async #open(bytes: Uint8Array): Promise<PeerRecordContent | undefined> {
    try {
      return await this.#options.transport.openRecord(bytes);
    } catch {
      return undefined; // The port throws on anything wrong with it.
    }
  }
}

function sameAddresses(a: readonly string[], b: readonly string[]): boolean {
  return [...a].sort().join() === [...b].sort().join();
}
