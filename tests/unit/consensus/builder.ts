/** A small valid chain with real keys and real work, whose next block a test spoils in one way. */
import { toHex, utf8 } from "../../../lib/base/bytes.ts";
import { checkBlock, checkBlockBody } from "../../../lib/consensus/check_block.ts";
import { checkHeader, decodeCheckedHeader } from "../../../lib/consensus/check_header.ts";
import {
  checkTransaction,
  decodeCheckedTransaction,
} from "../../../lib/consensus/check_transaction.ts";
import type { CoinLookup, OwnedCoin } from "../../../lib/consensus/coins.ts";
import {
  type BlockDelta,
  connectBlock,
  connectTransaction,
} from "../../../lib/consensus/connect.ts";
import { requiredBits } from "../../../lib/consensus/difficulty.ts";
import { genesisBlock, genesisDelta } from "../../../lib/consensus/genesis.ts";
import { genesisContext, type HeaderContext } from "../../../lib/consensus/header_context.ts";
import { DEV_NETWORK, type Network } from "../../../lib/consensus/network.ts";
import { rewardAt } from "../../../lib/consensus/reward.ts";
import {
  checkBlockSignatures,
  checkTransactionSignatures,
} from "../../../lib/consensus/signatures.ts";
import { hashMeetsBits } from "../../../lib/consensus/work.ts";
import { lockOf } from "../../../lib/primitives/address.ts";
import { type Amount, amount } from "../../../lib/primitives/amount.ts";
import {
  type Block,
  coinbaseMemo,
  encodeBlock,
  HEADER_BYTES,
  type HeaderFields,
  NONCE_OFFSET,
  transactionsRoot,
} from "../../../lib/primitives/block.ts";
import { sha256, sha256d } from "../../../lib/primitives/hash.ts";
import { asBlockId, asTxId, type BlockId, type Lock } from "../../../lib/primitives/ids.ts";
import { publicKeyOf } from "../../../lib/primitives/signature.ts";
import {
  encodeTransaction,
  type OutPoint,
  outPointKey,
  type Output,
  signTransaction,
  type Transaction,
} from "../../../lib/primitives/transaction.ts";

/** As easy as the dev network but for two hashes a block; with a gap and a maturity to test. */
export const TEST_NETWORK: Network = {
  ...DEV_NETWORK,
  name: "test",
  minGapMs: 1_000,
  coinbaseMaturity: 2,
  limitBits: 0x207f_ffff,
};

export const MOST = Number.MAX_SAFE_INTEGER;

export interface Key {
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly lock: Lock;
}

const keys = new Map<string, Key>();

/** The same key for the same name, always. */
export function key(name: string): Key {
  let made = keys.get(name);
  if (made === undefined) {
    const seed = sha256(utf8(name));
    const publicKey = publicKeyOf(seed);
    made = { seed, publicKey, lock: lockOf(publicKey) };
    keys.set(name, made);
  }
  return made;
}

export const alice = key("alice");
export const bob = key("bob");
export const miner = key("miner");

/** Coins of one owner to be spent. */
export interface From {
  readonly owner: Key;
  readonly coins: readonly OwnedCoin[];
}

export interface PaymentParts {
  readonly from: readonly From[];
  readonly to: readonly Output[];
  readonly memo?: Uint8Array;
  readonly genesisId?: BlockId;
}

export function output(owner: Key, grains: number): Output {
  return { amount: amount(grains), lock: owner.lock };
}

export interface BlockParts {
  /** Payments behind the coinbase. */
  readonly payments?: readonly Transaction[];
  readonly coinbase?: Transaction;
  /** All transactions, in place of the two above. */
  readonly transactions?: readonly Transaction[];
  /** Header fields that differ from the right ones. */
  readonly header?: Partial<HeaderFields>;
}

export class TestChain {
  readonly network: Network;
  readonly genesis: Block;
  readonly coins = new Map<string, OwnedCoin>();
  tip: HeaderContext;
  #given = 0;

  constructor(network: Network = TEST_NETWORK) {
    this.network = network;
    this.genesis = genesisBlock(network);
    this.tip = genesisContext(network);
    this.#apply(genesisDelta(this.genesis));
  }

  get nowMs(): number {
    return this.tip.timeMs + this.network.spacingMs;
  }

  get height(): number {
    return this.tip.height + 1;
  }

  readonly lookup: CoinLookup = (lock, outPoint) => {
    const coin = this.coins.get(outPointKey(outPoint));
    return coin?.lock === lock ? coin : undefined;
  };

  /** Puts a ripe coin into the coin set, as if an old block had made it. */
  give(owner: Key, grains: number): OwnedCoin {
    const outPoint = { txId: asTxId(sha256(utf8(`given ${this.#given++}`))), index: 0 };
    const coin = {
      amount: amount(grains),
      height: 0,
      isCoinbase: false,
      lock: owner.lock,
      outPoint,
    };
    this.coins.set(outPointKey(outPoint), coin);
    return coin;
  }

