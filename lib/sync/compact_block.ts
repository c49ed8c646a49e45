/** Compact blocks, pure: how one is made for a peer, and how a block is put together from one. */
import { ByteWriter, CodecError, concatBytes } from "../base/bytes.ts";
import { checkMerkleRoot } from "../consensus/check_block.ts";
import { MAX_BLOCK_BYTES } from "../consensus/limits.ts";
import { RuleError } from "../consensus/rules.ts";
import { type Block, type BlockHeader, decodeHeader, HEADER_BYTES } from "../primitives/block.ts";
import type { BlockId, TxId } from "../primitives/ids.ts";
import { decodeTransaction, type Transaction } from "../primitives/transaction.ts";
import type { CompactBlockBody, PlacedTransaction } from "../wire/compact.ts";
import { ShortIds } from "../wire/short_id.ts";
import type { SyncLimits } from "./limits.ts";

/** Whether all of the block's transactions are sent along, to everyone alike. */
export function isSentWhole(block: Block, limits: SyncLimits): boolean {
  return block.bytes.length <= limits.compactWholeBytes;
}

/**
 * The block for a peer that has the transactions that it `knows`. The coinbase is new to everyone;
 * of other news as much is sent along as does not hold up those who have it already.
 */
export function makeCompact(
  block: Block,
  nonce: bigint,
  knows: (id: TxId) => boolean,
  limits: SyncLimits,
): CompactBlockBody {
  const names = new ShortIds(block.header.bytes, nonce);
  const isWhole = isSentWhole(block, limits);
  const shortIds: number[] = [];
  const placed: PlacedTransaction[] = [];
  let bytesLeft = limits.compactPlacedBytes;
  block.transactions.forEach(({ id, bytes }, index) => {
    const isPlaced = isWhole || index === 0 || (bytes.length <= bytesLeft && !knows(id));
    if (!isPlaced) {
      shortIds.push(names.of(id));
      return;
    }
    if (index > 0) bytesLeft -= bytes.length;
    placed.push({ index, bytes });
  });
  return { header: block.header, nonce, shortIds, placed };
}

/** A block of which transactions may be missing. */
export class Rebuild {
  readonly header: BlockHeader;
  readonly #transactions: (Transaction | undefined)[];
  /** Places filled from our own mempool: a short id may name another transaction than is meant. */
  #borrowed: number[] = [];

  /**
   * Takes what is sent along, and what `pool` has under the short ids. Throws `CodecError` when
   * something sent along is no transaction.
   */
  constructor({ header, nonce, shortIds, placed }: CompactBlockBody, pool: Iterable<Transaction>) {
    // A copy: as a view the header would hold on to the whole message.
    this.header = decodeHeader(header.bytes.slice());
    this.#transactions = new Array(shortIds.length + placed.length).fill(undefined);
    for (const { index, bytes } of placed) this.#transactions[index] = decodeTransaction(bytes);
    if (shortIds.length > 0) this.#borrow(shortIds, new ShortIds(header.bytes, nonce), pool);
  }

  get id(): BlockId {
    return this.header.id;
  }

  /** Places of the transactions that must be asked for, rising. */
  get missing(): number[] {
    return [...this.#transactions.keys()].filter((at) => this.#transactions[at] === undefined);
  }

  /**
   * Takes all that is missing, in order. Throws `CodecError` when it is more or less, or no
   * transactions.
   */
  fill(bodies: readonly Uint8Array[]): void {
    const { missing } = this;
    if (bodies.length !== missing.length) {
      throw new CodecError(`${bodies.length} transactions came, ${missing.length} were asked for`);
    }
    missing.forEach((at, index) => this.#transactions[at] = decodeTransaction(bodies[index]!));
  }

  /** The block, or undefined when these are not the transactions that its header names. */
  block(): Block | undefined {
    const transactions = this.#transactions.filter((each) => each !== undefined);
    const bodies = transactions.map(({ bytes }) => bytes);
    // Of our own pool a liar could name more than any block may hold.
    const length = bodies.reduce((sum, bytes) => sum + bytes.length, 0);
    if (transactions.length < this.#transactions.length || length > MAX_BLOCK_BYTES) return;
    const count = new ByteWriter(8).varint(transactions.length).finish();
    const bytes = concatBytes(this.header.bytes, count, ...bodies);
    const header = { ...this.header, bytes: bytes.subarray(0, HEADER_BYTES) };
    const block = { id: header.id, header, transactions, bytes };
    try {
      checkMerkleRoot(block);
      return block;
    } catch (error) {
      if (!(error instanceof RuleError)) throw error;
      return undefined;
    }
  }

  /** Forgets what came from our own pool: it is missing now. False when nothing did. */
  giveBack(): boolean {
    const borrowed = this.#borrowed.splice(0);
    for (const at of borrowed) this.#transactions[at] = undefined;
    return borrowed.length > 0;
  }

  /** Two of a name, in the block or in the pool, are asked for: nobody can tell them apart. */
  #borrow(shortIds: readonly number[], names: ShortIds, pool: Iterable<Transaction>): void {
    const places = new Map<number, number>();
    const twice = new Set<number>();
    let next = 0;
    for (const name of shortIds) {
      while (this.#transactions[next] !== undefined) next++;
      if (places.has(name)) twice.add(name);
      else places.set(name, next);
      next++;
    }
    for (const transaction of pool) {
      const name = names.of(transaction.id);
      const at = places.get(name);
      if (at === undefined || twice.has(name)) continue;
      if (this.#transactions[at] !== undefined) twice.add(name);
      else this.#transactions[at] = transaction;
    }
    for (const [name, at] of places) {
      if (twice.has(name)) this.#transactions[at] = undefined;
      else if (this.#transactions[at] !== undefined) this.#borrowed.push(at);
    }
  }
}
