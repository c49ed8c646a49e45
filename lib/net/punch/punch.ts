/**
 * Both sides dial each other at one moment, from their holes: a TCP simultaneous open (RFC 9293,
 * figure 8), in which nobody listens. Where a side does not know its port for sure, the other listens
 * after a while instead: many routers let in whatever comes from an address that was dialled, from
 * whichever port.
 */
import type { Connection } from "@libp2p/interface";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { type Clock, delay } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import type { Random } from "../../base/random.ts";
import { classOf, splitPeerId } from "../addresses.ts";
import type { Host } from "../libp2p/host.ts";
import type { Hole } from "./hole.ts";
import { isSure } from "./ports.ts";
import { dialFrom, waitAt } from "./sockets.ts";

/** The messages take two round trips through the relay; the system repeats its packets after 1 and 3 s. */
export const PUNCH_MS = 4_500;
/** Ways to one peer, tried at once: ports that its router gave or will give, the port itself, IPv6. */
const WAYS_MAX = 16;
/**
 * A router that answers with a reset, not with silence, ends an attempt at once. One succeeds when
 * both sides' packets are under way at the same time, so it is made again: after a random pause, as
 * two sides with one rhythm would go on missing each other. After so many, on all ways together, it
 * is made again slowly, and so it is where each takes another port.
 */
const REFUSED_PAUSE_MS = 1.5;
const REFUSED_MAX = 400;
const SLOW_PAUSE_MS = 150;
/** Until then both dial only. */
const LISTEN_AFTER_MS = 1_000;

export type Punch = {
  peerId: string;
  hole: Hole;
  /** Where the other side says its hole is. */
  addresses: string[];
  /** Of two sides that both dial, one must act as if it had been dialled. */
  initiator: boolean;
  clock: Clock;
  random: Random;
  signal: AbortSignal;
};

/** Dials all the ways at once until one connects. Throws when nothing does in `PUNCH_MS`. */
export async function punch(host: Host, options: Punch): Promise<Connection> {
  const { peerId, addresses } = options;
  const usable = addresses.map((address) => splitPeerId(address).base)
    .filter((address) => classOf(address) === "public");
  const ways = [...new Set(usable)].slice(0, WAYS_MAX)
    .map((way) => multiaddr(`${way}/p2p/${peerId}`));
  if (ways.length === 0) throw new Error("The other side names no public address");
  const attempt = new Attempt(host, options);
  const turn = listeningTurn(options);
  const outcomes = ways.map((way) => attempt.dial(way));
  if (turn !== undefined) outcomes.push(attempt.listen(...turn));
  return await Promise.any(outcomes).catch((error: AggregateError) => {
    throw new Error(messageOf(error.errors[0]));
  }).finally(() => attempt.end());
}

/**
 * From when to when to listen, in ms; the other side reckons the same. Who knows its port waits for
 * the one who does not; where neither does, one after the other.
 */
export function listeningTurn(
  { hole, addresses, initiator }: Pick<Punch, "addresses" | "initiator"> & {
    hole: Pick<Hole, "addresses">;
  },
): [fromMs: number, toMs: number] | undefined {
  if (isSure(addresses)) return undefined;
  if (isSure(hole.addresses)) return [LISTEN_AFTER_MS, PUNCH_MS];
  const middleMs = (LISTEN_AFTER_MS + PUNCH_MS) / 2;
  return initiator ? [LISTEN_AFTER_MS, middleMs] : [middleMs, PUNCH_MS];
}

class Attempt {
  readonly #host: Host;
  readonly #options: Punch;
  readonly #ended = new AbortController();
  readonly #signal: AbortSignal;
  /** Nothing new is begun any more. */
  readonly #over: AbortSignal;
  /** On all ways together. */
  #refused = 0;
  #isListening = false;

  constructor(host: Host, options: Punch) {
    this.#host = host;
    this.#options = options;
    this.#signal = AbortSignal.any([options.signal, AbortSignal.timeout(PUNCH_MS)]);
    this.#over = AbortSignal.any([this.#signal, this.#ended.signal]);
  }

  /** What is under way goes on, as the other side may keep that one; nothing new is begun. */
  end(): void {
    this.#ended.abort();
  }

  async dial(address: Multiaddr): Promise<Connection> {
    const { hole: { localPort }, initiator } = this.#options;
    const signal = this.#signal;
    for (;;) {
      try {
        return await dialFrom(this.#host, address, { localPort, initiator, signal });
      } catch (error) {
        const isRefused = /ECONNREFUSED|ECONNRESET/.test(messageOf(error));
        if (!isRefused || this.#hasTriedEnough()) throw error;
        await this.#pause();
      }
    }
  }

  async listen(fromMs: number, toMs: number): Promise<Connection> {
    const { clock, hole: { localPort }, peerId, addresses, initiator } = this.#options;
    const ips = addresses.map((address) => address.split("/")[2] ?? "");
    const turn = new AbortController();
    const signal = AbortSignal.any([this.#over, turn.signal]);
    await delay(clock, fromMs, signal);
    signal.throwIfAborted();
    this.#isListening = true;
    const cancel = clock.after(toMs - fromMs, () => turn.abort());
    try {
      return await waitAt(this.#host, { localPort, peerId, ips, initiator, signal });
    } finally {
      cancel();
      this.#isListening = false;
    }
  }

  /** Then another attempt is better than waiting for somebody to listen, which nobody will. */
  #hasTriedEnough(): boolean {
    const { hole, addresses } = this.#options;
    return this.#refused >= REFUSED_MAX && isSure(hole.addresses) && isSure(addresses);
  }

  /** Before dialling once more. Throws when that is not wanted any more. */
  async #pause(): Promise<void> {
    const { clock, random, hole } = this.#options;
    const signal = this.#over;
    const isQuick = this.#refused++ < REFUSED_MAX && hole.step === undefined;
    const slowly = () => delay(clock, SLOW_PAUSE_MS * (0.5 + random.float()), signal);
    if (isQuick) await delay(clock, random.float() * REFUSED_PAUSE_MS, signal);
    else await slowly();
    while (this.#isListening && !signal.aborted) await slowly();
    signal.throwIfAborted();
  }
}
