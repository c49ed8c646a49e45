/** Nodes without chains on a simulated network: what the tests of sessions and peers play with. */
import { type Random, seededRandom } from "../../lib/base/random.ts";
import {
  type MemoryTransport,
  type SimHost,
  SimNetwork,
  type SimNetworkOptions,
} from "../../lib/net/memory_transport.ts";
import { PeerManager } from "../../lib/net/peer_manager.ts";
import type { PeerManagerOptions } from "../../lib/net/peer_manager_options.ts";
import type { LocalVersion } from "../../lib/net/session.ts";
import { PeerBook } from "../../lib/peers/peer_book.ts";
import type { PeerRecord } from "../../lib/peers/peer_record.ts";
import { asBlockId } from "../../lib/primitives/ids.ts";
import { SimClock } from "./sim_clock.ts";

export const SIM_GENESIS = asBlockId("6".repeat(64));

export function localVersion(networkName = "sim", genesisId = SIM_GENESIS): LocalVersion {
  return {
    genesisId,
    networkName,
    tipId: genesisId,
    tipHeight: 0,
    totalWork: 1n,
    agent: "sim/1",
  };
}

export interface SimNode {
  readonly peerId: string;
  readonly address: string;
  readonly transport: MemoryTransport;
  readonly book: PeerBook;
  readonly manager: PeerManager;
  readonly notices: string[];
}

export interface SimNodeOptions extends
  Partial<
    Pick<
      PeerManagerOptions,
      | "wanted"
      | "outboundTarget"
      | "inboundMax"
      | "gossip"
      | "membership"
      | "networkParameters"
    >
  > {
  readonly host?: Partial<SimHost>;
  readonly records?: readonly PeerRecord[];
  readonly local?: LocalVersion;
}

/** A clock, a network, and the nodes that were started on it. */
export class SimWorld {
  readonly clock = new SimClock();
  readonly random: Random;
  readonly network: SimNetwork;
  readonly nodes: SimNode[] = [];

  constructor(seed = 1, options: Partial<SimNetworkOptions> = {}) {
    this.random = seededRandom(seed);
    this.network = new SimNetwork({ clock: this.clock, random: this.random, ...options });
  }

  /** The host of a node by its name: a private address of its own. */
  hostOf(peerId: string): SimHost {
    const number = [...peerId].reduce((sum, sign) => (sum * 31 + sign.charCodeAt(0)) % 65_000, 7);
    return { peerId, address: `/ip4/10.0.${number >> 8}.${number & 255}/tcp/3000` };
  }

  /** A stranger's end, for a `WirePeer`. */
  stranger(peerId: string, host: Partial<SimHost> = {}): MemoryTransport {
    return this.network.join({ ...this.hostOf(peerId), ...host });
  }

  /** A running node. */
  start(peerId: string, options: SimNodeOptions = {}): SimNode {
    const transport = this.stranger(peerId, options.host);
    const book = new PeerBook({ random: this.random });
    book.load(options.records ?? []);
    const { host: _, records: __, local, ...limits } = options;
    const manager = new PeerManager({
      transport,
      book,
      clock: this.clock,
      random: this.random,
      local: () => local ?? localVersion(),
      ...limits,
    });
    const notices: string[] = [];
    manager.onNotice((text) => notices.push(text));
    const node = { peerId, address: transport.host.address, transport, book, manager, notices };
    this.nodes.push(node);
    manager.start();
    return node;
  }

  /** Stops a node as Ctrl-C does; what its book holds can start the next. */
  async stop(node: SimNode): Promise<PeerRecord[]> {
    const records = node.book.all();
    const stopping = node.manager.stop();
    await this.clock.advance(1_000);
    await stopping;
    this.network.leave(node.transport);
    return records;
  }

  /** Who has a session with whom, as `a-b` in order. */
  pairs(): string[] {
    const pairs = this.nodes.flatMap((node) =>
      node.manager.sessions().map((session) => [node.peerId, session.peerId].sort().join("-"))
    );
    return [...new Set(pairs)].sort();
  }
}
