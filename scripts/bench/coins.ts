/** Whether look-ups and blocks cost more with a million coins than with ten thousand. */
import { systemRandom } from "../../lib/base/random.ts";
import { encodeAddress } from "../../lib/primitives/address.ts";
import { amount } from "../../lib/primitives/amount.ts";
import { asBlockId } from "../../lib/primitives/ids.ts";
import { dealtCoins, type FanOut, fanOutFile, KEYED_OWNERS, ownerLock } from "./fan_out_chain.ts";
import { type BenchContext, measured, type Measurement, median, rounded } from "./measurement.ts";
import { BenchNode, type Status } from "./node_process.ts";
import { benchKey, BlockMaker, spendCoin } from "./payment_chain.ts";
import { endNode, filledCopy } from "./sync.ts";

const MANY: FanOut = { coins: 1_000_000, owners: 100_000 };
const FEW: FanOut = { coins: 10_000, owners: 10_000 };
const BALANCES = 200;
const PAYMENTS_PER_BLOCK = 1_000;
const BLOCKS = KEYED_OWNERS / PAYMENTS_PER_BLOCK;

interface CoinRun {
  readonly balanceMs: number[];
  readonly blockMs: number[];
}

export async function benchCoins(context: BenchContext): Promise<Measurement[]> {
  const few: CoinRun = { balanceMs: [], blockMs: [] };
  const many: CoinRun = { balanceMs: [], blockMs: [] };
  for (let at = 1; at <= context.runs; at++) {
    // By turns, so that a noisy moment of the machine falls on both.
    for (const [fanOut, run] of [[FEW, few], [MANY, many]] as const) {
      const { balanceMs, blockMs } = await coinRun(context, fanOut);
      run.balanceMs.push(median(balanceMs));
      run.blockMs.push(median(blockMs));
      context.tell(
        `${fanOut.coins} coins, run ${at}: balance ${rounded(median(balanceMs))} ms, ` +
          `block ${rounded(median(blockMs))} ms`,
      );
    }
  }
  return [
    measured({
      id: "coins.balance-ms",
      name: "1 million coins: balance of one of 100,000 owners",
      unit: "ms",
      runs: many.balanceMs,
      target: { kind: "most", of: "value", bound: 5 },
      details: { with10000Coins: few.balanceMs.map(rounded) },
    }),
    measured({
      id: "coins.block-ratio",
      name: "1 million coins: a block of 1,000 payments, against 10,000 coins",
      unit: "x",
      runs: many.blockMs.map((ms, at) => ms / few.blockMs[at]!),
      target: { kind: "most", of: "value", bound: 1.5 },
      details: {
        manyMs: many.blockMs.map(rounded),
        fewMs: few.blockMs.map(rounded),
      },
    }),
  ];
}

async function coinRun(context: BenchContext, fanOut: FanOut): Promise<CoinRun> {
  const path = await fanOutFile(context.work, fanOut, context.tell);
  const dataDir = await filledCopy(context, path, "coins");
  const node = await BenchNode.start({ dataDir });
  await node.get("network"); // Opens the connection.
  const balanceMs: number[] = [];
  for (let asked = 0; asked < BALANCES; asked++) {
    const owner = Math.floor(systemRandom.float() * fanOut.owners);
    const address = encodeAddress(ownerLock(owner));
    const startMs = performance.now();
    const { confirmed } = await node.get<{ confirmed: number }>(`addresses/${address}`);
    balanceMs.push(performance.now() - startMs);
    if (confirmed === 0) throw new Error(`Owner ${owner} has nothing`);
  }
  const blocks = paymentBlocks(path, fanOut, await node.status());
  const blockMs: number[] = [];
  for (const block of blocks) {
    const startMs = performance.now();
    const answer = await node.ask("POST", "blocks", block);
    blockMs.push(performance.now() - startMs);
    if (!answer.includes('"connected"')) throw new Error(`A block was not taken: ${answer}`);
  }
  await endNode(context, node);
  return { balanceMs, blockMs };
}

/** Blocks on the tip, each with a payment of one coin by a thousand owners. */
function paymentBlocks(path: string, fanOut: FanOut, tip: Status): Uint8Array[] {
  const coins = dealtCoins(path, fanOut, KEYED_OWNERS);
  const { height, tipTimeMs } = tip;
  const maker = new BlockMaker({ id: asBlockId(tip.tipId), height, timeMs: tipTimeMs });
  return Array.from({ length: BLOCKS }, (_, number) => {
    const first = number * PAYMENTS_PER_BLOCK;
    const payments = coins.slice(first, first + PAYMENTS_PER_BLOCK).map((coin) => {
      const half = Math.floor(coin.amount / 2);
      const { lock } = benchKey((coin.owner + 1) % KEYED_OWNERS);
      const outputs = [{ amount: amount(half), lock }, { amount: amount(half), lock }];
      return spendCoin(coin, benchKey(coin.owner), outputs);
    });
    return maker.next(payments, benchKey(0).lock).bytes;
  });
}
