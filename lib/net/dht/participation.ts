/** How this node takes part in a DHT: the service behind it, whether we serve it, and its table. */
import type { PeerId } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { multiaddr } from "@multiformats/multiaddr";
import type { CID } from "multiformats/cid";
import type { Cancel, Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { getLogger } from "../../base/log.ts";
import type { Dialer } from "../libp2p/dialer.ts";
import type { Host } from "../libp2p/host.ts";
import type { MemberGate } from "../membership/member_gate.ts";
import { type DhtKind, SERVICE_AFTER_MS } from "./kind.ts";
import { type DhtService, startDhtService } from "./service.ts";

const log = getLogger("net", "dht");

export type ParticipationOptions = {
  host: Host;
  dialer: Dialer;
  clock: Clock;
  kind: DhtKind;
  protocol: string;
  key: CID;
  /** Whether others can reach us, so that we serve the own DHT; a private one everybody serves. */
  isReachable: () => boolean;
  /** Whether the peer has proven during this run that it is of our network. */
  isMember: (peerId: string) => boolean;
  /** Set where strangers are neither answered nor asked. */
  gate?: MemberGate;
  /** The table has got its first peer, or lost its last. */
  onTable: (hasTable: boolean) => void;
  /** We serve now, or no longer. */
  onChange: () => void;
};

export class Participation {
  readonly #options: ParticipationOptions;
  #cancelStart: Cancel = () => {};
  #service: DhtService | undefined;
  #switching: Promise<void> | undefined;
  #hadTable = false;

  constructor(options: ParticipationOptions) {
    this.#options = options;
  }

  /** The service, once there is somebody to ask. */
  get service(): DhtService | undefined {
    return this.tablePeers > 0 ? this.#service : undefined;
  }

  get tablePeers(): number {
    return this.#service?.routingTable.size ?? 0;
  }

  get isServer(): boolean {
    return this.#service?.getMode() === "server";
  }

  /** Loads and starts the service when the short way is normally over. */
  start(): void {
    const { clock, kind } = this.#options;
    this.#cancelStart = clock.after(SERVICE_AFTER_MS[kind], () => void this.#startService());
  }

  /** The service itself, once started, ends with the host. */
  stop(): void {
    this.#cancelStart();
  }

  /** Serves the own DHT as soon as others can reach us, and no longer than that. */
  onReachabilityChanged(): void {
    if (this.#switching !== undefined) return;
    this.#switching = this.#switchMode().catch((error) => {
      log.info("Cannot change how we take part: {reason}", { reason: messageOf(error) });
    }).finally(() => this.#switching = undefined);
  }

  async #startService(): Promise<void> {
    const { host, clock, kind, protocol, isMember, gate, key, dialer } = this.#options;
    const isServer = this.#shouldServe();
    const service = await startDhtService({
      host,
      clock,
      kind,
      protocol,
      isServer,
      isMember,
      ...(gate && { gate }),
    });
    // Whoever asks us is told of us too.
    if (kind !== "public") await service.providers.addProvider(key, host.node.peerId);
    service.routingTable.addEventListener("peer:add", () => this.#onTable());
    service.routingTable.addEventListener("peer:remove", () => this.#onTable());
    this.#service = service;
    dialer.finders.push((peerId, signal) => findPeer(service, peerId, signal));
    for (const id of host.node.getPeers()) await this.#introduce(id);
    this.#onTable();
    this.onReachabilityChanged();
  }

  /** What changes meanwhile is looked at again. */
  async #switchMode(): Promise<void> {
    while (this.#service !== undefined && this.#shouldServe() !== this.isServer) {
      await this.#service.setMode(this.#shouldServe() ? "server" : "client");
      this.#options.onChange();
    }
  }

  #shouldServe(): boolean {
    const { kind, isReachable } = this.#options;
    return kind === "private" || (kind === "own" && isReachable());
  }

  /** Tells the service of a peer that had connected before it ran. */
  async #introduce(id: PeerId): Promise<void> {
    const { host, protocol } = this.#options;
    if (!(await host.protocolsOf(id.toString())).includes(protocol)) return;
    const addresses = await host.knownAddresses(id.toString());
    await this.#service?.onPeerConnect({
      id,
      multiaddrs: addresses.map((text) => multiaddr(text)),
    });
  }

  #onTable(): void {
    const hasTable = this.tablePeers > 0;
    if (hasTable === this.#hadTable) return;
    this.#hadTable = hasTable;
    this.#options.onTable(hasTable);
  }
}

/** What the DHT knows of the peer's addresses. */
async function findPeer(dht: DhtService, peerId: string, signal: AbortSignal): Promise<string[]> {
  for await (const event of dht.findPeer(peerIdFromString(peerId), { signal })) {
    if (event.name === "FINAL_PEER") return event.peer.multiaddrs.map(String);
  }
  return [];
}
