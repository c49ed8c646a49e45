/**
 * Places as people meet them, built of network namespaces: an internet of public addresses, homes
 * behind address translation, rooms without internet, a Wi-Fi that keeps its clients apart. Real
 * `moim` processes run in their hosts. Nothing in a world is connected to the machine's own network,
 * and an address that nobody has gets no answer, like outside.
 */
import { DhtProcess } from "./dht_process.ts";
import {
  addNamespace,
  execute,
  makePlacesDir,
  removeNamespaces,
  removeStalePlaces,
  shell,
  whyNoPlaces,
} from "./netns.ts";
import { Host, type Plug } from "./place_host.ts";
import { type RouterOptions, routerRules } from "./router_rules.ts";
import { startUpnp } from "./upnp_router.ts";

export { Host };

export type HomeOptions = RouterOptions & {
  /** A Wi-Fi whose clients reach the router, but not each other. */
  isolated?: boolean;
  /** Runs miniupnpd in the router: UPnP and NAT-PMP, or NAT-PMP alone. */
  upnp?: boolean | "nat-pmp alone";
  /** The router's address inside; 192.168.1.1 unless said. */
  gateway?: string;
  /** Beside IPv4, public addresses of IPv6 without translation; the router drops what is unasked. */
  ipv6?: boolean;
};

/** What makes a namespace a router. */
const FORWARDING = "/proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding";

const REASON = whyNoPlaces();
if (REASON !== undefined && Deno.env.get("MOIM_PLACES") !== "require") {
  console.warn(`Skipping the tests of places: ${REASON}`);
}

/**
 * A test in a world of its own, removed afterwards whatever happens. Skipped where namespaces cannot
 * be made, unless MOIM_PLACES=require.
 */
export function placeTest(
  name: string,
  use: (world: World) => Promise<void>,
  options: { ignore?: boolean } = {},
): void {
  const isSkipped = REASON !== undefined && Deno.env.get("MOIM_PLACES") !== "require";
  Deno.test({
    name,
    ignore: isSkipped || options.ignore === true,
    fn: async () => {
      if (REASON !== undefined) throw new Error(`Cannot build places: ${REASON}`);
      await using world = await World.create();
      await use(world);
    },
  });
}

/** An internet and what hangs on it. */
export class World {
  /** The phrase of this world's nodes. */
  readonly phrase = `place-${crypto.randomUUID()}`;
  readonly #prefix = `moim-${Deno.pid}-${crypto.randomUUID().slice(0, 6)}`;
  readonly #namespaces: string[] = [];
  readonly #hosts: Host[] = [];
  readonly #dhts: DhtProcess[] = [];
  #publicNets = 0;
  #names = 0;

  private constructor(
    /** A temporary folder; each host's data folder is in it. */
    readonly dir: string,
  ) {}

