/** Building a payment: coins, fee and change. Pure. */
import { EXIT, UserError } from "../base/errors.ts";
import {
  type Amount,
  amount,
  formatCoins,
  GRAINS_PER_COIN,
  sumAmounts,
} from "../primitives/amount.ts";
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
    if (chosen === undefined) throw notEnough(request, ordered);
    const rest = amount(chosen.total - request.amount);
    const { draft, change } = draftOf(request, chosen.coins, rest - fee);
    const feeLeast = feeOf(draft, request.feePerByte);
    if (rest - change >= feeLeast) return signed(request, draft, change, rest);
    if (request.fee !== undefined) throw feeTooSmall(request.fee, feeLeast);
    const bare = draftOf(request, chosen.coins, 0).draft;
    const isChangeWorthless = rest < feeLeast + CHANGE_MIN;
    if (isChangeWorthless && rest >= feeOf(bare, request.feePerByte)) {
      return signed(request, bare, amount(0), rest);
    }
    fee = amount(feeLeast);
  }
}

function signed(
  request: PaymentRequest,
  draft: TransactionDraft,
  change: Amount,
  rest: Amount,
): Payment {
  const transaction = signTransaction(draft, request.genesisId, request.seedOf);
  return { transaction, fee: amount(rest - change), change };
}

/** The least fee of a payment that is still without its one signature. */
function feeOf(draft: TransactionDraft, feePerByte: number): Amount {
  return amount(Math.ceil((encodeDraft(draft).length + SIGNATURE_BYTES) * feePerByte));
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

/** Why the coins do not do: too small each, too few in all, or all but for the fee. */
function notEnough(request: PaymentRequest, coins: readonly SpendableCoin[]): UserError {
  const total = sumAmounts(coins.map((coin) => coin.amount));
  const { name } = request.from;
  const fee = request.fee ?? feeForAll(request, coins.slice(0, COINS_MAX));
  const unit = request.amount === GRAINS_PER_COIN ? "coin" : "coins";
  const wanted = `Cannot send ${formatCoins(request.amount)} ${unit}`;
  if (total >= request.amount + fee) {
    return rejected(`${wanted} at once: it takes more than ${COINS_MAX} small coins; send less`);
  }
  if (total === 0) {
    return rejected(
      `${wanted}: ${name} has none to spend; see moim balance ${name}, ` +
        `or mint some with moim mint --minter ${name}`,
    );
  }
  const next = total > fee
    ? `send at most ${formatCoins(amount(total - fee))}`
    : `see moim balance ${name}`;
  return rejected(
    `${wanted}: ${name} can spend ${formatCoins(total)} and the fee takes ${
      formatCoins(fee)
    }; ${next}`,
  );
}

/** The least fee of a payment that spends all these coins and leaves no change. */
function feeForAll(request: PaymentRequest, coins: readonly SpendableCoin[]): Amount {
  if (coins.length === 0) return amount(0);
  return feeOf(draftOf(request, coins, 0).draft, request.feePerByte);
}

function rejected(message: string): UserError {
  return new UserError(EXIT.rejected, message);
}

function feeTooSmall(fee: Amount, least: number): UserError {
  return rejected(
    `Cannot send with a fee of ${formatCoins(fee)}: this payment needs at least ${
      formatCoins(least)
    }; leave --fee away to pay just that`,
  );
}
