/** Blocks and transactions taken apart for people and programs, each checked again as shown. */
import { CodecError, fromUtf8, toHex } from "../base/bytes.ts";
import { yieldToOthers } from "../base/clock.ts";
import type { Chain } from "../chain/chain.ts";
import { type OwnedCoin, spendLock } from "../consensus/coins.ts";
import { checkSignatures, signatureChecks } from "../consensus/signatures.ts";
import { hashMeetsBits, workOf } from "../consensus/work.ts";
import type { Mempool } from "../mempool/mempool.ts";
import { encodeAddress } from "../primitives/address.ts";
import { type Block, transactionsRoot } from "../primitives/block.ts";
import type { BlockId, Lock } from "../primitives/ids.ts";
import { isCoinbase, outPointKey, type Transaction } from "../primitives/transaction.ts";
import type { BlockInfo, BlockSummary, Confirmation, TransactionInfo } from "./api.ts";

/** Signatures checked between two pauses of the main thread (10,000 take about a second). */
const SIGNATURES_PER_TURN = 250;

export interface ViewParts {
  chain: Chain;
  mempool: Mempool;
  /** The keystore's name for a lock. */
  nameOf: (lock: Lock) => string | undefined;
}

/** Amounts of spent coins by their out-point. */
type SpentAmounts = ReadonlyMap<string, OwnedCoin>;

/** Where a transaction stands in the chain. */
export interface Place {
  blockId: BlockId;
  height: number;
  position: number;
}

export class Views {
  readonly #chain: Chain;
  readonly #mempool: Mempool;
  readonly #nameOf: ViewParts["nameOf"];

  constructor({ chain, mempool, nameOf }: ViewParts) {
    this.#chain = chain;
    this.#mempool = mempool;
    this.#nameOf = nameOf;
  }

  async summary(block: Block): Promise<BlockSummary> {
    return this.#summary(block, await this.#areSigned(block.transactions));
  }

