/** What the ports say under which others see our connections about the router that chose them. Pure. */
import { classOf, splitPeerId } from "../addresses.ts";

/**
 * How many of the next ports are told, and so dialled at once: other connections of the same home or
 * of the same carrier's router take some in between.
 */
const FORETOLD_MAX = 10;
/** A router whose ports are further apart draws lots, or has too many others to serve. */
const STEP_MAX = 64;

/**
 * The number of ports by which a router counts on from one connection to the next: the greatest
 * that explains the ports of connections made one after the other. `undefined` where it keeps
 * them, repeats them or draws lots.
 */
export function portStep(ports: readonly number[]): number | undefined {
  const steps = ports.slice(1).map((port, at) => port - ports[at]!);
  const isCounting = steps.length > 1 &&
    steps.every((step) => Math.abs(step) <= STEP_MAX && step * steps[0]! > 0);
  return isCounting ? steps.map(Math.abs).reduce(divisor) * Math.sign(steps[0]!) : undefined;
}

/** The ports that follow `last`, in their order. */
export function nextPorts(last: number, step: number): number[] {
  return Array.from({ length: FORETOLD_MAX }, (_, at) => last + step * (at + 1))
    .filter((port) => port > 0 && port < 65_536);
}

/** The port of an address such as `/ip4/192.0.2.7/tcp/3000`, with or without `/p2p/ID`. */
export function portOf(address: string): number {
  return Number(splitPeerId(address).base.split("/")[4]);
}

/**
 * Whether a peer knows the port of its hole: whoever saw it saw the port itself. Otherwise its list
 * has the one that was seen, perhaps by nobody else, and the one itself.
 */
export function isSure(addresses: readonly string[]): boolean {
  const ports = addresses.filter((address) => address.startsWith("/ip4/"))
    .filter((address) => classOf(address) === "public").map(portOf);
  return new Set(ports).size < 2;
}

/** Euclid's. */
function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
