/**
 * Connects to a peer by any of its addresses: the likely ones first, the next one started while the
 * last is still trying, as browsers do (RFC 8305). libp2p's own queue tries one after the other, so
 * that a single dead address costs seconds.
 */
import type { Connection } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { classOf, isDialable, splitPeerId } from "./addresses.ts";
import type { Host } from "./libp2p_host.ts";
import { DialError, type DialTarget } from "./transport.ts";

/** Addresses tried for one peer; a signed record holds at most 8, a user rarely names more. */
const ADDRESSES_MAX = 16;
/** RFC 8305, "Connection Attempt Delay". */
const NEXT_ATTEMPT_MS = 250;
const ATTEMPT_MS = 5_000;

/** Finds addresses of a peer that is known by its id only. */
export type AddressFinder = (peerId: string, signal: AbortSignal) => Promise<string[]>;

type Attempt = { connection: Promise<Connection>; users: number; abort: AbortController };

export class Dialer {
  readonly #host: Host;
  readonly #clock: Clock;
  readonly #attempts = new Map<string, Attempt>();
  readonly #stopped = new AbortController();
  /** Asked when nothing else knows an address; set once the DHT is there. */
  findAddresses: AddressFinder = () => Promise.resolve([]);

  constructor(host: Host, clock: Clock) {
    this.#host = host;
    this.#clock = clock;
  }

  /** An open connection to the target: one that exists, or a new one. Throws `DialError`. */
  async connect(target: DialTarget, signal?: AbortSignal): Promise<Connection> {
    const peerId = target.peerId ?? commonPeerId(target.addresses);
    if (peerId === this.#host.peerId) {
      throw new DialError("unreachable", "Cannot dial this node itself", peerId);
    }
    const existing = peerId === undefined ? undefined : this.#host.connectionTo(peerId);
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

  async #addressesOf(target: DialTarget, peerId: string | undefined, signal: AbortSignal) {
    const given = target.addresses.filter(isDialable);
    if (given.length > 0 || peerId === undefined) return this.#inOrder(given, peerId);
    const known = (await this.#host.knownAddresses(peerId)).filter(isDialable);
    if (known.length > 0) return this.#inOrder(known, peerId);
    const found = await this.findAddresses(peerId, signal).catch(() => []);
    return this.#inOrder(found.filter(isDialable), peerId);
  }

  /** Each once, with the id that must answer there, likely and near ones first. */
  #inOrder(addresses: string[], peerId: string | undefined): string[] {
    const near = this.#host.addresses().map(networkOf);
    const rank = (address: string) => {
      if (classOf(address) === "loopback") return 0;
      if (near.includes(networkOf(address))) return 1;
      return classOf(address) === "public" ? 2 : 3;
    };
    const full = addresses.map((address) => {
      const { base, peerId: own } = splitPeerId(address);
      const id = own ?? peerId;
      return id === undefined ? base : `${base}/p2p/${id}`;
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
            if (running.delete(address)) next();
          },
        );
        cancelNext = this.#clock.after(NEXT_ATTEMPT_MS, next);
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
    const cancelTimeout = this.#clock.after(ATTEMPT_MS, () => abort.abort());
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
