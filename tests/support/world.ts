/**
 * Many whole nodes, from store to sync, in one process: time, chance, network and disk are
 * simulated, so that one seed is one history. What must always hold is in `world_checks.ts`.
 */
import assert from "node:assert/strict";
import { equalBytes } from "../../lib/base/bytes.ts";
import type { Clock } from "../../lib/base/clock.ts";
import { randomBelow, seededRandom, shuffled } from "../../lib/base/random.ts";
import type { Chain } from "../../lib/chain/chain.ts";
import type { Network } from "../../lib/consensus/network.ts";
import { Mempool } from "../../lib/mempool/mempool.ts";
import { type MemoryTransport, SimNetwork } from "../../lib/net/memory_transport.ts";
import { PeerManager } from "../../lib/net/peer_manager.ts";
import { PeerBook } from "../../lib/peers/peer_book.ts";
import type { PeerRecord } from "../../lib/peers/peer_record.ts";
import { amount, sumAmounts } from "../../lib/primitives/amount.ts";
import type { BlockId, Lock } from "../../lib/primitives/ids.ts";
import { MemoryKv } from "../../lib/store/memory_kv.ts";
import { Sync, type SyncOptions } from "../../lib/sync/sync.ts";
import { EASY_NETWORK, mint } from "./easy_chain.ts";
import { EASY_FEE, type EasyKey, easyKey, payment } from "./easy_payment.ts";
import { SimClock } from "./sim_clock.ts";
import { openChain } from "./sync_node.ts";

export interface WorldOptions {
  readonly seed: number;
  readonly network?: Network;
  /** Wall time at the start; years after genesis unless said otherwise. */
  readonly startMs?: number;
  readonly latencyMs?: { readonly min: number; readonly max: number };
  readonly limits?: SyncOptions["limits"];
}

export interface NodeOptions {
  /** Whom it is told of with `--peer`. */
  readonly peers?: readonly WorldNode[];
  /** How far its wall clock is off. */
  readonly skewMs?: number;
}

/** What runs between a start and a stop. */
interface Running {
  readonly chain: Chain;
  readonly mempool: Mempool;
  readonly manager: PeerManager;
  readonly sync: Sync;
  readonly transport: MemoryTransport;
}

const PORT = 3000;

export class World {
  readonly clock: SimClock;
  readonly random;
  readonly net: SimNetwork;
  readonly network: Network;
  readonly nodes: WorldNode[] = [];
  /** Errors that no node should meet. */
  readonly failures: unknown[] = [];

  constructor(readonly options: WorldOptions) {
    this.network = options.network ?? EASY_NETWORK;
    this.clock = new SimClock(options.startMs ?? this.network.timeMs + 365 * 86_400_000);
    this.random = seededRandom(options.seed);
    const { clock, random } = this;
    const latencyMs = options.latencyMs ?? { min: 5, max: 50 };
    this.net = new SimNetwork({ clock, random, latencyMs });
  }

  /** A new node, started. */
  async add(options: NodeOptions = {}): Promise<WorldNode> {
    const node = new WorldNode(this, this.nodes.length, options);
    this.nodes.push(node);
    await node.start();
    return node;
  }

  get running(): WorldNode[] {
    return this.nodes.filter((node) => node.isUp);
  }

  /** Lets time pass. */
  async run(durationMs: number): Promise<void> {
    await this.clock.advance(durationMs);
    assert.deepEqual(this.failures, []);
  }

  /** Lets time pass until `condition` holds; fails after `atMostMs`. */
  async until(condition: () => boolean, atMostMs: number, what: string): Promise<void> {
    const isTrue = await this.clock.advanceUntil(condition, atMostMs, 50);
    assert.deepEqual(this.failures, []);
    assert(isTrue, `${what} within ${atMostMs / 1000} s: ${this.describe()}`);
  }

  /** Whether all running nodes have one tip. */
  isAgreed(nodes: readonly WorldNode[] = this.running): boolean {
    return new Set(nodes.map((node) => node.chain.tip().id)).size <= 1;
  }

  describe(): string {
    return this.running.map((node) => {
      const { height, id } = node.chain.tip();
      const peers = node.manager.sessions().length;
      return `${node.name} ${height} ${id.slice(0, 6)} ${peers} peers ${node.sync.state().phase}`;
    }).join(", ");
  }

  /** One of `items`, by this world's chance. */
  pick<Item>(items: readonly Item[]): Item | undefined {
    return items[randomBelow(this.random, items.length)];
  }

  shuffled<Item>(items: readonly Item[]): Item[] {
    return shuffled(items, this.random);
  }

  async stop(): Promise<void> {
    for (const node of this.running) await node.stop();
  }
}

export class WorldNode {
  readonly name: string;
  readonly key: EasyKey;
  readonly #clock: Clock;
  #kv = new MemoryKv();
  #book: PeerRecord[] = [];
  #running: Running | undefined;

