/** Chains whose blocks are full of payments that fan coins out among many owners. */
import { createHash } from "node:crypto";
import { amount } from "../../lib/primitives/amount.ts";
import { decodeBlock } from "../../lib/primitives/block.ts";
import { asLock, type Lock, LOCK_BYTES } from "../../lib/primitives/ids.ts";
import type { Output } from "../../lib/primitives/transaction.ts";
import { keptFile, readChain, type Tell } from "./chain_file.ts";
import {
  type BenchCoin,
  benchKey,
  BlockMaker,
  GENESIS_ID,
  NETWORK,
  spendCoin,
} from "./payment_chain.ts";

/** How many coins are dealt out to how many owners, by turns. */
export interface FanOut {
  readonly coins: number;
  readonly owners: number;
}

/** Of the owners only the first ones have keys: making one takes a hundred times a lock's time. */
export const KEYED_OWNERS = 5_000;
/** 88 kB of outputs: below the largest transaction; five of them fit in a block. */
const COINS_PER_TRANSACTION = 4_000;
const TRANSACTIONS_PER_BLOCK = 5;

/** The flat file of a fan-out, made the first time. */
export async function fanOutFile(work: string, fanOut: FanOut, tell: Tell): Promise<string> {
  const name = `${GENESIS_ID.slice(0, 8)}-fan${fanOut.coins}-${fanOut.owners}`;
  return await keptFile(work, name, fanOutHeight(fanOut), makeFanOut(fanOut, Date.now()), tell);
}

/** Blocks of the whole chain, genesis not counted. */
export function fanOutHeight(fanOut: FanOut): number {
  const { transactions, warmup } = countsOf(fanOut);
  return warmup + Math.ceil(transactions / TRANSACTIONS_PER_BLOCK);
}

/** The blocks of a fan-out, lowest first: one coinbase for each payment, then the payments. */
export function* makeFanOut(fanOut: FanOut, endMs: number): Generator<Uint8Array> {
  const { warmup } = countsOf(fanOut);
  const maker = BlockMaker.fromGenesis(fanOutHeight(fanOut), endMs);
  const payer = benchKey(0);
  const lockOfOwner = memoized((owner) => ownerLock(owner));
  const coinbases: BenchCoin[] = [];
  for (let made = 0; made < warmup; made++) {
    const { bytes, coinbase } = maker.next([], payer.lock);
    coinbases.push({ txId: coinbase.id, index: 0, amount: coinbase.outputs[0]!.amount, owner: 0 });
    yield bytes;
  }
  const dealt = coinbases.keys().map((number) => {
    const coin = coinbases[number]!;
    const first = number * COINS_PER_TRANSACTION;
    const count = Math.min(COINS_PER_TRANSACTION, fanOut.coins - first);
    const outputs = Array.from({ length: count }, (_, at): Output => ({
      amount: amount(Math.floor(coin.amount / COINS_PER_TRANSACTION)),
      lock: lockOfOwner((first + at) % fanOut.owners),
    }));
    return spendCoin(coin, payer, outputs);
  });
  while (maker.height < fanOutHeight(fanOut)) {
    const left = coinbases.length - (maker.height - warmup) * TRANSACTIONS_PER_BLOCK;
    const count = Math.min(left, TRANSACTIONS_PER_BLOCK);
    const payments = Array.from({ length: count }, () => dealt.next().value!);
    yield maker.next(payments, payer.lock).bytes;
  }
}

/** The first `count` coins that a fan-out dealt out, in order. */
export function dealtCoins(path: string, fanOut: FanOut, count: number): BenchCoin[] {
  const coins: BenchCoin[] = [];
  for (const block of readChain(path)) {
    for (const { id, outputs, spends } of decodeBlock(block).transactions) {
      if (spends.length === 0) continue;
      for (const [index, { amount }] of outputs.entries()) {
        if (coins.length === count) return coins;
        coins.push({ txId: id, index, amount, owner: coins.length % fanOut.owners });
      }
    }
  }
  return coins;
}

/** Where the coins of an owner are filed; those past the keyed ones can never be spent. */
export function ownerLock(owner: number): Lock {
  if (owner < KEYED_OWNERS) return benchKey(owner).lock;
  const digest = createHash("sha256").update(`${NETWORK.name} owner ${owner}`).digest();
  return asLock(Uint8Array.from(digest.subarray(0, LOCK_BYTES)));
}

function countsOf({ coins }: FanOut): { transactions: number; warmup: number } {
  const transactions = Math.ceil(coins / COINS_PER_TRANSACTION);
  return { transactions, warmup: transactions };
}

function memoized<Value>(make: (key: number) => Value): (key: number) => Value {
  const made = new Map<number, Value>();
  return (key) => {
    const known = made.get(key);
    if (known !== undefined) return known;
    const value = make(key);
    made.set(key, value);
    return value;
  };
}
