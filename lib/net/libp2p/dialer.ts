/**
 * Connects to a peer by any of its addresses: the likely ones first, the next one started while the
 * last is still trying, as browsers do (RFC 8305). libp2p's own queue tries one after the other, so
 * that a single dead address costs seconds.
 */
import type { Connection } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { isRelayedAddress } from "../../peers/address_class.ts";
import { classOf, isDialable, splitPeerId } from "../addresses.ts";
import type { Host } from "./host.ts";
import { DialError, type DialTarget } from "../transport.ts";

/** Addresses tried for one peer; a signed record holds at most 8, a user rarely names more. */
const ADDRESSES_MAX = 16;
/** RFC 8305, "Connection Attempt Delay". */
const NEXT_ATTEMPT_MS = 250;
const ATTEMPT_MS = 5_000;
/**
 * A direct connection that comes a little later is worth more than one through a relay, so the
 * relay is only asked this long after the last direct attempt began.
 */
export const RELAYED_AFTER_MS = 1_000;
/** Through a relay it takes a connection to the relay first, and then eight round trips of both. */
const RELAYED_ATTEMPT_MS = 9_000;

/** Finds addresses of a peer that is known by its id only. */
export type AddressFinder = (peerId: string, signal: AbortSignal) => Promise<string[]>;

type Attempt = { connection: Promise<Connection>; users: number; abort: AbortController };

export class Dialer {
  readonly #host: Host;
  readonly #clock: Clock;
  readonly #attempts = new Map<string, Attempt>();
  readonly #stopped = new AbortController();
  /** Asked, all at once, when nothing else knows an address; each DHT adds its own. */
  readonly finders: AddressFinder[] = [];

  constructor(host: Host, clock: Clock) {
    this.#host = host;
    this.#clock = clock;
  }

  /**
   * An open connection to the target: one that exists, a direct one if there is one, or a new one.
   * Throws `DialError`.
   */
  async connect(target: DialTarget, signal?: AbortSignal): Promise<Connection> {
    const peerId = target.peerId ?? commonPeerId(target.addresses);
    if (peerId === this.#host.peerId) {
      throw new DialError("unreachable", "Cannot dial this node itself", peerId);
    }
    const existing = this.#existing(peerId, target.isDirectOnly === true);
    if (existing !== undefined) return existing;
    const stop = signal ? AbortSignal.any([signal, this.#stopped.signal]) : this.#stopped.signal;
    const addresses = await this.#addressesOf(target, peerId, stop);
    if (stop.aborted) throw new DialError("aborted", "Dial aborted", peerId);
    if (addresses.length === 0) {
      throw new DialError("unreachable", "Cannot dial: no address of this peer is known", peerId);
    }
    return await this.#race(addresses, peerId, stop);
  }

  stop(): void {
    this.#stopped.abort();
  }

  #existing(peerId: string | undefined, isDirectOnly: boolean): Connection | undefined {
    if (peerId === undefined) return undefined;
    const direct = this.#host.connectionTo(peerId);
    if (direct !== undefined || isDirectOnly) return direct;
    return this.#host.relayedConnectionTo(peerId);
  }

  async #addressesOf(target: DialTarget, peerId: string | undefined, signal: AbortSignal) {
    const isUsable = (address: string) =>
      isDialable(address) && !(target.isDirectOnly && isRelayedAddress(address));
    const given = target.addresses.filter(isUsable);
    if (given.length > 0 || peerId === undefined) return this.#inOrder(given, peerId);
    const known = (await this.#host.knownAddresses(peerId)).filter(isUsable);
    if (known.length > 0 || target.isDirectOnly) return this.#inOrder(known, peerId);
    const found = await this.#find(peerId, signal);
    return this.#inOrder(found.filter(isUsable), peerId);
  }

  /** What the first finder knows that knows anything. */
  async #find(peerId: string, signal: AbortSignal): Promise<string[]> {
    const enough = new AbortController();
    const stop = AbortSignal.any([signal, enough.signal]);
    const searches = this.finders.map(async (find) => {
      const found = await find(peerId, stop);
      if (found.length === 0) throw new Error("Not found");
      return found;
    });
    const found = await Promise.any(searches).catch(() => []);
    enough.abort();
    return found;
  }

