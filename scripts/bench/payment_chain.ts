/**
 * Chains of one shape for measurements, on `--network dev`: empty blocks to warm up, one payment
 * that fans a coinbase out, then blocks full of payments of one coin to two others among many keys,
 * coins first in, first out, so that neither a key nor a coin is met again soon.
 */
import { ByteWriter, compareBytes, concatBytes } from "../../lib/base/bytes.ts";
import { compactToTarget } from "../../lib/consensus/compact.ts";
import { genesisBlock } from "../../lib/consensus/genesis.ts";
import { BLOCK_VERSION } from "../../lib/consensus/limits.ts";
import { DEV_NETWORK } from "../../lib/consensus/network.ts";
import { rewardAt } from "../../lib/consensus/reward.ts";
import { lockOf } from "../../lib/primitives/address.ts";
import { type Amount, amount } from "../../lib/primitives/amount.ts";
import {
  coinbaseMemo,
  encodeHeader,
  NONCE_OFFSET,
  transactionsRoot,
} from "../../lib/primitives/block.ts";
import { sha256d } from "../../lib/primitives/hash.ts";
import { asBlockId, asHash, type BlockId, idBytes, type Lock } from "../../lib/primitives/ids.ts";
import { publicKeyOf } from "../../lib/primitives/signature.ts";
import {
  encodeTransaction,
  type OutPoint,
  type Output,
  signTransaction,
  type Transaction,
} from "../../lib/primitives/transaction.ts";

/** What a chain is made of. */
export interface ChainShape {
  /** Empty blocks at the start; the last of them holds the fan-out when payments follow. */
  readonly warmup: number;
  /** Blocks of payments after that. */
  readonly blocks: number;
  readonly paymentsPerBlock: number;
  /** Owners, by turns. */
  readonly keys: number;
}

export const NETWORK = DEV_NETWORK;
/** The dev network's own spacing keeps every target at the limit: 2^8 hashes a block. */
const SPACING_MS = DEV_NETWORK.spacingMs;
/** How far behind the time of making it a chain ends. */
const AGE_MS = 60_000;
/** Coinbases join the coins to spend this much later, as in the chains of other programs. */
const COINBASE_WAIT = 100;
const WARMUP = 120;

/** The shape of `payments` payments: 50 a block, the last block's remainder dropped. */
export function paymentShape(payments: number, keys = 1_024): ChainShape {
  const paymentsPerBlock = Math.min(50, payments);
  const blocks = Math.floor(payments / paymentsPerBlock);
  return { warmup: WARMUP, blocks, paymentsPerBlock, keys };
}

/** A chain of `blocks` blocks without a payment. */
export function emptyShape(blocks: number): ChainShape {
  return { warmup: blocks, blocks: 0, paymentsPerBlock: 0, keys: 1_024 };
}

/** Blocks of the whole chain, genesis not counted. */
export function heightOf(shape: ChainShape): number {
  return shape.warmup + shape.blocks;
}

/** Payments of the whole chain, the fan-out not counted. */
export function paymentsOf(shape: ChainShape): number {
  return shape.blocks * shape.paymentsPerBlock;
}

/** Transactions of the whole chain: coinbases and the fan-out as well. */
export function transactionsOf(shape: ChainShape): number {
  return heightOf(shape) + paymentsOf(shape) + (paymentsOf(shape) > 0 ? 1 : 0);
}

export interface BenchKey {
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly lock: Lock;
}

/** The key number `number`: the same in every run, and nobody's. */
export function benchKey(number: number): BenchKey {
  const seed = new Uint8Array(32).fill(0xbe);
  new DataView(seed.buffer).setUint32(0, number);
  const publicKey = publicKeyOf(seed);
  return { seed, publicKey, lock: lockOf(publicKey) };
}

/** A coin that may be spent, and the number of the key that owns it. */
export interface BenchCoin extends OutPoint {
  readonly amount: Amount;
  readonly owner: number;
}

export const GENESIS_ID = genesisBlock(NETWORK).id;

/** What a block builds on. */
export interface Parent {
  readonly id: BlockId;
  readonly height: number;
  readonly timeMs: number;
}

/** Puts one block after another, one spacing apart. */
export class BlockMaker {
  readonly #target = targetOf(NETWORK.limitBits);
  #parent: Parent;

  constructor(parent: Parent) {
    this.#parent = parent;
  }

  /** From genesis, so that block `count` is a minute old at `endMs`. */
  static fromGenesis(count: number, endMs: number): BlockMaker {
    const timeMs = endMs - AGE_MS - count * SPACING_MS;
    return new BlockMaker({ id: GENESIS_ID, height: 0, timeMs });
  }

  get height(): number {
    return this.#parent.height;
  }

