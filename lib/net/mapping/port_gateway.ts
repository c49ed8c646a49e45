/** What a router that maps ports can be asked, whichever protocol it speaks, and where it stands. */
import { networkInterfaces } from "node:os";
import { addressClass } from "../../peers/address_class.ts";

/** A port of this machine under which the outside shall reach it. */
export type MappedPort = {
  /** Own address in the router's network. */
  internalAddress: string;
  internalPort: number;
  externalPort: number;
};

/** A router found. Every call ends, at the latest, with `signal`. */
export type PortGateway = {
  readonly kind: "UPnP" | "NAT-PMP";
  readonly host: string;
  /** The router's address outside, as it says: a dotted quad. */
  externalAddress(signal: AbortSignal): Promise<string>;
  /**
   * Maps for `leaseS` seconds, or renews; returns the external port, which may be another one.
   * Throws `PortTakenError` when the port belongs to another machine or program.
   */
  map(port: MappedPort, leaseS: number, signal: AbortSignal): Promise<number>;
  /** Removes the mapping if it is ours. */
  unmap(port: MappedPort, signal: AbortSignal): Promise<void>;
};

/** The external port is mapped to somebody else, who keeps it. */
export class PortTakenError extends Error {
  constructor(readonly port: number) {
    super(`Port ${port} of the router is mapped to somebody else`);
    this.name = "PortTakenError";
  }
}

/** A network with private IPv4 addresses that this machine is part of. */
export type PrivateNetwork = {
  ownAddress: string;
  /** Bits of the network's part of the address. */
  prefixBits: number;
  /** Where packets for the outside go, as far as the system tells. */
  gateway?: string;
};

/** Networks of this machine that may stand behind a router; a machine with more has tunnels too. */
const NETWORKS_MAX = 4;

/**
 * The private networks of this machine, those with a known gateway first. Empty where an own IPv4
 * address is public: nothing is in front of it then.
 */
export async function privateNetworks(): Promise<PrivateNetwork[]> {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
    .filter(({ family, internal }) => family === "IPv4" && !internal);
  if (own.some(({ address }) => classOfIp4(address) === "public")) return [];
  const gateways = await linuxGateways();
  const networks = own.filter(({ address }) => classOfIp4(address) === "private").map((found) => {
    const prefixBits = Number(/\/(\d+)$/.exec(found.cidr ?? "")?.[1] ?? 24);
    const network: PrivateNetwork = { ownAddress: found.address, prefixBits };
    const gateway = gateways?.find((ip) => isWithin(network, ip));
    return gateway === undefined ? network : { ...network, gateway };
  });
  // Where the system tells its gateways, a network without one (a bridge for containers) has none.
  return networks.filter(({ gateway }) => gateways === undefined || gateway !== undefined)
    .slice(0, NETWORKS_MAX);
}

/** Whether a dotted quad belongs to the network and is not our own address. */
export function isWithin(network: PrivateNetwork, ip: string): boolean {
  if (ip === network.ownAddress || classOfIp4(ip) !== "private") return false;
  const shift = 32 - network.prefixBits;
  return (toNumber(ip) >>> shift) === (toNumber(network.ownAddress) >>> shift);
}

/** Where to look for the network's router: the gateway, else the first address, its usual place. */
export function likelyGateway({ ownAddress, gateway }: PrivateNetwork): string {
  return gateway ?? ownAddress.replace(/\d+$/, "1");
}

export function classOfIp4(ip: string): ReturnType<typeof addressClass> {
  return addressClass(`/ip4/${ip}/tcp/1`);
}

/** Gateways of default routes; `undefined` where the system does not tell (all but Linux). */
async function linuxGateways(): Promise<string[] | undefined> {
  try {
    return gatewaysOf(await Deno.readTextFile("/proc/net/route"));
  } catch {
    return undefined;
  }
}

/**
 * Gateways in Linux's `/proc/net/route`: destination and gateway are in hexadecimal, in the
 * machine's order of bytes, which is little-endian wherever Deno runs.
 */
export function gatewaysOf(routes: string): string[] {
  return routes.split("\n").slice(1).flatMap((line) => {
    const [, destination, gateway, flags] = line.split(/\s+/);
    const leadsOut = destination === "00000000" && (Number.parseInt(flags ?? "0", 16) & 2) !== 0;
    const bytes = leadsOut ? gateway?.match(/../g) : undefined;
    return bytes ? [bytes.reverse().map((byte) => Number.parseInt(byte, 16)).join(".")] : [];
  });
}

function toNumber(ip: string): number {
  return ip.split(".").reduce((all, byte) => all * 256 + Number(byte), 0);
}
