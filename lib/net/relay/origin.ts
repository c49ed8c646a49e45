/** Where somebody comes from, to share fairly what a relay has: ids cost nothing, networks do. */
import type { Multiaddr } from "@multiformats/multiaddr";
import { publicSubnet } from "../../peers/address_class.ts";
import { splitPeerId } from "../addresses.ts";

/** The network of an address; of those that are not public each host is one. */
export function originOf(address: Multiaddr): string {
  const { base } = splitPeerId(address.toString());
  return publicSubnet(base) ?? base.split("/").slice(0, 3).join("/");
}
