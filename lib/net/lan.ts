/**
 * Discovery on the local network by multicast DNS (RFC 6762), under a service name made from the
 * phrase, so that nodes of other networks are not even heard.
 */
import type { PeerInfo } from "@libp2p/interface";
import { toHex, utf8 } from "../base/bytes.ts";
import { type Cancel, type Clock, delay } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { addressClass, bareAddress } from "../peers/address_class.ts";
import { sha256 } from "../primitives/hash.ts";
import type { DiscoveryState } from "./discovery.ts";
import type { Host } from "./libp2p_host.ts";
import type { Candidate } from "./transport.ts";

/** A query can be lost, and the other node may be starting too: ask often at first. */
const ASK_AGAIN_MS = [250, 500, 1_000, 2_000, 4_000] as const;
const ASK_EVERY_MS = 20_000;
const STOP_MS = 500;
const FOUND_IDS_MAX = 1_000;

export type LanOptions = {
  host: Host;
  clock: Clock;
  rendezvous: string;
  onCandidate: (candidate: Candidate) => void;
  /** A line for the user. */
  onNotice: (text: string) => void;
  /** The state has changed. */
  onChange: () => void;
};

/** What we use of the service: libp2p's type hides the socket. */
type Service = EventTarget & {
  start(): Promise<void>;
  stop(): Promise<void>;
  mdns?: {
    query(question: { questions: { name: string; type: string }[] }): void;
    on(event: "error", listener: (error: unknown) => void): void;
    on(event: "ready", listener: () => void): void;
  };
};

/** The DNS-SD service name of a phrase: `_moim-` and 32 hex digits, well below a label's 63 bytes. */
export function lanServiceName(rendezvous: string): string {
  return `_moim-${toHex(sha256(utf8(rendezvous))).slice(0, 32)}._udp.local`;
}

export class LanDiscovery {
  readonly #options: LanOptions;
  readonly #name: string;
  readonly #found = new Set<string>();
  #service: Service | undefined;
  #cancels: Cancel[] = [];
  #lastError: string | undefined;
  #isReady = false;

  constructor(options: LanOptions) {
    this.#options = options;
    this.#name = lanServiceName(options.rendezvous);
  }

  /** Begins to ask and answer. Never throws: without multicast there is one notice, no more. */
  async start(): Promise<void> {
    const { host, clock } = this.#options;
    try {
      // Only here, so that a node without it does not pay for loading it.
      const { mdns } = await import("@libp2p/mdns");
      const factory = mdns({ serviceTag: this.#name, interval: ASK_EVERY_MS });
      const service = await host.addService<Service>(
        factory,
      );
      this.#service = service;
      service.addEventListener("peer", (event) => {
        this.#onPeer((event as CustomEvent<PeerInfo>).detail);
      });
      service.mdns?.on("error", (error) => this.#fail(error));
      service.mdns?.on("ready", () => this.#onReady());
      this.#cancels = ASK_AGAIN_MS.map((delayMs) => clock.after(delayMs, () => this.#ask()));
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Ends within half a second. */
  async stop(): Promise<void> {
    for (const cancel of this.#cancels) cancel();
    const service = this.#service;
    this.#service = undefined;
    if (service === undefined) return;
    const stopped = new AbortController();
    const end = service.stop().catch(() => {}).then(() => stopped.abort());
    await Promise.race([end, delay(this.#options.clock, STOP_MS, stopped.signal)]);
  }

  state(): DiscoveryState {
    const found = `found ${this.#found.size} peer${this.#found.size === 1 ? "" : "s"}`;
    const common = { source: "lan", foundCount: this.#found.size } as const;
    if (this.#lastError !== undefined) {
      const text = `local network: not available (${this.#lastError})`;
      return { ...common, state: "failing", text, lastError: this.#lastError };
    }
    return this.#isReady
      ? { ...common, state: "advertised", text: `local network: asking and answering, ${found}` }
      : { ...common, state: "waiting", text: "local network: starting" };
  }

  #onReady(): void {
    this.#isReady = true;
    this.#options.onChange();
  }

  #ask(): void {
    try {
      this.#service?.mdns?.query({ questions: [{ name: this.#name, type: "PTR" }] });
    } catch (error) {
      this.#fail(error);
    }
  }

  #fail(error: unknown): void {
    if (this.#lastError !== undefined) return;
    this.#lastError = messageOf(error).split("\n")[0]!.slice(0, 120);
    this.#options.onNotice(
      `Cannot search the local network (${this.#lastError}); other ways to find peers go on`,
    );
    this.#options.onChange();
  }

  #onPeer(peer: PeerInfo): void {
    const { host, onCandidate, onChange } = this.#options;
    const peerId = peer.id.toString();
    const addresses = this.#usable(peer.multiaddrs.map(String));
    if (peerId === host.peerId || addresses.length === 0) return;
    const isNew = !this.#found.has(peerId);
    if (this.#found.size < FOUND_IDS_MAX) this.#found.add(peerId);
    onCandidate({ peerId, addresses, source: "lan" });
    if (isNew) onChange();
  }

  /** Loopback is kept only of a node on this machine: it shares an address with us, or has no other. */
  #usable(addresses: string[]): string[] {
    const bare = addresses.flatMap((address) => bareAddress(address) ?? []);
    const others = bare.filter((address) => addressClass(address) !== "loopback");
    const ownHosts = new Set(this.#options.host.addresses().map(hostOf));
    const isHere = others.length === 0 || others.some((address) => ownHosts.has(hostOf(address)));
    return isHere ? bare : others;
  }
}

/** `/ip4/192.0.2.7` of an address. */
function hostOf(address: string): string {
  return address.split("/").slice(0, 3).join("/");
}