  constructor(readonly world: World, number: number, readonly options: NodeOptions) {
    this.name = `node${number}`;
    this.key = easyKey(number);
    this.#clock = world.clock.skewed(options.skewMs ?? 0);
  }

  get address(): string {
    return `/ip4/10.0.0.${1 + this.world.nodes.indexOf(this)}/tcp/${PORT}`;
  }

  get isUp(): boolean {
    return this.#running !== undefined;
  }

  get #parts(): Running {
    assert(this.#running !== undefined, `${this.name} is down`);
    return this.#running;
  }

  get chain(): Chain {
    return this.#parts.chain;
  }

  get mempool(): Mempool {
    return this.#parts.mempool;
  }

  get manager(): PeerManager {
    return this.#parts.manager;
  }

  get sync(): Sync {
    return this.#parts.sync;
  }

  /** Opens what the disk holds and goes online. */
  async start(): Promise<void> {
    const { world } = this;
    const clock = this.#clock;
    const chain = await openChain(world.network, clock, this.#kv);
    const mempool = new Mempool({ chain, clock });
    await mempool.load();
    const transport = world.net.join({ peerId: this.name, address: this.address });
    const book = new PeerBook({ random: world.random });
    book.load(this.#book);
    const wanted = (this.options.peers ?? [])
      .map((peer) => ({ peerId: peer.name, addresses: [peer.address] }));
    const manager = new PeerManager({
      transport,
      book,
      clock,
      random: world.random,
      wanted,
      local: () => versionOf(chain, world.network),
    });
    const sync = new Sync({
      chain,
      mempool,
      clock,
      peers: manager,
      isOwn: ({ spends }) =>
        spends.some((spend) => equalBytes(spend.publicKey, this.key.publicKey)),
      onFailure: (error) => this.isUp && world.failures.push(error),
      ...(world.options.limits && { limits: world.options.limits }),
    });
    this.#running = { chain, mempool, manager, sync, transport };
    this.#book = [];
    this.#keepBook = () => this.#book = book.all();
    sync.start();
    manager.start();
  }

  #keepBook: () => void = () => {};

  /** Goes offline as `moim start` does on Ctrl-C. */
  async stop(): Promise<void> {
    const { chain, mempool, manager, sync, transport } = this.#parts;
    const stopped = manager.stop();
    await this.world.clock.advance(1_000);
    await stopped;
    await sync.stop();
    await mempool.idle();
    await mempool.save();
    mempool.close();
    await chain.close();
    this.#end(transport);
    this.#kv = this.#kv.reopen();
  }

  /** Loses power: whatever was not committed is gone. */
  async crash(): Promise<void> {
    const { chain, mempool, manager, sync, transport } = this.#parts;
    this.#kv = this.#kv.reopen();
    this.#end(transport);
    void manager.stop();
    await sync.stop();
    mempool.close();
    await chain.close().catch(() => {}); // Its store is down: that is what a crash is.
  }

  #end(transport: MemoryTransport): void {
    this.#keepBook();
    this.#running = undefined;
    this.world.net.leave(transport);
  }

  /** Mints a block on this node's tip with what its mempool offers. */
  async mint(lock: Lock = this.key.lock): Promise<BlockId> {
    const { chain, mempool } = this;
    const transactions = mempool.select();
    const fees = sumAmounts(transactions.map(({ id }) => mempool.get(id)!.fee));
    const parent = chain.tip();
    const nowMs = Math.max(this.#clock.nowMs(), parent.timeMs + this.world.network.minGapMs);
    const gapMs = nowMs - parent.timeMs;
    const { network } = this.world;
    const { block } = mint(parent, { network, gapMs, transactions, fees, lock, mark: this.name });
    const outcome = await chain.accept(block);
    assert.notEqual(outcome.kind, "rejected", JSON.stringify(outcome));
    return block.id;
  }

  /** Pays `to` out of one spendable coin; false when there is none. */
  async pay(to: WorldNode, grains = 1_000): Promise<boolean> {
    const { chain, mempool, key } = this;
    const coins = (await chain.coinsOf(key.lock)).filter((coin) =>
      coin.amount > grains + EASY_FEE && mempool.spender(coin.outPoint) === undefined
    );
    const coin = this.world.pick(coins);
    if (coin === undefined) return false;
    const { genesisId } = chain;
    const made = payment({ key, coins: [coin], to: to.key.lock, pays: amount(grains), genesisId });
    const outcome = await mempool.accept(made, { local: true });
    return outcome.kind === "accepted";
  }

  /** Confirmed grains of this node's key, by its own chain. */
  async balance(): Promise<number> {
    return sumAmounts((await this.chain.coinsOf(this.key.lock)).map((coin) => coin.amount));
  }
}

function versionOf(chain: Chain, network: Network) {
  const { id, height, totalWork } = chain.tip();
  return {
    genesisId: chain.genesisId,
    tipId: id,
    tipHeight: height,
    totalWork,
    agent: "world",
    networkName: network.name,
  };
}
