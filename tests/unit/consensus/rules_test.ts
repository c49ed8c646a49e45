/**
 * Every rule of the table, each by a good thing that is accepted and one that differs from it only
 * in breaking that rule: keys, signatures and work are real and made anew for each.
 */
import assert from "node:assert/strict";
import { concatBytes } from "../../../lib/base/bytes.ts";
import {
  MAX_BLOCK_BYTES,
  MAX_BLOCK_COINS,
  MAX_BLOCK_SIGNATURES,
  MAX_TRANSACTION_BYTES,
} from "../../../lib/consensus/limits.ts";
import { type Rule, RuleError, RULES } from "../../../lib/consensus/rules.ts";
import { amount } from "../../../lib/primitives/amount.ts";
import { type Block, encodeBlock, HEADER_BYTES } from "../../../lib/primitives/block.ts";
import { asBlockId, asTxId } from "../../../lib/primitives/ids.ts";
import { encodeTransaction, type Transaction } from "../../../lib/primitives/transaction.ts";
import {
  alice,
  bob,
  type From,
  key,
  miner,
  MOST,
  output,
  remine,
  remineBytes,
  strangeId,
  TEST_NETWORK,
  TestChain,
} from "./builder.ts";

type Judged = () => unknown;
/** What is accepted, and what breaks the rule and nothing else. */
type Case = (chain: TestChain) => { good: Judged | Judged[]; bad: Judged | Judged[] };

const { spacingMs, minGapMs, limitBits } = TEST_NETWORK;

function appended(bytes: Uint8Array, byte = 0): Uint8Array {
  return concatBytes(bytes, Uint8Array.of(byte));
}

/** A payment of exactly `size` bytes: many outputs of one grain, the rest filled by the memo. */
function paymentOfSize(chain: TestChain, size: number): Transaction {
  const coin = chain.give(alice, 1_000_000);
  const build = (outputs: number, memoBytes: number) =>
    chain.pay({
      from: [{ owner: alice, coins: [coin] }],
      to: Array.from({ length: outputs }, () => output(bob, 1)),
      memo: new Uint8Array(memoBytes),
    });
  const outputs = Math.floor((size - build(128, 0).bytes.length) / 21) + 128;
  return build(outputs, size - build(outputs, 0).bytes.length);
}

/** A block of exactly `size` bytes. */
function blockOfSize(chain: TestChain, size: number): Block {
  const payments: Transaction[] = [];
  let room = size - chain.block().bytes.length;
  while (room > 0) {
    // The last one takes what is left; none is left too small to be made.
    const next = room > 2 * MAX_TRANSACTION_BYTES ? MAX_TRANSACTION_BYTES : Math.ceil(room / 2);
    const bytes = room <= MAX_TRANSACTION_BYTES ? room : next;
    payments.push(paymentOfSize(chain, bytes));
    room -= bytes;
  }
  return chain.block({ payments });
}

/** Payments that together have `coins` coins, each under the key `owner(at)`, `perPayment` each. */
function gather(
  chain: TestChain,
  counts: { coins: number; perPayment: number },
  payment: (at: number, coins: number) => From[],
): Transaction[] {
  const payments: Transaction[] = [];
  for (let at = 0; at < counts.coins; at += counts.perPayment) {
    const coins = Math.min(counts.perPayment, counts.coins - at);
    payments.push(chain.pay({ from: payment(at, coins), to: [output(bob, 1)] }));
  }
  return payments;
}

function withCoins(chain: TestChain, coins: number): Block {
  const payments = gather(chain, { coins, perPayment: 2_500 }, (_, count) => [{
    owner: alice,
    coins: Array.from({ length: count }, () => chain.give(alice, 1)),
  }]);
  return chain.block({ payments });
}

function withSignatures(chain: TestChain, signatures: number): Block {
  const payments = gather(
    chain,
    { coins: signatures, perPayment: 760 },
    (at, count) =>
      Array.from({ length: count }, (_, next) => {
        const owner = key(`owner ${at + next}`);
        return { owner, coins: [chain.give(owner, 1)] };
      }),
  );
  return chain.block({ payments, coinbase: chain.coinbase({ outputs: [] }) });
}

