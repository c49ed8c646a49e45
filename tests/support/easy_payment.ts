/** Payments for tests, without a wallet. */
import type { OwnedCoin } from "../../lib/consensus/coins.ts";
import { lockOf } from "../../lib/primitives/address.ts";
import { type Amount, amount, sumAmounts } from "../../lib/primitives/amount.ts";
import type { BlockId, Lock } from "../../lib/primitives/ids.ts";
import { publicKeyOf } from "../../lib/primitives/signature.ts";
import { signTransaction, type Transaction } from "../../lib/primitives/transaction.ts";

/** Enough for any payment of these tests at one grain a byte. */
export const EASY_FEE = amount(1_000);

export interface EasyKey {
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly lock: Lock;
}

/** The key number `number`, the same in every run. */
export function easyKey(number: number): EasyKey {
  const seed = new Uint8Array(32);
  new DataView(seed.buffer).setUint32(0, number);
  const publicKey = publicKeyOf(seed);
  return { seed, publicKey, lock: lockOf(publicKey) };
}

/** Spends all of `coins`, which belong to `key`: `pays` to `to`, the rest less the fee back. */
export function payment(
  { key, coins, to, pays, fee = EASY_FEE, genesisId }: {
    readonly key: EasyKey;
    readonly coins: readonly Pick<OwnedCoin, "amount" | "outPoint">[];
    readonly to: Lock;
    readonly pays: Amount;
    readonly fee?: Amount;
    readonly genesisId: BlockId;
  },
): Transaction {
  const rest = sumAmounts(coins.map((coin) => coin.amount)) - pays - fee;
  const change = rest > 0 ? [{ amount: amount(rest), lock: key.lock }] : [];
  const spend = { publicKey: key.publicKey, coins: coins.map((coin) => coin.outPoint) };
  return signTransaction(
    { spends: [spend], outputs: [{ amount: pays, lock: to }, ...change], memo: new Uint8Array() },
    genesisId,
    () => key.seed,
  );
}
