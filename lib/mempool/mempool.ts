/**
 * Payments that wait for a block. What comes in is judged one after the other; a step of the chain is
 * taken in at once, so that at every moment the pool fits the chain's tip.
 */
import { ByteReader, ByteWriter } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import { SerialQueue } from "../base/serial_queue.ts";
import { Signal, type Unsubscribe } from "../base/signals.ts";
import type { Chain } from "../chain/chain.ts";
import type { ChainChange } from "../chain/outcome.ts";
import { checkTransaction } from "../consensus/check_transaction.ts";
import { coinsWanted, type OwnedCoin } from "../consensus/coins.ts";
import { MAX_BLOCK_BYTES, MAX_BLOCK_COINS, MAX_BLOCK_SIGNATURES } from "../consensus/limits.ts";
import { RuleError } from "../consensus/rules.ts";
import type { Lock, TxId } from "../primitives/ids.ts";
import {
  decodeTransaction,
  isCoinbase,
  type OutPoint,
  outPointKey,
  type Transaction,
} from "../primitives/transaction.ts";
import { type Admission, admit, missingCoins } from "./admission.ts";
import { OrphanTransactions } from "./orphan_transactions.ts";
import {
  MEMPOOL_LIMITS,
  type MempoolChange,
  type MempoolEntry,
  type MempoolLimits,
  type MempoolOutcome,
  PolicyError,
  type RemovalReason,
} from "./policy.ts";
import { coinsSpent, Pool, type PoolEntry } from "./pool.ts";
import { type SelectLimits, selectTransactions } from "./template_selection.ts";

export type { MempoolChange, MempoolEntry, MempoolOutcome, RemovalReason } from "./policy.ts";

/** Left for the header, the transaction count and a coinbase with a few outputs. */
const BLOCK_RESERVE_BYTES = 2_000;
/** When the pool is full this part of it stays, so that not every newcomer causes a search. */
const KEPT_WHEN_FULL = 0.95;
const log = getLogger("mempool");

/** Where a transaction comes from. */
interface Source {
  readonly local: boolean;
  readonly addedMs: number;
  /**
   * It was in a block or in the pool before: no fee is too low, no coin too young, and nothing waits
   * as an orphan.
   */
  readonly returns: boolean;
}

export class Mempool {
  readonly #chain: Chain;
  readonly #clock: Clock;
  readonly #limits: MempoolLimits;
  readonly #pool = new Pool();
  readonly #orphans: OrphanTransactions;
  readonly #queue = new SerialQueue();
  readonly #changes = new Signal<MempoolChange>();
  readonly #unsubscribe: Unsubscribe;
  /** Goes up whenever a decision made before may not hold any more. */
  #version = 0;

  constructor(parts: { chain: Chain; clock: Clock; limits?: Partial<MempoolLimits> }) {
    this.#chain = parts.chain;
    this.#clock = parts.clock;
    this.#limits = { ...MEMPOOL_LIMITS, ...parts.limits };
    this.#orphans = new OrphanTransactions(this.#limits.orphansMax);
    this.#unsubscribe = parts.chain.subscribe((change) => this.#follow(change));
  }

