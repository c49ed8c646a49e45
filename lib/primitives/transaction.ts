/**
 * Transactions and their one canonical encoding:
 *
 *   version     varint = 1
 *   spends      varint count, each one owner:
 *     unlock      0x01 ‖ public key (32)
 *     coins       varint count >= 1, each: transaction id (32) ‖ output index (varint)
 *   outputs     varint count, each: amount (varint, > 0) ‖ lock (20)
 *   memo        varint length <= 256 ‖ bytes
 *   signatures  64 bytes for each spend, in order
 *
 * Decoding checks the form alone; what makes a transaction valid is in `consensus`.
 */
import { ByteReader, ByteWriter, CodecError, concatBytes, utf8 } from "../base/bytes.ts";
import { KEY_LOCK_TYPE, lockOf } from "./address.ts";
import { type Amount, amount } from "./amount.ts";
import { sha256d, sha256dHex } from "./hash.ts";
import { type BlockId, HASH_BYTES, idBytes, type Lock, LOCK_BYTES, type TxId } from "./ids.ts";
import { PUBLIC_KEY_BYTES, sign, SIGNATURE_BYTES } from "./signature.ts";

export const TRANSACTION_VERSION = 1;
export const MAX_MEMO_BYTES = 256;
const SIGNED_MESSAGE_TAG = utf8("moim/transaction/1");

/** Which output of which transaction a coin is. */
export interface OutPoint {
  readonly txId: TxId;
  readonly index: number;
}

/** The coins that one owner spends, under one signature. */
export interface Spend {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly coins: readonly OutPoint[];
  /** The lock that the key opens, where it was hashed already. */
  readonly lock?: Lock;
}

export interface Output {
  readonly amount: Amount;
  readonly lock: Lock;
}

/** What a signature covers. */
export interface TransactionDraft {
  readonly spends: readonly Spend[];
  readonly outputs: readonly Output[];
  readonly memo: Uint8Array;
}

/** Immutable, and always of one piece: fields, bytes and id belong together. */
export interface Transaction extends TransactionDraft {
  readonly id: TxId;
  /** One for each spend, 64 bytes. */
  readonly signatures: readonly Uint8Array[];
  /** The canonical encoding. */
  readonly bytes: Uint8Array;
  /** The part of `bytes` before the signatures. */
  readonly unsignedBytes: Uint8Array;
}

/** A transaction that makes new coins: it spends none. */
export function isCoinbase(transaction: TransactionDraft): boolean {
  return transaction.spends.length === 0;
}

/** A string that names the coin, for maps and sets. */
export function outPointKey(outPoint: OutPoint): string {
  return `${outPoint.txId}:${outPoint.index}`;
}

/** The lock that a spend opens. */
export function lockOfSpend(spend: Spend): Lock {
  return spend.lock ?? lockOf(spend.publicKey);
}

/** What decoding would have to hash, in order, known from somewhere that can be trusted. */
export interface KnownHashes {
  nextId(): TxId;
  nextLock(): Lock;
}

/** Throws `CodecError` unless `bytes` is exactly one transaction. */
export function decodeTransaction(bytes: Uint8Array): Transaction {
  const reader = new ByteReader(bytes);
  const transaction = readTransaction(reader);
  reader.end();
  return transaction;
}

/**
 * Reads one transaction and leaves the reader behind it; hashes only what is not `known`.
 * Throws `CodecError`.
 */
export function readTransaction(reader: ByteReader, known?: KnownHashes): Transaction {
  const start = reader.offset;
  const version = reader.varint();
  if (version !== TRANSACTION_VERSION) {
    throw new CodecError(`Cannot decode transaction: unknown version ${version}`);
  }
  const spends = readList(reader, 2 + PUBLIC_KEY_BYTES, (from) => readSpend(from, known));
  const outputs = readList(reader, 1 + LOCK_BYTES, readOutput);
  const memoLength = reader.varint();
  if (memoLength > MAX_MEMO_BYTES) throw new CodecError("Cannot decode transaction: memo too long");
  if (known !== undefined) {
    reader.skip(memoLength + spends.length * SIGNATURE_BYTES);
    return new KnownTransaction(known.nextId(), spends, outputs, memoLength, reader.since(start));
  }
  const memo = reader.take(memoLength);
  const unsignedBytes = reader.since(start);
  const signatures = spends.map(() => reader.take(SIGNATURE_BYTES));
  const bytes = reader.since(start);
  return {
    id: sha256dHex(bytes) as TxId,
    spends,
    outputs,
    memo,
    signatures,
    bytes,
    unsignedBytes,
  };
}

/** Connecting looks at no key whose lock is known, so it is cut out only when asked for. */
class KnownSpend implements Spend {
  constructor(
    readonly coins: readonly OutPoint[],
    readonly lock: Lock,
    private readonly reader: ByteReader,
    private readonly keyAt: number,
  ) {}

