import { strict as assert } from "node:assert";
import { join } from "node:path";
import { decodeBlock } from "../../../lib/primitives/block.ts";
import { compare, jsonLines } from "../../../scripts/bench/beside.ts";
import {
  chainFile,
  fillFolder,
  keptFile,
  openLedger,
  readChain,
} from "../../../scripts/bench/chain_file.ts";
import {
  dealtCoins,
  type FanOut,
  fanOutHeight,
  makeFanOut,
  ownerLock,
} from "../../../scripts/bench/fan_out_chain.ts";
import { measured, type Measurement, quantile } from "../../../scripts/bench/measurement.ts";
import {
  benchKey,
  BlockMaker,
  type ChainShape,
  heightOf,
  paymentShape,
  transactionsOf,
} from "../../../scripts/bench/payment_chain.ts";
import { isMet, markdownTable, textTable } from "../../../scripts/bench/report.ts";
import { curvePicture } from "../../../scripts/bench/svg.ts";
import { withTempDir } from "../../support/moim.ts";

const TINY: ChainShape = { warmup: 105, blocks: 3, paymentsPerBlock: 4, keys: 8 };
const quiet = () => {};

Deno.test("a chain of payments is one that a node takes and verifies", async () => {
  await withTempDir(async (dir) => {
    const path = await chainFile(dir, TINY, quiet);
    assert.equal(await chainFile(dir, TINY, quiet), path);
    const blocks = [...readChain(path)].map((bytes) => decodeBlock(bytes));
    assert.equal(blocks.length, heightOf(TINY));
    const counts = blocks.map(({ transactions }) => transactions.length);
    assert.equal(counts.reduce((sum, count) => sum + count), transactionsOf(TINY));
    assert.deepEqual(counts.slice(-4), [2, 5, 5, 5]);
    assert.equal(blocks[104]!.transactions[1]!.outputs.length, 4);
    for (const { spends, outputs } of blocks.at(-1)!.transactions.slice(1)) {
      assert.deepEqual([spends[0]!.coins.length, outputs.length], [1, 2]);
    }
    assert.ok(blocks.at(-1)!.header.timeMs < Date.now());
    const dataDir = join(dir, "node");
    await fillFolder(dataDir, path, quiet);
    const ledger = await openLedger(dataDir);
    const report = await ledger.chain.verify();
    await ledger.close();
    assert.deepEqual(report.problems, []);
    assert.equal(report.blocks, heightOf(TINY) + 1);
  });
});

Deno.test("the usual chain has 102,121 transactions in 2,120 blocks", () => {
  const shape = paymentShape(100_000);
  assert.deepEqual([transactionsOf(shape), heightOf(shape)], [102_121, 2_120]);
  assert.equal(heightOf(paymentShape(1_000_000)), 20_120);
});

Deno.test("a fan-out deals its coins to owners by turns, and blocks go on from its tip", async () => {
  await withTempDir(async (dir) => {
    const fanOut: FanOut = { coins: 4_100, owners: 3 };
    const height = fanOutHeight(fanOut);
    const path = await keptFile(dir, "fan", height, makeFanOut(fanOut, Date.now()), quiet);
    const coins = dealtCoins(path, fanOut, 5_000);
    assert.equal(coins.length, 4_100);
    assert.deepEqual(coins.slice(0, 4).map(({ owner }) => owner), [0, 1, 2, 0]);
    const dataDir = join(dir, "node");
    await fillFolder(dataDir, path, quiet);
    const ledger = await openLedger(dataDir);
    const { chain } = ledger;
    assert.equal((await chain.coinsOf(ownerLock(1))).length, 1_367);
    const { bytes } = new BlockMaker(chain.tip()).next([], benchKey(0).lock);
    assert.equal((await chain.accept(bytes)).kind, "connected");
    assert.equal(chain.tip().height, height + 1);
    await ledger.close();
  });
});

Deno.test("quantiles lie between neighbours, and a measurement is the median of its runs", () => {
  assert.equal(quantile([4, 1, 3, 2], 0.5), 2.5);
  assert.equal(quantile([1, 2, 3], 1), 3);
  assert.throws(() => quantile([], 0.5), /Nothing/);
  const { value, runs } = measured({ id: "a", name: "A", unit: "s", runs: [3.14159, 1, 10] });
  assert.deepEqual([value, runs], [3.142, [3.142, 1, 10]]);
});

Deno.test("tables name target, figure and ratio, and say whether the target is met", () => {
  const rate: Measurement = measured({
    id: "rate",
    name: "Payments",
    unit: "payments/s",
    runs: [16_000],
    target: { kind: "least", of: "btcd", bound: 2.5 },
  });
  const memory: Measurement = measured({
    id: "memory",
    name: "Memory",
    unit: "MB",
    runs: [251],
    target: { kind: "most", of: "value", bound: 250 },
  });
  const beside = compare(new Map([["rate", [5_000, 6_000]]]), new Map([["rate", [6_500]]]));
  assert.equal(isMet(rate, beside), true);
  assert.equal(isMet(rate, new Map()), undefined);
  assert.equal(isMet(memory, beside), false);
  const lines = markdownTable([rate, memory], beside).split("\n");
  assert.equal(
    lines[2],
    "| Payments | >= 2.5x btcd | 16,000 payments/s | 6,000 payments/s | 2.67x | yes |",
  );
  assert.equal(lines[3], "| Memory | <= 250 MB | 251 MB |  |  | no |");
  const text = textTable([rate, memory], beside).split("\n");
  assert.equal(text[1]!.indexOf(">="), text[2]!.indexOf("<="));
});

Deno.test("of another program's output only the JSON lines are taken", () => {
  const text = '# title\n{"what": "ibd", "cpu_s": 2.5}\n[1, 2]\n{broken\n  {"n":3} \n';
  assert.deepEqual(jsonLines(text), [{ what: "ibd", cpu_s: 2.5 }, { n: 3 }]);
});

Deno.test("the cost curve is a picture that says its figures", () => {
  const svg = curvePicture([
    { payments: 10_000, paymentsPerSecond: 12_000, peakMb: 180, diskMb: 5 },
    { payments: 1_000_000, paymentsPerSecond: 14_321, peakMb: 220, diskMb: 480 },
  ]);
  assert.match(svg, /^<svg [^>]*role="img"/);
  for (const figure of ["14,321", "220", "480", "500", "1 million", "10,000"]) {
    assert.ok(svg.includes(`>${figure}<`), figure);
  }
  assert.match(svg, /prefers-color-scheme: dark/);
  const tags = (pattern: RegExp) => svg.match(pattern)?.length ?? 0;
  assert.equal(tags(/<text/g), tags(/<\/text>/g));
});
