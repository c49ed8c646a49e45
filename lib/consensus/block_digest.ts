/**
 * Checking a block far from the thread that connects it. Whoever checks sends back the block's
 * digest: all that decoding it would have to hash. With it the other thread decodes the same bytes
 * without hashing and need not check again what needs the bytes alone.
 */
import { ByteReader, ByteWriter, toHex } from "../base/bytes.ts";
import { type Block, decodeBlock } from "../primitives/block.ts";
import { type BlockId, HASH_BYTES, type Lock, LOCK_BYTES, type TxId } from "../primitives/ids.ts";
import type { KnownHashes } from "../primitives/transaction.ts";
import { checkBlock, markChecked } from "./check_block.ts";
import { spendLock } from "./coins.ts";
import { checkBlockSignatures } from "./signatures.ts";

/**
 * Decodes and checks everything that needs nothing but the bytes and the chain's name: form, Merkle
 * root, rules of transactions, signatures. Returns the digest: for each transaction the locks of its
 * spends (20 bytes each), then its id (32), in order. Throws `CodecError` or `RuleError`.
 */
export function digestBlock(bytes: Uint8Array, genesisId: BlockId): Uint8Array<ArrayBuffer> {
  const block = decodeBlock(bytes);
  checkBlock(block);
  checkBlockSignatures(block, genesisId);
  const writer = new ByteWriter((HASH_BYTES + LOCK_BYTES) * block.transactions.length);
  for (const { id, spends } of block.transactions) {
    for (const spend of spends) writer.hex(spendLock(spend));
    writer.hex(id);
  }
  return writer.finish();
}

/** The block of `bytes`, which are those that gave `digest`: it counts as checked. */
export function decodeDigested(bytes: Uint8Array, digest: Uint8Array): Block {
  const block = decodeBlock(bytes, new DigestReader(digest));
  markChecked(block);
  return block;
}

class DigestReader implements KnownHashes {
  readonly #reader: ByteReader;

  constructor(digest: Uint8Array) {
    this.#reader = new ByteReader(digest, toHex(digest));
  }

  nextLock(): Lock {
    return this.#reader.hex(LOCK_BYTES) as Lock;
  }

  nextId(): TxId {
    return this.#reader.hex(HASH_BYTES) as TxId;
  }
}
