/**
 * Direct connections between two peers behind routers that meet through a relay: the protocol
 * `/libp2p/dcutr` (libp2p specifications, relay/DCUtR.md) over the relayed connection tells each
 * side where the other's hole is, and lets both dial at the same moment.
 *
 * libp2p's own service for it is not used: it tells the peer the port that this node listens on, but
 * dials from another, so that no router lets the other side in, and it ends the relayed connection
 * while a session still lives on it.
 */
import type { Connection, IdentifyResult, Stream } from "@libp2p/interface";
import { type Clock, delay } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { getLogger } from "../../base/log.ts";
import { type Random, systemRandom } from "../../base/random.ts";
import { classOf } from "../addresses.ts";
import { type Hole, type HoleOptions, openHole, refresh } from "./hole.ts";
import { DCUTR_PROTOCOL, encodeHolePunch, nextHolePunch, readHolePunch } from "./messages.ts";
import type { Host } from "../libp2p/host.ts";
import { MemberGate } from "../membership/member_gate.ts";
import { punch } from "./punch.ts";

/** A peer proves itself right after it is connected; a stranger never does. */
const MEMBERSHIP_MS = 10_000;
/** The session itself comes first; and who can be dialled has been by then. */
const BEGIN_AFTER_MS = 500;
/** Pauses before the attempts: three at once (DCUtR.md), then for as long as the relay lasts. */
const ATTEMPT_AFTER_MS = [0, 300, 1_000, 60_000, 300_000, 1_200_000] as const;
/** What comes before the dialling: the looks at the own port, and two round trips through the relay. */
const ATTEMPT_MS = 8_000;
/** A hole made in advance is thrown away then: routers forget a port that nothing uses. */
const PREPARED_MS = 15_000;
/** A class behind one router meets others through one relay: one after the other. */
const PUNCHES_MAX = 4;
/** Addresses outside by which others have seen us; the last is the likeliest. */
const OUTSIDE_IPS_MAX = 2;

const log = getLogger("net", "hole-punch");

export type HolePunchOptions = {
  host: Host;
  clock: Clock;
  random?: Random;
  /** Whether the peer has proven itself: nobody else makes us dial. */
  isMember: (peerId: string) => boolean;
  /** The peer has told where others see it. */
  onTold?: (peerId: string, addresses: string[]) => void;
};

/** What came of the attempts, for those who measure. */
export type HolePunchCounts = { attempts: number; successes: number };

export class HolePunching {
  readonly counts: HolePunchCounts = { attempts: 0, successes: 0 };
  readonly #options: HolePunchOptions;
  readonly #random: Random;
  readonly #gate: MemberGate;
  readonly #stopped = new AbortController();
  readonly #prepared = new Map<string, Promise<Hole>>();
  /** Peers whose relayed connection is looked after here. */
  readonly #begun = new Set<string>();
  /** Peers with whom an attempt is being made. */
  readonly #busy = new Set<string>();
  #outsideIps: string[] = [];

  private constructor(options: HolePunchOptions) {
    this.#options = options;
    this.#random = options.random ?? systemRandom;
    this.#gate = new MemberGate(options.clock, options.isMember);
  }

