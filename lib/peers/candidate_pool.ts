/**
 * Where strangers say that peers of our phrase are: what DHT servers answered, which anybody may have
 * filled with lies. Decides whom of them to try, in which order, how many at once and how long each.
 * Pure: time and chance are handed in.
 *
 * A true peer must be met among a thousand invented ones, and whoever is named falsely must not be
 * flooded by all who believe it. Hence: each server that tells has its turn, so that one that names
 * thousands hides nobody whom another names; what is named again and again goes before what changes
 * with every answer; failures rest an address, never the peer; and tries are bounded in number.
 */
import { type Random, randomBelow } from "../base/random.ts";
import type { PeerSource } from "./peer_record.ts";
import { RefillingBudget } from "./refilling_budget.ts";

/** Names that one server's answers may hold here; of more the ones named longest ago go. */
export const NAMES_PER_TELLER = 1_024;
/** Names in all; whoever names the most gives way. */
export const NAMES_MAX = 3_072;
export const TELLERS_MAX = 64;
/** Nobody repeats it: the peer is gone, or never was. */
export const NAME_KEPT_MS = 3_600_000;
/** As many as a signed peer record holds. */
const ADDRESSES_PER_NAME = 8;
/** Addresses of one peer whose failures are remembered; the one tried longest ago goes. */
const TRIALS_PER_PEER = 32;
/** Answers closer together than this are of one look-up. */
const ANSWERS_APART_MS = 200;

/** Tries under way at once while nobody is connected. A thousand of 2.5 s each end in 20 s. */
export const PROBES_LONELY = 128;
/** The same while fewer than `SESSIONS_FEW` are: the first one met may be the liar's own. */
export const PROBES_FEW = 32;
const SESSIONS_FEW = 4;
/** The same else. */
export const PROBES_USUAL = 8;
/** Tries of peers without an address, each a search of the DHT. */
const PROBES_BARE = 3;
/** Addresses of one peer that a try takes; the others have their turn in the next. */
const ADDRESSES_PER_PROBE = 4;
/** Tries at one host at once: a name set up against a stranger must not become a flood. */
export const PROBES_PER_HOST = 32;

/** So that a try that succeeds at once spares the others: 8 outbound peers are wanted, no more. */
const STARTS = { max: 8, everyMs: 10 } as const;
/** A thousand lies are tried in a row, then four names a second. */
const STAMINA = { max: 1_500, everyMs: 250 } as const;

/** Round trips of a connection and its protocol: seven, of a quarter of a second on a bad line. */
const PATIENCE_CROWDED_MS = 2_500;
const PATIENCE_MS = 6_000;
const PATIENCE_MAX_MS = 10_000;
const PATIENCE_BARE_MS = 15_000;

const REST_FIRST_MS = 5_000;
const REST_LONELY_MS = 30_000;
const REST_MAX_MS = 600_000;
/** Of so many turns of a server one goes to a name that failed before. */
const RETRY_EVERY = 4;

/** What a server said of one peer. Addresses without `/p2p/ID`. */
export interface Hearsay {
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly source: PeerSource;
  /** Id of the server that told. */
  readonly toldBy: string;
}

/** A peer to try now. Without addresses it must be searched for first. */
export interface Probe {
  readonly peerId: string;
  readonly source: PeerSource;
  readonly addresses: readonly string[];
  /** How long it may take until the stream is open. */
  readonly patienceMs: number;
}

export interface DrawContext {
  readonly nowMs: number;
  /** Sessions now. While there is none there is nothing better to do. */
  readonly sessions: number;
  /** Outbound sessions still wanted. */
  readonly freeSlots: number;
  /** False for whoever is connected, being dialled, resting … */
  readonly isWanted: (peerId: string, addresses: readonly string[]) => boolean;
}

interface Trial {
  tries: number;
  lastMs: number;
}

interface Candidate {
  readonly peerId: string;
  readonly source: PeerSource;
  /** Of the addresses that failed. */
  readonly trials: Map<string, Trial>;
  /** Tries without any address. */
  readonly bare: Trial;
  /** Keys of those that name it. */
  readonly tellers: Set<string>;
  probing: readonly string[] | undefined;
  /** How the last try ended. */
  wasSilent: boolean;
}

interface Naming {
  addresses: readonly string[];
  /** Answers that held it. */
  answers: number;
  lastMs: number;
}

interface Teller {
  readonly source: PeerSource;
  /** In the order of the last naming. */
  readonly names: Map<string, Naming>;
  /** Turns taken, counted from where the others stood when it had none to take. */
  turns: number;
}

