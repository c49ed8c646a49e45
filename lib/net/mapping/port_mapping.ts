/**
 * A port of the home's router that leads to this node: asked for by UPnP or NAT-PMP some seconds
 * after the start, renewed long before it ends, removed when the node stops.
 */
import { type Cancel, type Clock, systemClock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { getLogger } from "../../base/log.ts";
import { type Random, randomBelow, systemRandom } from "../../base/random.ts";
import { addressClass } from "../../peers/address_class.ts";
import type { Host } from "../libp2p/host.ts";
import { type MappedPort, type PortGateway, PortTakenError } from "./port_gateway.ts";
import type { FoundRouters } from "./port_search.ts";

/** Nothing needs it at once, and the first connections have the machine for themselves. */
const START_AFTER_MS = 4_000;
/** A change of networks comes in steps (address, then route): one search for all of them. */
const REDO_AFTER_MS = 2_000;
/** What a node that was killed leaves in the router ends by itself. */
const LEASE_S = 3_600;
/** Often enough that a router that was switched off and on is soon asked again. */
const RENEW_EVERY_MS = 10 * 60_000;
const SEARCH_AGAIN_MS = 30 * 60_000;
/** A router is some milliseconds away, but its processor is a slow one. */
const CALLS_MS = 8_000;
const RENEW_MS = 5_000;
/** Within the transport's own limit for stopping. */
const UNMAP_MS = 1_000;
const PORT_TRIES_MAX = 5;
/** Other external ports are drawn from here: above the registered ones, few of which are in use. */
const OTHER_PORTS = { first: 20_000, count: 40_000 };

/** Who made the address that is announced. */
const ROUTER = "router";

const log = getLogger("net", "port-mapping");

export type PortMappingState = {
  state: "off" | "waiting" | "searching" | "mapped" | "double-nat" | "none";
  /** In words, such as `mapped 45.1.2.3:3000 by UPnP, renewed every 10 minutes`. */
  text: string;
  /** The multiaddr outside, while mapped. */
  externalAddress?: string;
  /** The router's own address, where it is not public: it is behind another one. */
  routerIp?: string;
};

export type PortMappingOptions = {
  host: Host;
  /** The port listened on; 0 while unknown. */
  port: () => number;
  /** Why nothing is to be mapped, where that is so. */
  whyOff?: string;
  clock?: Clock;
  random?: Random;
  /** Looks for routers; the real search by default. */
  search?: (clock: Clock, signal: AbortSignal) => Promise<FoundRouters[]>;
  /** The state, and with it perhaps our addresses, has changed. */
  onChange?: () => void;
};

type Held = { gateway: PortGateway; port: MappedPort; externalHost: string };

/** The router is behind another one. */
class DoubleNatError extends Error {
  constructor(readonly routerIp: string) {
    super(`The router's own address ${routerIp} is not public either`);
  }
}

export class PortMapping {
  readonly #options: PortMappingOptions;
  readonly #clock: Clock;
  readonly #stopped = new AbortController();
  #state: PortMappingState;
  #held: Held | undefined;
  #cancel: Cancel = () => {};
  /** Ends when all that was begun has ended: one thing is done at a time. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: PortMappingOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#state = options.whyOff === undefined
      ? { state: "waiting", text: "not asked for yet" }
      : { state: "off", text: `off: ${options.whyOff}` };
  }

  /** Asks for a mapping some seconds from now. */
  start(): void {
    this.#later(START_AFTER_MS, () => this.#search());
  }

  state(): PortMappingState {
    return this.#state;
  }

  /** The machine's addresses have changed, or it slept: asks again soon. */
  redo(): void {
    if (this.#state.state !== "waiting") this.#later(REDO_AFTER_MS, () => this.#renewOrSearch());
  }

  /** Removes the mapping; takes about a second at most. Never throws. */
  async stop(): Promise<void> {
    this.#cancel();
    this.#stopped.abort();
    await this.#work;
    await this.#release();
  }

  #later(delayMs: number, action: () => Promise<void>): void {
    if (this.#state.state === "off" || this.#stopped.signal.aborted) return;
    this.#cancel();
    this.#cancel = this.#clock.after(delayMs, () => {
      this.#work = this.#work.then(action).catch((error) => {
        log.debug("Port mapping failed: {reason}", { reason: messageOf(error) });
      });
    });
  }

  async #search(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    this.#tell({ state: "searching", text: "asking the router for a port" });
    const search = this.#options.search ?? await realSearch();
    const found = await search(this.#clock, this.#stopped.signal);
    let failure: unknown;
    for (const { network, gateways } of found) {
      for (const gateway of gateways) {
        if (this.#stopped.signal.aborted) return;
        try {
          return await this.#mapAt(gateway, network.ownAddress);
        } catch (error) {
          failure = error;
          await this.#release();
        }
      }
    }
    this.#later(SEARCH_AGAIN_MS, () => this.#search());
    this.#tell(whyNone(found, failure));
  }

  /** Throws when this router gives no port. */
  async #mapAt(gateway: PortGateway, internalAddress: string): Promise<void> {
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(CALLS_MS)]);
    const externalHost = await externalHostOf(gateway, signal);
    const internalPort = this.#options.port();
    let externalPort = internalPort;
    for (let tries = 1;; tries++) {
      // Known before the router is: what it maps while we are told to stop is removed too.
      const port: MappedPort = { internalAddress, internalPort, externalPort };
      const held: Held = { gateway, port, externalHost };
      this.#held = held;
      try {
        port.externalPort = await gateway.map({ ...port }, LEASE_S, signal);
        return this.#onMapped(held);
      } catch (error) {
        this.#held = undefined;
        if (tries === PORT_TRIES_MAX || !(error instanceof PortTakenError)) throw error;
        const { random = systemRandom } = this.#options;
        externalPort = OTHER_PORTS.first + randomBelow(random, OTHER_PORTS.count);
      }
    }
  }

  #onMapped(held: Held): void {
    this.#later(RENEW_EVERY_MS, () => this.#renewOrSearch());
    this.#options.host.announce(ROUTER, [externalOf(held)]);
    const { gateway: { kind }, port, externalHost } = held;
    const minutes = RENEW_EVERY_MS / 60_000;
    this.#tell({
      state: "mapped",
      text:
        `mapped ${externalHost}:${port.externalPort} by ${kind}, renewed every ${minutes} minutes`,
      externalAddress: externalOf(held),
    });
  }

  /** Renews where the mapping still fits; else begins anew. */
  async #renewOrSearch(): Promise<void> {
    const held = this.#held;
    if (held === undefined) return await this.#search();
    const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(RENEW_MS)]);
    try {
      if (!this.#isOwn(held.port)) throw new Error("This machine has another address now");
      const externalHost = await externalHostOf(held.gateway, signal);
      held.port.externalPort = await held.gateway.map({ ...held.port }, LEASE_S, signal);
      held.externalHost = externalHost;
      this.#onMapped(held);
    } catch (error) {
      log.debug("Not renewed: {reason}", { reason: messageOf(error) });
      await this.#release();
      await this.#search();
    }
  }

  #isOwn({ internalAddress, internalPort }: MappedPort): boolean {
    const listened = `/ip4/${internalAddress}/tcp/${internalPort}`;
    const { transportManager } = this.#options.host.internals;
    return transportManager.getAddrs().some((address) => address.toString() === listened);
  }

  /** Takes the mapping back: from what we announce and, if it still answers, from the router. */
  async #release(): Promise<void> {
    const held = this.#held;
    this.#held = undefined;
    if (held === undefined) return;
    this.#options.host.announce(ROUTER, []);
    await held.gateway.unmap(held.port, AbortSignal.timeout(UNMAP_MS)).catch((error) => {
      log.debug("Not unmapped: {reason}", { reason: messageOf(error) });
    });
  }

  #tell(state: PortMappingState): void {
    if (this.#stopped.signal.aborted || state.text === this.#state.text) return;
    this.#state = state;
    this.#options.onChange?.();
  }
}

