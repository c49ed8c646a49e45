/** The searches for peers that need libp2p: the DHTs and the local network. None waits for another. */
import type { Clock } from "../../base/clock.ts";
import { Signal } from "../../base/signals.ts";
import { DhtDiscovery } from "../dht/dht.ts";
import { DHT_PROTOCOLS, type DhtKind, OWN_DHT_PROTOCOL } from "../dht/kind.ts";
import type { DiscoveryState } from "../discovery.ts";
import { LanDiscovery } from "../lan/lan.ts";
import { MemberGate } from "../membership/member_gate.ts";
import type { Reachability } from "../reach/reachability.ts";
import type { Dialer } from "./dialer.ts";
import type { Host } from "./host.ts";
import { ip4Interfaces } from "./network_watch.ts";
import type { Libp2pTransportOptions } from "./options.ts";

export type SearchesContext = {
  host: Host;
  dialer: Dialer;
  clock: Clock;
  options: Libp2pTransportOptions;
  /** How others reach this node. */
  reachState: () => Reachability["state"];
};

export class Searches {
  /** A source has a new line (`text`) to tell. */
  readonly changes = new Signal<DiscoveryState>();
  readonly #context: SearchesContext;
  /** The one that the user chose, and the chain's own beside it. */
  readonly #dhts: DhtDiscovery[];
  readonly #lan: LanDiscovery | undefined;
  readonly #toldTexts = new Map<string, string>();

  constructor(context: SearchesContext) {
    this.#context = context;
    this.#dhts = this.#makeDhts();
    this.#lan = this.#makeLan();
  }

  /** Begins to search. Returns when whoever connects is noticed. */
  async start(): Promise<void> {
    const bootstraps = this.#context.options.bootstraps ?? [];
    await Promise.all(this.#dhts.map((dht) => dht.start(bootstraps)));
    this.#lan?.start();
  }

  stop(): void {
    for (const dht of this.#dhts) dht.stop();
    this.#lan?.stop();
  }

  /** What each source does. */
  states(): DiscoveryState[] {
    const off = (source: "dht" | "lan", name: string): DiscoveryState => {
      return { source, state: "off", text: `${name}: off`, foundCount: 0 };
    };
    const dhts = this.#dhts.map((dht) => dht.state());
    return [
      ...(dhts.length === 0 ? [off("dht", "DHT")] : dhts),
      this.#lan?.state() ?? off("lan", "local network"),
    ];
  }

  /** More ways into the DHTs. */
  addBootstrap(addresses: string[]): void {
    for (const dht of this.#dhts) dht.addBootstrap(addresses);
  }

  /** More peers are wanted than a moment ago. */
  lookUpSoon(): void {
    for (const dht of this.#dhts) dht.lookUpSoon();
    this.#lan?.askSoon();
  }

  /** Our addresses are others now. */
  onAddressesChanged(): void {
    for (const dht of this.#dhts) dht.onAddressesChanged();
  }

  /** How others reach this node is another matter now. */
  onReachabilityChanged(): void {
    for (const dht of this.#dhts) dht.onReachabilityChanged();
  }

  /** The machine is in another network, or awake again. */
  onNetworkChanged(): void {
    this.#lan?.onNetworkChanged();
    for (const dht of this.#dhts) dht.onNetworkChanged();
  }

  #makeDhts(): DhtDiscovery[] {
    const { dht } = this.#context.options;
    if (dht === undefined || dht.mode === "off") return [];
    const protocol = dht.protocol ?? DHT_PROTOCOLS[dht.mode];
    const hasOwn = dht.mode === "public" && dht.own !== false && protocol !== OWN_DHT_PROTOCOL;
    if (!hasOwn) return [this.#makeDht(dht.mode, protocol, [])];
    return [
      this.#makeDht("public", protocol, [OWN_DHT_PROTOCOL]),
      this.#makeDht("own", OWN_DHT_PROTOCOL, [protocol]),
    ];
  }

  #makeDht(kind: DhtKind, protocol: string, otherProtocols: string[]): DhtDiscovery {
    const { dht, rendezvous, wantsPeers, isAlone, onCandidate, onNotice, isMember } =
      this.#context.options;
    const isKnownMember = isMember ?? (() => false);
    const isGated = dht?.membersOnly === true && kind !== "public";
    const discovery: DhtDiscovery = new DhtDiscovery({
      host: this.#context.host,
      dialer: this.#context.dialer,
      clock: this.#context.clock,
      rendezvous,
      kind,
      protocol,
      otherProtocols,
      // An own public address that nobody has checked is probably right.
      isReachable: () => ["open", "mapped", "unknown"].includes(this.#context.reachState()),
      isMember: isKnownMember,
      ...(isGated && { gate: new MemberGate(this.#context.clock, isKnownMember) }),
      wantsPeers: wantsPeers ?? (() => true),
      ...(isAlone && { isAlone }),
      onCandidate: onCandidate ?? (() => {}),
      onNotice: onNotice ?? (() => {}),
      onChange: () => this.#tell(discovery.state()),
    });
    return discovery;
  }

  #makeLan(): LanDiscovery | undefined {
    const { lan, rendezvous, listenHost, onCandidate, onNotice } = this.#context.options;
    if (!lan) return undefined;
    const discovery: LanDiscovery = new LanDiscovery({
      self: this.#context.host,
      clock: this.#context.clock,
      rendezvous,
      interfaces: () => listenHost === undefined ? ip4Interfaces() : [listenHost],
      onCandidate: onCandidate ?? (() => {}),
      onNotice: onNotice ?? (() => {}),
      onChange: () => this.#tell(discovery.state()),
    });
    return discovery;
  }

  #tell(state: DiscoveryState): void {
    if (this.#toldTexts.get(state.source) === state.text) return;
    this.#toldTexts.set(state.source, state.text);
    this.changes.emit(state);
  }
}