export class CandidatePool {
  readonly #random: Random;
  readonly #candidates = new Map<string, Candidate>();
  /** Those heard of last are last. */
  readonly #tellers = new Map<string, Teller>();
  readonly #probing = new Set<Candidate>();
  /** Tries under way at each host. */
  readonly #hosts = new Map<string, number>();
  readonly #starts = new RefillingBudget(STARTS);
  readonly #stamina = new RefillingBudget(STAMINA);
  #names = 0;
  #turns = 0;
  /** Of each kind of source, the turns of the server that had the last one. */
  readonly #now = new Map<PeerSource, number>();
  #forgotMs = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Peers named and not yet met. */
  get size(): number {
    return this.#candidates.size;
  }

  /** By what kind of source the peer was named. */
  sourceOf(peerId: string): PeerSource | undefined {
    return this.#candidates.get(peerId)?.source;
  }

  /** Takes up what a server said; the same from the same server counts once for each answer. */
  hear(hearsay: Hearsay, nowMs: number): void {
    const { peerId, source, toldBy } = hearsay;
    const key = `${source} ${toldBy}`;
    const teller = this.#tellerAt(key, source);
    const candidate = this.#candidateOf(peerId, source);
    const before = teller.names.get(peerId);
    const isNews = before === undefined || nowMs - before.lastMs >= ANSWERS_APART_MS;
    const addresses = hearsay.addresses.slice(0, ADDRESSES_PER_NAME);
    if (before === undefined) this.#names++;
    teller.names.delete(peerId);
    teller.names.set(peerId, {
      addresses,
      answers: (before?.answers ?? 0) + (isNews ? 1 : 0),
      lastMs: nowMs,
    });
    candidate.tellers.add(key);
    if (teller.names.size > NAMES_PER_TELLER) this.#dropOldest(key, teller);
    if (this.#names > NAMES_MAX) this.#dropFromBusiest();
  }

  /** The peers to try now; each counts as being tried until `failed` or `remove`. */
  draw(context: DrawContext): Probe[] {
    const { nowMs } = context;
    this.#forget(nowMs);
    const drawn: Probe[] = [];
    while (this.#probing.size < probesMax(context)) {
      if (!this.#starts.has(nowMs) || !this.#stamina.has(nowMs)) break;
      const probe = this.#next(context);
      if (probe === undefined) break;
      this.#starts.take(nowMs);
      this.#stamina.take(nowMs);
      drawn.push(probe);
    }
    return drawn;
  }

  /**
   * Nobody, or somebody else, answered: these addresses rest. `wasSilent`: the patience was over
   * before there was any answer, which may be a slow line's fault.
   */
  failed(peerId: string, nowMs: number, wasSilent: boolean): void {
    const candidate = this.#candidates.get(peerId);
    if (candidate?.probing === undefined) return;
    candidate.wasSilent = wasSilent;
    if (candidate.probing.length === 0) noteFailure(candidate.bare, nowMs);
    for (const address of candidate.probing) {
      const trial = candidate.trials.get(address) ?? { tries: 0, lastMs: 0 };
      noteFailure(trial, nowMs);
      candidate.trials.delete(address);
      candidate.trials.set(address, trial);
      if (candidate.trials.size > TRIALS_PER_PEER) {
        candidate.trials.delete(candidate.trials.keys().next().value!);
      }
    }
    this.#endProbe(candidate);
  }

  /** A try ended that says nothing about the peer. */
  passed(peerId: string): void {
    const candidate = this.#candidates.get(peerId);
    if (candidate !== undefined) this.#endProbe(candidate);
  }

  /** Our machine is in another network: what failed in the former one says nothing of this. */
  onNetworkChanged(): void {
    for (const { trials, bare } of this.#candidates.values()) {
      trials.clear();
      bare.tries = 0;
    }
  }

  /** The peer is met, or is no peer of ours: forgets what was said of it. */
  remove(peerId: string): void {
    const candidate = this.#candidates.get(peerId);
    if (candidate === undefined) return;
    for (const key of candidate.tellers) {
      if (this.#tellers.get(key)?.names.delete(peerId)) this.#names--;
    }
    this.#candidates.delete(peerId);
    this.#endProbe(candidate);
  }

  /** When `draw` may next have somebody; undefined when only news or an end can bring that. */
  nextDueMs(context: DrawContext): number | undefined {
    const { nowMs, sessions } = context;
    if (this.#probing.size >= probesMax(context)) return undefined;
    let next: number | undefined;
    for (const candidate of this.#candidates.values()) {
      if (candidate.probing !== undefined) continue;
      const addresses = this.#addressesOf(candidate);
      const due = dueMs(candidate, addresses, sessions);
      if (next !== undefined && due >= next) continue;
      if (!this.#isTriable(candidate, addresses, context)) continue;
      next = due;
      if (next <= nowMs) break;
    }
    if (next === undefined) return undefined;
    return Math.max(next, this.#starts.nextMs(nowMs), this.#stamina.nextMs(nowMs));
  }

  /** Whatever anybody says of the peer. */
  #addressesOf(candidate: Candidate): string[] {
    const all = new Set<string>();
    for (const key of candidate.tellers) {
      const naming = this.#tellers.get(key)!.names.get(candidate.peerId)!;
      for (const address of naming.addresses) all.add(address);
    }
    return [...all];
  }

  #isTriable(
    candidate: Candidate,
    addresses: readonly string[],
    context: DrawContext,
  ): boolean {
    const hasRoom = addresses.length === 0
      ? this.#bareProbes() < PROBES_BARE
      : addresses.some((address) => this.#hasRoomAt(address));
    return hasRoom && context.isWanted(candidate.peerId, addresses);
  }

  #tellerAt(key: string, source: PeerSource): Teller {
    const teller = this.#tellers.get(key) ?? { source, names: new Map(), turns: 0 };
    this.#tellers.delete(key);
    this.#tellers.set(key, teller);
    if (this.#tellers.size > TELLERS_MAX) {
      const [oldest, gone] = this.#tellers.entries().next().value!;
      for (const peerId of [...gone.names.keys()]) this.#unname(oldest, gone, peerId);
      this.#tellers.delete(oldest);
    }
    return teller;
  }

  #candidateOf(peerId: string, source: PeerSource): Candidate {
    const candidate = this.#candidates.get(peerId) ?? {
      peerId,
      source,
      trials: new Map(),
      bare: { tries: 0, lastMs: 0 },
      tellers: new Set<string>(),
      probing: undefined,
      wasSilent: false,
    };
    this.#candidates.set(peerId, candidate);
    return candidate;
  }

  #unname(key: string, teller: Teller, peerId: string): void {
    if (!teller.names.delete(peerId)) return;
    this.#names--;
    const candidate = this.#candidates.get(peerId)!;
    candidate.tellers.delete(key);
    if (candidate.tellers.size === 0) this.remove(peerId);
  }

  #dropOldest(key: string, teller: Teller): void {
    const oldest = teller.names.keys().next().value;
    if (oldest !== undefined) this.#unname(key, teller, oldest);
  }