/** Two payments, the second spending what the first made. */
function family(chain: TestChain): { parent: Transaction; child: Transaction } {
  const parent = chain.payment();
  const made = {
    amount: amount(1),
    height: chain.height,
    isCoinbase: false,
    lock: bob.lock,
    outPoint: { txId: parent.id, index: 0 },
  };
  const child = chain.pay({ from: [{ owner: bob, coins: [made] }], to: [output(alice, 1)] });
  return { parent, child };
}

/** The next block and one whose header differs in one field, both mined. */
function headerCase(field: Parameters<TestChain["block"]>[0] & object): Case {
  return (chain) => ({
    good: () => chain.judge(chain.block().bytes),
    bad: () => chain.judge(chain.block(field).bytes),
  });
}

const CASES: Record<Rule, Case> = {
  "malformed-transaction": (chain) => ({
    good: () => chain.judgeLoose(chain.payment().bytes),
    bad: [
      () => chain.judgeLoose(appended(chain.payment().bytes)),
      () => chain.judgeLoose(chain.payment().bytes.subarray(0, -1)),
    ],
  }),
  "transaction-too-large": (chain) => ({
    good: () => chain.judgeLoose(paymentOfSize(chain, MAX_TRANSACTION_BYTES).bytes),
    bad: [
      () => chain.judgeLoose(paymentOfSize(chain, MAX_TRANSACTION_BYTES + 1).bytes),
      () =>
        chain.judge(
          chain.block({ payments: [paymentOfSize(chain, MAX_TRANSACTION_BYTES + 1)] }).bytes,
        ),
    ],
  }),
  "no-outputs": (chain) => {
    const from = [{ owner: alice, coins: [chain.give(alice, 1)] }];
    return {
      good: () => chain.judgeLoose(chain.pay({ from, to: [output(bob, 1)] }).bytes),
      bad: () => chain.judgeLoose(chain.pay({ from, to: [] }).bytes),
    };
  },
  "repeated-key": (chain) => {
    const pay = (second: typeof alice) =>
      chain.pay({
        from: [
          { owner: alice, coins: [chain.give(alice, 1)] },
          { owner: second, coins: [chain.give(second, 1)] },
        ],
        to: [output(bob, 2)],
      }).bytes;
    return { good: () => chain.judgeLoose(pay(bob)), bad: () => chain.judgeLoose(pay(alice)) };
  },
  "repeated-coin": (chain) => {
    const [first, second] = [chain.give(alice, 1), chain.give(alice, 1)];
    const pay = (coins: From["coins"]) =>
      chain.pay({ from: [{ owner: alice, coins }], to: [output(bob, 1)] }).bytes;
    return {
      good: () => chain.judgeLoose(pay([first, second])),
      bad: () => chain.judgeLoose(pay([first, first])),
    };
  },
  "output-sum-too-high": (chain) => {
    // No inputs can reach such a sum, so this one also spends too much; it is told by its bytes.
    const from = [{ owner: alice, coins: [chain.give(alice, MOST)] }];
    const pay = (grains: number) =>
      chain.pay({ from, to: [output(bob, grains), output(bob, 1)] }).bytes;
    return { good: () => chain.judgeLoose(pay(MOST - 1)), bad: () => chain.judgeLoose(pay(MOST)) };
  },
  "bad-signature": (chain) => {
    const right = chain.payment();
    const spoil = (byte: number) => {
      const signature = Uint8Array.from(right.signatures[0]!);
      signature[byte]! ^= 1;
      return encodeTransaction({ ...right, signatures: [signature] });
    };
    const coin = chain.give(alice, 1);
    const foreign = chain.pay({
      from: [{ owner: alice, coins: [coin] }],
      to: [output(bob, 1)],
      genesisId: asBlockId(strangeId("another chain")),
    });
    return {
      good: () => chain.judgeLoose(right.bytes),
      bad: [
        () => chain.judgeLoose(spoil(0).bytes),
        () => chain.judgeLoose(spoil(63).bytes),
        () => chain.judgeLoose(foreign.bytes),
        () => chain.judge(chain.block({ payments: [spoil(40)] }).bytes),
      ],
    };
  },
  "loose-coinbase": (chain) => ({
    good: () => chain.judge(chain.block({ coinbase: chain.coinbase() }).bytes),
    bad: () => chain.judgeLoose(chain.coinbase().bytes),
  }),
  "missing-coin": (chain) => {
    const coin = chain.give(alice, 1);
    const pay = (
      owner: typeof alice,
      outPoint: { txId: typeof coin.outPoint.txId; index: number },
    ) =>
      chain.pay({ from: [{ owner, coins: [{ ...coin, outPoint }] }], to: [output(bob, 1)] }).bytes;
    return {
      good: () => chain.judgeLoose(pay(alice, coin.outPoint)),
      bad: [
        () => chain.judgeLoose(pay(alice, { ...coin.outPoint, index: 1 })),
        () => chain.judgeLoose(pay(alice, { txId: asTxId(strangeId("tx")), index: 0 })),
        // A spend that names another key simply finds no coin.
        () => chain.judgeLoose(pay(bob, coin.outPoint)),
      ],
    };
  },
  "immature-coin": (chain) => {
    const { pay, ripen } = mintedCoin(chain);
    const young = pay();
    return {
      bad: () => chain.judgeLoose(young.bytes),
      good: ripen(() => chain.judgeLoose(young.bytes)),
    };
  },
  "input-sum-too-high": (chain) => {
    const pay = (...sums: number[]) =>
      chain.pay({
        from: [{ owner: alice, coins: sums.map((grains) => chain.give(alice, grains)) }],
        to: [output(bob, 1)],
      }).bytes;
    return {
      good: () => chain.judgeLoose(pay(MOST - 1, 1)),
      bad: () => chain.judgeLoose(pay(MOST, 1)),
    };
  },
  "overspend": (chain) => {
    const from = [{ owner: alice, coins: [chain.give(alice, 100)] }];
    const pay = (grains: number) => chain.pay({ from, to: [output(bob, grains)] });
    return {
      good: () => chain.judgeLoose(pay(100).bytes),
      bad: [
        () => chain.judgeLoose(pay(101).bytes),
        () => chain.judge(chain.block({ payments: [pay(101)] }).bytes),
      ],
    };
  },

  "malformed-header": (chain) => {
    const block = chain.block();
    const withTime = (time: bigint) => {
      const bytes = Uint8Array.from(block.bytes);
      new DataView(bytes.buffer).setBigUint64(72, time, true);
      return remineBytes(bytes, limitBits);
    };
    return {
      good: () => chain.judge(withTime(BigInt(block.header.timeMs))),
      bad: [
        () => chain.judge(withTime(2n ** 53n)),
        () => chain.judge(withTime(2n ** 64n - 1n)),
        () => chain.judge(block.bytes, { headerBytes: block.bytes.subarray(0, 91) }),
      ],
    };
  },
  "header-version": headerCase({ header: { version: 2 } }),
  "missing-parent": headerCase({ header: { previous: asBlockId(strangeId("parent")) } }),
  "header-height": (chain) => ({
    good: () => chain.judge(chain.block().bytes),
    bad: [chain.height + 1, chain.height - 1, 2 ** 32 - 1].map((height) => () =>
      chain.judge(
        chain.block({ header: { height }, coinbase: chain.coinbase({ height }) }).bytes,
      )
    ),
  }),
  "time-too-soon": (chain) => {
    const after = (gapMs: number) => {
      const block = chain.block({ header: { timeMs: chain.tip.timeMs + gapMs } });
      return () => chain.judge(block.bytes);
    };
    return { good: after(minGapMs), bad: [after(minGapMs - 1), after(0), after(-1)] };
  },
  "wrong-bits": (chain) => ({
    good: () => chain.judge(chain.block({ header: { bits: limitBits } }).bytes),
    bad: [limitBits - 1, 0x1f7f_ffff].map((bits) => () =>
      chain.judge(chain.block({ header: { bits } }).bytes)
    ),
  }),
  "insufficient-work": (chain) => ({
    good: () => chain.judge(remine(chain.block(), "meets").bytes),
    bad: () => chain.judge(remine(chain.block(), "fails").bytes),
  }),
  "time-in-future": (chain) => {
    const nowMs = chain.nowMs;
    const ahead = (aheadMs: number) => {
      const block = chain.block({ header: { timeMs: nowMs + aheadMs } });
      return () => chain.judge(block.bytes, { nowMs });
    };
    return { good: ahead(2 * spacingMs), bad: ahead(2 * spacingMs + 1) };
  },

  "bad-body": (chain) => {
    const block = chain.block({ payments: [chain.payment()] });
    const others = [chain.coinbase(), chain.payment()];
    const other = encodeBlock({ header: block.header, transactions: others });
    const headerBytes = block.bytes.subarray(0, HEADER_BYTES);
    return {
      good: () => chain.judge(block.bytes, { headerBytes }),
      bad: [
        () => chain.judge(other.bytes, { headerBytes }),
        () => chain.judge(appended(block.bytes), { headerBytes }),
        () => chain.judge(block.bytes.subarray(0, -1), { headerBytes }),
        () => chain.judge(headerBytes, { headerBytes }),
        () => chain.judge(chain.block().bytes, { headerBytes }),
      ],
    };
  },
  "block-too-large": (chain) => ({
    good: () => chain.judge(blockOfSize(chain, MAX_BLOCK_BYTES).bytes),
    bad: () => chain.judge(blockOfSize(chain, MAX_BLOCK_BYTES + 1).bytes),
  }),
  "no-coinbase": (chain) => ({
    good: () => chain.judge(chain.block({ transactions: [chain.coinbase()] }).bytes),
    bad: [
      () => chain.judge(chain.block({ transactions: [] }).bytes),
      () => chain.judge(chain.block({ transactions: [chain.payment()] }).bytes),
      () => chain.judge(chain.block({ transactions: [chain.payment(), chain.coinbase()] }).bytes),
    ],
  }),
  "extra-coinbase": (chain) => {
    const second = chain.coinbase({ outputs: [], extra: Uint8Array.of(2) });
    return {
      good: () => chain.judge(chain.block({ transactions: [second] }).bytes),
      bad: () => chain.judge(chain.block({ transactions: [chain.coinbase(), second] }).bytes),
    };
  },
  "coinbase-height": (chain) => {
    const withMemo = (memo: number[]) => () => {
      const coinbase = encodeTransaction({
        ...chain.coinbase(),
        memo: Uint8Array.from(memo),
      });
      return chain.judge(chain.block({ coinbase }).bytes);
    };
    const { height } = chain;
    return {
      good: [withMemo([height]), withMemo([height, 0xff, 0xff])],
      // Another height, none, one that does not end, one that is not minimal.
      bad: [withMemo([height + 1]), withMemo([]), withMemo([0x80]), withMemo([0x80 + height, 0])],
    };
  },
  // A block of 4,001 signatures is also over the size limit, however it is cut (131 bytes each), so
  // here, and only here, a second rule falls with the first.
  "too-many-signatures": (chain) => ({
    good: () => chain.judge(withSignatures(chain, MAX_BLOCK_SIGNATURES).bytes),
    bad: () => chain.judge(withSignatures(chain, MAX_BLOCK_SIGNATURES + 1).bytes),
  }),
  "too-many-coins": (chain) => ({
    good: () => chain.judge(withCoins(chain, MAX_BLOCK_COINS).bytes),
    bad: () => chain.judge(withCoins(chain, MAX_BLOCK_COINS + 1).bytes),
  }),
  "child-before-parent": (chain) => {
    const { parent, child } = family(chain);
    return {
      good: () => chain.judge(chain.block({ payments: [parent, child] }).bytes),
      bad: () => chain.judge(chain.block({ payments: [child, parent] }).bytes),
    };
  },

  "block-missing-coin": (chain) => {
    const { parent, child } = family(chain);
    const coin = chain.give(alice, 2);
    const from = [{ owner: alice, coins: [coin] }];
    const [first, second] = [1, 2].map((grains) => chain.pay({ from, to: [output(bob, grains)] }));
    const stolen = chain.pay({ from: [{ owner: bob, coins: [coin] }], to: [output(bob, 1)] });
    const judge = (...payments: Transaction[]) => () =>
      chain.judge(chain.block({ payments }).bytes);
    return {
      good: [judge(parent, child), judge(first!), judge(second!)],
      // Never made, spent twice by the block, another's; twice the same payment.
      bad: [judge(child), judge(first!, second!), judge(stolen), judge(first!, first!)],
    };
  },
  "block-immature-coin": (chain) => {
    const { pay, ripen } = mintedCoin(chain);
    const young = pay();
    const judge = () => chain.judge(chain.block({ payments: [young] }).bytes);
    // A coinbase spent by its own block is as young as can be.
    const coinbase = chain.coinbase();
    const own = {
      ...chain.give(miner, 1),
      amount: chain.reward(),
      outPoint: { txId: coinbase.id, index: 0 },
    };
    const ownSpend = chain.pay({ from: [{ owner: miner, coins: [own] }], to: [output(bob, 1)] });
    const judgeOwn = () => chain.judge(chain.block({ coinbase, payments: [ownSpend] }).bytes);
    return { bad: [judge, judgeOwn], good: ripen(judge) };
  },
  "fee-sum-too-high": (chain) => {
    // Reward and fees are one sum, which must stay below 2^53 like any other.
    const reward = chain.reward();
    const withFee = (fee: number) => () => {
      const coin = chain.give(alice, MOST);
      const payment = chain.pay({
        from: [{ owner: alice, coins: [coin] }],
        to: [output(bob, MOST - fee)],
      });
      return chain.judge(chain.block({ payments: [payment] }).bytes);
    };
    return { good: withFee(MOST - reward), bad: withFee(MOST - reward + 1) };
  },
  "coinbase-too-high": (chain) => {
    const payment = chain.payment(500);
    const minting = (grains: number) => () => {
      const coinbase = chain.coinbase({ outputs: [output(miner, grains - 1), output(miner, 1)] });
      return chain.judge(chain.block({ coinbase, payments: [payment] }).bytes);
    };
    const allowed = chain.reward() + 500;
    return { good: [minting(allowed), minting(allowed - 1)], bad: minting(allowed + 1) };
  },
};

