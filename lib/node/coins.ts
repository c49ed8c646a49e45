/** An owner's coins and history, gathered from chain and mempool. */
import { yieldToOthers } from "../base/clock.ts";
import { EXIT, UserError } from "../base/errors.ts";
import type { Chain, HistoryEntry as IndexEntry } from "../chain/mod.ts";
import { isMature, type OwnedCoin, spendLock } from "../consensus/coins.ts";
import type { Mempool } from "../mempool/mempool.ts";
import { encodeAddress } from "../primitives/address.ts";
import type { Block } from "../primitives/block.ts";
import { asTxId, type Lock } from "../primitives/ids.ts";
import { isCoinbase, outPointKey, type Transaction } from "../primitives/transaction.ts";
import { balanceOf, type OwnerCoins } from "../wallet/balance.ts";
import type { Owner } from "../wallet/keystore.ts";
import type { Balance, CoinPage, Confirmation, HistoryEntry, HistoryPage } from "./api.ts";
import { shorten } from "./settings.ts";
import { feeOf, memoText, type Views } from "./views.ts";

/** Coins of one page. */
const COINS_MAX = 1_000;
/** Coins looked at between two pauses of the main thread. */
const COINS_PER_TURN = 10_000;

interface Parts {
  chain: Chain;
  mempool: Mempool;
}

/** All coins of `lock`, in the chain and on their way. */
export async function ownerCoins({ chain, mempool }: Parts, lock: Lock): Promise<OwnerCoins> {
  const confirmed = await chain.coinsOf(lock);
  const nextHeight = chain.tip().height + 1;
  return {
    confirmed,
    pending: mempool.coinsOf(lock),
    isSpent: (outPoint) => mempool.spender(outPoint) !== undefined,
    isMature: (coin) => isMature(coin, nextHeight, chain.network.coinbaseMaturity),
  };
}

export async function ownerBalance(parts: Parts, owner: Owner): Promise<Balance> {
  return {
    ...(owner.key && { name: owner.key.name }),
    address: owner.address,
    ...balanceOf(await ownerCoins(parts, owner.lock)),
    height: parts.chain.tip().height,
  };
}

/** A page of an owner's unspent coins on the main chain, newest first. Throws `UserError` (usage). */
export async function ownerCoinPage(
  { chain }: Pick<Parts, "chain">,
  owner: Owner,
  page: { before?: string | undefined; limit: number },
): Promise<CoinPage> {
  const tip = chain.tip();
  const before = page.before === undefined ? undefined : coinCursor(page.before);
  const limit = Math.max(1, Math.min(page.limit, COINS_MAX));
  const coins = await newestCoins(await chain.coinsOf(owner.lock), before, limit + 1);
  const shown = coins.slice(0, limit);
  const last = coins.length > limit ? shown.at(-1) : undefined;
  return {
    ...(owner.key && { name: owner.key.name }),
    address: owner.address,
    coins: shown.map((coin) => ({
      ...coin.outPoint,
      amount: coin.amount,
      height: coin.height,
      coinbase: coin.isCoinbase,
      mature: isMature(coin, tip.height + 1, chain.network.coinbaseMaturity),
    })),
    ...(last && { next: `${last.height}-${last.outPoint.txId}-${last.outPoint.index}` }),
    height: tip.height,
  };
}

/** The first `count` coins after `before`, however many there are. */
async function newestCoins(
  coins: readonly OwnedCoin[],
  before: PlacedCoin | undefined,
  count: number,
): Promise<OwnedCoin[]> {
  let newest: OwnedCoin[] = [];
  for (const [at, coin] of coins.entries()) {
    if ((at + 1) % COINS_PER_TURN === 0) await yieldToOthers();
    if (before !== undefined && compareCoins(coin, before) <= 0) continue;
    newest.push(coin);
    if (newest.length >= 2 * count + 1_000) newest = newest.sort(compareCoins).slice(0, count);
  }
  return newest.sort(compareCoins).slice(0, count);
}

type PlacedCoin = Pick<OwnedCoin, "height" | "outPoint">;

/** Newest first; what is of one height, by id and index. */
function compareCoins(a: PlacedCoin, b: PlacedCoin): number {
  if (a.height !== b.height) return b.height - a.height;
  if (a.outPoint.txId !== b.outPoint.txId) return a.outPoint.txId < b.outPoint.txId ? -1 : 1;
  return a.outPoint.index - b.outPoint.index;
}

