/**
 * What kind of network a multiaddr text belongs to, read from the text alone: no look-up, no
 * libp2p. Ranges: RFC 6890 (loopback, private, link-local), RFC 6598 (carrier NAT), RFC 4193
 * (fc00::/7). A relayed address, `<address of the relay>/p2p/RELAY/p2p-circuit`, is one too: it
 * leads to a peer behind a router by way of another peer.
 */

/** `name` is a DNS name: it may lead anywhere, so it is dialled but proves nothing. */
export type AddressClass = "loopback" | "private" | "link-local" | "public" | "name";

interface Host {
  readonly kind: AddressClass;
  /**
   * The part that one owner usually holds: /16 of IPv4, /32 of IPv6; only public hosts have one.
   */
  readonly subnet?: string;
}

/** Longer texts are nobody's address. */
export const MAX_ADDRESS_CHARACTERS = 256;
const TCP_ADDRESS = /^\/(ip4|ip6|dns|dns4|dns6)\/([^/]+)\/tcp\/(\d{1,5})$/;
const OWN_ID = /\/p2p\/[1-9A-Za-z]+$/;
const RELAYED_ADDRESS = /^(.+)\/p2p\/([1-9A-Za-z]{1,80})\/p2p-circuit$/;
const NAME = /^(?=.{1,253}$)[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?$/i;

/**
 * The address without its last `/p2p/ID`, or undefined for what this node cannot dial: anything but
 * TCP over IP or a DNS name, a port of 0, an address of nobody (0.0.0.0, multicast). A relayed
 * address keeps the id of its relay.
 */
export function bareAddress(text: string): string | undefined {
  if (text.length > MAX_ADDRESS_CHARACTERS) return undefined;
  const base = text.replace(OWN_ID, "");
  const relayed = RELAYED_ADDRESS.exec(base);
  if (relayed === null) return tcpAddress(base);
  const way = tcpAddress(relayed[1]!);
  return way === undefined ? undefined : `${way}/p2p/${relayed[2]}/p2p-circuit`;
}

/** The id of the relay that a relayed address goes through; undefined for every other address. */
export function relayOf(text: string): string | undefined {
  return RELAYED_ADDRESS.exec(text.replace(OWN_ID, ""))?.[2];
}

/** Whether the address leads through another peer. */
export function isRelayedAddress(text: string): boolean {
  return relayOf(text) !== undefined;
}

function tcpAddress(text: string): string | undefined {
  const match = TCP_ADDRESS.exec(text);
  if (match === null) return undefined;
  const [, protocol, host, port] = match;
  if (Number(port) < 1 || Number(port) > 65_535) return undefined;
  if (hostOf(protocol!, host!) === undefined) return undefined;
  return `/${protocol}/${host!.toLowerCase()}/tcp/${Number(port)}`;
}

/**
 * The class of a multiaddr, or undefined for what `bareAddress` refuses. That of a relayed address
 * is its relay's: whoever may know where the relay is may know who is behind it.
 */
export function addressClass(text: string): AddressClass | undefined {
  return readHost(text)?.kind;
}

/**
 * The subnet of a public address, such as `ip4/93.184`; undefined for every other address, a relayed
 * one among them: many share a relay and have nothing else in common.
 */
export function publicSubnet(text: string): string | undefined {
  return isRelayedAddress(text) ? undefined : readHost(text)?.subnet;
}

function readHost(text: string): Host | undefined {
  const bare = bareAddress(text);
  if (bare === undefined) return undefined;
  const [, protocol, host] = bare.split("/");
  return hostOf(protocol!, host!);
}

function hostOf(protocol: string, host: string): Host | undefined {
  if (protocol === "ip4") return ip4Host(parseIp4(host));
  if (protocol === "ip6") return ip6Host(parseIp6(host));
  if (host.toLowerCase() === "localhost") return { kind: "loopback" };
  return NAME.test(host) ? { kind: "name", subnet: "name" } : undefined;
}

function ip4Host(bytes: readonly number[] | undefined): Host | undefined {
  if (bytes === undefined) return undefined;
  const [a, b] = bytes as [number, number];
  if (a === 0 || a >= 224) return undefined;
  if (a === 127) return { kind: "loopback" };
  if (a === 169 && b === 254) return { kind: "link-local" };
  const isPrivate = a === 10 || (a === 172 && b >= 16 && b < 32) || (a === 192 && b === 168) ||
    (a === 100 && b >= 64 && b < 128);
  return isPrivate ? { kind: "private" } : { kind: "public", subnet: `ip4/${a}.${b}` };
}

function ip6Host(groups: readonly number[] | undefined): Host | undefined {
  if (groups === undefined) return undefined;
  const first = groups[0]!;
  const second = groups[1]!;
  const low = [groups[6]! >> 8, groups[6]! & 0xff, groups[7]! >> 8, groups[7]! & 0xff];
  if (groups.slice(0, 5).every((group) => group === 0)) {
    if (groups[5] === 0xffff) return ip4Host(low); // IPv4 written as IPv6.
    if (groups[5] === 0 && groups[6] === 0) {
      return groups[7] === 1 ? { kind: "loopback" } : undefined;
    }
  }
  if (first >= 0xff00) return undefined;
  if (first >= 0xfe80 && first < 0xfec0) return { kind: "link-local" };
  if (first >= 0xfc00 && first < 0xfe00) return { kind: "private" };
  return { kind: "public", subnet: `ip6/${first.toString(16)}:${second.toString(16)}` };
}

/** Four bytes of a dotted quad without leading zeros. */
function parseIp4(text: string): number[] | undefined {
  const parts = text.split(".");
  if (parts.length !== 4) return undefined;
  const isByte = (part: string) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256;
  return parts.every(isByte) ? parts.map(Number) : undefined;
}

/** Eight groups of an IPv6 text (RFC 4291 §2.2); a zone makes it invalid. */
function parseIp6(text: string): number[] | undefined {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  if (dotted !== null) {
    const bytes = parseIp4(dotted[2]!);
    if (bytes === undefined) return undefined;
    const pair = (at: number) => ((bytes[at]! << 8) | bytes[at + 1]!).toString(16);
    return parseIp6(`${dotted[1]}${pair(0)}:${pair(2)}`);
  }
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const groups = halves.map((half) => half === "" ? [] : half.split(":"));
  const given = groups.flat();
  if (!given.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  const missing = 8 - given.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  const zeros = halves.length === 1 ? [] : new Array<string>(missing).fill("0");
  return [...groups[0]!, ...zeros, ...(groups[1] ?? [])].map((group) => Number.parseInt(group, 16));
}
