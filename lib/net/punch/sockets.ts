/** Connections of libp2p from a local port of our choice, dialled or waited for there. */
import type {
  Connection,
  Listener,
  MultiaddrConnection,
  Upgrader,
  UpgraderOptions,
} from "@libp2p/interface";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import type { Host } from "../libp2p/host.ts";

const UPGRADE_MS = 4_000;

export type DialFromOptions = { localPort: number; initiator?: boolean; signal: AbortSignal };

/** Dials from a port of ours: libp2p's transport hands what it does not know on to the socket. */
export async function dialFrom(
  host: Host,
  address: Multiaddr,
  { localPort, initiator = true, signal }: DialFromOptions,
): Promise<Connection> {
  const { transportManager, upgrader } = host.internals;
  const isIp6 = address.getComponents()[0]?.name === "ip6";
  // The socket goes on listening to its signal, which must not end what has been connected.
  const ended = new AbortController();
  const onAbort = () => ended.abort();
  signal.throwIfAborted();
  signal.addEventListener("abort", onAbort, { once: true });
  const options = {
    localPort,
    localAddress: isIp6 ? "::" : "0.0.0.0",
    initiator,
    signal: ended.signal,
    upgrader: initiator ? upgrader : asDialled(upgrader),
  };
  try {
    return await transportManager.dialTransportForMultiaddr(address)!.dial(address, options);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

export type WaitAtOptions = {
  localPort: number;
  /** Who must come. */
  peerId: string;
  /** From where: IP addresses. Others are not listened to. */
  ips: readonly string[];
  initiator: boolean;
  /** Nobody else is let in afterwards. */
  signal: AbortSignal;
};

/**
 * Lets a peer in at a port of ours, over IPv4. For as long as that lasts, no connection can be
 * dialled from there; those that are being dialled go on. Resolves when it has come.
 */
export async function waitAt(
  host: Host,
  { localPort, peerId, ips, initiator, signal }: WaitAtOptions,
): Promise<Connection> {
  const { transportManager, upgrader } = host.internals;
  const address = multiaddr(`/ip4/0.0.0.0/tcp/${localPort}`);
  const connected = Promise.withResolvers<Connection>();
  const upgradeInbound = async (raw: MultiaddrConnection) => {
    const { value: ip } = raw.remoteAddr.getComponents()[0]!;
    if (!ips.includes(ip!)) throw new Error("Somebody else came");
    // As if it had been dialled: Noise then refuses everybody else.
    raw.remoteAddr = raw.remoteAddr.encapsulate(`/p2p/${peerId}`);
    raw.direction = initiator ? "outbound" : "inbound";
    const options = { initiator, signal: AbortSignal.timeout(UPGRADE_MS) };
    connected.resolve(await upgrader.upgradeOutbound(raw, options));
  };
  const listener = transportManager.dialTransportForMultiaddr(address)!.createListener({
    upgrader: { upgradeInbound } as unknown as Upgrader,
  });
  await listener.listen(address);
  const leave = () => {
    // Its `close` would end the connection that it has let in as well.
    (listener as Listener & { pause(isForGood: true): void }).pause(true);
    connected.reject(new Error("The other side did not come"));
  };
  if (signal.aborted) leave();
  else signal.addEventListener("abort", leave, { once: true });
  return await connected.promise;
}

/**
 * Yamux asks the socket which of both sides it is, and libp2p forgets to tell that we act as if we
 * had been dialled: both sides would number their streams alike, and the connection would end with
 * the first of them.
 */
function asDialled(upgrader: Upgrader): Upgrader {
  return {
    upgradeInbound: (raw, options) => upgrader.upgradeInbound(raw, options),
    upgradeOutbound: (raw: MultiaddrConnection, options: UpgraderOptions) => {
      raw.direction = "inbound";
      return upgrader.upgradeOutbound(raw, options);
    },
  } as Upgrader;
}
