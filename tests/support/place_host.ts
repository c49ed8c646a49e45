/** A host of a world: one namespace with one network card, in which programs run. */
import { moim, MoimNode, type MoimOptions } from "./moim.ts";
import { execute, shell, type ShellResult } from "./netns.ts";
import { Tunnel } from "./tunnel.ts";

/** A socket that a network card can be plugged into. */
export type Plug = {
  ip: string;
  gateway: string | undefined;
  /** Of a network that has IPv6: the address in its /64, which stays, and the router's. */
  ip6?: { address: string; gateway: string };
  /** Another free address of the same network. */
  nextIp: () => string;
  /** Makes the device `from` in `namespace`, the other end being here. */
  connect: (namespace: string, from: string) => Promise<void>;
};

export type HostSetup = { namespace: string; dataDir: string; plug: Plug; phrase: string };

export class Host {
  /** The namespace. */
  readonly name: string;
  readonly dataDir: string;
  /** What a command begins with to run here. */
  readonly prefix: string[];
  readonly nodes: MoimNode[] = [];
  readonly #phrase: string;
  readonly #tunnels = new Map<number, Tunnel>();
  #plug: Plug;
  #ip: string;
  #plugs = 0;

  constructor({ namespace, dataDir, plug, phrase }: HostSetup) {
    this.name = namespace;
    this.dataDir = dataDir;
    this.prefix = ["ip", "netns", "exec", namespace];
    this.#plug = plug;
    this.#ip = plug.ip;
    this.#phrase = phrase;
  }

  /** Its address now. */
  get ip(): string {
    return this.#ip;
  }

  /** Its IPv6 address; undefined in a network without. */
  get ip6(): string | undefined {
    return this.#plug.ip6?.address;
  }

  /** Where its node listens by default: a multiaddr without a peer id, for `--peer`. */
  get address(): string {
    return `/ip4/${this.#ip}/tcp/3000`;
  }

  /**
   * For the functions of `moim.ts`. The local network is on, the DHT off, port mapping as the
   * program has it, unless `env` says otherwise.
   */
  options(env: Record<string, string> = {}): MoimOptions {
    return {
      dataDir: this.dataDir,
      prefix: this.prefix,
      env: { MOIM_LAN: "on", MOIM_MAP_PORT: "on", ...env },
      fetch: (url, init) => this.fetch(url, init),
    };
  }

  /** Starts `moim start` under the world's phrase, without waiting for anything. */
  spawn(args: string[] = [], env: Record<string, string> = {}): MoimNode {
    const phrase = args.includes("--rendezvous") ? [] : ["--rendezvous", this.#phrase];
    const node = MoimNode.spawn(["start", ...phrase, ...args], this.options(env));
    this.nodes.push(node);
    return node;
  }

  /** The same, and waits until it is ready. */
  async start(args: string[] = [], env: Record<string, string> = {}): Promise<MoimNode> {
    const node = this.spawn(args, env);
    await node.waitFor(/^ready: /m);
    return node;
  }

  /** One `moim` command to its end. */
  moim(args: string[], env: Record<string, string> = {}): ReturnType<typeof moim> {
    return moim(args, this.options(env));
  }

  /** One command of the system to its end. */
  run(command: string[]): Promise<ShellResult> {
    return execute([...this.prefix, ...command]);
  }

  /** HTTP to a port of this host's loopback. */
  fetch(url: string, init: RequestInit = {}): Promise<Response> {
    const port = Number(new URL(url).port);
    const tunnel = this.#tunnels.get(port) ?? new Tunnel(this.prefix, port);
    this.#tunnels.set(port, tunnel);
    return tunnel.fetch(url, init);
  }

  /** The card goes dark; its address stays. */
  async linkDown(): Promise<void> {
    await shell(`ip -n ${this.name} link set ${this.#device} down`);
  }

  /** The card is up again, with the address it has, or another. */
  async linkUp(ip = this.#ip): Promise<void> {
    if (ip !== this.#ip) await this.#setIp(ip);
    await this.#bringUp();
  }

  /** Takes another address of its network, as from a router that has forgotten it. */
  async changeIp(): Promise<string> {
    await this.#setIp(this.#plug.nextIp());
    await this.#bringUp();
    return this.#ip;
  }

  /** Unplugs the card and plugs a new one in elsewhere: `lan.plug()`, `home.plug()`. */
  async moveTo(plug: Plug): Promise<void> {
    await shell(`ip -n ${this.name} link del ${this.#device}`);
    this.#plug = plug;
    this.#ip = plug.ip;
    await this.plugIn();
  }

  /** Makes the card and sets it up. */
  async plugIn(): Promise<void> {
    this.#plugs++;
    await this.#plug.connect(this.name, this.#device);
    await shell(`ip -n ${this.name} addr add ${this.#ip}/24 dev ${this.#device}`);
    await this.#bringUp();
  }

  /** Bytes that went through the card since it was plugged in, headers included. */
  async bytes(): Promise<{ received: number; sent: number }> {
    const { stdout } = await execute(["ip", "-n", this.name, "-s", "-j", "link"]);
    const links: { ifname: string; stats64: Record<"rx" | "tx", { bytes: number }> }[] = JSON
      .parse(stdout);
    const { rx, tx } = links.find((link) => link.ifname === this.#device)!.stats64;
    return { received: rx.bytes, sent: tx.bytes };
  }

  /** Ends its nodes and connections. */
  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.kill()));
    await Promise.all([...this.#tunnels.values()].map((tunnel) => tunnel.close()));
  }

  /** A new name for each card, as a laptop's Wi-Fi and cable have. */
  get #device(): string {
    return `eth${this.#plugs - 1}`;
  }

  async #setIp(ip: string): Promise<void> {
    await shell(`
      ip -n ${this.name} addr flush dev ${this.#device} scope global
      ip -n ${this.name} addr add ${ip}/24 dev ${this.#device}
    `);
    this.#ip = ip;
  }

  /** The routes go with the link, and so do IPv6 addresses: they are set each time. */
  async #bringUp(): Promise<void> {
    const { gateway, ip6 } = this.#plug;
    await shell(`
      ip -n ${this.name} link set ${this.#device} up
      ${gateway === undefined ? "" : `ip -n ${this.name} route replace default via ${gateway}`}
    `);
    if (ip6 === undefined) return;
    await shell(`
      ip -n ${this.name} addr replace ${ip6.address}/64 dev ${this.#device} nodad
      ip -n ${this.name} -6 route replace default via ${ip6.gateway}
    `);
  }
}
