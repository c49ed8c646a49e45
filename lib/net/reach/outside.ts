/**
 * How this node is reached from outside, and what it does about it: lets members check its public
 * addresses, serves members as a relay where it can be reached, and takes places at relays where it
 * cannot.
 */
import type { Connection, IdentifyResult } from "@libp2p/interface";
import type { Cancel, Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { getLogger } from "../../base/log.ts";
import { systemRandom } from "../../base/random.ts";
import { AddressChecks } from "./address_checks.ts";
import { classOf } from "../addresses.ts";
import { askToDial, serveAutonat } from "./autonat.ts";
import { AUTONAT_PROTOCOL } from "./autonat_messages.ts";
import type { Host } from "../libp2p/host.ts";
import {
  type CheckedAddress,
  directReach,
  type Reachability,
  type ReachabilityFacts,
  reachabilityOf,
} from "./reachability.ts";
import { RelayClient } from "../relay/client.ts";
import { RelayKeeper } from "../relay/keeper.ts";
import { HOP_PROTOCOL, type RelayRefusals, RelayServer } from "../relay/server.ts";
import { PROTOCOL } from "../transport.ts";

/** A peer proves itself a moment after it is identified; what comes together is looked at once. */
const LOOK_AFTER_MS = 400;
/**
 * A public address that nobody has checked for so long is perhaps behind a firewall, as those of IPv6
 * at home mostly are; a place at a relay costs little meanwhile.
 */
export const UNKNOWN_PATIENCE_MS = 6_000;

export type OutsideOptions = {
  host: Host;
  clock: Clock;
  /** What the user announced, without `/p2p/ID`. */
  announced: string[];
  /** Public addresses of own interfaces, without `/p2p/ID`. */
  ownPublic: () => string[];
  /** The router's port that leads here, without `/p2p/ID`. */
  mapped: () => string | undefined;
  isMember: (peerId: string) => boolean;
  /** Whether to serve as a relay where that is possible. */
  servesRelay: boolean;
  /** Our addresses are others now. */
  onAddresses: () => void;
  /** How this node can be reached is another matter now, in words at least. */
  onChange: () => void;
};

const log = getLogger("net", "outside");

export class Outside {
  readonly #options: OutsideOptions;
  readonly #checks: AddressChecks;
  readonly #client: RelayClient;
  readonly #keeper: RelayKeeper;
  readonly #server: RelayServer;
  /** Protocols of connected nodes of ours, of which we learn again whenever they change. */
  readonly #protocols = new Map<string, readonly string[]>();
  #wasReachedFromOutside = false;
  #unknownSinceMs: number | undefined;
  #toldText = "";
  /** One through a relay has come or gone. */
  #hasNewAddress = false;
  #cancelLook: Cancel | undefined;
  #cancelPatience: Cancel = () => {};
  #hasStopped = false;

  constructor(options: OutsideOptions) {
    this.#options = options;
    const { host, clock, isMember } = options;
    this.#checks = new AddressChecks({
      clock,
      random: systemRandom,
      addresses: () => this.#checkable(),
      peers: () => this.#membersThat((id) => this.#canCheck(id)),
      ask: (peerId, address) => askToDial(host, peerId, address),
      onChange: () => this.#look(),
    });
    this.#client = new RelayClient({
      host,
      onLost: (relayId) => this.#keeper.onLost(relayId),
      onChange: () => this.#onRelayedAddress(),
    });
    this.#keeper = new RelayKeeper({
      clock,
      random: systemRandom,
      isWanted: () => this.#needsRelays(),
      candidates: () => this.#membersThat((id) => this.#speaks(id, HOP_PROTOCOL)),
      reserve: (relayId) => this.#reserve(relayId),
      release: (relayId) => void this.#client.release(relayId).catch(() => {}),
    });
    this.#server = new RelayServer({ host, clock, isMember });
  }

  async start(): Promise<void> {
    const { host, isMember } = this.#options;
    const { node } = host;
    node.addEventListener("peer:identify", (event) => this.#onIdentify(event.detail));
    node.addEventListener("peer:disconnect", (event) => {
      if (this.#protocols.delete(event.detail.toString())) this.lookSoon();
    });
    node.addEventListener("connection:open", (event) => this.#onConnection(event.detail));
    await serveAutonat(host, isMember);
  }

  stop(): void {
    this.#hasStopped = true;
    this.#cancelLook?.();
    this.#cancelPatience();
    this.#checks.stop();
    this.#keeper.stop();
  }

  /** Whether others can reach this node, and through whom. */
  reachability(): Reachability {
    return reachabilityOf({ ...this.#facts(), relays: this.#keeper.relays() });
  }

  /** What was refused to those who wanted to go through us. */
  refusals(): RelayRefusals {
    return this.#server.refusals();
  }

  /** The network is another one, and with it everything that was found out. */
  onNetworkChanged(): void {
    this.#wasReachedFromOutside = false;
    this.#unknownSinceMs = undefined;
    this.#cancelPatience();
    this.#checks.forget();
    this.#keeper.onNetworkChanged();
    this.lookSoon();
  }

  /** Something has changed: an address of ours, a peer, what a peer can do. */
  lookSoon(): void {
    if (this.#hasStopped) return;
    this.#cancelLook ??= this.#options.clock.after(LOOK_AFTER_MS, () => this.#look());
  }

  #look(): void {
    this.#cancelLook?.();
    this.#cancelLook = undefined;
    if (this.#hasStopped) return;
    this.#checks.kick();
    this.#serveOrNot();
    this.#noteUnknown();
    this.#keeper.kick();
    this.#tell();
  }

  #serveOrNot(): void {
    const { state } = directReach(this.#facts());
    const isReachable = state !== "closed" && this.#options.servesRelay;
    if (!isReachable) {
      if (this.#server.isServing) void this.#server.stop().catch(logFailure);
    } else if (!this.#server.isServing && this.#membersThat(() => true).length > 0) {
      log.debug("Serving as a relay");
      void this.#server.start().catch(logFailure);
    }
  }

  /** Comes back when the patience with an address that nobody checked is at its end. */
  #noteUnknown(): void {
    const { clock } = this.#options;
    const isUnknown = directReach(this.#facts()).state === "unknown" &&
      this.#membersThat(() => true).length > 0;
    if (!isUnknown) {
      this.#cancelPatience();
      this.#unknownSinceMs = undefined;
    } else if (this.#unknownSinceMs === undefined) {
      this.#unknownSinceMs = clock.monotonicMs();
      this.#cancelPatience = clock.after(UNKNOWN_PATIENCE_MS, () => this.lookSoon());
    }
  }

  #needsRelays(): boolean {
    const { state } = directReach(this.#facts());
    if (state !== "unknown") return state === "closed";
    const sinceMs = this.#unknownSinceMs ?? Infinity;
    return this.#options.clock.monotonicMs() - sinceMs >= UNKNOWN_PATIENCE_MS;
  }

  async #reserve(relayId: string): Promise<void> {
    try {
      await this.#client.reserve(relayId);
    } catch (error) {
      log.debug("No place at relay {relayId}: {reason}", { relayId, reason: messageOf(error) });
      throw error;
    }
  }

  #facts(): Omit<ReachabilityFacts, "relays"> {
    const { announced, ownPublic, mapped } = this.#options;
    const checked = (address: string): CheckedAddress => {
      const verdict = this.#checks.verdictOf(address);
      return verdict === undefined ? { address } : { address, verdict };
    };
    const router = mapped();
    return {
      announced,
      own: ownPublic().map(checked),
      wasReachedFromOutside: this.#wasReachedFromOutside,
      ...(router !== undefined && { mapped: checked(router) }),
    };
  }

  /** What the user announced is believed without asking. */
  #checkable(): string[] {
    const { announced, ownPublic, mapped } = this.#options;
    if (announced.length > 0) return [];
    return [...ownPublic(), ...[mapped()].flatMap((address) => address ?? [])];
  }

  #membersThat(isWanted: (peerId: string) => boolean): string[] {
    const { host, isMember } = this.#options;
    return [...this.#protocols.keys()].filter((peerId) =>
      isMember(peerId) && host.connectionTo(peerId) !== undefined && isWanted(peerId)
    );
  }

  #speaks(peerId: string, protocol: string): boolean {
    return this.#protocols.get(peerId)?.includes(protocol) === true;
  }

  /** Only somebody outside can say how we look from there. */
  #canCheck(peerId: string): boolean {
    const address = this.#options.host.connectionTo(peerId)?.remoteAddr.toString() ?? "";
    return this.#speaks(peerId, AUTONAT_PROTOCOL) && classOf(address) === "public";
  }

  #onIdentify({ peerId, protocols }: IdentifyResult): void {
    if (!protocols.includes(PROTOCOL)) return;
    this.#protocols.set(peerId.toString(), protocols);
    this.lookSoon();
  }

  #onConnection(connection: Connection): void {
    if (connection.direction !== "inbound" || !connection.direct || this.#wasReachedFromOutside) {
      return;
    }
    const peerId = connection.remotePeer.toString();
    // A hole that was punched lets in only the one for whom it was made.
    if (this.#options.host.relayedConnectionTo(peerId) !== undefined) return;
    if (classOf(connection.remoteAddr.toString()) !== "public") return;
    this.#wasReachedFromOutside = true;
    this.lookSoon();
  }

  #onRelayedAddress(): void {
    this.#hasNewAddress = true;
    this.lookSoon();
  }

  #tell(): void {
    const { text } = this.reachability();
    if (this.#hasNewAddress) {
      this.#hasNewAddress = false;
      this.#toldText = text;
      return this.#options.onAddresses();
    }
    if (text === this.#toldText) return;
    const isFirst = this.#toldText === "";
    this.#toldText = text;
    if (!isFirst) this.#options.onChange();
  }
}

function logFailure(error: unknown): void {
  log.error("Cannot serve as a relay: {reason}", { reason: messageOf(error) });
}