/** A payment of the coin that the tip minted, and a way to run `judge` once that coin is ripe. */
function mintedCoin(chain: TestChain) {
  const created = chain.add().created.values();
  const pay = () =>
    chain.pay({ from: [{ owner: miner, coins: created }], to: [output(bob, chain.reward())] });
  const ripen = (judge: Judged) => () => {
    chain.add(); // One block more: now two after the one that minted it.
    return judge();
  };
  return { pay, ripen };
}

function list(judged: Judged | Judged[]): Judged[] {
  return Array.isArray(judged) ? judged : [judged];
}

for (const [rule, testCase] of Object.entries(CASES) as [Rule, Case][]) {
  Deno.test(`rule ${rule} (${RULES[rule]})`, () => {
    const chain = new TestChain();
    chain.add();
    const { good, bad } = testCase(chain);
    for (const judge of list(bad)) {
      assert.throws(judge, (error) => {
        assert.ok(error instanceof RuleError, String(error));
        assert.equal(error.rule, rule, error.message);
        assert.equal(error.fault, RULES[rule]);
        assert.equal(error.senderOnly, rule === "bad-body");
        return true;
      });
    }
    for (const judge of list(good)) judge();
  });
}

Deno.test("every rule of the table has its test", () => {
  assert.deepEqual(Object.keys(CASES).sort(), Object.keys(RULES).sort());
});