function coinCursor(text: string): PlacedCoin {
  const [, height, txId, index] = /^(\d{1,10})-([0-9a-f]{64})-(\d{1,10})$/.exec(text) ?? [];
  if (txId === undefined) {
    throw new UserError(EXIT.usage, `"${shorten(text)}" is no cursor: give a page's "next"`);
  }
  return { height: Number(height), outPoint: { txId: asTxId(txId), index: Number(index) } };
}

/** A page of what moved an owner's coins, newest first: what is pending stands on the first. */
export async function ownerHistory(
  parts: Parts & { views: Views },
  owner: Owner,
  page: { before?: string | undefined; limit: number },
): Promise<HistoryPage> {
  const { chain, mempool } = parts;
  const { before, limit } = page;
  const found = await chain.history(owner.lock, { ...(before && { before }), limit });
  const entries: HistoryEntry[] = [];
  if (before === undefined) {
    const pending = mempool.entries().filter(({ transaction }) => touches(transaction, owner.lock));
    for (const { transaction } of pending) {
      entries.push(await pendingEntry(parts, transaction, owner));
    }
  }
  let block: Block | undefined;
  for (const entry of found.entries) {
    if (block?.header.height !== entry.height) block = await blockAt(chain, entry);
    if (block !== undefined) entries.push(await confirmedEntry(parts, block, entry, owner));
  }
  return {
    ...(owner.key && { name: owner.key.name }),
    address: owner.address,
    entries,
    ...(found.next !== undefined && { next: found.next }),
    ...(!chain.indexesReady() && { indexedHeight: chain.indexProgress().height }),
  };
}

async function blockAt(chain: Chain, { height }: IndexEntry): Promise<Block | undefined> {
  const id = chain.blockIdAt(height);
  return id && await chain.block(id);
}

async function confirmedEntry(
  { views }: { views: Views },
  block: Block,
  { height, position }: IndexEntry,
  owner: Owner,
): Promise<HistoryEntry> {
  const confirmation = {
    ...views.confirmation({ blockId: block.id, height, position }, true),
    timeMs: block.header.timeMs,
  };
  const spent = await views.spentIn(block);
  return historyEntry(block.transactions[position]!, owner, spent, confirmation);
}

async function pendingEntry(
  { views }: { views: Views },
  transaction: Transaction,
  owner: Owner,
): Promise<HistoryEntry> {
  const spent = await views.spentByPending(transaction);
  const confirmation: Confirmation = { state: "pending", confirmations: 0, settled: false };
  return historyEntry(transaction, owner, spent, confirmation);
}

function historyEntry(
  transaction: Transaction,
  owner: Owner,
  spent: Awaited<ReturnType<Views["spentIn"]>>,
  confirmation: Confirmation,
): HistoryEntry {
  const paid = transaction.spends.filter((spend) => spendLock(spend) === owner.lock)
    .flatMap((spend) => spend.coins)
    .reduce((sum, outPoint) => sum + (spent.get(outPointKey(outPoint))?.amount ?? 0), 0);
  const got = transaction.outputs.filter((output) => output.lock === owner.lock)
    .reduce((sum, output) => sum + output.amount, 0);
  const receivers = transaction.outputs.map((output) => output.lock);
  const payers = transaction.spends.map(spendLock);
  const others = new Set((paid > 0 ? receivers : payers).filter((lock) => lock !== owner.lock));
  const fee = paid > 0 ? feeOf(transaction, spent) : undefined;
  const memo = memoText(transaction);
  return {
    ...confirmation,
    txId: transaction.id,
    kind: kindOf(transaction, paid, others.size),
    amount: got - paid,
    ...(fee !== undefined && { fee }),
    others: [...others].map(encodeAddress),
    ...(memo !== undefined && { memo }),
  };
}

function kindOf(transaction: Transaction, paid: number, others: number): HistoryEntry["kind"] {
  if (isCoinbase(transaction)) return "minted";
  if (paid === 0) return "received";
  return others === 0 ? "self" : "sent";
}

/** Whether `transaction` pays or is paid by `lock`. */
export function touches(transaction: Transaction, lock: Lock): boolean {
  return transaction.outputs.some((output) => output.lock === lock) ||
    transaction.spends.some((spend) => spendLock(spend) === lock);
}
