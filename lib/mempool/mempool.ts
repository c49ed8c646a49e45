/**
 * Payments that wait for a block. What comes in is judged one after the other, with coins and
 * signatures fetched ahead for all that have gathered meanwhile; a step of the chain is taken in at
 * once, so that at every moment the pool fits the chain's tip.
 */
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { getLogger } from "../base/log.ts";
import { SerialQueue } from "../base/serial_queue.ts";
import { Signal, type Unsubscribe } from "../base/signals.ts";
import type { Chain } from "../chain/chain.ts";
import type { ChainChange } from "../chain/outcome.ts";
import { Turns } from "../chain/turns.ts";
import { checkTransaction } from "../consensus/check_transaction.ts";
import { type CoinLookup, coinsWanted, type OwnedCoin } from "../consensus/coins.ts";
import { MAX_BLOCK_BYTES, MAX_BLOCK_COINS, MAX_BLOCK_SIGNATURES } from "../consensus/limits.ts";
import { RuleError } from "../consensus/rules.ts";
import type { Block } from "../primitives/block.ts";
import type { Lock, TxId } from "../primitives/ids.ts";
import {
  isCoinbase,
  type OutPoint,
  outPointKey,
  type Transaction,
} from "../primitives/transaction.ts";
import { type Admission, type AdmissionContext, admit, missingCoins } from "./admission.ts";
import { lowestPaying } from "./eviction.ts";
import { Expectations } from "./expectations.ts";
import { BATCH_SIGNATURES, Intake, type Request } from "./intake.ts";
import { LookAhead } from "./look_ahead.ts";
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
import { decodeSaved, encodeSaved, parentsFirst, type Saved } from "./saved.ts";
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
  readonly #batchSignatures: number;
  readonly #intake: Intake;
  readonly #expectations = new Expectations();
  /** Writing what waits takes long, and holds up no payment. */
  readonly #saves = new SerialQueue();
  readonly #changes = new Signal<MempoolChange>();
  readonly #unsubscribe: Unsubscribe;
  /** Goes up whenever a decision made before may not hold any more. */
  #version = 0;
  #chainSteps = 0;

  /** `batchSignatures`: of payments that are looked ahead for together; with 1, none is. */
  constructor(parts: {
    chain: Chain;
    clock: Clock;
    limits?: Partial<MempoolLimits>;
    batchSignatures?: number;
  }) {
    this.#chain = parts.chain;
    this.#clock = parts.clock;
    this.#limits = { ...MEMPOOL_LIMITS, ...parts.limits };
    this.#orphans = new OrphanTransactions(this.#limits.orphansMax);
    this.#batchSignatures = parts.batchSignatures ?? BATCH_SIGNATURES;
    this.#intake = new Intake({
      clock: parts.clock,
      batchSignatures: this.#batchSignatures,
      lookAhead: (batch) => this.#lookAhead(batch),
      take: (batch, ahead, turns) => this.#takeBatch(batch, ahead, turns),
    });
    this.#unsubscribe = parts.chain.subscribe((change) => this.#follow(change));
  }

  /**
   * Takes a transaction in, or says why not. Those handed in while others are judged are fetched
   * for together, and come out as they would one after the other. Rejects only when the store fails.
   */
  accept(transaction: Transaction, { local = false } = {}): Promise<MempoolOutcome> {
    return this.#intake.add(transaction, local);
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
    return selectTransactions(this.#pool, {
      bytesMax,
      signaturesMax: limits.signaturesMax ?? MAX_BLOCK_SIGNATURES,
      coinsMax: limits.coinsMax ?? MAX_BLOCK_COINS,
    }, this.#unripe());
  }

  /** Whether a block on the tip could hold anything of what waits. */
  hasMineable(): boolean {
    return this.#pool.size > this.#unripe().size;
  }

  subscribe(listener: (change: MempoolChange) => void): Unsubscribe {
    return this.#changes.subscribe(listener);
  }

  /** Takes in what was saved; what has been mined or has expired meanwhile is left out. */
  async load(): Promise<void> {
    const saved = await this.#chain.store.loadMempool();
    const records = [...saved.values()].flatMap((bytes) => decodeSaved(bytes) ?? []);
    await this.#intake.run(async (turns) => {
      const due = parentsFirst(records).filter(({ addedMs }) => !this.#isExpired(addedMs));
      await this.#takeBack(due, turns, () => {});
    });
  }

  /** Saves what waits now. */
  save(): Promise<void> {
    const snapshot = this.#intake.run(() => Promise.resolve(this.entries()));
    return this.#saves.run(async () => {
      const entries = await snapshot;
      const turns = new Turns(this.#clock);
      const records = new Map<TxId, Uint8Array>();
      for (const entry of entries) {
        records.set(entry.transaction.id, encodeSaved(entry));
        await turns.next();
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
  async idle(): Promise<void> {
    await Promise.all([this.#saves.idle(), this.#intake.idle()]);
  }

  close(): void {
    this.#unsubscribe();
  }

  #isExpired(addedMs: number): boolean {
    return this.#clock.nowMs() - addedMs > this.#limits.ageMaxMs;
  }

  #unripe(): Set<TxId> {
    return this.#pool.unripe(this.#chain.tip().height + 1);
  }

  async #takeBatch(batch: readonly Request[], ahead: LookAhead, turns: Turns): Promise<void> {
    let fetched = ahead;
    for (const [at, { transaction, local, resolve, reject }] of batch.entries()) {
      if (fetched.isStale) {
        fetched.done();
        fetched = await this.#lookAhead(batch.slice(at));
      }
      const source = { local, addedMs: this.#clock.nowMs(), returns: false };
      await this.#take(transaction, source, fetched).then(resolve, reject);
      await turns.next();
    }
    fetched.done();
  }

  /** Judges anew what was here before, in order. `onRefused` hears of what is not taken. */
  async #takeBack(
    records: readonly Saved[],
    turns: Turns,
    onRefused: (transaction: Transaction) => void,
  ): Promise<void> {
    for (let from = 0; from < records.length; from += this.#batchSignatures) {
      const batch = records.slice(from, from + this.#batchSignatures);
      const ahead = await this.#lookAhead(batch, { returns: true });
      for (const { transaction, local, addedMs } of batch) {
        const outcome = await this.#take(transaction, { local, addedMs, returns: true }, ahead);
        if (outcome.kind !== "accepted" && outcome.kind !== "known") onRefused(transaction);
        await turns.next();
      }
      ahead.done();
    }
  }

  #lookAhead(
    batch: readonly { readonly transaction: Transaction }[],
    { returns = false } = {},
  ): Promise<LookAhead> {
    return LookAhead.of({
      chain: this.#chain,
      pool: this.#pool,
      chainSteps: () => this.#chainSteps,
      terms: (lookup) => this.#terms(lookup, returns),
      expectations: this.#expectations,
    }, batch.map(({ transaction }) => transaction));
  }

  async #take(
    transaction: Transaction,
    source: Source,
    ahead: LookAhead,
  ): Promise<MempoolOutcome> {
    if (this.#pool.has(transaction.id)) return { kind: "known" };
    try {
      if (!ahead.isSound(transaction.id)) checkTransaction(transaction);
      return await this.#judge(transaction, source, ahead);
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
  async #judge(
    transaction: Transaction,
    source: Source,
    ahead: LookAhead,
  ): Promise<MempoolOutcome> {
    const { id } = transaction;
    for (let isFirst = true;; isFirst = false) {
      const version = this.#version;
      const fetched = isFirst ? ahead.coins(id) : undefined;
      const lookup = fetched ?? await this.#chain.lookup(coinsWanted([transaction]));
      if (version !== this.#version) continue;
      const missing = missingCoins(transaction, this.#pool, lookup);
      if (missing.length > 0) {
        // What was fetched ahead does not know of all that has been mined.
        if (fetched !== undefined) continue;
        const isMined = await this.#isMined(transaction);
        if (version !== this.#version) continue;
        return isMined ? { kind: "known" } : this.#withoutCoins(transaction, missing, source);
      }
      const admission = admit(transaction, this.#terms(lookup, source.returns));
      if (!ahead.isSigned(id)) await this.#chain.checkSignatures(transaction);
      if (version === this.#version) return this.#add(transaction, source, admission);
    }
  }

  /** On what terms a payment is judged now. */
  #terms(lookup: CoinLookup, returns: boolean): AdmissionContext {
    return {
      pool: this.#pool,
      lookup,
      // A minted coin that was ripe on another branch ripens again: until then no block holds it.
      height: returns ? Infinity : this.#chain.tip().height + 1,
      network: this.#chain.network,
      limits: returns ? { ...this.#limits, feePerByteMin: 0 } : this.#limits,
    };
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
    const names = outputs.map(({ lock }, index) => ({ lock, outPoint: { txId: id, index } }));
    const lookup = await this.#chain.lookup(names);
    return names.some(({ lock, outPoint }) => lookup(lock, outPoint) !== undefined);
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
    for (const { id } of lowestPaying(this.#pool, this.#pool.bytes - kept)) {
      if (id === newcomer) this.#pool.remove(newcomer);
      else this.#remove(id, "full");
    }
  }

  /** Takes in a step of the chain. Nothing here waits: the pool fits the tip when this returns. */
  #follow({ disconnected, connected }: ChainChange): void {
    this.#version++;
    this.#chainSteps++;
    // A first sync connects many blocks while nothing waits.
    if (disconnected.length === 0 && this.#pool.size === 0 && this.#orphans.size === 0) return;
    const mined = new Set<TxId>();
    for (const { transactions } of connected) {
      for (const { id } of transactions) {
        mined.add(id);
        this.#remove(id, "mined");
      }
    }
    for (const { transactions } of connected) this.#dropConflicts(transactions);
    this.#bringBack({ disconnected, connected, mined });
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
   * coinbases. Set aside at once, so that no template holds them meanwhile.
   */
  #bringBack(
    { disconnected, connected, mined }: Omit<ChainChange, "tip"> & { mined: ReadonlySet<TxId> },
  ): void {
    const unmined = disconnected.toReversed()
      .flatMap(({ transactions }) => transactions)
      .filter(({ id }) => !mined.has(id));
    if (unmined.length === 0) return;
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
    const spent = spentBy(connected);
    this.#intake.run((turns) =>
      this.#takeBack([...returning, ...aside], turns, (transaction) => {
        const lostRace = coinsSpent(transaction).some((coin) => spent.has(outPointKey(coin)));
        this.#tellRemoved(transaction, lostRace ? "conflict" : "lost-coin");
      })
    ).catch((error) => log.warn("Cannot bring payments back: {why}", { why: messageOf(error) }));
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

/** Coins that `blocks` spend. */
function spentBy(blocks: readonly Block[]): Set<string> {
  const spent = new Set<string>();
  for (const { transactions } of blocks) {
    for (const transaction of transactions) {
      for (const outPoint of coinsSpent(transaction)) spent.add(outPointKey(outPoint));
    }
  }
  return spent;
}
