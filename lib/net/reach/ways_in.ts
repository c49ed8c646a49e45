/**
 * The ways by which others come to this node: its own addresses, a port of the router, a relay, and a
 * hole made for one peer.
 */
import type { Clock } from "../../base/clock.ts";
import { classOf } from "../addresses.ts";
import type { Host } from "../libp2p/host.ts";
import type { Libp2pTransportOptions } from "../libp2p/options.ts";
import { PortMapping, type PortMappingState } from "../mapping/port_mapping.ts";
import { HolePunching } from "../punch/hole_punch.ts";
import type { RelayRefusals } from "../relay/server.ts";
import { Observed } from "./observed.ts";
import { Outside } from "./outside.ts";
import type { Reachability } from "./reachability.ts";

export type WaysInContext = {
  host: Host;
  clock: Clock;
  options: Libp2pTransportOptions;
  /** The port listened on; 0 while unknown. */
  port: () => number;
  /** A port of the router has come or gone. */
  onMapping: () => void;
  /** Our addresses are others now. */
  onAddresses: () => void;
  /** How others reach this node is another matter now, though its addresses may be the same. */
  onChange: () => void;
};

export class WaysIn {
  /** Where peers outside see this node and, as far as they told, where they are seen. */
  readonly observed: Observed;
  readonly #context: WaysInContext;
  readonly #mapping: PortMapping;
  readonly #outside: Outside;
  #punching: HolePunching | undefined;

  constructor(context: WaysInContext) {
    this.#context = context;
    this.observed = new Observed(context.host);
    this.#mapping = this.#makeMapping();
    this.#outside = this.#makeOutside();
  }

  /** Before the node listens: whoever connects finds everything in place. */
  async start(): Promise<void> {
    const { host, clock, options } = this.#context;
    await this.#outside.start();
    this.#punching = await HolePunching.start({
      host,
      clock,
      isMember: options.isMember ?? (() => false),
      onTold: (peerId, addresses) => this.observed.notePeer(peerId, addresses),
    });
  }

  /** Asks the router for a port, once the node listens. */
  startMapping(): void {
    this.#mapping.start();
  }

  /** Takes a second at most, for the router. */
  async stop(): Promise<void> {
    this.#outside.stop();
    this.#punching?.stop();
    await this.#mapping.stop();
  }

  /** What the router was asked for, and what came of it. */
  portMapping(): PortMappingState {
    return this.#mapping.state();
  }

  /** Whether others can reach this node from outside its network, and through whom. */
  reachability(): Reachability {
    return this.#outside.reachability();
  }

  /** Members and strangers that could not go through us, by reason. */
  relayRefusals(): RelayRefusals {
    return this.#outside.refusals();
  }

  /** Something has changed: an address of ours, or who is a member. */
  lookSoon(): void {
    this.#outside.lookSoon();
  }

  /** The machine is in another network, or awake again. */
  onNetworkChanged(): void {
    this.#mapping.redo();
    this.#outside.onNetworkChanged();
    this.#punching?.onNetworkChanged();
    this.observed.forget();
  }

  #makeMapping(): PortMapping {
    const { listenHost, mapPort, announce } = this.#context.options;
    const isAnnounced = (announce ?? []).some((address) => classOf(address) === "public");
    const whyOff = listenHost !== undefined
      ? "this node listens on one address"
      : mapPort !== true
      ? "not wanted"
      : isAnnounced
      ? "an announced address is public"
      : undefined;
    return new PortMapping({
      host: this.#context.host,
      port: () => this.#context.port(),
      clock: this.#context.clock,
      onChange: () => this.#context.onMapping(),
      ...(whyOff === undefined ? {} : { whyOff }),
    });
  }

  #makeOutside(): Outside {
    const { announce, isMember, relay } = this.#context.options;
    const { transportManager } = this.#context.host.internals;
    return new Outside({
      host: this.#context.host,
      clock: this.#context.clock,
      announced: announce ?? [],
      ownPublic: () =>
        transportManager.getAddrs().map(String).filter((address) => classOf(address) === "public"),
      mapped: () => this.#mapping.state().externalAddress,
      isMember: isMember ?? (() => false),
      servesRelay: relay !== false,
      onAddresses: () => this.#context.onAddresses(),
      onChange: () => this.#context.onChange(),
    });
  }
}