  #summary(block: Block, signaturesValid: boolean): BlockSummary {
    const [coinbase, ...payments] = block.transactions;
    const minter = coinbase?.outputs[0]?.lock;
    const name = minter && this.#nameOf(minter);
    const { header } = block;
    return {
      id: block.id,
      height: header.height,
      previous: header.previous,
      timeMs: header.timeMs,
      bits: header.bits,
      nonce: String(header.nonce),
      bytes: block.bytes.length,
      transactions: block.transactions.length,
      ...(minter && { minter: encodeAddress(minter) }),
      ...(name !== undefined && { minterName: name }),
      minted: outputSum([coinbase!]),
      paid: payments.reduce((sum, payment) => sum + paidToOthers(payment), 0),
      // Genesis follows from the network's parameters and needs no work.
      proofOfWorkValid: header.height === 0 || hashMeetsBits(block.id, header.bits),
      signaturesValid,
      settled: this.#isOnMainChain(block) && this.#chain.isSettled(header.height),
    };
  }

  async block(block: Block): Promise<BlockInfo> {
    const { header } = block;
    const onMainChain = this.#isOnMainChain(block);
    const next = onMainChain ? this.#chain.blockIdAt(header.height + 1) : undefined;
    const spent = await this.spentIn(block);
    const details: TransactionInfo[] = [];
    for (const [position, transaction] of block.transactions.entries()) {
      const place = { blockId: block.id, height: header.height, position };
      const confirmation = this.confirmation(place, onMainChain);
      details.push(
        await this.#transaction(transaction, { ...confirmation, timeMs: header.timeMs }, spent),
      );
    }
    return {
      ...this.#summary(block, details.every((each) => each.signaturesValid)),
      version: header.version,
      merkleRoot: header.merkleRoot,
      merkleRootValid: transactionsRoot(block.transactions) === header.merkleRoot,
      work: String(workOf(header.bits)),
      totalWork: String(this.#chain.header(block.id)?.totalWork ?? 0n),
      confirmations: onMainChain ? this.#chain.tip().height - header.height + 1 : 0,
      onMainChain,
      ...(next !== undefined && { next }),
      details,
    };
  }

  /** A transaction of the main chain at `place`. */
  async confirmed(transaction: Transaction, place: Place): Promise<TransactionInfo> {
    const block = await this.#chain.block(place.blockId);
    const confirmation = {
      ...this.confirmation(place, true),
      ...(block && { timeMs: block.header.timeMs }),
    };
    const spent = block ? await this.spentIn(block) : new Map();
    const info = await this.#transaction(transaction, confirmation, spent);
    for (const [at, output] of transaction.outputs.entries()) {
      const outPoint = { txId: transaction.id, index: at };
      const coin = await this.#chain.coin(output.lock, outPoint);
      info.outputs[at]!.spent = coin === undefined;
    }
    return info;
  }

  /** A transaction of the mempool. */
  async pending(transaction: Transaction): Promise<TransactionInfo> {
    const confirmation: Confirmation = { state: "pending", confirmations: 0, settled: false };
    const spent = await this.spentByPending(transaction);
    return await this.#transaction(transaction, confirmation, spent);
  }

  confirmation(place: Place, onMainChain: boolean): Confirmation {
    if (!onMainChain) return { state: "pending", confirmations: 0, settled: false };
    return {
      state: "confirmed",
      confirmations: this.#chain.tip().height - place.height + 1,
      settled: this.#chain.isSettled(place.height),
      blockId: place.blockId,
      height: place.height,
      position: place.position,
    };
  }

  /** The coins that a block spent, from its undo data; none beside the main chain. */
  async spentIn(block: Block): Promise<SpentAmounts> {
    const coins = this.#isOnMainChain(block) ? await this.#chain.store.undo(block) : [];
    return new Map(coins.map((coin) => [outPointKey(coin.outPoint), coin]));
  }

  /** The coins that a transaction of the mempool spends, in the chain or in the mempool. */
  async spentByPending(transaction: Transaction): Promise<SpentAmounts> {
    const wanted = transaction.spends.flatMap((spend) =>
      spend.coins.map((outPoint) => ({ lock: spendLock(spend), outPoint }))
    );
    const lookup = await this.#chain.lookup(wanted);
    const spent = new Map<string, OwnedCoin>();
    for (const { lock, outPoint } of wanted) {
      const made = this.#mempool.get(outPoint.txId)?.transaction.outputs[outPoint.index];
      const coin = lookup(lock, outPoint) ??
        (made && { amount: made.amount, height: 0, isCoinbase: false });
      if (coin) spent.set(outPointKey(outPoint), { ...coin, lock, outPoint });
    }
    return spent;
  }

  #isOnMainChain(block: Block): boolean {
    return this.#chain.blockIdAt(block.header.height) === block.id;
  }

  async #transaction(
    transaction: Transaction,
    confirmation: Confirmation,
    spent: SpentAmounts,
  ): Promise<TransactionInfo> {
    const fee = feeOf(transaction, spent);
    const memo = memoText(transaction);
    return {
      ...confirmation,
      id: transaction.id,
      kind: isCoinbase(transaction) ? "coinbase" : "payment",
      bytes: transaction.bytes.length,
      ...(fee !== undefined && { fee }),
      ...(memo !== undefined && { memo }),
      memoHex: toHex(transaction.memo),
      spends: transaction.spends.map((spend) => ({
        ...this.#owner(spendLock(spend)),
        publicKey: toHex(spend.publicKey),
        coins: spend.coins.map((outPoint) => {
          const coin = spent.get(outPointKey(outPoint));
          return { ...outPoint, ...(coin && { amount: coin.amount }) };
        }),
      })),
      outputs: transaction.outputs.map((output, index) => ({
        index,
        amount: output.amount,
        ...this.#owner(output.lock),
      })),
      signaturesValid: await this.#areSigned([transaction]),
    };
  }

  #owner(lock: Lock): { address: string; name?: string } {
    const name = this.#nameOf(lock);
    return { address: encodeAddress(lock), ...(name !== undefined && { name }) };
  }

  async #areSigned(transactions: readonly Transaction[]): Promise<boolean> {
    const checks = transactions.flatMap((each) => signatureChecks(each, this.#chain.genesisId));
    for (let at = 0; at < checks.length; at += SIGNATURES_PER_TURN) {
      if (at > 0) await yieldToOthers();
      if (!checkSignatures(checks.slice(at, at + SIGNATURES_PER_TURN))) return false;
    }
    return true;
  }
}

/** What a payment left to the minter; undefined while a coin that it spends is not known. */
export function feeOf(transaction: Transaction, spent: SpentAmounts): number | undefined {
  if (isCoinbase(transaction)) return undefined;
  let inputs = 0;
  for (const outPoint of transaction.spends.flatMap((spend) => spend.coins)) {
    const coin = spent.get(outPointKey(outPoint));
    if (coin === undefined) return undefined;
    inputs += coin.amount;
  }
  return inputs - outputSum([transaction]);
}

/** The memo as text, when it is printable UTF-8 (a coinbase's begins with the height: never). */
export function memoText(transaction: Transaction): string | undefined {
  if (transaction.memo.length === 0 || isCoinbase(transaction)) return undefined;
  try {
    const text = fromUtf8(transaction.memo);
    return /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/u.test(text) ? undefined : text;
  } catch (error) {
    if (error instanceof CodecError) return undefined;
    throw error;
  }
}

/** What a payment gives to others: not the change, which goes back to a lock that spends in it. */
function paidToOthers(transaction: Transaction): number {
  const payers = new Set(transaction.spends.map(spendLock));
  return transaction.outputs.filter(({ lock }) => !payers.has(lock))
    .reduce((sum, output) => sum + output.amount, 0);
}

function outputSum(transactions: readonly Transaction[]): number {
  return transactions.flatMap((each) => each.outputs)
    .reduce((sum, output) => sum + output.amount, 0);
}
