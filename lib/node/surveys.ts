/** The chain seen from further away: recent branches, block times, who minted, what a text names. */
import { ByteReader } from "../base/bytes.ts";
import { yieldToOthers } from "../base/clock.ts";
import type { Chain } from "../chain/chain.ts";
import type { HeaderContext } from "../consensus/header_context.ts";
import { workOf } from "../consensus/work.ts";
import type { Mempool } from "../mempool/mempool.ts";
import { encodeAddress } from "../primitives/address.ts";
import { HEADER_BYTES } from "../primitives/block.ts";
import { asBlockId, asTxId, type BlockId, isHashHex, type Lock } from "../primitives/ids.ts";
import { readTransaction } from "../primitives/transaction.ts";
import type { Keystore } from "../wallet/keystore.ts";
import type { ForkTree, MinterShare, SearchResult, SpacingSeries } from "./api.ts";

/** Most blocks of one answer. */
const FORK_BLOCKS_MAX = 200;
const SPACING_BLOCKS_MAX = 5_000;
const MINTER_BLOCKS_MAX = 5_000;
/** A branch is looked for among this many stored blocks for each height asked about… */
const STORED_PER_HEIGHT = 4;
/** …and among these many more. */
const STORED_MORE = 1_000;
/** Blocks read at a time for the address that their coinbase pays. */
const READ_AT_ONCE = 16;
/** Some 100 bytes each; a block's minter never changes. */
const MINTERS_KEPT = 10_000;

export class Surveys {
  readonly #chain: Chain;
  readonly #mempool: Mempool;
  readonly #keystore: Keystore;
  /** Where the coinbase of a block pays; null: nowhere. */
  readonly #minters = new Map<BlockId, Lock | null>();

  constructor(parts: { chain: Chain; mempool: Mempool; keystore: Keystore }) {
    this.#chain = parts.chain;
    this.#mempool = parts.mempool;
    this.#keystore = parts.keystore;
  }

  async forks(options: { blocks: number }): Promise<ForkTree> {
    const tip = this.#chain.tip();
    const count = bounded(options.blocks, FORK_BLOCKS_MAX);
    const from = Math.max(0, tip.height - count + 1);
    const recent = this.#chain.lastStored(STORED_PER_HEIGHT * count + STORED_MORE);
    const headers = recent.filter(({ height }) => height >= from)
      .sort((a, b) => b.height - a.height || (a.id < b.id ? -1 : 1))
      .slice(0, STORED_PER_HEIGHT * count);
    const minters = await this.#mintersOf(headers.map(({ id }) => id));
    const blocks = headers.map(({ id, previous, height, timeMs }, at) => ({
      id,
      previous,
      height,
      timeMs,
      onMainChain: this.#chain.isOnMainChain(id),
      valid: !this.#chain.isInvalid(id),
      ...this.#minterOf(minters[at]),
    }));
    return { tipId: tip.id, from, blocks };
  }

  spacing(options: { blocks: number }): Promise<SpacingSeries> {
    const points = this.#mainChain(bounded(options.blocks, SPACING_BLOCKS_MAX))
      .map(({ height, timeMs, bits }) => ({
        height,
        timeMs,
        spacingMs: height === 0 ? 0 : timeMs - this.#chain.headerAt(height - 1)!.timeMs,
        difficulty: Number(workOf(bits)),
        bits,
      }));
    return Promise.resolve({ targetSpacingMs: this.#chain.network.spacingMs, points });
  }

  async minters(options: { blocks: number }): Promise<MinterShare[]> {
    const headers = this.#mainChain(bounded(options.blocks, MINTER_BLOCKS_MAX));
    const minters = await this.#mintersOf(headers.map(({ id }) => id));
    const shares = new Map<Lock, { blocks: number; lastHeight: number }>();
    for (const [at, { height }] of headers.entries()) {
      const lock = minters[at];
      // Genesis is nobody's work.
      if (lock === undefined || height === 0) continue;
      shares.set(lock, { blocks: (shares.get(lock)?.blocks ?? 0) + 1, lastHeight: height });
    }
    return [...shares].map(([lock, share]) => ({ ...this.#owner(lock), ...share }))
      .sort((a, b) => b.blocks - a.blocks || b.lastHeight - a.lastHeight);
  }

  async search(text: string): Promise<SearchResult> {
    const wanted = text.trim();
    const { height } = this.#chain.tip();
    if (/^\d{1,10}$/.test(wanted) && Number(wanted) <= height) {
      return { kind: "block", id: this.#chain.blockIdAt(Number(wanted))!, height: Number(wanted) };
    }
    const hex = wanted.toLowerCase();
    if (isHashHex(hex)) return await this.#searchId(hex);
    try {
      return { kind: "address", id: this.#keystore.resolve(wanted).address };
    } catch {
      return { kind: "none" };
    }
  }

  async #searchId(hex: string): Promise<SearchResult> {
    const block = this.#chain.hasBlock(asBlockId(hex))
      ? this.#chain.header(asBlockId(hex))
      : undefined;
    if (block !== undefined) return { kind: "block", id: hex, height: block.height };
    const found = await this.#chain.transaction(asTxId(hex));
    if (found !== undefined) return { kind: "transaction", id: hex, height: found.height };
    return this.#mempool.has(asTxId(hex)) ? { kind: "transaction", id: hex } : { kind: "none" };
  }

  /** The last `count` blocks of the main chain, oldest first. */
  #mainChain(count: number): HeaderContext[] {
    const { height } = this.#chain.tip();
    const headers: HeaderContext[] = [];
    for (let at = Math.max(0, height - count + 1); at <= height; at++) {
      headers.push(this.#chain.headerAt(at)!);
    }
    return headers;
  }

  /** Where each block's coinbase pays, undefined where it pays nobody. */
  async #mintersOf(ids: readonly BlockId[]): Promise<(Lock | undefined)[]> {
    const found = new Map<BlockId, Lock | null>();
    for (const id of ids) {
      const known = this.#minters.get(id);
      if (known !== undefined) found.set(id, known);
    }
    const unknown = ids.filter((id) => !found.has(id));
    for (let at = 0; at < unknown.length; at += READ_AT_ONCE) {
      if (at > 0) await yieldToOthers();
      const some = unknown.slice(at, at + READ_AT_ONCE);
      const encoded = await this.#chain.blockBytesMany(some);
      for (const [index, id] of some.entries()) {
        found.set(id, encoded[index] === undefined ? null : coinbaseLock(encoded[index]));
      }
    }
    for (const id of unknown) this.#minters.set(id, found.get(id)!);
    for (const id of this.#minters.keys()) {
      if (this.#minters.size <= MINTERS_KEPT) break;
      this.#minters.delete(id);
    }
    return ids.map((id) => found.get(id) ?? undefined);
  }

  #minterOf(lock: Lock | undefined): { minter?: string; minterName?: string } {
    if (lock === undefined) return {};
    const { address, name } = this.#owner(lock);
    return { minter: address, ...(name !== undefined && { minterName: name }) };
  }

  #owner(lock: Lock): { address: string; name?: string } {
    const key = this.#keystore.keyOf(lock);
    return { address: encodeAddress(lock), ...(key && { name: key.name }) };
  }
}

/** Where the coinbase of an encoded block pays: the rest of the block is not looked at. */
function coinbaseLock(block: Uint8Array): Lock | null {
  const reader = new ByteReader(block);
  reader.skip(HEADER_BYTES);
  reader.varint();
  return readTransaction(reader).outputs[0]?.lock ?? null;
}

function bounded(wanted: number, most: number): number {
  return Math.max(1, Math.min(wanted, most));
}