  /** Answers attempts of others and, where a member came to us through a relay, makes its own. */
  static async start(options: HolePunchOptions): Promise<HolePunching> {
    const punching = new HolePunching(options);
    const { node } = options.host;
    node.addEventListener("peer:identify", ({ detail }) => punching.#onIdentify(detail));
    await node.handle(
      DCUTR_PROTOCOL,
      (stream, connection) => punching.#answer(stream, connection),
      {
        maxInboundStreams: 1,
        maxOutboundStreams: 1,
        runOnLimitedConnection: true,
      },
    );
    return punching;
  }

  stop(): void {
    this.#stopped.abort();
    for (const peerId of [...this.#prepared.keys()]) this.#discard(peerId);
  }

  /** Another network, another router: what was seen from outside is no more. */
  onNetworkChanged(): void {
    this.#outsideIps = [];
    for (const peerId of [...this.#prepared.keys()]) this.#discard(peerId);
  }

  #onIdentify({ connection, observedAddr, protocols }: IdentifyResult): void {
    if (this.#stopped.signal.aborted) return;
    if (connection.direct) return this.#noteOutside(connection, observedAddr?.toString());
    if (!protocols.includes(DCUTR_PROTOCOL)) return;
    // Who was dialled through the relay begins (DCUtR.md); the other gets ready for it.
    if (connection.direction === "inbound") void this.#begin(connection);
    else void this.#prepare(connection);
  }

  #noteOutside(connection: Connection, observed: string | undefined): void {
    if (observed === undefined || classOf(connection.remoteAddr.toString()) !== "public") return;
    const [, kind, ip] = observed.split("/");
    if (kind !== "ip4" || classOf(observed) !== "public") return;
    this.#outsideIps = [ip!, ...this.#outsideIps.filter((known) => known !== ip)]
      .slice(0, OUTSIDE_IPS_MAX);
  }

  /** Attempts for as long as the relayed connection lasts and no other one has come up. */
  async #begin(relayed: Connection): Promise<void> {
    const { clock } = this.#options;
    const peerId = relayed.remotePeer.toString();
    if (this.#begun.has(peerId)) return;
    this.#begun.add(peerId);
    try {
      await delay(clock, BEGIN_AFTER_MS, this.#stopped.signal);
      if (!await this.#gate.admits(peerId, MEMBERSHIP_MS, this.#stopped.signal)) return;
      for (const pauseMs of ATTEMPT_AFTER_MS) {
        const jitter = 0.5 + this.#random.float();
        await delay(clock, pauseMs * jitter, this.#stopped.signal);
        if (!this.#isNeeded(relayed)) return;
        if (this.#isTheirs(peerId)) continue;
        await this.#attempt(relayed).catch((error) => this.#tellFailure(peerId, error));
      }
    } finally {
      this.#begun.delete(peerId);
    }
  }

  #isNeeded(relayed: Connection): boolean {
    const isOpen = relayed.status === "open" && !this.#stopped.signal.aborted;
    return isOpen && this.#options.host.connectionTo(relayed.remotePeer.toString()) === undefined;
  }

  /**
   * Where both came to each other through a relay both would begin, and each find the other busy:
   * the smaller peer id does.
   */
  #isTheirs(peerId: string): boolean {
    const { host } = this.#options;
    const cameBoth = host.connections(peerId).some(({ direct, direction }) =>
      !direct && direction === "outbound"
    );
    return cameBoth && peerId < host.peerId;
  }

  /** One attempt of ours: as B of DCUtR.md. Throws whatever kept it from succeeding. */
  async #attempt(relayed: Connection): Promise<void> {
    const { clock } = this.#options;
    const peerId = relayed.remotePeer.toString();
    if (this.#busy.has(peerId) || this.#busy.size >= PUNCHES_MAX) return;
    this.#busy.add(peerId);
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(ATTEMPT_MS)]);
    let hole: Hole | undefined;
    let stream: Stream | undefined;
    try {
      stream = await relayed.newStream(DCUTR_PROTOCOL, { signal, runOnLimitedConnection: true });
      hole = await openHole(this.#options.host, this.#holeOptions(relayed, signal));
      const messages = readHolePunch(stream, signal);
      const sentMs = clock.monotonicMs();
      stream.send(encodeHolePunch({ type: "connect", addresses: hole.addresses }));
      const { addresses } = await nextHolePunch(messages, "connect");
      this.#options.onTold?.(peerId, addresses);
      const halfMs = (clock.monotonicMs() - sentMs) / 2;
      stream.send(encodeHolePunch({ type: "sync" }));
      await delay(clock, halfMs, signal);
      await this.#punch({ relayed, hole, addresses, initiator: false });
    } finally {
      this.#busy.delete(peerId);
      hole?.close();
      endStream(stream);
    }
  }

  /** An attempt of the peer: as A of DCUtR.md. */
  async #answer(stream: Stream, relayed: Connection): Promise<void> {
    const peerId = relayed.remotePeer.toString();
    const { isMember } = this.#options;
    const isFree = !this.#busy.has(peerId) && this.#busy.size < PUNCHES_MAX;
    const isWelcome = !relayed.direct && isMember(peerId);
    if (!isFree || !isWelcome || this.#stopped.signal.aborted) {
      return stream.abort(new Error("No direct connection is wanted"));
    }
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(ATTEMPT_MS)]);
    let hole: Hole | undefined;
    this.#busy.add(peerId);
    try {
      const messages = readHolePunch(stream, signal);
      const { addresses } = await nextHolePunch(messages, "connect");
      this.#options.onTold?.(peerId, addresses);
      hole = await this.#prepare(relayed);
      this.#prepared.delete(peerId);
      hole = await refresh(this.#options.host, hole, this.#holeOptions(relayed, signal));
      stream.send(encodeHolePunch({ type: "connect", addresses: hole.addresses }));
      await nextHolePunch(messages, "sync");
      await this.#punch({ relayed, hole, addresses, initiator: true });
    } catch (error) {
      this.#tellFailure(peerId, error);
    } finally {
      this.#busy.delete(peerId);
      hole?.close();
      endStream(stream);
    }
    // For the next attempt, which follows soon where this one failed.
    if (this.#isNeeded(relayed)) void this.#prepare(relayed);
  }

  async #punch(
    { relayed, hole, addresses, initiator }: {
      relayed: Connection;
      hole: Hole;
      addresses: string[];
      initiator: boolean;
    },
  ): Promise<void> {
    const { host, clock } = this.#options;
    const peerId = relayed.remotePeer.toString();
    const { signal } = this.#stopped;
    this.counts.attempts++;
    const told = { own: hole.addresses, theirs: addresses };
    log.debug("Dialling {peerId} at {theirs} from {own}", { peerId, ...told });
    const random = this.#random;
    await punch(host, { peerId, hole, addresses, initiator, clock, random, signal });
    this.counts.successes++;
    log.debug("A direct connection to {peerId} has been made", { peerId });
  }

  /** The hole for the next attempt with this peer, opened now if it is not there yet. */
  #prepare(relayed: Connection): Promise<Hole> {
    const peerId = relayed.remotePeer.toString();
    const prepared = this.#prepared.get(peerId);
    if (prepared !== undefined) return prepared;
    const { signal } = this.#stopped;
    const opening = openHole(this.#options.host, this.#holeOptions(relayed, signal));
    this.#prepared.set(peerId, opening);
    opening.catch(() => this.#prepared.delete(peerId));
    this.#options.clock.after(PREPARED_MS, () => {
      if (this.#prepared.get(peerId) === opening) this.#discard(peerId);
    });
    return opening;
  }

  #discard(peerId: string): void {
    this.#prepared.get(peerId)?.then((hole) => hole.close()).catch(() => {});
    this.#prepared.delete(peerId);
  }

  #holeOptions(relayed: Connection, signal: AbortSignal): HoleOptions {
    const observer = this.#observerFor(relayed);
    return { outsideIps: this.#outsideIps, signal, ...(observer && { observer }) };
  }

  /** Somebody whom we dialled at a public address: the relay itself, else anybody. */
  #observerFor(relayed: Connection): Connection | undefined {
    const outside = this.#options.host.connections().filter((connection) =>
      connection.direct && connection.direction === "outbound" &&
      classOf(connection.remoteAddr.toString()) === "public"
    );
    const way = relayed.remoteAddr.toString();
    return outside.find((connection) => way.includes(connection.remotePeer.toString())) ??
      outside[0];
  }

  #tellFailure(peerId: string, error: unknown): void {
    log.debug("No direct connection to {peerId}: {reason}", { peerId, reason: messageOf(error) });
  }
}

/** Nothing is said at the end: whoever still reads from it is done as well. */
function endStream(stream: Stream | undefined): void {
  if (stream?.status !== "open") return;
  void stream.close({ signal: AbortSignal.timeout(1_000) }).catch((error) => stream.abort(error));
}
