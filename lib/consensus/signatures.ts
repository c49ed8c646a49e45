/**
 * Signature checks apart from everything else: they cost a hundred times the rest and need no
 * coins, so they are gathered, and may be sent to other threads in packed batches.
 */
import { ByteReader, ByteWriter } from "../base/bytes.ts";
import type { Block } from "../primitives/block.ts";
import type { BlockId } from "../primitives/ids.ts";
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES, verify } from "../primitives/signature.ts";
import { signedMessage, type Transaction } from "../primitives/transaction.ts";
import { enforce } from "./rules.ts";

export interface SignatureCheck {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** One check for each spend of `transaction`; a coinbase has none. */
export function signatureChecks(transaction: Transaction, genesisId: BlockId): SignatureCheck[] {
  if (transaction.spends.length === 0) return [];
  const message = signedMessage(transaction.unsignedBytes, genesisId);
  return transaction.spends.map((spend, at) => ({
    publicKey: spend.publicKey,
    message,
    signature: transaction.signatures[at]!,
  }));
}

/** The checks of all of a block's transactions, in order. */
export function blockSignatureChecks(block: Block, genesisId: BlockId): SignatureCheck[] {
  return block.transactions.flatMap((transaction) => signatureChecks(transaction, genesisId));
}

/** Whether every signature is right. */
export function checkSignatures(checks: Iterable<SignatureCheck>): boolean {
  for (const check of checks) {
    if (!verify(check.signature, check.message, check.publicKey)) return false;
  }
  return true;
}

/** A byte for each of `checks`, 1 where the signature is right. */
export function areSignaturesRight(checks: readonly SignatureCheck[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(
    checks,
    ({ signature, message, publicKey }) => verify(signature, message, publicKey) ? 1 : 0,
  );
}

/** Throws `RuleError` "bad-signature" unless every signature of `transaction` is right. */
export function checkTransactionSignatures(transaction: Transaction, genesisId: BlockId): void {
  enforce(
    checkSignatures(signatureChecks(transaction, genesisId)),
    "bad-signature",
    () => `Transaction "${transaction.id}" has a wrong signature`,
  );
}

/** Throws `RuleError` "bad-signature" unless every signature of `block` is right. */
export function checkBlockSignatures(block: Block, genesisId: BlockId): void {
  for (const transaction of block.transactions) checkTransactionSignatures(transaction, genesisId);
}

/** Many checks as one piece of memory, which crosses to a worker without being cloned. */
export function packSignatureChecks(checks: readonly SignatureCheck[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(4 + 160 * checks.length).varint(checks.length);
  for (const { publicKey, signature, message } of checks) {
    writer.bytes(publicKey).bytes(signature).varint(message.length).bytes(message);
  }
  return writer.finish();
}

/** What `packSignatureChecks` packed, as views of `packed`. Throws `CodecError`. */
export function unpackSignatureChecks(packed: Uint8Array): SignatureCheck[] {
  const reader = new ByteReader(packed);
  const checks = Array.from({ length: reader.varint() }, () => ({
    publicKey: reader.take(PUBLIC_KEY_BYTES),
    signature: reader.take(SIGNATURE_BYTES),
    message: reader.take(reader.varint()),
  }));
  reader.end();
  return checks;
}
