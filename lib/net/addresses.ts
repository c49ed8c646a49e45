/**
 * Peer addresses as text: what a user may type, and what of it can be dialled. What an address may be used for is
 * `peers/address_class.ts`. Pure, and free of the network library, so that it loads at once.
 */
import { EXIT, UserError } from "../base/errors.ts";
import { type AddressClass, addressClass, bareAddress } from "../peers/address_class.ts";
import type { DialTarget } from "./transport.ts";

/** Ed25519 and RSA peer ids in Base58, or any as CID text (libp2p peer id specification). */
const PEER_ID =
  /^(?:12D3KooW[1-9A-HJ-NP-Za-km-z]{44}|Qm[1-9A-HJ-NP-Za-km-z]{44}|baf[a-z2-7]{50,80})$/;
const DNSADDR = /^\/dnsaddr\/[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/i;
const HOW = "give a multiaddr such as /ip4/192.0.2.7/tcp/3000, host:port or a peer id";

/**
 * What `--peer` takes, as a target to dial: a TCP multiaddr with or without `/p2p/ID`, `/p2p/ID`,
 * `/dnsaddr/HOST`, `host:port`, `[v6]:port` or a bare peer id (then without addresses).
 * Throws `UserError` (usage), one line that says what would be right.
 */
export function parsePeerArgument(text: string): DialTarget {
  if (PEER_ID.test(text)) return { peerId: text, addresses: [] };
  const address = text.startsWith("/") ? text : fromHostAndPort(text);
  if (address === undefined) throw refuse(text, HOW);
  const { base, peerId } = splitPeerId(address);
  if (peerId !== undefined && !PEER_ID.test(peerId)) {
    throw refuse(text, "the peer id after /p2p/ is not one");
  }
  if (base === "" && peerId !== undefined) return { peerId, addresses: [] };
  if (!isDialable(base)) throw refuse(text, `only TCP addresses can be dialled: ${HOW}`);
  return peerId === undefined ? { addresses: [address] } : { peerId, addresses: [address] };
}

/** The address without its last `/p2p/ID`, and that id. */
export function splitPeerId(address: string): { base: string; peerId?: string } {
  const match = /^(.*)\/(?:p2p|ipfs)\/([^/]+)$/.exec(address);
  return match ? { base: match[1]!, peerId: match[2]! } : { base: address };
}

/** Whether `address` (with or without `/p2p/ID`) is one that this node can dial. */
export function isDialable(address: string): boolean {
  const { base } = splitPeerId(address);
  return bareAddress(base) !== undefined || DNSADDR.test(base);
}

/** The class of an address with or without `/p2p/ID`; `undefined` for what cannot be dialled. */
export function classOf(address: string): AddressClass | undefined {
  return addressClass(splitPeerId(address).base);
}

function refuse(text: string, how: string): UserError {
  // deno-lint-ignore no-control-regex
  const shown = text.slice(0, 80).replace(/[\x00-\x1f\x7f]/g, "·");
  return new UserError(EXIT.usage, `Cannot use "${shown}" as a peer: ${how}`);
}

function fromHostAndPort(text: string): string | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:/\s]+)):([0-9]+)$/.exec(text);
  if (!match) return undefined;
  const [, six, host, port] = match;
  const kind = six !== undefined ? "ip6" : /^[0-9.]+$/.test(host!) ? "ip4" : "dns";
  // A name server is not asked for what every machine calls itself: its IPv6 answer, where we do
  // not listen, would only cost time.
  const address = host === "localhost"
    ? `/ip4/127.0.0.1/tcp/${port}`
    : `/${kind}/${six ?? host}/tcp/${port}`;
  return bareAddress(address);
}
