/** Writing coins: from the coins of one block to those of another, whole after any power cut. */
import { yieldToOthers } from "../base/clock.ts";
import type { OwnedCoin } from "../consensus/coins.ts";
import { commitInChunks, cutChunks } from "./chunks.ts";
import { keys, META, prefixes } from "./keys.ts";
import type { KvMutation, KvStore } from "./kv.ts";
import {
  decodeRecord,
  encodeBlockId,
  encodeCoin,
  encodeMove,
  type Move,
  readMove,
} from "./records.ts";

interface CoinState {
  readonly coin: OwnedCoin;
  readonly spent: boolean;
}

/** Mutations are made for this many coins at a time, which takes some milliseconds. */
const SLICE = 300;
/** So few coins are worth a try without a marker. */
const ONE_COMMIT = 900;

/**
 * Sets the coins that are not spent and deletes the others, sorted by key: five times as fast as in
 * random order. All of it and the new coins tip go into one commit if they fit. Otherwise a
 * marker says between which blocks the records are until the last commit takes it away; every
 * commit between is idempotent, so a replay from the blocks repairs what a power cut left.
 */
export async function writeCoins(
  kv: KvStore,
  move: Move,
  states: readonly CoinState[],
): Promise<void> {
  const sorted = states.toSorted(byKey);
  const end: KvMutation = { set: keys.meta(META.coinsTip), value: encodeBlockId(move.to) };
  if (sorted.length <= ONE_COMMIT) {
    const mutations = [...sorted.map(coinMutation), end];
    if (cutChunks(mutations).length === 1) return await kv.commit(mutations);
  }
  await kv.commit([{ set: keys.meta(META.coinsMove), value: encodeMove(move) }]);
  for (let at = 0; at < sorted.length; at += SLICE) {
    await commitInChunks(kv, sorted.slice(at, at + SLICE).map(coinMutation));
    await yieldToOthers();
  }
  await kv.commit([end, { delete: keys.meta(META.coinsMove) }]);
}

/** The blocks between whose coins the records are, when a write of coins did not end. */
export async function coinsMove(kv: KvStore): Promise<Move | undefined> {
  const value = await kv.get(keys.meta(META.coinsMove));
  return value === null ? undefined : decodeRecord(value, "meta coins-move", readMove);
}

/** Deletes all coins and indexes, and says that none are there. For rebuilding. */
export async function clearCoinsAndIndexes(kv: KvStore): Promise<void> {
  await kv.commit([
    { delete: keys.meta(META.coinsTip) },
    { delete: keys.meta(META.coinsMove) },
  ]);
  const { coins, txs, histories, indexes } = prefixes;
  for (const prefix of [coins, txs, histories, indexes]) {
    let doomed: KvMutation[] = [];
    for await (const { key } of kv.list({ prefix })) {
      doomed.push({ delete: key });
      if (doomed.length < SLICE) continue;
      await commitInChunks(kv, doomed);
      doomed = [];
    }
    await commitInChunks(kv, doomed);
  }
}

function coinMutation({ coin, spent }: CoinState): KvMutation {
  const key = keys.coin(coin.lock, coin.outPoint);
  return spent ? { delete: key } : { set: key, value: encodeCoin(coin) };
}

/** The order of the encoded keys: hex compares as its bytes do. */
function byKey({ coin: a }: CoinState, { coin: b }: CoinState): number {
  if (a.lock !== b.lock) return a.lock < b.lock ? -1 : 1;
  if (a.outPoint.txId !== b.outPoint.txId) return a.outPoint.txId < b.outPoint.txId ? -1 : 1;
  return a.outPoint.index - b.outPoint.index;
}
