/** Small rules: reward, settled, fork choice, header contexts, signature batches. */
import assert from "node:assert/strict";
import { CodecError } from "../../../lib/base/bytes.ts";
import { checkHeader, earliestTimeMs } from "../../../lib/consensus/check_header.ts";
import { isBetterTip } from "../../../lib/consensus/fork_choice.ts";
import { genesisContext } from "../../../lib/consensus/header_context.ts";
import { networkFromPhrase } from "../../../lib/consensus/network.ts";
import { rewardAt } from "../../../lib/consensus/reward.ts";
import { isSettled } from "../../../lib/consensus/settled.ts";
import {
  blockSignatureChecks,
  checkSignatures,
  packSignatureChecks,
  unpackSignatureChecks,
} from "../../../lib/consensus/signatures.ts";
import { workOf } from "../../../lib/consensus/work.ts";
import { amount } from "../../../lib/primitives/amount.ts";
import { asBlockId } from "../../../lib/primitives/ids.ts";
import { TEST_NETWORK, TestChain } from "./builder.ts";

Deno.test("rewardAt: constant without halving", () => {
  const network = networkFromPhrase("tuto");
  assert.equal(rewardAt(1, network), 20_000_000);
  assert.equal(rewardAt(2 ** 32 - 1, network), 20_000_000);
});

Deno.test("rewardAt: halves, rounded down, to nothing", () => {
  const network = { ...networkFromPhrase("tuto"), reward: amount(7), halvingInterval: 10 };
  const rewards = [0, 9, 10, 19, 20, 29, 30, 1_000, 2 ** 32 - 1].map((at) => rewardAt(at, network));
  assert.deepEqual(rewards, [7, 7, 3, 3, 1, 1, 0, 0, 0]);
  const most = { ...network, reward: amount(Number.MAX_SAFE_INTEGER), halvingInterval: 1 };
  assert.equal(rewardAt(1, most), 2 ** 52 - 1);
  assert.equal(rewardAt(52, most), 1);
  assert.equal(rewardAt(53, most), 0);
});

Deno.test("isSettled: six times the hardest recent block's work above", () => {
  assert.equal(isSettled(600n, 100n), true);
  assert.equal(isSettled(599n, 100n), false);
  assert.equal(isSettled(0n, 0n), false);
});

Deno.test("isBetterTip: most work; on a tie the smaller id, whoever asks", () => {
  const tip = (totalWork: bigint, letter: string) => ({
    totalWork,
    id: asBlockId(letter.repeat(64)),
  });
  assert.ok(isBetterTip(tip(2n, "f"), tip(1n, "0")));
  assert.ok(!isBetterTip(tip(1n, "0"), tip(2n, "f")));
  assert.ok(isBetterTip(tip(1n, "a"), tip(1n, "b")));
  assert.ok(!isBetterTip(tip(1n, "b"), tip(1n, "a")));
  assert.ok(!isBetterTip(tip(1n, "a"), tip(1n, "a")));
});

Deno.test("genesisContext: scheduled(0) = scheduled(1) = limit, work of the genesis block", () => {
  const context = genesisContext(TEST_NETWORK);
  assert.equal(context.height, 0);
  assert.equal(context.childScheduledBits, TEST_NETWORK.limitBits);
  assert.equal(context.totalWork, workOf(TEST_NETWORK.limitBits));
  assert.equal(earliestTimeMs(context, TEST_NETWORK), context.timeMs + 1_000);
});

Deno.test("checkHeader: the context adds up along the chain", () => {
  const chain = new TestChain();
  for (let height = 1; height <= 5; height++) {
    const parent = chain.tip;
    const { header } = chain.block();
    const context = checkHeader(header, parent, chain.network, header.timeMs);
    assert.equal(context.id, header.id);
    assert.equal(context.previous, parent.id);
    assert.equal(context.height, height);
    assert.equal(context.totalWork, parent.totalWork + workOf(header.bits));
    chain.add();
  }
});

Deno.test("checkHeader: quick blocks make the next harder, and the header must say so", () => {
  const network = { ...TEST_NETWORK, limitBits: 0x200f_ffff };
  const chain = new TestChain(network);
  for (let height = 1; height <= 40; height++) {
    chain.add(chain.block({ header: { timeMs: chain.tip.timeMs + network.minGapMs } }));
  }
  assert.ok(workOf(chain.tip.childScheduledBits) > 3n * workOf(network.limitBits));
  // Left alone long enough, the same chain takes a block at the limit again, and counts it so.
  const late = chain.block({ header: { timeMs: chain.tip.timeMs + 60 * network.spacingMs } });
  assert.equal(late.header.bits, network.limitBits);
  const before = chain.tip;
  chain.add(late);
  assert.equal(chain.tip.totalWork - before.totalWork, workOf(network.limitBits));
  // The eased target was that block's own: what follows builds on the schedule.
  assert.ok(workOf(chain.tip.childScheduledBits) > 2n * workOf(network.limitBits));
});

Deno.test("signature checks: packed, unpacked and checked, all right or not", () => {
  const chain = new TestChain();
  const block = chain.block({ payments: [chain.payment(), chain.payment(), chain.payment()] });
  const checks = blockSignatureChecks(block, chain.genesis.id);
  assert.equal(checks.length, 3);
  const packed = packSignatureChecks(checks);
  assert.deepEqual(unpackSignatureChecks(packed), checks);
  assert.ok(checkSignatures(unpackSignatureChecks(packed)));
  assert.ok(checkSignatures([]));
  const exchanged = { ...checks[0]!, signature: checks[1]!.signature };
  assert.ok(!checkSignatures([checks[0]!, exchanged]));
  assert.throws(() => unpackSignatureChecks(packed.subarray(1)), CodecError);
});