  /**
   * Each once, with the id that must answer there: likely and near ones first, those through a relay
   * last. Nobody can be reached through a relay without saying who.
   */
  #inOrder(addresses: string[], peerId: string | undefined): string[] {
    const near = this.#host.addresses().map(networkOf);
    const rank = (address: string) => {
      if (isRelayedAddress(address)) return 4;
      if (classOf(address) === "loopback") return 0;
      if (near.includes(networkOf(address))) return 1;
      return classOf(address) === "public" ? 2 : 3;
    };
    const full = addresses.flatMap((address) => {
      const { base, peerId: own } = splitPeerId(address);
      const id = own ?? peerId;
      if (id === undefined) return isRelayedAddress(base) ? [] : [base];
      return [`${base}/p2p/${id}`];
    });
    const wanted = full.filter((address) => !peerId || address.endsWith(`/p2p/${peerId}`));
    return [...new Set(wanted)].sort((a, b) => rank(a) - rank(b)).slice(0, ADDRESSES_MAX);
  }

  /** The first connection of staggered attempts; the others are given up. */
  #race(addresses: string[], peerId: string | undefined, signal: AbortSignal) {
    return new Promise<Connection>((resolve, reject) => {
      const waiting = [...addresses];
      const running = new Set<string>();
      let lastError: unknown;
      let cancelNext = () => {};
      const finish = (settle: () => void) => {
        cancelNext();
        signal.removeEventListener("abort", onAbort);
        for (const address of running) this.#release(address);
        running.clear();
        settle();
      };
      const onAbort = () => finish(() => reject(new DialError("aborted", "Dial aborted", peerId)));
      const next = () => {
        cancelNext();
        const address = waiting.shift();
        const following = waiting[0];
        if (address === undefined) {
          if (running.size === 0) finish(() => reject(asDialError(lastError, peerId)));
          return;
        }
        running.add(address);
        this.#attempt(address).then(
          (connection) => {
            if (!running.delete(address)) return;
            finish(() => resolve(connection));
          },
          (error) => {
            lastError = error;
            if (!running.delete(address)) return;
            // The relay's turn comes when its time has come, or when nothing else is under way.
            const [following] = waiting;
            if (running.size > 0 && following !== undefined && isRelayedAddress(following)) return;
            next();
          },
        );
        const isNextRelayed = following !== undefined && isRelayedAddress(following);
        cancelNext = this.#clock.after(isNextRelayed ? RELAYED_AFTER_MS : NEXT_ATTEMPT_MS, next);
      };
      signal.addEventListener("abort", onAbort, { once: true });
      next();
    });
  }

  /** One attempt an address at a time, shared by all who want it. */
  #attempt(address: string): Promise<Connection> {
    const shared = this.#attempts.get(address);
    if (shared !== undefined) {
      shared.users++;
      return shared.connection;
    }
    const abort = new AbortController();
    const limitMs = isRelayedAddress(address) ? RELAYED_ATTEMPT_MS : ATTEMPT_MS;
    const cancelTimeout = this.#clock.after(limitMs, () => abort.abort());
    const connection = this.#host.dialAddress(multiaddr(address), abort.signal).finally(() => {
      cancelTimeout();
      this.#attempts.delete(address);
    });
    this.#attempts.set(address, { connection, users: 1, abort });
    return connection;
  }

  #release(address: string): void {
    const attempt = this.#attempts.get(address);
    if (attempt !== undefined && --attempt.users === 0) attempt.abort.abort();
  }
}

/** The id that every address names, if they all name the same. */
function commonPeerId(addresses: string[]): string | undefined {
  const ids = new Set(addresses.map((address) => splitPeerId(address).peerId));
  return ids.size === 1 ? [...ids][0] : undefined;
}

/** Roughly the network of an address: 24 bits of IPv4, 64 of IPv6. Only used for ordering. */
function networkOf(address: string): string {
  const [, kind, host] = address.split("/");
  return kind === "ip4"
    ? host!.split(".").slice(0, 3).join(".")
    : `${host ?? ""}`.split(":").slice(0, 4).join(":");
}

function asDialError(error: unknown, peerId: string | undefined): DialError {
  if (error instanceof DialError) return error;
  const text = error instanceof AggregateError && error.errors.length > 0
    ? messageOf(error.errors[0])
    : messageOf(error);
  return new DialError("unreachable", text.split("\n")[0]!, peerId);
}
