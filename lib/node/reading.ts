/** Blocks and transactions as commands and the API ask for them: by height, by id, or as bytes. */
import { EXIT, UserError } from "../base/errors.ts";
import { toHex } from "../base/bytes.ts";
import type { FoundTransaction } from "../chain/outcome.ts";
import type { Block } from "../primitives/block.ts";
import { asBlockId, asTxId, type BlockId, isHashHex, type TxId } from "../primitives/ids.ts";
import { merkleProofOfIds } from "../primitives/merkle.ts";
import type { BlockInfo, ChainPage, TransactionInfo, TransactionProof } from "./api.ts";
import { shorten } from "./settings.ts";
import type { ViewParts, Views } from "./views.ts";

/** Blocks of one page. */
const PAGE_MAX = 100;
/** Encodings given at a time: read together, and end with the one that makes it so many bytes. */
const RAW_READ = 50;
const RAW_BYTES = 1_024 * 1_024;

export class Reading {
  readonly #chain: ViewParts["chain"];
  readonly #mempool: ViewParts["mempool"];
  readonly #views: Views;

  constructor({ chain, mempool, views }: Pick<ViewParts, "chain" | "mempool"> & { views: Views }) {
    this.#chain = chain;
    this.#mempool = mempool;
    this.#views = views;
  }

  async page(page: { before?: number | undefined; limit: number }): Promise<ChainPage> {
    const { height } = this.#chain.tip();
    const first = Math.min(page.before ?? height + 1, height + 1) - 1;
    const last = Math.max(0, first - Math.min(page.limit, PAGE_MAX) + 1);
    const blocks = [];
    for (let at = first; at >= last; at--) {
      blocks.push(await this.#views.summary(await this.#stored(this.#idAt(at))));
    }
    return { blocks, height, ...(last > 0 && { next: last }) };
  }

  async block(idOrHeight: string): Promise<BlockInfo> {
    return await this.#views.block(await this.#stored(this.#blockId(idOrHeight)));
  }

  /** The encoding, read as it is stored. */
  async rawBlock(idOrHeight: string): Promise<Uint8Array> {
    const id = this.#blockId(idOrHeight);
    const [bytes] = await this.#chain.blockBytesMany([id]);
    if (bytes === undefined) throw this.#damaged(id);
    return bytes;
  }

  /** See `NodeApi.rawBlocks`. */
  async rawBlocks({ from, limit }: { from: number; limit: number }): Promise<Uint8Array[]> {
    this.#idAt(from);
    const end = Math.min(from + limit, this.#chain.tip().height + 1);
    const blocks: Uint8Array[] = [];
    let bytes = 0;
    while (from + blocks.length < end && bytes < RAW_BYTES) {
      const first = from + blocks.length;
      const count = Math.min(RAW_READ, end - first);
      const ids = Array.from({ length: count }, (_, at) => this.#idAt(first + at));
      for (const [at, block] of (await this.#chain.blockBytesMany(ids)).entries()) {
        if (block === undefined) throw this.#damaged(ids[at]!);
        blocks.push(block);
        bytes += block.length;
        if (bytes >= RAW_BYTES) break;
      }
    }
    return blocks;
  }

  async transaction(idText: string): Promise<TransactionInfo> {
    const id = transactionId(idText);
    const found = await this.#chain.transaction(id);
    if (found !== undefined) return await this.#views.confirmed(found.transaction, found);
    const entry = this.#mempool.get(id);
    if (entry !== undefined) return await this.#views.pending(entry.transaction);
    throw this.#unknown(id);
  }

  async rawTransaction(idText: string): Promise<Uint8Array> {
    const id = transactionId(idText);
    const found = await this.#chain.transaction(id) ?? this.#mempool.get(id);
    if (found !== undefined) return found.transaction.bytes;
    throw this.#unknown(id);
  }

  async proof(idText: string): Promise<TransactionProof> {
    const id = transactionId(idText);
    const found = await this.#chain.transaction(id);
    if (found !== undefined) return proofOf(await this.#stored(found.blockId), found);
    if (!this.#mempool.has(id)) throw this.#unknown(id);
    throw new UserError(
      EXIT.notFound,
      `Transaction ${id} is in no block yet: ask for its proof once it is`,
    );
  }

  #blockId(idOrHeight: string): BlockId {
    if (/^\d{1,10}$/.test(idOrHeight)) return this.#idAt(Number(idOrHeight));
    const id = idOrHeight.toLowerCase();
    if (!isHashHex(id)) {
      throw new UserError(
        EXIT.usage,
        `"${shorten(idOrHeight)}" is neither a height nor a block id of 64 hex digits`,
      );
    }
    if (this.#chain.hasBlock(asBlockId(id))) return asBlockId(id);
    throw new UserError(EXIT.notFound, `No block ${id} here`);
  }

  #idAt(height: number): BlockId {
    const id = this.#chain.blockIdAt(height);
    if (id !== undefined) return id;
    throw new UserError(
      EXIT.notFound,
      `No block ${height} yet: the newest is block ${this.#chain.tip().height}`,
    );
  }

  async #stored(id: BlockId): Promise<Block> {
    const block = await this.#chain.block(id);
    if (block !== undefined) return block;
    throw this.#damaged(id);
  }

  #damaged(id: BlockId): UserError {
    return new UserError(
      EXIT.damaged,
      `Block ${id} is missing or damaged: run moim verify, then moim reindex`,
    );
  }

  #unknown(id: TxId): UserError {
    const { height, target } = this.#chain.indexProgress();
    const behind = this.#chain.indexesReady()
      ? ""
      : `; the index has reached block ${height} of ${target}: try again in a moment`;
    return new UserError(EXIT.notFound, `No transaction ${id} here${behind}`);
  }
}

function proofOf(block: Block, { transaction, position }: FoundTransaction): TransactionProof {
  const { header, transactions } = block;
  return {
    txId: transaction.id,
    blockId: block.id,
    height: header.height,
    position,
    transactions: transactions.length,
    path: merkleProofOfIds(transactions.map(({ id }) => id), position).map(toHex),
    merkleRoot: header.merkleRoot,
    header: toHex(header.bytes),
    transaction: toHex(transaction.bytes),
  };
}

/** Throws `UserError` (usage) for what is no transaction id. */
function transactionId(text: string): TxId {
  const id = text.toLowerCase();
  if (isHashHex(id)) return asTxId(id);
  throw new UserError(EXIT.usage, `"${shorten(text)}" is not a transaction id of 64 hex digits`);
}
