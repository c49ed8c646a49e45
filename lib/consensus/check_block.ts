/** A block by its bytes alone. The Merkle root comes first: it decides whose fault the rest is. */
import { ByteReader, CodecError, equalBytes } from "../base/bytes.ts";
import {
  type Block,
  type BlockHeader,
  decodeBlock,
  transactionsRoot,
} from "../primitives/block.ts";
import type { TxId } from "../primitives/ids.ts";
import { isCoinbase, type Transaction } from "../primitives/transaction.ts";
import { checkTransaction } from "./check_transaction.ts";
import { MAX_BLOCK_BYTES, MAX_BLOCK_COINS, MAX_BLOCK_SIGNATURES } from "./limits.ts";
import { enforce, RuleError } from "./rules.ts";

/**
 * The block whose encoding is `bytes` and whose header is `header`. Throws `RuleError` "bad-body"
 * when the bytes are no block, or not this one: that condemns their sender and never the id.
 */
export function checkBlockBody(header: BlockHeader, bytes: Uint8Array): Block {
  const block = decodeBody(header, bytes);
  checkMerkleRoot(block);
  return block;
}

/**
 * Checks what needs nothing but the block: Merkle root first ("bad-body"), then everything that
 * marks the block itself as bad. Throws `RuleError`.
 */
export function checkBlock(block: Block): void {
  if (checked.has(block)) return;
  checkMerkleRoot(block);
  checkCoinbase(block);
  checkCounts(block);
  checkSize(block);
  for (const transaction of block.transactions) checkTransaction(transaction);
  checkOrder(block);
  checked.add(block);
}

function decodeBody(header: BlockHeader, bytes: Uint8Array): Block {
  let block: Block;
  try {
    block = decodeBlock(bytes);
  } catch (error) {
    if (error instanceof CodecError) throw new RuleError("bad-body", error.message);
    throw error;
  }
  enforce(
    equalBytes(block.header.bytes, header.bytes),
    "bad-body",
    () => `Block "${block.id}" came in place of "${header.id}"`,
  );
  return block;
}

/** Blocks never change, so one comparison is enough however often a block is checked. */
const matching = new WeakSet<Block>();
/** Blocks that passed `checkBlock` already. */
const checked = new WeakSet<Block>();

/** `checkBlock` has passed for these bytes elsewhere, in this very program. */
export function markChecked(block: Block): void {
  checked.add(block);
}

/** Throws `RuleError` "bad-body" unless the transactions are those that the header names. */
export function checkMerkleRoot(block: Block): void {
  if (matching.has(block)) return;
  enforce(
    transactionsRoot(block.transactions) === block.header.merkleRoot,
    "bad-body",
    () => `Block "${block.id}" has transactions that its Merkle root does not name`,
  );
  matching.add(block);
}

function checkSize(block: Block): void {
  enforce(
    block.bytes.length <= MAX_BLOCK_BYTES,
    "block-too-large",
    () => `Block "${block.id}" has ${block.bytes.length} bytes, more than ${MAX_BLOCK_BYTES}`,
  );
}

/** Exactly one coinbase, first, whose memo begins with the block's height. */
function checkCoinbase(block: Block): void {
  const [first] = block.transactions;
  if (first === undefined || !isCoinbase(first)) {
    throw new RuleError("no-coinbase", `Block "${block.id}" does not begin with a coinbase`);
  }
  enforce(
    block.transactions.findIndex((transaction, at) => at > 0 && isCoinbase(transaction)) < 0,
    "extra-coinbase",
    () => `Block "${block.id}" has more than one coinbase`,
  );
  const height = heightInMemo(first);
  enforce(
    height === block.header.height,
    "coinbase-height",
    () => `Block "${block.id}" has height ${block.header.height}, its coinbase ${height ?? "none"}`,
  );
}

/** The height that a coinbase's memo begins with, or undefined. */
function heightInMemo(coinbase: Transaction): number | undefined {
  try {
    return new ByteReader(coinbase.memo).varint();
  } catch (error) {
    if (error instanceof CodecError) return undefined;
    throw error;
  }
}

function checkCounts(block: Block): void {
  let signatures = 0;
  let coins = 0;
  for (const { spends } of block.transactions) {
    signatures += spends.length;
    for (const spend of spends) coins += spend.coins.length;
  }
  enforce(
    signatures <= MAX_BLOCK_SIGNATURES,
    "too-many-signatures",
    () => `Block "${block.id}" has ${signatures} signatures, more than ${MAX_BLOCK_SIGNATURES}`,
  );
  enforce(
    coins <= MAX_BLOCK_COINS,
    "too-many-coins",
    () => `Block "${block.id}" spends ${coins} coins, more than ${MAX_BLOCK_COINS}`,
  );
}

/** Parents come before children: a spent transaction of this block stands earlier in it. */
function checkOrder({ transactions }: Block): void {
  const notEarlier = new Set<TxId>();
  for (let at = transactions.length - 1; at >= 0; at--) {
    const { id, spends } = transactions[at]!;
    notEarlier.add(id);
    for (const { coins } of spends) {
      for (const { txId } of coins) {
        if (!notEarlier.has(txId)) continue;
        const detail = `Transaction "${id}" stands before "${txId}", which it spends`;
        throw new RuleError("child-before-parent", detail);
      }
    }
  }
}
