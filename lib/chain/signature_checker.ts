/** Signature checks that let others run: in other threads, or some milliseconds at a time. */
import type { Clock } from "../base/clock.ts";
import { RecentSet } from "../base/recent_set.ts";
import { RuleError } from "../consensus/rules.ts";
import { checkSignatures, type SignatureCheck, signatureChecks } from "../consensus/signatures.ts";
import type { BlockId, TxId } from "../primitives/ids.ts";
import type { Transaction } from "../primitives/transaction.ts";
import type { CheckingPool } from "./checking_pool.ts";
import { Turns } from "./turns.ts";

/** About a block's worth and a mempool's: ids of 64 characters. */
const VERIFIED_MAX = 100_000;
/** So few signatures are checked here sooner than anybody else hears of them: a millisecond. */
const CHECKED_HERE_MAX = 16;
/**
 * Those of a new block: at the tip the threads have long ended, and starting one takes 100 ms. These
 * take 14 ms here.
 */
const NEWS_CHECKED_HERE_MAX = 256;

/** Checks done elsewhere. */
export type Checking = Pick<CheckingPool, "digest" | "signatures" | "prepare">;

interface Waiting {
  readonly transaction: Transaction;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class SignatureChecker {
  readonly #genesisId: BlockId;
  readonly #clock: Clock;
  readonly #elsewhere: Checking | undefined;
  /** An id names the signatures too, so what was right once is right for good. */
  readonly #verified = new RecentSet<TxId>(VERIFIED_MAX);
  #waiting: Waiting[] = [];

  constructor(genesisId: BlockId, clock: Clock, elsewhere?: Checking) {
    this.#genesisId = genesisId;
    this.#clock = clock;
    this.#elsewhere = elsewhere;
  }

  /** Throws `RuleError` "bad-signature" unless all of `transactions` are signed right. */
  async check(transactions: readonly Transaction[], hereMax = CHECKED_HERE_MAX): Promise<void> {
    const open = transactions.filter(({ id, spends }) =>
      spends.length > 0 && !this.#verified.has(id)
    );
    if (open.length === 0) return;
    const wrong = await this.#firstWrong(open, hereMax);
    if (wrong !== undefined) throw badSignature(wrong);
  }

  /** As `check`, for those of a block that connects now. */
  checkNews(transactions: readonly Transaction[]): Promise<void> {
    return this.check(transactions, NEWS_CHECKED_HERE_MAX);
  }

  /** As `check` for one. Calls of one turn are checked together, wherever that is. */
  checkOne(transaction: Transaction): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ transaction, resolve, reject });
      if (this.#waiting.length === 1) queueMicrotask(() => void this.#checkWaiting());
    });
  }

  async #checkWaiting(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    try {
      await this.check(waiting.map(({ transaction }) => transaction));
      for (const { resolve } of waiting) resolve();
    } catch (error) {
      if (!(error instanceof RuleError)) {
        for (const { reject } of waiting) reject(error);
        return;
      }
      // What is right is remembered by now, so each gets its own answer at little cost.
      for (const { transaction, resolve, reject } of waiting) {
        await this.check([transaction]).then(resolve, reject);
      }
    }
  }

  /** Checks all that came before it too, so a wrong one does not hide the right ones. */
  async #firstWrong(
    transactions: readonly Transaction[],
    hereMax: number,
  ): Promise<Transaction | undefined> {
    const wrong = await this.#wrongElsewhere(transactions, hereMax) ??
      await this.#wrongHere(transactions);
    for (const transaction of transactions) {
      if (!wrong.has(transaction)) this.#verified.add(transaction.id);
    }
    return transactions.find((transaction) => wrong.has(transaction));
  }

  /** Undefined when it could not be found out. */
  async #wrongElsewhere(
    transactions: readonly Transaction[],
    hereMax: number,
  ): Promise<Set<Transaction> | undefined> {
    const count = transactions.reduce((sum, { spends }) => sum + spends.length, 0);
    if (this.#elsewhere === undefined || count <= hereMax) return undefined;
    const turns = new Turns(this.#clock);
    const checks: SignatureCheck[] = [];
    const signers: Transaction[] = [];
    for (const transaction of transactions) {
      for (const check of signatureChecks(transaction, this.#genesisId)) {
        checks.push(check);
        signers.push(transaction);
      }
      await turns.next();
    }
    const right = await this.#elsewhere.signatures(checks);
    return right && new Set(signers.filter((_, at) => !right[at]));
  }

  async #wrongHere(transactions: readonly Transaction[]): Promise<Set<Transaction>> {
    const turns = new Turns(this.#clock);
    const wrong = new Set<Transaction>();
    for (const transaction of transactions) {
      // A transaction of the largest size may have hundreds of signatures.
      for (const check of signatureChecks(transaction, this.#genesisId)) {
        if (!checkSignatures([check])) wrong.add(transaction);
        await turns.next();
        if (wrong.has(transaction)) break;
      }
    }
    return wrong;
  }
}

function badSignature({ id }: Transaction): RuleError {
  return new RuleError("bad-signature", `Transaction "${id}" has a wrong signature`);
}
