/**
 * Notices that the machine is in another network, or that it slept: neither is told to programs. What
 * follows from it is the transport's to do.
 */
import { networkInterfaces } from "node:os";
import { type Cancel, type Clock, every } from "../../base/clock.ts";
import { addressClass } from "../../peers/address_class.ts";

/** Reading the interfaces takes 70 µs (measured), so that looking this often is 0.004 % of a core. */
export const LOOK_EVERY_MS = 2_000;
/**
 * A clock that ran on while timers stood still, or a timer that comes this much too late: the machine
 * slept. A busy machine is late by less.
 */
const SLEPT_MS_MIN = 10_000;

/** An address of an own interface. */
export type OwnAddress = { readonly name: string; readonly ip: string };

export type NetworkChange = {
  /** `moved`: interfaces or their addresses are others; `woke`: they are not, but the machine slept. */
  readonly kind: "moved" | "woke";
  /** Own IP addresses that others could dial: neither loopback nor IPv6 link-local. */
  readonly addresses: readonly string[];
  /** Whether `addresses` differ from those told before. */
  readonly hasNewAddresses: boolean;
  /** Whether any interface but loopback has an address that others could dial. */
  readonly hasNetwork: boolean;
  /** How long the machine slept, about; 0 when it did not. */
  readonly sleptMs: number;
};

export type NetworkWatchOptions = {
  readonly clock: Clock;
  readonly onChange: (change: NetworkChange) => void;
  /** The machine's addresses, loopback included; from the system unless given. */
  readonly interfaces?: () => OwnAddress[];
};

export class NetworkWatch {
  readonly #options: NetworkWatchOptions;
  #cancel: Cancel = () => {};
  #seen: string[] = [];
  #told: string[] = [];
  #lookedMs = { wall: 0, monotonic: 0 };

  constructor(options: NetworkWatchOptions) {
    this.#options = options;
  }

  /** Takes the state of now as known, and looks from now on. */
  start(): void {
    const interfaces = this.#interfaces();
    this.#seen = outside(interfaces);
    this.#told = dialable(interfaces);
    this.#noteTime();
    this.#cancel = every(this.#options.clock, LOOK_EVERY_MS, () => this.look());
  }

  stop(): void {
    this.#cancel();
  }

  /** Compares with what was seen last, and tells what is new. */
  look(): void {
    const sleptMs = this.#sleptMs();
    this.#noteTime();
    const interfaces = this.#interfaces();
    const seen = outside(interfaces);
    // An interface that goes down may keep its IPv4 address; its link-local one goes on every system.
    const isMoved = seen.join() !== this.#seen.join();
    if (!isMoved && sleptMs === 0) return;
    const addresses = dialable(interfaces);
    const hasNewAddresses = addresses.join() !== this.#told.join();
    this.#seen = seen;
    this.#told = addresses;
    this.#options.onChange({
      kind: isMoved ? "moved" : "woke",
      addresses,
      hasNewAddresses,
      hasNetwork: addresses.length > 0,
      sleptMs,
    });
  }

  #interfaces(): OwnAddress[] {
    return (this.#options.interfaces ?? ownAddresses)();
  }

  #noteTime(): void {
    const { clock } = this.#options;
    this.#lookedMs = { wall: clock.nowMs(), monotonic: clock.monotonicMs() };
  }

  /**
   * Linux and macOS stop the monotonic clock and with it the timers, so that the wall clock is ahead;
   * elsewhere the timer is late by both clocks.
   */
  #sleptMs(): number {
    const { clock } = this.#options;
    const wallMs = clock.nowMs() - this.#lookedMs.wall;
    const monotonicMs = clock.monotonicMs() - this.#lookedMs.monotonic;
    const slept = Math.max(wallMs - monotonicMs, monotonicMs - LOOK_EVERY_MS);
    return slept >= SLEPT_MS_MIN ? slept : 0;
  }
}

/** The change as a line for the user; undefined for one that changes nothing for a user. */
export function networkNotice(change: NetworkChange): string | undefined {
  if (change.sleptMs > 0) {
    return `awake again after ${durationText(change.sleptMs)}; looking for peers again`;
  }
  if (!change.hasNewAddresses) return undefined;
  return change.hasNetwork
    ? `network changed: now ${change.addresses.join(", ")}; looking for peers again`
    : "network lost: this machine has no address; waiting for one";
}

function durationText(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  return seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}

/** All addresses of the machine's interfaces, loopback included. */
export function ownAddresses(): OwnAddress[] {
  return Object.entries(networkInterfaces()).flatMap(([name, list]) =>
    (list ?? []).map(({ address }) => ({ name, ip: address }))
  );
}

/** One IPv4 address of each interface but loopback. */
export function ip4Interfaces(): string[] {
  const first = new Map<string, string>();
  for (const { name, ip } of ownAddresses()) {
    if (!ip.includes(":") && classOf(ip) !== "loopback" && !first.has(name)) first.set(name, ip);
  }
  return [...first.values()];
}

/** Everything by which another network can be told from this one, in one order. */
function outside(interfaces: readonly OwnAddress[]): string[] {
  return interfaces.filter(({ ip }) => classOf(ip) !== "loopback")
    .map(({ name, ip }) => `${name} ${ip}`).sort();
}

/** IPv4 link-local addresses count: two laptops on one cable have no others. */
function dialable(interfaces: readonly OwnAddress[]): string[] {
  const isDialable = (ip: string) => {
    const kind = classOf(ip);
    return kind !== "loopback" && (kind !== "link-local" || !ip.includes(":"));
  };
  return [...new Set(interfaces.map(({ ip }) => ip).filter(isDialable))].sort();
}

function classOf(ip: string) {
  return addressClass(`/${ip.includes(":") ? "ip6" : "ip4"}/${ip}/tcp/1`);
}