  static async create(): Promise<World> {
    await removeStalePlaces();
    const world = new World(await makePlacesDir());
    try {
      await world.#makeInternet();
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  /**
   * A host with a public address of a network of its own: 45.10.0.10, 45.11.0.10, …; with IPv6
   * 2a45:10::10, … beside it.
   */
  async publicHost(options: { ipv6?: boolean } = {}): Promise<Host> {
    return await this.#host(this.#publicPlug(options.ipv6));
  }

  /** A router with a public address and address translation, and the network behind it. */
  async home(options: HomeOptions = {}): Promise<Home> {
    const namespace = await this.addNamespace("home");
    const home = new Home(this, namespace, this.#publicPlug(options.ipv6), options);
    await home.build();
    return home;
  }

  /** A room with a switch and nothing else: no router, no name server, no internet. */
  async lan(options: { isolated?: boolean } = {}): Promise<Lan> {
    const lan = new Lan(this, await this.addNamespace("lan"), options);
    await lan.build();
    return lan;
  }

  /** A plain DHT server (`dht_server.ts`) in a host; its address is the host's. */
  async dhtServer(host: Host, args: string[] = []): Promise<DhtProcess> {
    const dht = await DhtProcess.start(["--host", host.ip, ...args], host.prefix);
    this.#dhts.push(dht);
    return dht;
  }

  /** A host in a bridge's network; tests use `lan.host()`. */
  async hostAt(lan: Lan): Promise<Host> {
    return await this.#host(lan.plug());
  }

  /** A namespace that is removed with the world. */
  async addNamespace(kind: string): Promise<string> {
    const name = `${this.#prefix}-${kind}${this.#names++}`;
    this.#namespaces.push(name);
    await addNamespace(name);
    return name;
  }

  /** Ends all nodes and removes every namespace and file. */
  async close(): Promise<void> {
    await Promise.all(this.#hosts.map((host) => host.close()));
    await Promise.all(this.#dhts.map((dht) => dht.stop()));
    await removeNamespaces(this.#namespaces);
    await Deno.remove(this.dir, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #internet(): string {
    return this.#namespaces[0]!;
  }

  async #makeInternet(): Promise<void> {
    const name = await this.addNamespace("net");
    // Neither the router of a dead address nor the last router before it says anything.
    await shell(`
      ip netns exec ${name} sh -c 'echo 1 | tee ${FORWARDING}'
      ip -n ${name} route add blackhole default
      ip -n ${name} -6 route add blackhole default
      ip netns exec ${name} nft 'table ip filter {
        chain output {
          type filter hook output priority 0;
          icmp type destination-unreachable drop;
        }
      }
      table ip6 filter {
        chain output {
          type filter hook output priority 0;
          icmpv6 type destination-unreachable drop;
        }
      }'
    `);
  }

  /** The next public network: 45.10.0.0/24, 45.11.0.0/24, … (each another /16). */
  #publicPlug(hasIp6 = false): Plug {
    const net = 10 + this.#publicNets++;
    if (net > 255) throw new Error("A world has no more than 246 public networks");
    const gateway = `45.${net}.0.1`;
    const prefix6 = `2a45:${net}:`;
    const ip6 = { address: `${prefix6}:10`, gateway: `${prefix6}:1` };
    let last = 10;
    return {
      ip: `45.${net}.0.10`,
      gateway,
      ...(hasIp6 && { ip6 }),
      nextIp: () => `45.${net}.0.${++last}`,
      connect: async (namespace, from) => {
        const port = `net${net}`;
        await shell(`
          ip -n ${namespace} link add ${from} type veth peer name ${port} netns ${this.#internet}
          ip -n ${this.#internet} addr add ${gateway}/24 dev ${port}
          ip -n ${this.#internet} link set ${port} up
        `);
        if (!hasIp6) return;
        await shell(`
          ip -n ${this.#internet} addr add ${ip6.gateway}/64 dev ${port} nodad
          ip -n ${this.#internet} route add ${prefix6}1::/64 via ${ip6.address}
        `);
      },
    };
  }

  async #host(plug: Plug): Promise<Host> {
    const namespace = await this.addNamespace("host");
    const dataDir = `${this.dir}/${namespace}`;
    const host = new Host({ namespace, dataDir, plug, phrase: this.phrase });
    this.#hosts.push(host);
    await host.plugIn();
    return host;
  }
}

/** A switch, and what is plugged into it: 192.168.1.0/24. */
export class Lan {
  #hosts = 0;

  constructor(
    protected readonly world: World,
    /** The namespace of the switch. */
    readonly namespace: string,
    protected readonly options: { isolated?: boolean },
  ) {}

  /** Sets up the switch. */
  async build(): Promise<void> {
    await shell(`
      ip -n ${this.namespace} link add br0 type bridge
      ip -n ${this.namespace} link set br0 up
    `);
  }

  /** The router's address in this network; none in a room without one. */
  get gateway(): string | undefined {
    return undefined;
  }

  /** The first 64 bits of its IPv6 addresses, such as `2a45:10:1:`; none without IPv6. */
  get prefix6(): string | undefined {
    return undefined;
  }

  /** A new host in this network. */
  async host(): Promise<Host> {
    return await this.world.hostAt(this);
  }

  /** A free socket of the switch: 192.168.1.10, 192.168.1.11, … */
  plug(): Plug {
    const nextIp = () => `192.168.1.${10 + this.#hosts++}`;
    const ip = nextIp();
    const last = ip.split(".")[3];
    const { prefix6 } = this;
    return {
      ip,
      gateway: this.gateway,
      ...(prefix6 && { ip6: { address: `${prefix6}:${last}`, gateway: `${prefix6}:1` } }),
      nextIp,
      connect: async (namespace, from) => {
        const port = `port${last}`;
        const isolate = this.options.isolated === true
          ? `ip netns exec ${this.namespace} bridge link set dev ${port} isolated on`
          : "";
        await shell(`
          ip -n ${namespace} link add ${from} type veth peer name ${port} netns ${this.namespace}
          ip -n ${this.namespace} link set ${port} master br0 up
          ${isolate}
        `);
      },
    };
  }
}

/** A network behind a router that translates addresses. */
export class Home extends Lan {
  readonly #wan: Plug;
  protected override readonly options: HomeOptions;
  #ip: string;

  constructor(world: World, namespace: string, wan: Plug, options: HomeOptions) {
    super(world, namespace, { isolated: options.isolated ?? false });
    this.#wan = wan;
    this.#ip = wan.ip;
    this.options = options;
  }

  /** The router's public address. */
  get ip(): string {
    return this.#ip;
  }

  override get gateway(): string {
    return this.options.gateway ?? "192.168.1.1";
  }

  override get prefix6(): string | undefined {
    return this.#wan.ip6 && this.#wan.ip6.address.replace("::10", ":1:");
  }

  override async build(): Promise<void> {
    await super.build();
    await this.#wan.connect(this.namespace, "wan");
    const rules = `${this.world.dir}/${this.namespace}.nft`;
    await Deno.writeTextFile(rules, routerRules(this.options));
    await shell(`
      ip -n ${this.namespace} addr add ${this.gateway}/24 dev br0
      ip -n ${this.namespace} addr add ${this.#ip}/24 dev wan
      ip -n ${this.namespace} link set wan up
      ip -n ${this.namespace} route add default via ${this.#wan.gateway}
      ip netns exec ${this.namespace} sh -c 'echo 1 | tee ${FORWARDING}'
      ip netns exec ${this.namespace} nft -f ${rules}
    `);
    await this.#addIp6();
    if (this.options.upnp) {
      const { namespace, gateway, world: { dir }, options: { upnp } } = this;
      await startUpnp({ namespace, gateway, dir, isNatPmpAlone: upnp === "nat-pmp alone" });
    }
  }

  /** Opens a port of the router to a host, as someone does by hand in its menu. */
  async forward(port: number, host: Host, hostPort = port): Promise<void> {
    await shell(`
      ip netns exec ${this.namespace} nft add rule inet filter prerouting \
        iifname wan tcp dport ${port} dnat ip to ${host.ip}:${hostPort}
    `);
  }

  /** Ports that miniupnpd has opened, such as `3000`. */
  async mappedPorts(): Promise<number[]> {
    const { stdout } = await execute([
      ...["ip", "netns", "exec", this.namespace],
      ...["nft", "list", "chain", "inet", "filter", "prerouting_miniupnpd"],
    ]);
    return [...stdout.matchAll(/ dport (\d+)/g)].map(([, port]) => Number(port));
  }

  /** The provider gives the router another public address; connections through the old one die. */
  async changePublicIp(): Promise<string> {
    const old = this.#ip;
    this.#ip = this.#wan.nextIp();
    await shell(`
      ip -n ${this.namespace} addr del ${old}/24 dev wan
      ip -n ${this.namespace} addr add ${this.#ip}/24 dev wan
      ip -n ${this.namespace} route replace default via ${this.#wan.gateway}
    `);
    return this.#ip;
  }

  async #addIp6(): Promise<void> {
    const { ip6 } = this.#wan;
    if (ip6 === undefined) return;
    await shell(`
      ip -n ${this.namespace} addr add ${this.prefix6}:1/64 dev br0 nodad
      ip -n ${this.namespace} addr add ${ip6.address}/64 dev wan nodad
      ip -n ${this.namespace} -6 route add default via ${ip6.gateway}
    `);
  }
}