  #dropFromBusiest(): void {
    let busiest: [string, Teller] | undefined;
    for (const entry of this.#tellers) {
      if (entry[1].names.size > (busiest?.[1].names.size ?? 0)) busiest = entry;
    }
    if (busiest !== undefined) this.#dropOldest(...busiest);
  }

  #forget(nowMs: number): void {
    if (nowMs - this.#forgotMs < NAME_KEPT_MS / 60) return;
    this.#forgotMs = nowMs;
    for (const [key, teller] of [...this.#tellers]) {
      for (const [peerId, naming] of [...teller.names]) {
        if (nowMs - naming.lastMs >= NAME_KEPT_MS) this.#unname(key, teller, peerId);
      }
      if (teller.names.size === 0) this.#tellers.delete(key);
    }
  }

  /** By turns each kind of source, in it each server: numbers alone give nobody more turns. */
  #next(context: DrawContext): Probe | undefined {
    const bySource = new Map<PeerSource, Teller[]>();
    for (const teller of this.#tellers.values()) {
      const group = bySource.get(teller.source) ?? [];
      group.push(teller);
      bySource.set(teller.source, group);
    }
    const groups = [...bySource];
    this.#turns++;
    for (let at = 0; at < groups.length; at++) {
      const [source, group] = groups[(this.#turns + at) % groups.length]!;
      // Whoever had nothing to try has no turns to catch up with.
      const now = this.#now.get(source) ?? 0;
      const order = (teller: Teller) => Math.max(teller.turns, now);
      for (const teller of group.sort((a, b) => order(a) - order(b))) {
        const probe = this.#nextOf(teller, context);
        if (probe === undefined) continue;
        this.#now.set(source, order(teller));
        teller.turns = order(teller) + 1;
        return probe;
      }
    }
    return undefined;
  }

  #nextOf(teller: Teller, context: DrawContext): Probe | undefined {
    const { nowMs, sessions } = context;
    const fresh: Candidate[][] = [[], []]; // Named in several answers; in one.
    const failed: Candidate[][] = [[], []]; // Where nothing was heard; where something answered.
    for (const [peerId, naming] of teller.names) {
      const candidate = this.#candidates.get(peerId)!;
      if (candidate.probing !== undefined) continue;
      if (dueMs(candidate, naming.addresses, sessions) > nowMs) continue;
      if (triesOf(candidate, naming.addresses) > 0) {
        failed[candidate.wasSilent ? 0 : 1]!.push(candidate);
      } else fresh[naming.answers > 1 ? 0 : 1]!.push(candidate);
    }
    const isRetry = teller.turns % RETRY_EVERY === RETRY_EVERY - 1;
    const order = isRetry ? [...failed, ...fresh] : [...fresh, ...failed];
    for (const list of order) {
      while (list.length > 0) {
        const [candidate] = list.splice(randomBelow(this.#random, list.length), 1);
        const naming = teller.names.get(candidate!.peerId)!;
        const probe = this.#probe(candidate!, naming.addresses, context);
        if (probe !== undefined) return probe;
      }
    }
    return undefined;
  }

  #probe(
    candidate: Candidate,
    named: readonly string[],
    context: DrawContext,
  ): Probe | undefined {
    const { nowMs, sessions } = context;
    // Those of the server whose turn it is come first.
    const all = [...new Set([...named, ...this.#addressesOf(candidate)])];
    if (!this.#isTriable(candidate, all, context)) return undefined;
    const addresses = all.filter((address) =>
      trialDueMs(candidate.trials.get(address), sessions) <= nowMs && this.#hasRoomAt(address)
    ).slice(0, ADDRESSES_PER_PROBE);
    if (addresses.length === 0 && all.length > 0) return undefined;
    candidate.probing = addresses;
    this.#probing.add(candidate);
    this.#countHosts(addresses, 1);
    const { peerId, source } = candidate;
    return { peerId, source, addresses, patienceMs: this.#patienceMs(candidate, addresses) };
  }

  /** Short while many wait, longer with every failure: a slow line is not a dead one. */
  #patienceMs(candidate: Candidate, addresses: readonly string[]): number {
    if (addresses.length === 0) return PATIENCE_BARE_MS;
    const firstMs = this.#candidates.size > PROBES_LONELY ? PATIENCE_CROWDED_MS : PATIENCE_MS;
    const tries = triesOf(candidate, addresses);
    return Math.min(PATIENCE_MAX_MS, firstMs * 2 ** Math.min(tries, 10));
  }

  #bareProbes(): number {
    return [...this.#probing].filter(({ probing }) => probing!.length === 0).length;
  }

  #hasRoomAt(address: string): boolean {
    return (this.#hosts.get(hostOf(address)) ?? 0) < PROBES_PER_HOST;
  }

  #endProbe(candidate: Candidate): void {
    if (candidate.probing === undefined) return;
    this.#countHosts(candidate.probing, -1);
    candidate.probing = undefined;
    this.#probing.delete(candidate);
  }

  #countHosts(addresses: readonly string[], change: number): void {
    for (const host of new Set(addresses.map(hostOf))) {
      const count = (this.#hosts.get(host) ?? 0) + change;
      if (count === 0) this.#hosts.delete(host);
      else this.#hosts.set(host, count);
    }
  }
}

function probesMax({ sessions, freeSlots }: DrawContext): number {
  if (freeSlots <= 0) return 0;
  if (sessions === 0) return PROBES_LONELY;
  return sessions < SESSIONS_FEW ? PROBES_FEW : Math.min(PROBES_USUAL, freeSlots);
}

function noteFailure(trial: Trial, nowMs: number): void {
  trial.tries++;
  trial.lastMs = nowMs;
}

function trialDueMs(trial: Trial | undefined, sessions: number): number {
  if (trial === undefined || trial.tries === 0) return 0;
  const restMs = REST_FIRST_MS * 2 ** Math.min(trial.tries - 1, 10);
  return trial.lastMs + Math.min(restMs, sessions === 0 ? REST_LONELY_MS : REST_MAX_MS);
}

/** When the first of these addresses may be tried. */
function dueMs(candidate: Candidate, addresses: readonly string[], sessions: number): number {
  if (addresses.length === 0) return trialDueMs(candidate.bare, sessions);
  return Math.min(
    ...addresses.map((address) => trialDueMs(candidate.trials.get(address), sessions)),
  );
}

/** Of the address tried least. */
function triesOf(candidate: Candidate, addresses: readonly string[]): number {
  if (addresses.length === 0) return candidate.bare.tries;
  return Math.min(...addresses.map((address) => candidate.trials.get(address)?.tries ?? 0));
}

/** The first two parts of a multiaddr: `/ip4/192.0.2.7`. */
function hostOf(address: string): string {
  return address.split("/", 3).join("/");
}