/** Loads the protocols only when they are needed. */
async function realSearch() {
  return (await import("./port_search.ts")).searchRouters;
}

/** Throws `DoubleNatError` where the address outside is not a public one. */
async function externalHostOf(gateway: PortGateway, signal: AbortSignal): Promise<string> {
  const ip = await gateway.externalAddress(signal);
  const kind = addressClass(`/ip4/${ip}/tcp/1`);
  if (kind === undefined) throw new Error("The router has no address outside");
  if (kind === "public") return ip;
  throw new DoubleNatError(ip);
}

function externalOf({ externalHost, port }: Held): string {
  return `/ip4/${externalHost}/tcp/${port.externalPort}`;
}

function whyNone(found: FoundRouters[], failure: unknown): PortMappingState {
  if (failure instanceof DoubleNatError) {
    const text = `none: ${lowered(failure)} (two routers in a row)`;
    return { state: "double-nat", text, routerIp: failure.routerIp };
  }
  if (failure !== undefined) return { state: "none", text: `none: ${lowered(failure)}` };
  const text = found.length === 0
    ? "not needed: no private network with a router"
    : "none: no router answers by UPnP or NAT-PMP";
  return { state: "none", text };
}

/** In the middle of a line. */
function lowered(error: unknown): string {
  const text = messageOf(error).split("\n")[0]!.slice(0, 200);
  return text.charAt(0).toLowerCase() + text.slice(1);
}
