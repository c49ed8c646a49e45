/**
 * Opening the chain: whatever moment the last process ended at, this finds or rebuilds a whole
 * state. In order: headers, an unfinished move of the tip, the coins. Blocks that were stored and
 * not yet connected are left to `ChainMover.activateBest`.
 */
import { genesisBlock, genesisDelta } from "../consensus/genesis.ts";
import { genesisContext, type HeaderContext } from "../consensus/header_context.ts";
import type { Network } from "../consensus/network.ts";
import type { OwnedCoin } from "../consensus/coins.ts";
import type { Block } from "../primitives/block.ts";
import type { BlockId } from "../primitives/ids.ts";
import { outPointKey } from "../primitives/transaction.ts";
import { CoinCache, type CoinCacheLimits } from "../store/coin_cache.ts";
import { clearCoinsAndIndexes, coinsMove, writeCoins } from "../store/coin_writer.ts";
import { DamagedRecord, type Move } from "../store/records.ts";
import type { Store } from "../store/store.ts";
import { ChainState } from "./chain_state.ts";
import { coinsAfter } from "./coin_view.ts";
import type { HeaderTree } from "./header_tree.ts";
import { loadHeaders, reloadHeaders } from "./load_headers.ts";
import type { OnProgress } from "./outcome.ts";

/** Coins replayed in memory before they are written: about 40 MB. */
const REPLAYED_COINS_MAX = 100_000;
/** Blocks between two reports of progress. */
const PROGRESS_BLOCKS = 100;

export interface RecoverOptions {
  readonly store: Store;
  readonly network: Network;
  readonly onProgress: OnProgress;
  readonly coinLimits: CoinCacheLimits;
  /** Forget coins and indexes and go back to genesis, to connect every block again. */
  readonly rebuild: boolean;
}

/** The chain as it was, or back at genesis: the caller activates the best branch next. */
export async function openState(options: RecoverOptions): Promise<ChainState> {
  const { store, network, onProgress, coinLimits } = options;
  const rebuild = options.rebuild || await store.isRebuilding();
  if (!rebuild && await store.tip() === undefined) await writeGenesis(store, network);
  const genesis = genesisContext(network);
  const tree = rebuild
    ? await reloadHeaders(store, genesis, network, onProgress)
    : await loadHeaders(store, genesis, network);
  if (rebuild) {
    await goBackToGenesis(store, network);
  } else {
    await finishTipMove(store, tree);
    await repairCoins(store, tree, onProgress);
  }
  const tip = await tipOf(store, tree);
  return new ChainState(store, network, tree, new CoinCache(store, tip.id, coinLimits), tip);
}

/** A new chain. The tip comes last: without it the next opening begins anew. */
async function writeGenesis(store: Store, network: Network): Promise<void> {
  const block = genesisBlock(network);
  const place = { id: block.id, height: 0 };
  const created = genesisDelta(block).created.map((coin) => ({ coin, spent: false }));
  await writeCoins(store.kv, { from: block.id, to: block.id }, created);
  const record = { header: block.header, context: genesisContext(network, block) };
  await store.commitTip(
    { from: block.id, to: place, disconnected: [], connected: [place] },
    [{ block, record, isStored: false }],
  );
}

/** Afterwards every block waits to be connected again. Begun anew when it is cut off. */
async function goBackToGenesis(store: Store, network: Network): Promise<void> {
  await store.setRebuilding(true);
  await clearCoinsAndIndexes(store.kv);
  await store.clearMain();
  await writeGenesis(store, network);
  await store.setRebuilding(false);
}

async function tipOf(store: Store, tree: HeaderTree): Promise<HeaderContext> {
  const id = await store.tip();
  return contextOf(tree, id, "meta tip");
}

function contextOf(tree: HeaderTree, id: BlockId | undefined, record: string): HeaderContext {
  const context = id === undefined || !tree.isStored(id) ? undefined : tree.get(id);
  if (context === undefined) throw new DamagedRecord(record);
  return context;
}

/** Completes a move of the tip that was begun under its marker. */
async function finishTipMove(store: Store, tree: HeaderTree): Promise<void> {
  const move = await store.tipMove();
  if (move === undefined) return;
  const way = wayBetween(tree, move, "meta tip-move");
  const place = (slot: number) => {
    const { id, height } = tree.contextAt(slot);
    return { id, height };
  };
  const to = contextOf(tree, move.to, "meta tip-move");
  await store.finishTipMove({
    from: move.from,
    to: { id: to.id, height: to.height },
    disconnected: way.down.map(place),
    connected: way.up.map(place),
  }, move.firstEvent);
}

function wayBetween(
  tree: HeaderTree,
  move: Move,
  record: string,
): { down: number[]; up: number[] } {
  contextOf(tree, move.from, record);
  contextOf(tree, move.to, record);
  return tree.way(move.from, move.to);
}

/** Brings the `coin` records to the tip: first to where a broken flush was going, then on. */
async function repairCoins(store: Store, tree: HeaderTree, onProgress: OnProgress): Promise<void> {
  const broken = await coinsMove(store.kv);
  if (broken !== undefined) {
    await new Replay(store, tree, onProgress).run(broken, { inParts: false });
  }
  const from = await store.coinsTip();
  const to = (await tipOf(store, tree)).id;
  contextOf(tree, from, "meta coins-tip");
  if (from !== to) {
    await new Replay(store, tree, onProgress).run({ from: from!, to }, { inParts: true });
  }
}

/**
 * Replays the blocks between two sets of coins as blind sets and deletes, whatever of them is on
 * disk already. Rules and signatures were checked when the blocks were connected.
 */
class Replay {
  readonly #states = new Map<string, { coin: OwnedCoin; spent: boolean }>();
  #done = 0;

  constructor(
    private readonly store: Store,
    private readonly tree: HeaderTree,
    private readonly onProgress: OnProgress,
  ) {}

  /**
   * `inParts`: long ways may be written piece by piece. Not when the records are in between
   * already: only the whole way then leads out of that.
   */
  async run(move: Move, { inParts }: { inParts: boolean }): Promise<void> {
    const way = wayBetween(this.tree, move, "meta coins-tip");
    const total = way.down.length + way.up.length;
    let from = move.from;
    for (const slot of way.down) {
      const block = await this.#block(slot);
      this.#put(coinsAfter(block), true);
      this.#put(await this.store.undo(block), false);
      this.#tell(total);
    }
    for (const slot of way.up) {
      const block = await this.#block(slot);
      this.#put(await this.store.undo(block), true);
      this.#put(coinsAfter(block), false);
      this.#tell(total);
      if (inParts && this.#states.size >= REPLAYED_COINS_MAX) {
        await this.#write({ from, to: block.id });
        from = block.id;
      }
    }
    await this.#write({ from, to: move.to });
  }

  async #write(move: Move): Promise<void> {
    await writeCoins(this.store.kv, move, [...this.#states.values()]);
    this.#states.clear();
  }

  #put(coins: readonly OwnedCoin[], spent: boolean): void {
    for (const coin of coins) this.#states.set(outPointKey(coin.outPoint), { coin, spent });
  }

  async #block(slot: number): Promise<Block> {
    const id = this.tree.idAt(slot);
    const block = await this.store.block(id);
    if (block === undefined) throw new DamagedRecord(`block ${id}`);
    return block;
  }

  #tell(total: number): void {
    this.#done++;
    if (this.#done % PROGRESS_BLOCKS === 0 || this.#done === total) {
      this.onProgress({ phase: "coins", done: this.#done, total });
    }
  }
}
