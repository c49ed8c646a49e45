/** Signature checks that let others run: no more than some milliseconds at a time. */
import type { Clock } from "../base/clock.ts";
import { RuleError } from "../consensus/rules.ts";
import { checkSignatures, type SignatureCheck, signatureChecks } from "../consensus/signatures.ts";
import type { BlockId, TxId } from "../primitives/ids.ts";
import type { Transaction } from "../primitives/transaction.ts";
import { Turns } from "./turns.ts";

/** Checks done elsewhere, such as in a pool of workers. */
export type VerifySignatures = (checks: SignatureCheck[]) => Promise<boolean>;

/** About a block's worth and a mempool's: ids of 64 characters. */
const VERIFIED_MAX = 100_000;

export class SignatureChecker {
  readonly #genesisId: BlockId;
  readonly #clock: Clock;
  readonly #verifyElsewhere: VerifySignatures | undefined;
  /** An id names the signatures too, so what was right once is right for good. */
  readonly #verified = new Set<TxId>();

  constructor(genesisId: BlockId, clock: Clock, verifyElsewhere?: VerifySignatures) {
    this.#genesisId = genesisId;
    this.#clock = clock;
    this.#verifyElsewhere = verifyElsewhere;
  }

  /** Throws `RuleError` "bad-signature" unless all of `transactions` are signed right. */
  async check(transactions: readonly Transaction[]): Promise<void> {
    const open = transactions.filter(({ id, spends }) =>
      spends.length > 0 && !this.#verified.has(id)
    );
    if (this.#verifyElsewhere !== undefined && open.length > 1) {
      const checks = open.flatMap((transaction) => signatureChecks(transaction, this.#genesisId));
      if (!await this.#verifyElsewhere(checks)) fail(transactions);
    } else {
      await this.#checkHere(open);
    }
    for (const { id } of open) this.#remember(id);
  }

  async #checkHere(transactions: readonly Transaction[]): Promise<void> {
    const turns = new Turns(this.#clock);
    for (const transaction of transactions) {
      // A transaction of the largest size may have hundreds of signatures.
      for (const check of signatureChecks(transaction, this.#genesisId)) {
        if (!checkSignatures([check])) fail([transaction]);
        await turns.next();
      }
    }
  }

  #remember(id: TxId): void {
    this.#verified.add(id);
    if (this.#verified.size <= VERIFIED_MAX) return;
    for (const oldest of this.#verified) {
      this.#verified.delete(oldest);
      break;
    }
  }
}

function fail(transactions: readonly Transaction[]): never {
  const names = transactions.length === 1
    ? `Transaction "${transactions[0]!.id}"`
    : `One of ${transactions.length} transactions`;
  throw new RuleError("bad-signature", `${names} has a wrong signature`);
}
