/** Looks for routers that map ports, in every private network of this machine at once. */
import type { Clock } from "../../base/clock.ts";
import { getLogger } from "../../base/log.ts";
import { messageOf } from "../../base/errors.ts";
import { findNatPmp } from "./nat_pmp.ts";
import type { PortGateway } from "./port_gateway.ts";
import {
  isWithin,
  likelyGateways,
  type PrivateNetwork,
  privateNetworks,
} from "./private_networks.ts";
import { searchSsdp, SSDP_ADDRESS, type SsdpSearch } from "./ssdp.ts";
import { openUpnp } from "./upnp.ts";

/** Devices answer within a second (`MX`); the last search goes out after 1.2 s. */
const SEARCH_MS = 3_000;
const DESCRIPTION_MS = 2_000;
/** Asked by NAT-PMP in one network: the guesses, and who calls itself a router by SSDP. */
const NAT_PMP_HOSTS_MAX = 8;

const log = getLogger("net", "port-mapping");

/** Routers of one network, the one to ask first in front. */
export type FoundRouters = { network: PrivateNetwork; gateways: PortGateway[] };

/** All that answer within some seconds; at once where no network is private. Never throws. */
export async function searchRouters(clock: Clock, signal: AbortSignal): Promise<FoundRouters[]> {
  return await Promise.all(
    privateNetworks().map(async (network) => {
      const stop = AbortSignal.any([signal, AbortSignal.timeout(SEARCH_MS)]);
      const guesses = likelyGateways(network);
      const natPmp = new NatPmpSearch((host, stop) => findNatPmp({ host, clock }, stop), stop);
      for (const host of guesses) natPmp.ask(host);
      const search = {
        ownAddress: network.ownAddress,
        targets: [SSDP_ADDRESS, ...guesses],
        accepts: (ip: string) => isWithin(network, ip),
        clock,
      };
      const found = [
        await findUpnp(search, (host) => natPmp.ask(host), stop),
        await natPmp.found(),
      ];
      return { network, gateways: found.filter((gateway) => gateway !== undefined) };
    }),
  );
}

/** Asks several addresses at once, each one once; whoever answers first ends the search. */
export class NatPmpSearch {
  readonly #find: (host: string, stop: AbortSignal) => Promise<PortGateway>;
  readonly #asked = new Map<string, Promise<PortGateway>>();
  readonly #enough = new AbortController();
  readonly #stop: AbortSignal;

  /** `find` throws when nobody answers at the address before its signal. */
  constructor(
    find: (host: string, stop: AbortSignal) => Promise<PortGateway>,
    signal: AbortSignal,
  ) {
    this.#find = find;
    this.#stop = AbortSignal.any([signal, this.#enough.signal]);
  }

  ask(host: string): void {
    if (this.#asked.has(host) || this.#asked.size >= NAT_PMP_HOSTS_MAX) return;
    const asked = this.#find(host, this.#stop);
    this.#asked.set(host, asked);
    asked.then(() => this.#enough.abort(), () => {});
  }

  /** The router that has answered, or answers yet; undefined when none of those asked does. */
  async found(): Promise<PortGateway | undefined> {
    return await Promise.any(this.#asked.values()).catch(() => undefined);
  }
}

/** The first router whose description can be used; `onRouter` learns the address of each. */
async function findUpnp(
  search: SsdpSearch,
  onRouter: (host: string) => void,
  signal: AbortSignal,
): Promise<PortGateway | undefined> {
  const found = new AbortController();
  const stop = AbortSignal.any([signal, found.signal]);
  const opened: Promise<void>[] = [];
  let first: PortGateway | undefined;
  await searchSsdp(search, ({ host, location }) => {
    onRouter(host);
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
