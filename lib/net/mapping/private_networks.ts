/**
 * The private networks that this machine is part of, and where the router of each may be. No system
 * tells its table of routes to a program with our permissions: of Linux's `/proc` Deno shows nothing
 * to a program that may not do everything. So there are good guesses, and whoever answers is right.
 */
import { getServers } from "node:dns";
import { networkInterfaces } from "node:os";
import { addressClass } from "../../peers/address_class.ts";

/** A network with private IPv4 addresses. */
export type PrivateNetwork = {
  ownAddress: string;
  /** Bits of the network's part of the address. */
  prefixBits: number;
};

/** Networks of this machine that may stand behind a router; a machine with more has tunnels too. */
const NETWORKS_MAX = 4;
/** Addresses asked in one network. */
const GATEWAYS_MAX = 6;

/**
 * The private networks of this machine. Empty where an own IPv4 address is public: nothing is in
 * front of it then.
 */
export function privateNetworks(): PrivateNetwork[] {
  const own = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
    .filter(({ family, internal }) => family === "IPv4" && !internal);
  if (own.some(({ address }) => classOfIp4(address) === "public")) return [];
  return own.filter(({ address }) => classOfIp4(address) === "private").map((found) => ({
    ownAddress: found.address,
    prefixBits: Number(/\/(\d+)$/.exec(found.cidr ?? "")?.[1] ?? 24),
  })).slice(0, NETWORKS_MAX);
}

/** Whether a dotted quad belongs to the network and is not our own address. */
export function isWithin(network: PrivateNetwork, ip: string): boolean {
  if (ip === network.ownAddress || classOfIp4(ip) !== "private") return false;
  const shift = 32 - network.prefixBits;
  return (toNumber(ip) >>> shift) === (toNumber(network.ownAddress) >>> shift);
}

/**
 * Where the network's router may be, the likeliest first: at home it is the name server too, and has
 * the network's first or last address. `nameServers` are the system's unless given.
 */
export function likelyGateways(
  network: PrivateNetwork,
  nameServers: readonly string[] = systemNameServers(),
): string[] {
  const { ownAddress, prefixBits } = network;
  const others = 2 ** (32 - prefixBits) - 1;
  const first = toNumber(ownAddress) - toNumber(ownAddress) % (others + 1);
  const guesses = [
    ...nameServers,
    toIp4(first + 1),
    // Where a network is cut into larger pieces, many still count in those of 256.
    ownAddress.replace(/\d+$/, "1"),
    toIp4(first + others - 1),
    ownAddress.replace(/\d+$/, "254"),
  ];
  return [...new Set(guesses)].filter((ip) => isWithin(network, ip)).slice(0, GATEWAYS_MAX);
}

function systemNameServers(): string[] {
  try {
    return getServers();
  } catch {
    return []; // Not told here: there are other guesses.
  }
}

function classOfIp4(ip: string): ReturnType<typeof addressClass> {
  return addressClass(`/ip4/${ip}/tcp/1`);
}

function toNumber(ip: string): number {
  return ip.split(".").reduce((all, byte) => all * 256 + Number(byte), 0);
}

function toIp4(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join(".");
}
