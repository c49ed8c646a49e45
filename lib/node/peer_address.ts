/**
 * Checks the text of a peer's address without loading the network library, so that a typing error
 * is told at once. What passes here is parsed again where it is dialled.
 */

/** Ed25519 and RSA peer ids in Base58 and as CID text (libp2p peer id specification). */
const PEER_ID =
  /^(?:12D3KooW[1-9A-HJ-NP-Za-km-z]{44}|Qm[1-9A-HJ-NP-Za-km-z]{44}|baf[a-z2-7]{50,80})$/;
const IP4 = /^(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])(?:\.(?!$)|$)){4}$/;
const HOST_NAME = /^(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)*\.?$/;

const HOW = "give a multiaddr such as /ip4/192.0.2.7/tcp/3000, host:port or a peer id";

/**
 * The address as given, when it has the shape of a TCP multiaddr (with or without `/p2p/ID`), of
 * `/p2p/ID`, of `/dnsaddr/HOST`, of host:port or of a peer id. Throws `Error` otherwise.
 */
export function checkPeerAddress(text: string): string {
  if (text.startsWith("/")) return checkMultiaddr(text);
  if (PEER_ID.test(text)) return text;
  const match = /^(?:\[([^\]]+)\]|([^:/\s]+)):([0-9]+)$/.exec(text);
  if (!match || !isPort(match[3]!)) throw new Error(HOW);
  const isHost = match[1] !== undefined
    ? isIp6(match[1])
    : IP4.test(match[2]!) || (HOST_NAME.test(match[2]!) && !/^[0-9.]+$/.test(match[2]!));
  if (!isHost) throw new Error(HOW);
  return text;
}

function checkMultiaddr(text: string): string {
  const parts = text.slice(1).split("/");
  if (parts.at(-2) === "p2p") {
    if (!PEER_ID.test(parts.at(-1)!)) throw new Error("the peer id after /p2p/ is not one");
    parts.splice(-2);
    if (parts.length === 0) return text;
  }
  const [hostKind, host, transport, port] = parts;
  if (hostKind === "dnsaddr" && parts.length === 2 && HOST_NAME.test(host!)) return text;
  if (parts.length !== 4) throw new Error(HOW);
  if (!isHostOf(hostKind!, host!)) throw new Error(`/${hostKind}/${host} is no address; ${HOW}`);
  if (transport !== "tcp" || !isPort(port!)) throw new Error(`only tcp is spoken here; ${HOW}`);
  return text;
}

function isHostOf(kind: string, host: string): boolean {
  switch (kind) {
    case "ip4":
      return IP4.test(host);
    case "ip6":
      return isIp6(host);
    case "dns":
    case "dns4":
    case "dns6":
      return HOST_NAME.test(host);
    default:
      return false;
  }
}

function isPort(text: string): boolean {
  return /^[0-9]{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65535;
}

function isIp6(text: string): boolean {
  if (!/^[0-9a-fA-F:.]+$/.test(text)) return false;
  return URL.canParse(`http://[${text}]/`);
}
