/**
 * What judging payments one after the other will need, fetched for many at once: their coins in one
 * look-up, and the signatures of those that look right. It decides nothing. Whoever judges asks it
 * first and looks for itself where it has no answer, so that what comes out is the same without it.
 */
import type { Chain } from "../chain/chain.ts";
import { checkTransaction } from "../consensus/check_transaction.ts";
import { type CoinLookup, type CoinName, coinsWanted } from "../consensus/coins.ts";
import { RuleError } from "../consensus/rules.ts";
import type { TxId } from "../primitives/ids.ts";
import type { Transaction } from "../primitives/transaction.ts";
import { type AdmissionContext, admit, missingCoins, withOutputs } from "./admission.ts";
import type { Expectations } from "./expectations.ts";
import { PolicyError } from "./policy.ts";
import type { Pool } from "./pool.ts";

export interface LookAheadParts {
  readonly chain: Chain;
  readonly pool: Pool;
  /** Goes up with every step of the chain. */
  readonly chainSteps: () => number;
  /** On what terms a payment is judged now. */
  readonly terms: (lookup: CoinLookup) => AdmissionContext;
  /** Shared by all that look ahead at a time. */
  readonly expectations: Expectations;
}

export class LookAhead {
  readonly #parts: LookAheadParts;
  /** Payments that are right by their bytes, and whose coins were looked up. */
  readonly #covered = new Set<TxId>();
  /** What became of signature checks. */
  readonly #signatures = new Map<TxId, RuleError | "right">();
  readonly #likely: Transaction[] = [];
  readonly #chainSteps: number;
  #lookup: CoinLookup = () => undefined;

  private constructor(parts: LookAheadParts) {
    this.#parts = parts;
    this.#chainSteps = parts.chainSteps();
  }

  /** Looks ahead for `batch`, in the order of judging. Never rejects: at worst it knows nothing. */
  static async of(parts: LookAheadParts, batch: readonly Transaction[]): Promise<LookAhead> {
    const ahead = new LookAhead(parts);
    // One alone is best judged at once.
    if (batch.length > 1) await ahead.#fetch(batch);
    return ahead;
  }

  /** Everything that it looked ahead for has been judged. */
  done(): void {
    for (const transaction of this.#likely) this.#parts.expectations.delete(transaction);
  }

  /** The chain has moved: it knows of no coins any more. */
  get isStale(): boolean {
    return this.#chainSteps !== this.#parts.chainSteps();
  }

  /** The chain's coins that the payment spends, as long as they are those of the tip. */
  coins(id: TxId): CoinLookup | undefined {
    return !this.isStale && this.#covered.has(id) ? this.#lookup : undefined;
  }

  /** Whether the payment is known to be right by its bytes alone. */
  isSound(id: TxId): boolean {
    return this.#covered.has(id);
  }

  /** Whether the payment's signatures are known to be right. Throws `RuleError` if they are not. */
  isSigned(id: TxId): boolean {
    const known = this.#signatures.get(id);
    if (known instanceof RuleError) throw known;
    return known !== undefined;
  }

  async #fetch(batch: readonly Transaction[]): Promise<void> {
    const { chain, pool } = this.#parts;
    const sound = batch.filter((each) => !pool.has(each.id) && isSound(each));
    if (sound.length === 0) return;
    try {
      this.#lookup = await chain.lookup(this.#coinsOf(sound));
    } catch {
      return; // Whoever needs the coins asks again, and hears of it.
    }
    for (const { id } of sound) this.#covered.add(id);
    if (this.isStale) return;
    this.#expect(sound);
    await Promise.all(this.#likely.map((transaction) => this.#checkSignatures(transaction)));
  }

  /** What waits in the pool is no coin of the chain, and what is among them will be looked for. */
  #coinsOf(sound: readonly Transaction[]): CoinName[] {
    return coinsWanted(sound).filter(({ outPoint }) => !this.#parts.pool.has(outPoint.txId));
  }

  /**
   * Finds those that would be taken as things stand, if all before them are: a payment that cannot
   * be taken must not cost a signature. Rivals among them are left to the judge.
   */
  #expect(sound: readonly Transaction[]): void {
    const { expectations, terms } = this.#parts;
    const lookup = withOutputs((id) => expectations.get(id), this.#lookup);
    for (const transaction of sound) {
      if (expectations.rivals(transaction)) continue;
      if (!isWelcome(transaction, terms(lookup))) continue;
      expectations.add(transaction);
      this.#likely.push(transaction);
    }
  }

  async #checkSignatures(transaction: Transaction): Promise<void> {
    try {
      await this.#parts.chain.checkSignatures(transaction);
      this.#signatures.set(transaction.id, "right");
    } catch (error) {
      // Of any other failure the judge is to hear himself.
      if (error instanceof RuleError) this.#signatures.set(transaction.id, error);
    }
  }
}

function isSound(transaction: Transaction): boolean {
  return !isRefused(() => checkTransaction(transaction));
}

function isWelcome(transaction: Transaction, terms: AdmissionContext): boolean {
  if (missingCoins(transaction, terms.pool, terms.lookup).length > 0) return false;
  return !isRefused(() => admit(transaction, terms));
}

function isRefused(check: () => void): boolean {
  try {
    check();
    return false;
  } catch (error) {
    if (error instanceof RuleError || error instanceof PolicyError) return true;
    throw error;
  }
}
