/**
 * The short way through a small DHT: each server that is connected is told and asked at once, and so
 * are the few that it names as nearest to the key, where the record lies if it lies anywhere.
 */
import type { Connection } from "@libp2p/interface";
import { messageOf } from "../../base/errors.ts";
import { getLogger } from "../../base/log.ts";
import type { AddressClass } from "../../peers/address_class.ts";
import { classOf } from "../addresses.ts";
import { toldAddresses } from "./belief.ts";
import { type DhtPeer, exchangeProviders } from "./exchange.ts";
import type { DhtKind } from "./kind.ts";
import type { Dialer } from "../libp2p/dialer.ts";
import type { Host } from "../libp2p/host.ts";

const EXCHANGE_MS_MAX = 5_000;
/** Servers told and asked this way until our addresses change. */
const SERVERS_MAX = 12;
/** Of those that one server names; the advertiser's walk ends at the nearest too. */
const NEAREST = 3;

const log = getLogger("net", "dht");

export type DhtDirectOptions = {
  host: Host;
  dialer: Dialer;
  kind: DhtKind;
  protocol: string;
  /** Our addresses, as servers may know them. */
  addresses: () => string[];
  /** Multihash of the record's key. */
  key: Uint8Array;
  /** Those of a peer's addresses that are believed when told over `via`. */
  believed: (addresses: string[], via: AddressClass | undefined) => string[];
  onProvider: (provider: DhtPeer, server: string, via: AddressClass | undefined) => void;
  /** The server has our record. */
  onStored: (server: string) => void;
};

export class DhtDirect {
  readonly #options: DhtDirectOptions;
  readonly #asked = new Set<string>();
  readonly #stopped = new AbortController();

  constructor(options: DhtDirectOptions) {
    this.#options = options;
  }

  /** Tells and asks the server, once. What fails may be tried again with the next connection. */
  async meet(connection: Connection): Promise<void> {
    const server = connection.remotePeer.toString();
    if (this.#asked.has(server) || this.#asked.size >= SERVERS_MAX) return;
    this.#asked.add(server);
    // Whoever comes back may be a server that was restarted, and remembers nothing.
    connection.addEventListener("close", () => this.#asked.delete(server), { once: true });
    try {
      await this.#exchange(connection, server);
    } catch (error) {
      this.#asked.delete(server);
      log.debug("No direct answer of {server}: {reason}", { server, reason: messageOf(error) });
    }
  }

  /** Our addresses have changed: everybody is to be told again. */
  forget(): void {
    this.#asked.clear();
  }

  stop(): void {
    this.#stopped.abort();
  }

  async #exchange(connection: Connection, server: string): Promise<void> {
    const { host, kind, protocol, addresses, key, believed, onProvider, onStored } = this.#options;
    const via = classOf(connection.remoteAddr.toString());
    const { providers, closer } = await exchangeProviders({
      connection,
      protocol,
      key,
      self: { peerId: host.node.peerId, addresses: toldAddresses(kind, addresses(), via) },
      signal: AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(EXCHANGE_MS_MAX)]),
    });
    if (providers.some(({ peerId }) => peerId === host.peerId)) onStored(server);
    for (const provider of providers) onProvider(provider, server, via);
    const nearest = closer.filter(({ peerId }) => peerId !== host.peerId).slice(0, NEAREST);
    for (const { peerId, addresses } of nearest) {
      void this.#visit({ peerId, addresses: believed(addresses, via) });
    }
  }

  async #visit(server: DhtPeer): Promise<void> {
    if (this.#asked.has(server.peerId) || server.addresses.length === 0) return;
    try {
      await this.meet(await this.#options.dialer.connect(server, this.#stopped.signal));
    } catch (error) {
      log.debug("Cannot reach a server: {reason}", { reason: messageOf(error) });
    }
  }
}