  /** The bytes of the next block, with proof of work; its coinbase pays `lock`. */
  next(payments: readonly Transaction[], lock: Lock): { bytes: Uint8Array; coinbase: Transaction } {
    const height = this.#parent.height + 1;
    const timeMs = this.#parent.timeMs + SPACING_MS;
    const coinbase = encodeTransaction({
      spends: [],
      outputs: [{ amount: rewardAt(height, NETWORK), lock }],
      memo: coinbaseMemo(height),
      signatures: [],
    });
    const transactions = [coinbase, ...payments];
    const header = encodeHeader({
      version: BLOCK_VERSION,
      height,
      previous: this.#parent.id,
      merkleRoot: transactionsRoot(transactions),
      timeMs,
      bits: NETWORK.limitBits,
      nonce: 0n,
    }).bytes;
    this.#parent = { id: grind(header, this.#target), height, timeMs };
    const count = new ByteWriter(8).varint(transactions.length).finish();
    return {
      bytes: concatBytes(header, count, ...transactions.map(({ bytes }) => bytes)),
      coinbase,
    };
  }
}

/** The blocks of a chain of that shape, lowest first, each as its encoding. */
export function* makeChain(shape: ChainShape, endMs: number): Generator<Uint8Array> {
  const keys = Array.from({ length: shape.keys }, (_, number) => benchKey(number));
  const maker = BlockMaker.fromGenesis(heightOf(shape), endMs);
  const coins = new CoinQueue();
  const coinbases: BenchCoin[] = [];
  while (maker.height < heightOf(shape)) {
    const height = maker.height + 1;
    if (height > COINBASE_WAIT + 1) coins.push(coinbases[height - COINBASE_WAIT - 2]!);
    const payments = paymentsAt(height, { shape, keys, coins });
    const owner = height % keys.length;
    const { bytes, coinbase } = maker.next(payments, keys[owner]!.lock);
    coinbases.push({ txId: coinbase.id, index: 0, amount: coinbase.outputs[0]!.amount, owner });
    yield bytes;
  }
}

interface Making {
  readonly shape: ChainShape;
  readonly keys: readonly BenchKey[];
  readonly coins: CoinQueue;
}

function paymentsAt(height: number, making: Making): Transaction[] {
  const { warmup, paymentsPerBlock } = making.shape;
  if (paymentsPerBlock === 0 || height < warmup) return [];
  const owners = (first: number, count: number) =>
    Array.from({ length: count }, (_, at) => (first + at) % making.keys.length);
  const made = height === warmup
    ? [pay(making, owners(0, paymentsPerBlock))]
    : Array.from({ length: paymentsPerBlock }, (_, at) => pay(making, owners(height + at, 2)));
  for (const { coins } of made) for (const coin of coins) making.coins.push(coin);
  return made.map(({ transaction }) => transaction);
}

/** Splits the oldest coin evenly among `owners`. Nothing is left to the minter. */
function pay(making: Making, owners: readonly number[]) {
  const coin = making.coins.shift();
  const share = Math.floor(coin.amount / owners.length);
  const rest = coin.amount - share * (owners.length - 1);
  const outputs = owners.map((owner, at): Output => ({
    amount: amount(at === owners.length - 1 ? rest : share),
    lock: making.keys[owner]!.lock,
  }));
  const transaction = spendCoin(coin, making.keys[coin.owner]!, outputs);
  const coins = outputs.map((output, index): BenchCoin => ({
    txId: transaction.id,
    index,
    amount: output.amount,
    owner: owners[index]!,
  }));
  return { transaction, coins };
}

/** A signed payment of one coin. */
export function spendCoin(
  coin: OutPoint,
  key: BenchKey,
  outputs: readonly Output[],
): Transaction {
  const { txId, index } = coin;
  return signTransaction(
    { spends: [{ publicKey: key.publicKey, coins: [{ txId, index }] }], outputs, memo: NO_MEMO },
    GENESIS_ID,
    () => key.seed,
  );
}

const NO_MEMO = new Uint8Array();

/** First in, first out, without moving what waits at every step. */
class CoinQueue {
  #coins: BenchCoin[] = [];
  #first = 0;

  push(coin: BenchCoin): void {
    this.#coins.push(coin);
  }

  shift(): BenchCoin {
    const coin = this.#coins[this.#first++];
    if (coin === undefined) throw new Error("No coin is left: make the warm-up longer");
    if (this.#first * 2 > this.#coins.length) {
      this.#coins = this.#coins.slice(this.#first);
      this.#first = 0;
    }
    return coin;
  }
}

/** Sets the first nonce in `header` that meets the target, and returns the block's id. */
function grind(header: Uint8Array, target: Uint8Array): BlockId {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength);
  for (let nonce = 0n;; nonce++) {
    view.setBigUint64(NONCE_OFFSET, nonce, true);
    const id = sha256d(header);
    if (compareBytes(id, target) <= 0) return asBlockId(id);
  }
}

function targetOf(bits: number): Uint8Array {
  return idBytes(asHash(compactToTarget(bits).toString(16).padStart(64, "0")));
}
