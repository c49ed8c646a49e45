/** Which addresses servers of a DHT are told, and which of those that they tell are tried. Pure. */
import type { AddressClass } from "../../peers/address_class.ts";
import { travellingAddresses } from "../../peers/gossip_policy.ts";
import { classOf } from "../addresses.ts";
import type { DhtKind } from "./kind.ts";

/**
 * `via`: what kind of network the answer came over. In a private DHT, private addresses are the
 * point, whatever address its servers have. In the own one a server out on the internet tells each
 * home of the others' private addresses too: only those of networks like ours are believed, so that
 * a class whose Wi-Fi carries no multicast finds itself by a server outside.
 */
export function believedAddresses(
  kind: DhtKind,
  addresses: readonly string[],
  via: AddressClass | undefined,
  own: readonly string[],
): string[] {
  const isPrivateTold = kind !== "public" && via !== "loopback";
  const believed = travellingAddresses(addresses, isPrivateTold ? "private" : via ?? "public");
  if (kind !== "own" || via !== "public") return believed;
  const networks = own.flatMap((address) => networkLike(address) ?? []);
  return believed.filter((address) => {
    const network = networkLike(address);
    return network === undefined || networks.includes(network);
  });
}

/**
 * Those of our own addresses that a server at the other end of `via` is told. The public network
 * takes no others than public ones, and needs not learn them. Loopback stays on this machine.
 */
export function toldAddresses(
  kind: DhtKind,
  own: readonly string[],
  via: AddressClass | undefined,
): string[] {
  return own.filter((address) => {
    const own = classOf(address);
    if (kind === "public") return own === "public" || own === "name";
    return own !== undefined && (via === "loopback" || own !== "loopback");
  });
}

/** The first 16 bits of a private IPv4 address, 48 of an IPv6 one; undefined for all others. */
function networkLike(address: string): string | undefined {
  if (classOf(address) !== "private") return undefined;
  const [, kind, host] = address.split("/");
  const [separator, count] = kind === "ip4" ? [".", 2] as const : [":", 3] as const;
  return `${kind}/${host!.split(separator).slice(0, count).join(separator)}`;
}
