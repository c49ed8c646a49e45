import assert from "node:assert/strict";
import fc from "fast-check";
import { EXIT, UserError } from "../../../lib/base/errors.ts";
import type { OwnedCoin } from "../../../lib/consensus/coins.ts";
import { lockOf } from "../../../lib/primitives/address.ts";
import { amount, sumAmounts } from "../../../lib/primitives/amount.ts";
import { asBlockId, asLock, asTxId } from "../../../lib/primitives/ids.ts";
import { publicKeyOf, verify } from "../../../lib/primitives/signature.ts";
import { outPointKey, signedMessage } from "../../../lib/primitives/transaction.ts";
import { balanceOf, spendableCoins } from "../../../lib/wallet/balance.ts";
import { orderForSpending, type SpendableCoin } from "../../../lib/wallet/coin_selection.ts";
import { buildPayment, type PaymentRequest } from "../../../lib/wallet/payment.ts";

const SEED = new Uint8Array(32).fill(5);
const PUBLIC_KEY = publicKeyOf(SEED);
const LOCK = lockOf(PUBLIC_KEY);
const GENESIS = asBlockId("ab".repeat(32));

function coin(number: number, grains: number, more: Partial<SpendableCoin> = {}): SpendableCoin {
  return {
    amount: amount(grains),
    height: 1,
    isCoinbase: false,
    isConfirmed: true,
    lock: LOCK,
    outPoint: { txId: asTxId(number.toString(16).padStart(64, "0")), index: 0 },
    ...more,
  };
}

function request(coins: SpendableCoin[], grains: number, fee?: number): PaymentRequest {
  return {
    from: { name: "w1", lock: LOCK, address: "", publicKey: PUBLIC_KEY },
    to: asLock("22".repeat(20)),
    amount: amount(grains),
    ...(fee !== undefined && { fee: amount(fee) }),
    feePerByte: 1,
    memo: new Uint8Array(),
    coins,
    nextHeight: 100,
    genesisId: GENESIS,
    seedOf: () => SEED,
  };
}

Deno.test("buildPayment() conserves every grain, pays its size, and signs", () => {
  const wallets = fc.array(fc.integer({ min: 1, max: 5_000_000 }), { minLength: 1, maxLength: 40 });
  fc.assert(fc.property(wallets, fc.integer({ min: 1, max: 20_000_000 }), (grains, wanted) => {
    const coins = grains.map((value, at) => coin(at, value));
    const total = grains.reduce((sum, value) => sum + value, 0);
    let payment;
    try {
      payment = buildPayment(request(coins, wanted));
    } catch (error) {
      assert.ok(error instanceof UserError && error.exitCode === EXIT.rejected);
      // Refused only when the coins, less a price for each of them, really do not reach.
      assert.ok(total - wanted < 300 + 36 * coins.length);
      return;
    }
    const { transaction, fee, change } = payment;
    const used = new Map(coins.map((each) => [outPointKey(each.outPoint), each.amount]));
    const inputs = sumAmounts(
      transaction.spends[0]!.coins.map((out) => used.get(outPointKey(out))!),
    );
    const outputs = sumAmounts(transaction.outputs.map((output) => output.amount));
    assert.equal(inputs - outputs, fee);
    assert.equal(outputs, wanted + change);
    assert.ok(fee >= transaction.bytes.length);
    const message = signedMessage(transaction.unsignedBytes, GENESIS);
    assert.ok(verify(transaction.signatures[0]!, message, PUBLIC_KEY));
  }));
});

Deno.test("buildPayment() leaves change too small to spend to the minter", () => {
  const payment = buildPayment(request([coin(1, 1_000_000)], 999_800));
  assert.equal(payment.change, 0);
  assert.equal(payment.fee, 200);
});

Deno.test("buildPayment() keeps a fee that was asked for, and refuses one that is too small", () => {
  assert.equal(buildPayment(request([coin(1, 9_000_000)], 1_000, 5_000)).fee, 5_000);
  assert.throws(
    () => buildPayment(request([coin(1, 9_000_000)], 1_000, 3)),
    (error) => error instanceof UserError && /needs at least 0\.000\d+/.test(error.message),
  );
});

Deno.test("buildPayment() says what can be spent and what to do when it is too little", () => {
  const refused = (coins: SpendableCoin[], grains: number, line: RegExp) =>
    assert.throws(
      () => buildPayment(request(coins, grains)),
      (error) =>
        error instanceof UserError && error.exitCode === EXIT.rejected && line.test(error.message),
    );
  refused([], 1_000_000, /^Cannot send 1 coin: w1 has none to spend; .*mint --minter w1$/);
  const two = [coin(1, 3_000_000), coin(2, 2_000_000)];
  refused(two, 5_000_000, /can spend 5 and the fee takes 0\.000192; send at most 4\.999808$/);
  refused(two, 4_999_809, /send at most 4\.999808$/);
  assert.equal(buildPayment(request(two, 4_999_808)).change, 0);
  refused([coin(1, 100)], 50, /can spend 0\.0001 and the fee takes .*; see moim balance w1$/);
  const dust = Array.from({ length: 4_000 }, (_, at) => coin(at, 1_000));
  assert.throws(() => buildPayment(request(dust, 3_800_000)), /too|small coins/);
});

Deno.test("orderForSpending() takes young coinbases after others and pending change last", () => {
  const coins = [
    coin(1, 900, { isConfirmed: false }),
    coin(2, 800, { isCoinbase: true, height: 98 }),
    coin(3, 100, { isCoinbase: true, height: 90 }),
    coin(4, 200),
  ];
  const order = orderForSpending(coins, 100).map((each) => each.amount as number);
  assert.deepEqual(order, [200, 100, 800, 900]);
});

Deno.test("balanceOf() tells confirmed, maturing and pending coins apart", () => {
  const confirmed: OwnedCoin[] = [coin(1, 100), coin(2, 40), coin(3, 7, { isCoinbase: true })];
  const pending: OwnedCoin[] = [coin(4, 25), coin(5, 3)];
  const spent = new Set([outPointKey(coin(2, 40).outPoint), outPointKey(coin(5, 3).outPoint)]);
  const coins = {
    confirmed,
    pending,
    isSpent: (out: OwnedCoin["outPoint"]) => spent.has(outPointKey(out)),
    isMature: (each: { isCoinbase: boolean }) => !each.isCoinbase,
  };
  assert.deepEqual(balanceOf(coins), {
    confirmed: 140,
    maturing: 7,
    pendingIn: 25,
    pendingOut: 40,
    total: 132,
  });
  const spendable = spendableCoins(coins, () => true).map((each) => each.amount as number);
  assert.deepEqual(spendable, [100, 25]);
});