  get publicKey(): Uint8Array {
    return this.reader.between(this.keyAt, this.keyAt + PUBLIC_KEY_BYTES);
  }
}

/** A transaction that was checked already: connecting it looks at no bytes, so none are cut out. */
class KnownTransaction implements Transaction {
  constructor(
    readonly id: TxId,
    readonly spends: readonly Spend[],
    readonly outputs: readonly Output[],
    private readonly memoLength: number,
    readonly bytes: Uint8Array,
  ) {}

  get unsignedBytes(): Uint8Array {
    return this.bytes.subarray(0, this.bytes.length - this.spends.length * SIGNATURE_BYTES);
  }

  get memo(): Uint8Array {
    const { unsignedBytes } = this;
    return unsignedBytes.subarray(unsignedBytes.length - this.memoLength);
  }

  get signatures(): Uint8Array[] {
    const first = this.unsignedBytes.length;
    return this.spends.map((_, at) =>
      this.bytes.subarray(first + at * SIGNATURE_BYTES, first + (at + 1) * SIGNATURE_BYTES)
    );
  }
}

/** Encodes what `decodeTransaction` reads. Throws `CodecError` for what it would refuse. */
export function encodeTransaction(
  parts: TransactionDraft & { readonly signatures: readonly Uint8Array[] },
): Transaction {
  return decodeTransaction(concatBytes(encodeDraft(parts), ...parts.signatures));
}

/** Everything before the signatures. */
export function encodeDraft(draft: TransactionDraft): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter().varint(TRANSACTION_VERSION).varint(draft.spends.length);
  for (const spend of draft.spends) {
    writer.u8(KEY_LOCK_TYPE).bytes(spend.publicKey).varint(spend.coins.length);
    for (const coin of spend.coins) writer.hex(coin.txId).varint(coin.index);
  }
  writer.varint(draft.outputs.length);
  for (const output of draft.outputs) writer.varint(output.amount).hex(output.lock);
  return writer.varint(draft.memo.length).bytes(draft.memo).finish();
}

/**
 * The message that every spend's signature covers: `"moim/transaction/1" ‖ sha256d(genesis id ‖
 * everything before the signatures)`. Good for one chain only, and short however large the
 * transaction is.
 */
export function signedMessage(unsignedBytes: Uint8Array, genesisId: BlockId): Uint8Array {
  if (genesis.id !== genesisId) genesis = { id: genesisId, bytes: idBytes(genesisId) };
  return concatBytes(SIGNED_MESSAGE_TAG, sha256d(genesis.bytes, unsignedBytes));
}

/** The chain asked for last: mostly there is one, and its bytes are needed for every signature. */
let genesis: { id: BlockId | undefined; bytes: Uint8Array } = {
  id: undefined,
  bytes: new Uint8Array(),
};

/** Signs each spend with the 32-byte seed that `seedOf` gives for its public key. */
export function signTransaction(
  draft: TransactionDraft,
  genesisId: BlockId,
  seedOf: (publicKey: Uint8Array) => Uint8Array,
): Transaction {
  const message = signedMessage(encodeDraft(draft), genesisId);
  const signatures = draft.spends.map((spend) => sign(message, seedOf(spend.publicKey)));
  return encodeTransaction({ ...draft, signatures });
}

/** A counted list; `itemBytesMin` refuses a count that the remaining bytes could never hold. */
function readList<Item>(
  reader: ByteReader,
  itemBytesMin: number,
  readItem: (reader: ByteReader) => Item,
): Item[] {
  const count = reader.varint();
  if (count * itemBytesMin > reader.remaining) {
    throw new CodecError(`Cannot decode list: ${count} items do not fit in the bytes left`);
  }
  const items = new Array<Item>(count);
  for (let at = 0; at < count; at++) items[at] = readItem(reader);
  return items;
}

function readSpend(reader: ByteReader, known: KnownHashes | undefined): Spend {
  const lockType = reader.u8();
  if (lockType !== KEY_LOCK_TYPE) {
    throw new CodecError(`Cannot decode spend: unknown lock type ${lockType}`);
  }
  const keyAt = reader.offset;
  reader.skip(PUBLIC_KEY_BYTES);
  const coins = readList(reader, 1 + HASH_BYTES, readOutPoint);
  if (coins.length === 0) throw new CodecError("Cannot decode spend: it has no coins");
  if (known !== undefined) return new KnownSpend(coins, known.nextLock(), reader, keyAt);
  return { publicKey: reader.between(keyAt, keyAt + PUBLIC_KEY_BYTES), coins };
}

function readOutPoint(reader: ByteReader): OutPoint {
  return { txId: reader.hex(HASH_BYTES) as TxId, index: reader.varint() };
}

function readOutput(reader: ByteReader): Output {
  const grains = reader.varint();
  if (grains === 0) throw new CodecError("Cannot decode output: amount 0");
  return { amount: amount(grains), lock: reader.hex(LOCK_BYTES) as Lock };
}
