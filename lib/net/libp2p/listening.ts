/** Where the node listens: all of IPv4 and each own IPv6 address, followed as interfaces change. */
import { multiaddr } from "@multiformats/multiaddr";
import { networkInterfaces } from "node:os";
import { messageOf } from "../../base/errors.ts";
import { getLogger } from "../../base/log.ts";
import { addressClass, isRelayedAddress } from "../../peers/address_class.ts";
import { PortBusyError } from "./free_port.ts";
import type { Host } from "./host.ts";

const IP6_ADDRESSES_MAX = 8;

const log = getLogger("net", "listening");

export type ListeningOptions = {
  /** 0 picks a free one. */
  port: number;
  /** One address to listen on, instead of all; tests use 127.0.0.1. */
  listenHost?: string;
  onChange: () => void;
};

export class Listening {
  readonly #host: Host;
  readonly #options: ListeningOptions;
  #port: number;
  #lastAddresses = "";

  constructor(host: Host, options: ListeningOptions) {
    this.#host = host;
    this.#options = options;
    this.#port = options.port;
  }

  /** The port listened on; 0 while it is not known yet. */
  get port(): number {
    return this.#port;
  }

  /** Throws `PortBusyError`, or whatever else the system says. */
  async start(): Promise<void> {
    const { listenHost } = this.#options;
    try {
      await this.#listen(listenHost ?? "0.0.0.0");
    } catch (error) {
      if (isInUse(error)) throw new PortBusyError(this.#port);
      throw new Error(`Cannot listen on port ${this.#port}: ${firstReason(error)}`);
    }
    this.#learnPort();
    if (listenHost === undefined && this.#port !== 0) await this.#followIp6();
    this.#trustInterfaces();
    this.#lastAddresses = this.#ownAddresses();
  }

  /** Compares with the machine's interfaces and tells when our addresses are others now. */
  async recheck(): Promise<void> {
    this.#learnPort();
    if (this.#options.listenHost === undefined && this.#port !== 0) await this.#followIp6();
    this.#trustInterfaces();
    const addresses = this.#ownAddresses();
    if (addresses === this.#lastAddresses) return;
    this.#lastAddresses = addresses;
    // Makes identify tell connected peers, which otherwise happens only when a listener changes.
    this.#host.internals.addressManager._updatePeerStoreAddresses();
    this.#options.onChange();
  }

  /** Those through relays come and go by themselves, and whoever brings them tells of it. */
  #ownAddresses(): string {
    return this.#host.addresses().filter((address) => !isRelayedAddress(address)).join();
  }

  /** The port that the system picked; unknown for as long as no interface has an address. */
  #learnPort(): void {
    const [address] = this.#host.internals.transportManager.getAddrs();
    if (address !== undefined) this.#port = Number(address.getComponents()[1]!.value);
  }

  async #listen(ip: string): Promise<void> {
    const kind = ip.includes(":") ? "ip6" : "ip4";
    await this.#host.internals.transportManager.listen([
      multiaddr(`/${kind}/${ip}/tcp/${this.#port}`),
    ]);
  }

  async #followIp6(): Promise<void> {
    const wanted = ownIp6Addresses();
    const have = new Set<string>();
    for (const listener of this.#host.internals.transportManager.getListeners()) {
      for (const address of listener.getAddrs()) {
        const [first] = address.getComponents();
        if (first?.name !== "ip6") continue;
        have.add(first.value!);
        if (!wanted.includes(first.value!)) await listener.close().catch(() => {});
      }
    }
    for (const ip of wanted.filter((address) => !have.has(address))) {
      await this.#listen(ip).catch((error) => {
        log.info("Not listening on {ip}: {reason}", { ip, reason: firstReason(error) });
      });
    }
  }

  /**
   * libp2p keeps public addresses of our own interfaces to itself until four peers of four networks
   * have dialled them back, which a private network never has. We announce them at once: they are
   * ours, and whoever dials tries several addresses side by side. One that members cannot dial
   * stays announced: those on our side of the firewall can.
   */
  #trustInterfaces(): void {
    const { addressManager } = this.#host.internals;
    for (const known of addressManager.getAddressesWithMetadata()) {
      if (known.type !== "transport" || known.verified || known.expires > 0) continue;
      addressManager.confirmObservedAddr(known.multiaddr, { type: "transport", ttl: 0 });
    }
  }
}

/** Own IPv6 addresses by name: Deno ignores `ipv6Only`, so `::` beside `0.0.0.0` cannot be had. */
function ownIp6Addresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) => list ?? [])
    .filter((address) => address.family === "IPv6" && !address.internal)
    .map((address) => address.address)
    .filter((ip) => /^(?:public|private)$/.test(addressClass(`/ip6/${ip}/tcp/1`) ?? ""))
    .slice(0, IP6_ADDRESSES_MAX);
}

function isInUse(error: unknown): boolean {
  return /EADDRINUSE|AddrInUse|[Aa]ddress already in use/.test(messageOf(error));
}

/** libp2p lists a stack per address; the line with the reason is the third. */
function firstReason(error: unknown): string {
  const lines = messageOf(error).split("\n").map((line) => line.trim()).filter((line) =>
    line !== ""
  );
  return (lines[1] ?? lines[0] ?? "unknown reason").slice(0, 200);
}
