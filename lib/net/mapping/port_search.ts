/** Looks for routers that map ports, in every private network of this machine at once. */
import type { Clock } from "../../base/clock.ts";
import { getLogger } from "../../base/log.ts";
import { messageOf } from "../../base/errors.ts";
import { findNatPmp } from "./nat_pmp.ts";
import {
  isWithin,
  likelyGateway,
  type PortGateway,
  type PrivateNetwork,
  privateNetworks,
} from "./port_gateway.ts";
import { searchSsdp, SSDP_ADDRESS } from "./ssdp.ts";
import { openUpnp } from "./upnp.ts";

/** Devices answer within a second (`MX`); the last search goes out after 1.2 s. */
const SEARCH_MS = 3_000;
const DESCRIPTION_MS = 2_000;

const log = getLogger("net", "port-mapping");

/** Routers of one network, the one to ask first in front. */
export type FoundRouters = { network: PrivateNetwork; gateways: PortGateway[] };

/** All that answer within some seconds; at once where no network is private. Never throws. */
export async function searchRouters(clock: Clock, signal: AbortSignal): Promise<FoundRouters[]> {
  const networks = await privateNetworks();
  return await Promise.all(networks.map(async (network) => {
    const stop = AbortSignal.any([signal, AbortSignal.timeout(SEARCH_MS)]);
    const found = await Promise.all([
      findUpnp(network, clock, stop),
      findNatPmp({ host: likelyGateway(network), clock }, stop).catch(() => undefined),
    ]);
    return { network, gateways: found.filter((gateway) => gateway !== undefined) };
  }));
}

async function findUpnp(
  network: PrivateNetwork,
  clock: Clock,
  signal: AbortSignal,
): Promise<PortGateway | undefined> {
  const found = new AbortController();
  const stop = AbortSignal.any([signal, found.signal]);
  const opened: Promise<void>[] = [];
  let first: PortGateway | undefined;
  const search = {
    ownAddress: network.ownAddress,
    targets: [SSDP_ADDRESS, likelyGateway(network)],
    accepts: (ip: string) =>
      network.gateway === undefined ? isWithin(network, ip) : ip === network.gateway,
    clock,
  };
  await searchSsdp(search, ({ host, location }) => {
    const limit = AbortSignal.any([stop, AbortSignal.timeout(DESCRIPTION_MS)]);
    opened.push(
      openUpnp(location, host, limit).then((gateway) => {
        first ??= gateway;
        found.abort();
      }).catch((error) => log.debug("No UPnP: {reason}", { reason: messageOf(error) })),
    );
  }, stop).catch((error) => log.debug("No search: {reason}", { reason: messageOf(error) }));
  await Promise.all(opened);
  return first;
}
