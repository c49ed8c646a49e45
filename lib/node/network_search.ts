/**
 * The search for a network's parameters by somebody who has only an invitation: dials whoever any
 * discovery source names, proves the secret where there is one, and asks. It goes on until a member
 * has given parameters that are right, or it is told to end.
 */
import { type Cancel, type Clock, every } from "../base/clock.ts";
import { EXIT, messageOf, UserError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import type { Network } from "../consensus/network.ts";
import type { Prover } from "../net/membership/membership.ts";
import { Session, type SessionEnd } from "../net/session.ts";
import type { Candidate, DialTarget, PeerStream, Transport } from "../net/transport.ts";
import { splitPeerId } from "../net/addresses.ts";
import { bareAddress } from "../peers/address_class.ts";
import { shorten } from "./settings.ts";

/** Asked at the same time: a class answers as one, and none of them has to wait for a dead one. */
const ASKED_AT_ONCE_MAX = 8;
/** Remembered candidates; the public DHT may name strangers without end. */
const CANDIDATES_MAX = 500;
const DIAL_MS = 10_000;
/** Who did not answer is asked again after this, then after twice as long each time. */
const RETRY_MS = { first: 2_000, max: 60_000 };
const TICK_MS = 250;
/** After this the user is told what may be the matter. */
const LATE_MS = 30_000;
/** How long a member with right parameters may still turn up after one with wrong ones. */
const OTHERS_MS = 10_000;
/** Characters of what is wrong with an answer. */
const LINE_MAX = 160;

export type SearchOptions = {
  transport: Transport;
  clock: Clock;
  random: Random;
  /** Absent for a network without a secret. */
  membership: Prover | undefined;
  /** The network of what a member gave. Throws `Error` (in a few words) when it is not the one. */
  check: (parameters: Uint8Array) => Network;
  onLine: (line: string) => void;
  /** Told when nobody has answered for half a minute. */
  lateLine: string;
};

/** The parameters, and where their giver can be dialled again: multiaddrs with its id. */
export type FoundNetwork = { network: Network; member: string[] };

type Asked = { target: DialTarget; dueMs: number; pauseMs: number; isAsking: boolean };

export class NetworkSearch {
  readonly #options: SearchOptions;
  readonly #nonce: bigint;
  readonly #candidates = new Map<string, Asked>();
  readonly #told = new Set<string>();
  readonly #result = Promise.withResolvers<FoundNetwork>();
  readonly #sessions = new Set<Session>();
  #timers: Cancel[] = [];
  #isRunning = true;
  /** What was wrong with a member's answer, if one was. */
  #complaint: string | undefined;

  constructor(options: SearchOptions) {
    this.#options = options;
    this.#nonce = new DataView(options.random.bytes(8).buffer).getBigUint64(0);
    const { transport, clock } = options;
    transport.onStream((stream) => {
      if (this.#isRunning) void this.#ask(stream);
      else stream.reset();
    });
    transport.onProtocolPeer((peerId, addresses) => this.found({ peerId, addresses }));
    this.#timers.push(every(clock, TICK_MS, () => this.#dialDue()));
    this.#timers.push(clock.after(LATE_MS, () => options.onLine(options.lateLine)));
  }

  /** Takes a candidate from any source; those without an id are the user's own. */
  found({ peerId, addresses }: Omit<Candidate, "source">): void {
    const { transport, clock } = this.#options;
    const key = peerId ?? addresses[0];
    if (key === undefined || peerId === transport.peerId || !this.#isRunning) return;
    const known = this.#candidates.get(key);
    if (known === undefined && this.#candidates.size >= CANDIDATES_MAX) return;
    const all = [...new Set([...known?.target.addresses ?? [], ...addresses])];
    const hasNews = all.length > (known?.target.addresses.length ?? -1);
    const target = { ...(peerId !== undefined && { peerId }), addresses: all };
    this.#candidates.set(key, {
      target,
      isAsking: known?.isAsking ?? false,
      pauseMs: known?.pauseMs ?? RETRY_MS.first,
      dueMs: hasNews || known === undefined ? clock.monotonicMs() : known.dueMs,
    });
    this.#dialDue();
  }

  /**
   * The network, as soon as a member has told it. Throws `UserError`: interrupted when `signal` is
   * aborted, rejected when a proven member's parameters were not the right ones and no other came.
   */
  async run(signal: AbortSignal): Promise<FoundNetwork> {
    const interrupt = () =>
      this.#result.reject(
        new UserError(EXIT.interrupted, "Interrupted: nobody was found and nothing was joined"),
      );
    if (signal.aborted) interrupt();
    signal.addEventListener("abort", interrupt, { once: true });
    try {
      return await this.#result.promise;
    } finally {
      signal.removeEventListener("abort", interrupt);
      this.#isRunning = false;
      for (const cancel of this.#timers) cancel();
      for (const session of this.#sessions) session.close("probe", "the search is over");
    }
  }

  #dialDue(): void {
    const nowMs = this.#options.clock.monotonicMs();
    let asking = [...this.#candidates.values()].filter(({ isAsking }) => isAsking).length;
    for (const [key, candidate] of this.#candidates) {
      if (asking >= ASKED_AT_ONCE_MAX || !this.#isRunning) return;
      if (candidate.isAsking || candidate.dueMs > nowMs) continue;
      asking++;
      candidate.isAsking = true;
      void this.#dial(candidate.target).finally(() => this.#rest(key));
    }
  }

  #rest(key: string): void {
    const candidate = this.#candidates.get(key);
    if (candidate === undefined) return;
    candidate.isAsking = false;
    candidate.dueMs = this.#options.clock.monotonicMs() + candidate.pauseMs;
    candidate.pauseMs = Math.min(2 * candidate.pauseMs, RETRY_MS.max);
  }

  async #dial(target: DialTarget): Promise<void> {
    const abort = new AbortController();
    const cancel = this.#options.clock.after(DIAL_MS, () => abort.abort());
    try {
      const stream = await this.#options.transport.open(target, abort.signal);
      if (this.#isRunning) await this.#ask(stream);
      else stream.reset();
    } catch {
      // Nobody there now, or no node of ours: it is tried again later.
    } finally {
      cancel();
    }
  }

  /** One conversation; resolves when it is over. */
  #ask(stream: PeerStream): Promise<void> {
    const { clock, membership } = this.#options;
    const { promise, resolve } = Promise.withResolvers<void>();
    const session = new Session({
      stream,
      found: "peer",
      clock,
      nonce: this.#nonce,
      ...(membership && { membership }),
      askNetwork: (parameters) => this.#take(stream, parameters),
      hooks: {
        onReady: () => {}, // It ends before.
        onForeign: () => {},
        onMessage: () => {},
        onRefused: () => {},
        onInvalid: () => {},
        onSecretMismatch: () => this.#tellStranger(stream.peerId),
        onEnd: (ended, end) => {
          this.#sessions.delete(ended);
          if (isSecretFarewell(end)) this.#tellStranger(stream.peerId);
          resolve();
        },
      },
    });
    this.#sessions.add(session);
    session.start();
    return promise;
  }

  #take({ peerId, openedBy, remoteAddress }: PeerStream, parameters: Uint8Array): void {
    const { check, membership, clock, onLine } = this.#options;
    try {
      const network = check(parameters);
      onLine(`…${peerId.slice(-8)} has the parameters of network "${shorten(network.name)}"`);
      // The other end of a stream that was opened to us is no address to dial.
      const address = openedBy === "us" ? bareAddress(remoteAddress) : undefined;
      const member = address === undefined ? [] : [`${address}/p2p/${peerId}`];
      this.#result.resolve({ network, member });
    } catch (error) {
      // It may quote what the peer sent.
      const complaint = `member …${peerId.slice(-8)} ${shorten(messageOf(error), LINE_MAX)}`;
      this.#tell(peerId, `${complaint}; asking others`);
      // On a public network anybody may answer: only of members is it worth ending for.
      if (membership === undefined || this.#complaint !== undefined) return;
      this.#complaint = complaint;
      const refuse = new UserError(EXIT.rejected, `Cannot join: ${complaint}; ask for a new link`);
      this.#timers.push(clock.after(OTHERS_MS, () => this.#result.reject(refuse)));
    }
  }

  #tellStranger(peerId: string): void {
    this.#tell(peerId, `…${peerId.slice(-8)} is of another group, or has another secret`);
  }

  /** Each peer's first line only, and of so many peers. */
  #tell(peerId: string, line: string): void {
    if (this.#told.has(peerId) || this.#told.size >= CANDIDATES_MAX) return;
    this.#told.add(peerId);
    this.#options.onLine(line);
  }
}

function isSecretFarewell(end: SessionEnd): boolean {
  return end.kind === "goodbye" && end.code === "secret";
}

/** A user's target, whose id may stand in its address only. */
export function asCandidate({ peerId, addresses }: DialTarget): Omit<Candidate, "source"> {
  const id = peerId ?? addresses.map((address) => splitPeerId(address).peerId).find(Boolean);
  return { ...(id !== undefined && { peerId: id }), addresses };
}
