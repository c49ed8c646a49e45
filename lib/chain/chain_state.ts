/** What the chain is made of, at one moment. Changed only by the one task that its queue runs. */
import { assert } from "../base/assert.ts";
import { EXIT, messageOf, UserError } from "../base/errors.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import type { Network } from "../consensus/network.ts";
import type { Block } from "../primitives/block.ts";
import type { BlockId } from "../primitives/ids.ts";
import type { CoinCache } from "../store/coin_cache.ts";
import type { Store } from "../store/store.ts";
import type { HeaderTree } from "./header_tree.ts";

/** Decoded blocks kept for the indexes, for peers that ask for them and for the explorer. */
const RECENT_BLOCKS_MAX = 8;
const RECENT_BYTES_MAX = 1_024 * 1_024;

export class ChainState {
  readonly #recent = new Map<BlockId, Block>();
  #recentBytes = 0;
  /** The main chain's slots in the header tree, by height. */
  #main: number[];
  #tip: HeaderContext;
  #failure: Error | undefined;

  constructor(
    readonly store: Store,
    readonly network: Network,
    readonly tree: HeaderTree,
    readonly coins: CoinCache,
    tip: HeaderContext,
  ) {
    this.#tip = tip;
    this.#main = tree.pathFromGenesis(tip.id);
    assert(this.#main.length === tip.height + 1, "the main chain has no gaps");
  }

  get genesisId(): BlockId {
    return this.store.genesisId;
  }

  get tip(): HeaderContext {
    return this.#tip;
  }

  /** Why nothing can be written any more, if so. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  idAt(height: number): BlockId | undefined {
    const slot = this.#main[height];
    return slot === undefined ? undefined : this.tree.idAt(slot);
  }

  contextAt(height: number): HeaderContext | undefined {
    const slot = this.#main[height];
    return slot === undefined ? undefined : this.tree.contextAt(slot);
  }

  isOnMainChain(id: BlockId): boolean {
    const slot = this.tree.slotOf(id);
    return slot !== undefined && this.#main[this.tree.contextAt(slot).height] === slot;
  }

  /** Makes `tip` the end of the main chain: `up` are the slots above block `fork`, upwards. */
  moveTip(forkHeight: number, up: readonly number[]): void {
    this.#main.length = forkHeight + 1;
    for (const slot of up) this.#main.push(slot);
    this.#tip = this.tree.contextAt(this.#main.at(-1)!);
  }

  /** A stored block. Throws `DamagedRecord`. */
  async block(id: BlockId): Promise<Block | undefined> {
    const recent = this.#recent.get(id);
    if (recent !== undefined) return recent;
    const place = this.tree.placeOf(id);
    return place === undefined ? undefined : await this.store.block(place);
  }

  /** Encodings of stored blocks, in the order of `ids`. Throws `DamagedRecord`. */
  async blockBytesMany(ids: readonly BlockId[]): Promise<(Uint8Array | undefined)[]> {
    const places = ids.flatMap((id) => this.#recent.has(id) ? [] : this.tree.placeOf(id) ?? []);
    const read = places.length === 0 ? [] : await this.store.blockBytesMany(places);
    const byId = new Map(places.map(({ id }, at) => [id, read[at]]));
    return ids.map((id) => this.#recent.get(id)?.bytes ?? byId.get(id));
  }

  remember(block: Block): void {
    if (this.#recent.has(block.id)) return;
    this.#recent.set(block.id, block);
    this.#recentBytes += block.bytes.length;
    for (const [id, { bytes }] of this.#recent) {
      if (this.#recent.size <= RECENT_BLOCKS_MAX && this.#recentBytes <= RECENT_BYTES_MAX) break;
      this.#recent.delete(id);
      this.#recentBytes -= bytes.length;
    }
  }

  /** Runs a write. After a failed one nobody knows what is on disk, so it was the last. */
  async write<Result>(write: () => Promise<Result>): Promise<Result> {
    this.assertWritable();
    try {
      return await write();
    } catch (error) {
      this.#failure = new UserError(
        EXIT.failed,
        `Cannot write the chain to disk: ${messageOf(error)}; ` +
          `make sure the disk has room and works, then start again`,
        { cause: error },
      );
      throw this.#failure;
    }
  }

  /** Throws the failure of an earlier write. */
  assertWritable(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}
