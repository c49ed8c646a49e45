/** Making a payment and giving it to the mempool. */
import { CodecError, utf8 } from "../base/bytes.ts";
import { EXIT, UserError } from "../base/errors.ts";
import type { Chain } from "../chain/chain.ts";
import { spendLock } from "../consensus/coins.ts";
import { MEMPOOL_LIMITS } from "../mempool/policy.ts";
import type { Mempool, MempoolOutcome } from "../mempool/mempool.ts";
import { amount } from "../primitives/amount.ts";
import { encodeAddress } from "../primitives/address.ts";
import type { TxId } from "../primitives/ids.ts";
import {
  decodeTransaction,
  MAX_MEMO_BYTES,
  type OutPoint,
  type Transaction,
} from "../primitives/transaction.ts";
import { spendableCoins } from "../wallet/balance.ts";
import type { Keystore } from "../wallet/keystore.ts";
import { buildPayment, type Payment } from "../wallet/payment.ts";
import type { SendRequest } from "./api.ts";
import { ownerCoins } from "./coins.ts";

export interface PaymentParts {
  chain: Chain;
  mempool: Mempool;
  keystore: Keystore;
}

export interface MadePayment extends Payment {
  from: string;
  to: string;
}

/** Builds, signs and keeps a payment. Throws `UserError` (usage, not found, rejected). */
export async function makePayment(
  parts: PaymentParts,
  request: SendRequest,
): Promise<MadePayment> {
  const { chain, mempool, keystore } = parts;
  if (!Number.isSafeInteger(request.amount) || request.amount <= 0) {
    throw new UserError(EXIT.usage, "Cannot send: the amount must be more than 0");
  }
  const from = keystore.resolveOwn(request.from);
  const to = keystore.resolve(request.to);
  const coins = await ownerCoins(parts, from.lock);
  const payment = buildPayment({
    from,
    to: to.lock,
    amount: amount(request.amount),
    ...(request.fee !== undefined && { fee: amount(request.fee) }),
    feePerByte: MEMPOOL_LIMITS.feePerByteMin,
    memo: memoBytes(request.memo),
    coins: spendableCoins(coins, ({ outPoint }) => isOwnChange(parts, outPoint, from.lock)),
    nextHeight: chain.tip().height + 1,
    genesisId: chain.genesisId,
    seedOf: (publicKey) => keystore.seedOf(publicKey),
  });
  checkTaken(await mempool.accept(payment.transaction, { local: true }));
  await mempool.save();
  return { ...payment, from: encodeAddress(from.lock), to: to.address };
}

/**
 * Takes in the encoding of a payment made elsewhere. Throws `UserError` (rejected) that names the
 * rule which it breaks.
 */
export async function takePayment(
  { mempool }: Pick<PaymentParts, "mempool">,
  bytes: Uint8Array,
): Promise<{ txId: TxId; state: "accepted" | "known" }> {
  const transaction = decodedPayment(bytes);
  const outcome = await mempool.accept(transaction, { local: true });
  const txId = transaction.id;
  if (outcome.kind === "known") return { txId, state: "known" };
  if (outcome.kind === "accepted") {
    await mempool.save();
    return { txId, state: "accepted" };
  }
  if (outcome.kind === "orphan") {
    const [coin] = outcome.missing;
    throw new UserError(
      EXIT.rejected,
      `The payment was refused (missing-coin): output ${coin!.index} of ${
        coin!.txId
      } is spent or ` +
        "not known here; look whether it was paid already",
    );
  }
  throw new UserError(
    EXIT.rejected,
    `The payment was refused (${outcome.reason}): ${outcome.detail}; make another`,
  );
}

function decodedPayment(bytes: Uint8Array): Transaction {
  try {
    return decodeTransaction(bytes);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new UserError(
      EXIT.rejected,
      `The payment was refused (malformed): ${error.message}; send the bytes of one transaction`,
    );
  }
}

/** Pending coins are spent only where we made them: a stranger's payment may yet be replaced. */
function isOwnChange({ mempool }: PaymentParts, outPoint: OutPoint, lock: string): boolean {
  const spends = mempool.get(outPoint.txId)?.transaction.spends ?? [];
  return spends.length > 0 && spends.every((spend) => spendLock(spend) === lock);
}

function memoBytes(memo: string | undefined): Uint8Array {
  const bytes = utf8(memo ?? "");
  if (bytes.length <= MAX_MEMO_BYTES) return bytes;
  throw new UserError(
    EXIT.usage,
    `Cannot send: the memo is ${bytes.length} bytes long, ${MAX_MEMO_BYTES} are allowed`,
  );
}

function checkTaken(outcome: MempoolOutcome): void {
  if (outcome.kind === "accepted" || outcome.kind === "known") return;
  if (outcome.kind === "orphan") {
    throw new UserError(
      EXIT.rejected,
      "Cannot send: a coin was spent meanwhile; look at the balance and try again",
    );
  }
  if (outcome.reason === "too-many-ancestors") {
    throw new UserError(
      EXIT.rejected,
      "Cannot send: too many payments in a row wait for a block; mint one (--mint) or wait",
    );
  }
  throw new UserError(EXIT.rejected, `Cannot send: ${outcome.detail}`);
}
