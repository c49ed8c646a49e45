/** Building a payment: coins, fee and change. Pure. */
import { EXIT, UserError } from "../base/errors.ts";
import { type Amount, amount, formatCoins, sumAmounts } from "../primitives/amount.ts";
import type { BlockId, Lock } from "../primitives/ids.ts";
import { SIGNATURE_BYTES } from "../primitives/signature.ts";
import {
  encodeDraft,
  signTransaction,
  type Transaction,
  type TransactionDraft,
} from "../primitives/transaction.ts";
import { MAX_TRANSACTION_BYTES } from "../consensus/limits.ts";
import { orderForSpending, type SpendableCoin, takeCoins } from "./coin_selection.ts";
import type { WalletKey } from "./keystore.ts";

/** A coin costs at least this much to spend: its id and index. */
const COIN_BYTES_MIN = 33;
/** Change below the price of spending it later is left to the minter. */
const CHANGE_MIN = COIN_BYTES_MIN + 1;
/** What a transaction holds beside its coins, at most, with two outputs and the longest memo. */
const FRAME_BYTES_MAX = 512;
/** An output index may take more than one byte; three reach 2 million. */
const COIN_BYTES_MAX = 35;
const COINS_MAX = Math.floor((MAX_TRANSACTION_BYTES - FRAME_BYTES_MAX) / COIN_BYTES_MAX);

export interface PaymentRequest {
  /** Whose coins pay; the change goes back there. */
  from: WalletKey;
  to: Lock;
  amount: Amount;
  /** In grains for the whole payment; without it, `feePerByte` for each byte. */
  fee?: Amount;
  feePerByte: number;
  memo: Uint8Array;
  /** Coins that may be spent in the block at `nextHeight`. */
  coins: readonly SpendableCoin[];
  nextHeight: number;
  genesisId: BlockId;
  seedOf: (publicKey: Uint8Array) => Uint8Array;
}

export interface Payment {
  transaction: Transaction;
  fee: Amount;
  /** 0 when nothing comes back. */
  change: Amount;
}

/** Throws `UserError` (rejected) when the coins do not suffice, or the fee is too small. */
export function buildPayment(request: PaymentRequest): Payment {
  const ordered = orderForSpending(request.coins, request.nextHeight);
  let fee = request.fee ?? amount(0);
  for (;;) {
    const chosen = takeCoins(ordered, request.amount + fee, COINS_MAX);
    if (chosen === undefined) throw notEnough(request, ordered, fee);
    const { draft, change } = draftOf(request, chosen.coins, chosen.total - request.amount - fee);
    const bytes = encodeDraft(draft).length + SIGNATURE_BYTES;
    const feeLeast = Math.ceil(bytes * request.feePerByte);
    const feePaid = amount(chosen.total - request.amount - change);
    if (feePaid >= feeLeast) {
      const transaction = signTransaction(draft, request.genesisId, request.seedOf);
      return { transaction, fee: feePaid, change };
    }
    if (request.fee !== undefined) throw feeTooSmall(request.fee, feeLeast);
    fee = amount(feeLeast);
  }
}

function draftOf(
  request: PaymentRequest,
  coins: readonly SpendableCoin[],
  rest: number,
): { draft: TransactionDraft; change: Amount } {
  const change = amount(rest < CHANGE_MIN ? 0 : rest);
  const outputs = [{ amount: request.amount, lock: request.to }];
  if (change > 0) outputs.push({ amount: change, lock: request.from.lock });
  const spend = {
    publicKey: request.from.publicKey,
    coins: coins.map((coin) => coin.outPoint),
  };
  return { draft: { spends: [spend], outputs, memo: request.memo }, change };
}

function notEnough(
  request: PaymentRequest,
  coins: readonly SpendableCoin[],
  fee: Amount,
): UserError {
  const total = sumAmounts(coins.map((coin) => coin.amount));
  const wanted = `${formatCoins(request.amount)} coins and a fee of ${formatCoins(fee)}`;
  if (total >= request.amount + fee) {
    return new UserError(
      EXIT.rejected,
      `Cannot send ${wanted} at once: it takes more than ${COINS_MAX} small coins; send less`,
    );
  }
  const hint = total === 0
    ? `mint some with moim mint --minter ${request.from.name}`
    : `see moim balance --address ${request.from.name}`;
  return new UserError(
    EXIT.rejected,
    `Cannot send ${wanted}: ${request.from.name} can spend ${formatCoins(total)}; ${hint}`,
  );
}

function feeTooSmall(fee: Amount, least: number): UserError {
  return new UserError(
    EXIT.rejected,
    `Cannot send with a fee of ${formatCoins(fee)}: this payment needs at least ${
      formatCoins(least)
    }; leave --fee away to pay just that`,
  );
}
