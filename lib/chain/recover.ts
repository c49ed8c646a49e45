/**
 * Opening the chain: whatever moment the last process ended at, this finds or rebuilds a whole
 * state: first headers, then coins. Blocks that were stored and not yet connected are left to
 * `ChainMover.activateBest`.
 */
import { genesisBlock, genesisDelta } from "../consensus/genesis.ts";
import { genesisContext, type HeaderContext } from "../consensus/header_context.ts";
import type { Network } from "../consensus/network.ts";
import type { OwnedCoin } from "../consensus/coins.ts";
import type { Block } from "../primitives/block.ts";
import type { BlockId } from "../primitives/ids.ts";
import { clearCoinsAndIndexes } from "../store/clear.ts";
import { CoinCache, type CoinCacheLimits } from "../store/coin_cache.ts";
import { CoinPages } from "../store/coin_pages.ts";
import { DamagedRecord } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { ChainState } from "./chain_state.ts";
import { coinsAfter } from "./coin_view.ts";
import type { HeaderTree } from "./header_tree.ts";
import { loadHeaders, reloadHeaders } from "./load_headers.ts";
import type { OnProgress } from "./outcome.ts";
import type { Checking } from "./signature_checker.ts";

/** Blocks read at once when they are replayed. */
const READ_AT_ONCE = 16;
/** A replay of so many blocks is of a sync that was cut off, as a rule. */
const SYNC_BLOCKS = 100;
/** Blocks between two reports of progress. */
const PROGRESS_BLOCKS = 100;

/** A block and the coins that it spent. */
interface Step {
  readonly block: Block;
  readonly undo: readonly OwnedCoin[];
}

export interface RecoverOptions {
  readonly store: Store;
  readonly network: Network;
  readonly onProgress: OnProgress;
  readonly coinLimits: CoinCacheLimits;
  /** Started beside a long replay: a sync that was cut off there goes on in a moment. */
  readonly checking?: Checking | undefined;
  /** Forget coins and indexes and go back to genesis, to connect every block again. */
  readonly rebuild: boolean;
}

/** The chain as it was, or back at genesis: the caller activates the best branch next. */
export async function openState(options: RecoverOptions): Promise<ChainState> {
  const { store, network, onProgress } = options;
  const genesis = genesisContext(network);
  if (options.rebuild || await store.isRebuilding()) {
    await store.setRebuilding(true);
    const tree = await reloadHeaders(store, genesis, network, onProgress);
    await clearCoinsAndIndexes(store.kv);
    await writeGenesis(options);
    await store.setRebuilding(false);
    return await stateOf(options, tree);
  }
  if (await store.tip() === undefined) await writeGenesis(options);
  const tree = await loadHeaders(store, genesis, network);
  return await stateOf(options, tree);
}

/** A new chain. The tip comes last: without it the next opening begins anew. */
async function writeGenesis({ store, network, coinLimits }: RecoverOptions): Promise<void> {
  const block = genesisBlock(network);
  const place = { id: block.id, height: 0 };
  const pages = await CoinPages.open(store.kv, coinLimits.pages);
  const coins = new CoinCache(pages, block.id, coinLimits);
  coins.replay(genesisDelta(block).created.values(), false);
  await coins.flush(block.id);
  const record = { header: block.header, context: genesisContext(network, block) };
  await store.commitTip(
    { to: place, disconnected: [], connected: [place] },
    [{ block, record, isStored: false }],
  );
}

/** The tip and its coins: those on disk, and what a replay of the blocks makes of them. */
async function stateOf(options: RecoverOptions, tree: HeaderTree): Promise<ChainState> {
  const { store, network, coinLimits, onProgress } = options;
  const tip = contextOf(tree, await store.tip(), "meta tip");
  const onDisk = contextOf(tree, await store.coinsTip(), "meta coins-tip");
  const pages = await CoinPages.open(store.kv, coinLimits.pages);
  if (pages.isNew) throw new DamagedRecord("page-root coins");
  const coins = new CoinCache(pages, onDisk.id, coinLimits);
  if (tip.height - onDisk.height >= SYNC_BLOCKS) options.checking?.prepare();
  if (onDisk.id !== tip.id) {
    await new Replay(store, tree, coins, onProgress).run(onDisk.id, tip.id);
  }
  return new ChainState(store, network, tree, coins, tip);
}

function contextOf(tree: HeaderTree, id: BlockId | undefined, record: string): HeaderContext {
  const context = id === undefined || !tree.isStored(id) ? undefined : tree.get(id);
  if (context === undefined) throw new DamagedRecord(record);
  return context;
}

/**
 * Replays the blocks between the coins on disk and the tip as blind sets and deletes. Rules and
 * signatures were checked when the blocks were connected. What comes out stays in memory, to be
 * written with what follows, unless it becomes too much.
 */
class Replay {
  #done = 0;

  constructor(
    private readonly store: Store,
    private readonly tree: HeaderTree,
    private readonly coins: CoinCache,
    private readonly onProgress: OnProgress,
  ) {}

  async run(from: BlockId, to: BlockId): Promise<void> {
    const { down, up } = this.tree.way(from, to);
    const total = down.length + up.length;
    for await (const { block, undo } of this.#steps(down)) {
      this.coins.replay(coinsAfter(block), true);
      this.coins.replay(undo, false);
      await this.#end(block.header.previous, total);
    }
    for await (const { block, undo } of this.#steps(up)) {
      this.coins.replay(undo, true);
      this.coins.replay(coinsAfter(block), false);
      await this.#end(block.id, total);
    }
  }

  /** Blocks and the coins that they spent; the next ones are read while some are replayed. */
  async *#steps(slots: readonly number[]): AsyncGenerator<Step> {
    let next = this.#readMany(slots.slice(0, READ_AT_ONCE));
    for (let at = 0; at < slots.length; at += READ_AT_ONCE) {
      const steps = await next;
      next = this.#readMany(slots.slice(at + READ_AT_ONCE, at + 2 * READ_AT_ONCE));
      next.catch(() => {}); // It is told when its turn comes, if it does.
      yield* steps;
    }
  }

  #readMany(slots: readonly number[]): Promise<Step[]> {
    return Promise.all(slots.map((slot) => this.#read(slot)));
  }

  async #read(slot: number): Promise<Step> {
    const { id, height } = this.tree.contextAt(slot);
    const block = await this.store.block({ id, height });
    if (block === undefined) throw new DamagedRecord(`block ${id}`);
    return { block, undo: await this.store.undo(block) };
  }

  /** The coins are now those of block `reached`. */
  async #end(reached: BlockId, total: number): Promise<void> {
    this.#done++;
    if (this.#done % PROGRESS_BLOCKS === 0 || this.#done === total) {
      this.onProgress({ phase: "coins", done: this.#done, total });
    }
    if (this.coins.isFlushDue) await this.coins.flush(reached);
  }
}