  pay(parts: PaymentParts): Transaction {
    const seeds = new Map(parts.from.map(({ owner }) => [toHex(owner.publicKey), owner.seed]));
    const spends = parts.from.map(({ owner, coins }) => ({
      publicKey: owner.publicKey,
      coins: coins.map((coin) => coin.outPoint),
    }));
    return signTransaction(
      { spends, outputs: parts.to, memo: parts.memo ?? new Uint8Array() },
      parts.genesisId ?? this.genesis.id,
      (publicKey) => seeds.get(toHex(publicKey))!,
    );
  }

  /** Alice pays Bob one grain of a new coin of hers and keeps the rest but for the fee. */
  payment(fee = 0): Transaction {
    const coin = this.give(alice, 1_000_000);
    return this.pay({
      from: [{ owner: alice, coins: [coin] }],
      to: [output(bob, 1), output(alice, 1_000_000 - 1 - fee)],
    });
  }

  /** The reward to the miner, or what `parts` say. */
  coinbase(parts: { outputs?: readonly Output[]; height?: number; extra?: Uint8Array } = {}) {
    return encodeTransaction({
      spends: [],
      outputs: parts.outputs ?? [{ amount: this.reward(), lock: miner.lock }],
      memo: coinbaseMemo(parts.height ?? this.height, parts.extra),
      signatures: [],
    });
  }

  reward(): Amount {
    return rewardAt(this.height, this.network);
  }

  /** The next block, mined. */
  block(parts: BlockParts = {}): Block {
    const transactions = parts.transactions ??
      [parts.coinbase ?? this.coinbase(), ...(parts.payments ?? [])];
    const timeMs = parts.header?.timeMs ?? this.nowMs;
    const header = {
      version: 1,
      height: this.height,
      previous: this.tip.id,
      merkleRoot: transactionsRoot(transactions),
      timeMs,
      bits: requiredBits(this.tip, timeMs, this.network),
      nonce: 0n,
      ...parts.header,
    };
    return remine(encodeBlock({ header, transactions }));
  }

  /** Every check of a block, in order of knowledge. Throws `RuleError`. Changes nothing. */
  judge(
    bytes: Uint8Array,
    options: { nowMs?: number; headerBytes?: Uint8Array } = {},
  ): { context: HeaderContext; delta: BlockDelta } {
    const header = decodeCheckedHeader(options.headerBytes ?? bytes.subarray(0, HEADER_BYTES));
    const context = checkHeader(header, this.tip, this.network, options.nowMs ?? this.nowMs);
    const block = checkBlockBody(header, bytes);
    checkBlock(block);
    const delta = connectBlock(block, this.lookup, this.network);
    checkBlockSignatures(block, this.genesis.id);
    return { context, delta };
  }

  /** Every check of a loose transaction for the next block. Throws `RuleError`. */
  judgeLoose(bytes: Uint8Array): Amount {
    const transaction = decodeCheckedTransaction(bytes);
    checkTransaction(transaction);
    const fee = connectTransaction(transaction, this.lookup, this.height, this.network);
    checkTransactionSignatures(transaction, this.genesis.id);
    return fee;
  }

  /** Judges the block and makes it the tip. */
  add(block: Block = this.block()): BlockDelta {
    const { context, delta } = this.judge(block.bytes, { nowMs: block.header.timeMs });
    this.#apply(delta);
    this.tip = context;
    return delta;
  }

  coin(outPoint: OutPoint): OwnedCoin {
    return this.coins.get(outPointKey(outPoint))!;
  }

  #apply(delta: BlockDelta): void {
    for (const coin of delta.spent) this.coins.delete(outPointKey(coin.outPoint));
    for (const coin of delta.created.values()) this.coins.set(outPointKey(coin.outPoint), coin);
  }
}

/** The block with a nonce that meets its own bits, or with one that just does not. */
export function remine(block: Block, wanted: "meets" | "fails" = "meets"): Block {
  const bytes = remineBytes(block.bytes, block.header.bits, wanted);
  const nonce = new DataView(bytes.buffer).getBigUint64(NONCE_OFFSET, true);
  return encodeBlock({ header: { ...block.header, nonce }, transactions: block.transactions });
}

/** As `remine`, for bytes that need not be a block. */
export function remineBytes(
  bytes: Uint8Array,
  bits: number,
  wanted: "meets" | "fails" = "meets",
): Uint8Array<ArrayBuffer> {
  const copy = Uint8Array.from(bytes);
  const view = new DataView(copy.buffer);
  const header = copy.subarray(0, HEADER_BYTES);
  for (let nonce = 0n;; nonce++) {
    view.setBigUint64(NONCE_OFFSET, nonce, true);
    const meets = hashMeetsBits(asBlockId(sha256d(header)), bits);
    if (meets === (wanted === "meets")) return copy;
  }
}

/** A hash-like id that no chain has. */
export function strangeId(name: string): string {
  return toHex(sha256(utf8(name)));
}