  /** Takes a transaction in, or says why not. Rejects only when the store fails. */
  accept(transaction: Transaction, { local = false } = {}): Promise<MempoolOutcome> {
    return this.#queue.run(() =>
      this.#take(transaction, { local, addedMs: this.#clock.nowMs(), returns: false })
    );
  }

  get(id: TxId): MempoolEntry | undefined {
    return this.#pool.get(id);
  }

  has(id: TxId): boolean {
    return this.#pool.has(id);
  }

  get size(): number {
    return this.#pool.size;
  }

  /** Bytes of all transactions. */
  get bytes(): number {
    return this.#pool.bytes;
  }

  entries(): MempoolEntry[] {
    return [...this.#pool.entries()];
  }

  /** The waiting transaction that spends the coin. */
  spender(outPoint: OutPoint): TxId | undefined {
    return this.#pool.spender(outPoint);
  }

  /** Outputs of waiting transactions for `lock`, those spent by other waiting ones included. */
  coinsOf(lock: Lock): OwnedCoin[] {
    return this.#pool.coinsOf(lock, this.#chain.tip().height + 1);
  }

  /**
   * Transactions for a block on the tip: by the fee rate of each with its unconfirmed parents,
   * parents first. `bytesMax` counts transactions only.
   */
  select(
    bytesMax = MAX_BLOCK_BYTES - BLOCK_RESERVE_BYTES,
    limits: Partial<Omit<SelectLimits, "bytesMax">> = {},
  ): Transaction[] {
    const height = this.#chain.tip().height + 1;
    return selectTransactions(this.#pool, {
      bytesMax,
      signaturesMax: limits.signaturesMax ?? MAX_BLOCK_SIGNATURES,
      coinsMax: limits.coinsMax ?? MAX_BLOCK_COINS,
    }, (entry) => entry.matureHeight <= height);
  }

  subscribe(listener: (change: MempoolChange) => void): Unsubscribe {
    return this.#changes.subscribe(listener);
  }

  /** Takes in what was saved; what has been mined or has expired meanwhile is left out. */
  async load(): Promise<void> {
    const saved = await this.#chain.store.loadMempool();
    const records = [...saved.values()].flatMap((bytes) => decodeSaved(bytes) ?? []);
    await this.#queue.run(async () => {
      for (const { transaction, addedMs, local } of parentsFirst(records)) {
        if (this.#isExpired(addedMs)) continue;
        await this.#take(transaction, { local, addedMs, returns: true });
      }
    });
  }

  /** Saves what waits now. */
  save(): Promise<void> {
    return this.#queue.run(async () => {
      const records = new Map<TxId, Uint8Array>();
      for (const entry of this.#pool.entries()) {
        records.set(entry.transaction.id, encodeSaved(entry));
      }
      await this.#chain.store.saveMempool(records);
    });
  }

  /** Drops what has waited too long. */
  expire(): void {
    for (const { transaction, addedMs } of this.entries()) {
      if (this.#isExpired(addedMs)) this.#removeWithDescendants(transaction.id, "expired");
    }
  }

  /** Resolves when everything asked so far is done. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  close(): void {
    this.#unsubscribe();
  }

  #isExpired(addedMs: number): boolean {
    return this.#clock.nowMs() - addedMs > this.#limits.ageMaxMs;
  }

  async #take(transaction: Transaction, source: Source): Promise<MempoolOutcome> {
    if (this.#pool.has(transaction.id)) return { kind: "known" };
    try {
      checkTransaction(transaction);
      return await this.#judge(transaction, source);
    } catch (error) {
      if (error instanceof RuleError) {
        const { rule, fault, detail } = error;
        return { kind: "rejected", reason: rule, fault, detail };
      }
      if (error instanceof PolicyError) {
        return { kind: "rejected", reason: error.code, fault: "policy", detail: error.detail };
      }
      throw error;
    }
  }

  /**
   * Judges again when the chain or the pool moved while coins were read or signatures checked. From
   * the last such look to the end nothing waits: a block may connect at any `await`.
   */
  async #judge(transaction: Transaction, source: Source): Promise<MempoolOutcome> {
    for (;;) {
      const version = this.#version;
      const lookup = await this.#chain.lookup(coinsWanted([transaction]));
      if (version !== this.#version) continue;
      const missing = missingCoins(transaction, this.#pool, lookup);
      if (missing.length > 0) {
        const isMined = await this.#isMined(transaction);
        if (version !== this.#version) continue;
        return isMined ? { kind: "known" } : this.#withoutCoins(transaction, missing, source);
      }
      const admission = admit(transaction, {
        pool: this.#pool,
        lookup,
        // A minted coin that was ripe on another branch ripens again: until then no block holds it.
        height: source.returns ? Infinity : this.#chain.tip().height + 1,
        network: this.#chain.network,
        limits: source.returns ? { ...this.#limits, feePerByteMin: 0 } : this.#limits,
      });
      await this.#chain.checkSignatures(transaction);
      if (version === this.#version) return this.#add(transaction, source, admission);
    }
  }

  #withoutCoins(
    transaction: Transaction,
    missing: readonly OutPoint[],
    source: Source,
  ): MempoolOutcome {
    if (!source.returns) this.#orphans.add(transaction, missing);
    return { kind: "orphan", missing };
  }

  /** Whether an output of it is a coin of the chain: then it spends nothing any more. */
  async #isMined({ id, outputs }: Transaction): Promise<boolean> {
    for (const [index, { lock }] of outputs.entries()) {
      if (await this.#chain.coin(lock, { txId: id, index }) !== undefined) return true;
    }
    return false;
  }

  #add(transaction: Transaction, source: Source, admission: Admission): MempoolOutcome {
    const { fee, matureHeight, replaced } = admission;
    const { local, addedMs } = source;
    this.#version++;
    const pushedOut = replaced.flatMap((id) => this.#pool.remove(id) ?? []);
    this.#pool.add({ transaction, fee, addedMs, local, matureHeight });
    this.#orphans.remove(transaction.id);
    this.#makeRoom(transaction.id);
    if (!this.#pool.has(transaction.id)) {
      this.#putBack(pushedOut);
      const detail =
        `The mempool is full of payments with higher fees: pay more than ${fee} grains`;
      return { kind: "rejected", reason: "mempool-full", fault: "policy", detail };
    }
    for (const entry of pushedOut) this.#tellRemoved(entry.transaction, "replaced");
    this.#changes.emit({ added: transaction });
    this.#adopt(transaction.id);
    return { kind: "accepted", fee, replaced: [...replaced] };
  }

  /** What was pushed out, children first, by one that found no room itself. */
  #putBack(pushedOut: readonly PoolEntry[]): void {
    for (const entry of pushedOut.toReversed()) {
      const hasParents = [...entry.parents].every((id) => this.#pool.has(id));
      if (hasParents) this.#pool.add(entry);
      else this.#tellRemoved(entry.transaction, "full");
    }
  }

  /** Gives the orphans that wait for outputs of `parent` another try. */
  #adopt(parent: TxId): void {
    for (const orphan of this.#orphans.take(parent)) {
      this.accept(orphan).catch((error) =>
        log.warn("Cannot take orphan {id}: {why}", { id: orphan.id, why: messageOf(error) })
      );
    }
  }

  /**
   * Lets the lowest fee rates go when there is too much, children before their parents; should
   * `newcomer` be among them, nobody hears of what never came.
   */
  #makeRoom(newcomer: TxId): void {
    if (this.#pool.bytes <= this.#limits.bytesMax) return;
    const kept = this.#limits.bytesMax * KEPT_WHEN_FULL;
    while (this.#pool.bytes > kept) {
      const leaves = [...this.#pool.entries()].filter(({ children }) => children.size === 0);
      leaves.sort((a, b) => rateOf(a) - rateOf(b));
      // Parents become leaves only in the next round, so a round takes at most a part.
      const doomed = leaves.slice(0, Math.ceil(leaves.length / 10));
      for (const { transaction } of doomed) {
        if (this.#pool.bytes <= kept) break;
        if (transaction.id === newcomer) this.#pool.remove(newcomer);
        else this.#remove(transaction.id, "full");
      }
    }
  }

  /** Takes in a step of the chain. Nothing here waits: the pool fits the tip when this returns. */
  #follow({ disconnected, connected }: ChainChange): void {
    this.#version++;
    const mined = new Set<TxId>();
    const spent = new Set<string>();
    for (const { transactions } of connected) {
      for (const transaction of transactions) {
        mined.add(transaction.id);
        for (const outPoint of coinsSpent(transaction)) spent.add(outPointKey(outPoint));
      }
    }
    const unmined = disconnected.toReversed()
      .flatMap(({ transactions }) => transactions)
      .filter(({ id }) => !mined.has(id));
    for (const id of mined) this.#remove(id, "mined");
    for (const { transactions } of connected) this.#dropConflicts(transactions);
    if (unmined.length > 0) this.#bringBack(unmined, spent);
    for (const id of mined) this.#adopt(id);
  }

  #dropConflicts(transactions: readonly Transaction[]): void {
    for (const transaction of transactions) {
      for (const outPoint of coinsSpent(transaction)) {
        const rival = this.#pool.spender(outPoint);
        if (rival !== undefined) this.#removeWithDescendants(rival, "conflict");
      }
    }
  }

  /**
   * Judges anew the payments of blocks that were taken off, then what had built on those or on their
   * coinbases. Set aside at once, so that no template holds them meanwhile. `spent`: coins that
   * the new blocks spend.
   */
  #bringBack(unmined: readonly Transaction[], spent: ReadonlySet<string>): void {
    const children = unmined.flatMap(({ id, outputs }) =>
      [...outputs.keys()].flatMap((index) => this.#pool.spender({ txId: id, index }) ?? [])
    );
    const ids = new Set([...children, ...this.#pool.descendants(children)]);
    const depth = new Map([...ids].map((id) => [id, this.#pool.ancestors([id]).size]));
    const order = [...ids].sort((a, b) => depth.get(a)! - depth.get(b)!);
    const aside = order.flatMap((id) => this.#pool.remove(id) ?? []);
    const addedMs = this.#clock.nowMs();
    const returning = unmined.filter((transaction) => !isCoinbase(transaction))
      .map((transaction) => ({ transaction, local: false, addedMs }));
    this.#queue.run(async () => {
      for (const { transaction, local, addedMs } of [...returning, ...aside]) {
        const outcome = await this.#take(transaction, { local, addedMs, returns: true });
        if (outcome.kind === "accepted" || outcome.kind === "known") continue;
        const lostRace = [...coinsSpent(transaction)].some((coin) => spent.has(outPointKey(coin)));
        this.#tellRemoved(transaction, lostRace ? "conflict" : "lost-coin");
      }
    }).catch((error) => log.warn("Cannot bring payments back: {why}", { why: messageOf(error) }));
  }

  #removeWithDescendants(id: TxId, reason: RemovalReason): void {
    for (const descendant of this.#pool.descendants([id])) this.#remove(descendant, reason);
    this.#remove(id, reason);
  }

  #remove(id: TxId, reason: RemovalReason): void {
    const entry = this.#pool.remove(id);
    if (entry === undefined) return;
    this.#version++;
    this.#tellRemoved(entry.transaction, reason);
  }

  #tellRemoved(transaction: Transaction, reason: RemovalReason): void {
    this.#changes.emit({ removed: { transaction, reason } });
  }
}

function rateOf({ fee, transaction }: PoolEntry): number {
  return fee / transaction.bytes.length;
}

interface Saved {
  readonly transaction: Transaction;
  readonly addedMs: number;
  readonly local: boolean;
}

function encodeSaved({ transaction, addedMs, local }: Saved): Uint8Array {
  const writer = new ByteWriter(transaction.bytes.length + 16);
  return writer.varint(addedMs).u8(local ? 1 : 0).bytes(transaction.bytes).finish();
}

/** Undefined for what an older program wrote in another form: peers will send it again. */
function decodeSaved(bytes: Uint8Array): Saved | undefined {
  try {
    const reader = new ByteReader(bytes);
    const addedMs = reader.varint();
    const local = reader.u8() === 1;
    return { addedMs, local, transaction: decodeTransaction(reader.take(reader.remaining)) };
  } catch {
    return undefined;
  }
}

/** In the order in which they came, but for children saved before their parents. */
function parentsFirst(records: readonly Saved[]): Saved[] {
  const open = new Map(
    records.toSorted((a, b) => a.addedMs - b.addedMs)
      .map((record) => [record.transaction.id, record]),
  );
  const ordered: Saved[] = [];
  const visit = (record: Saved) => {
    if (!open.delete(record.transaction.id)) return;
    for (const { txId } of coinsSpent(record.transaction)) {
      const parent = open.get(txId);
      if (parent !== undefined) visit(parent); // At most 25 deep, by policy.
    }
    ordered.push(record);
  };
  for (const record of [...open.values()]) visit(record);
  return ordered;
}
