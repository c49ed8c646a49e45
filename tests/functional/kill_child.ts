/**
 * A process to be killed: it mints blocks with payments (`mint FOLDER`), or syncs blocks from a file
 * (`sync FOLDER FILE`), and prints the id of each block once the chain has acknowledged it.
 */
import { join } from "node:path";
import { systemClock } from "../../lib/base/clock.ts";
import { ByteReader } from "../../lib/base/bytes.ts";
import { Chain } from "../../lib/chain/chain.ts";
import type { HeaderContext } from "../../lib/consensus/header_context.ts";
import { DEV_NETWORK } from "../../lib/consensus/network.ts";
import { Mempool } from "../../lib/mempool/mempool.ts";
import { amount } from "../../lib/primitives/amount.ts";
import type { Block } from "../../lib/primitives/block.ts";
import { openDenoKv } from "../../lib/store/deno_kv.ts";
import { MINER, openChain } from "../support/chain_builder.ts";
import { mint } from "../support/easy_chain.ts";
import { easyKey, payment } from "../support/easy_payment.ts";

/** Few, so that coins go to disk often and a kill meets it. */
const pages = { pageBytes: 1_000, cacheBytes: 10_000, commitBytes: 3_000 };
const coinLimits = { dirtyMax: 40, pages };
/** Every so many blocks two rivals of the tip are minted, and the chain moves to them. */
const RIVALS_EVERY = 7;
const SYNC_WINDOW = 60;
const PAYMENTS = 3;

const [mode, folder, file] = Deno.args;
const kv = await openDenoKv(join(folder!, "node.kv"));
const chain = await openChain({ kv, clock: systemClock, network: DEV_NETWORK, coinLimits });
console.log("ready");
if (mode === "mint") await mintForever();
else await sync(await Deno.readFile(file!));
await chain.close();
kv.close();
console.log("done");

async function mintForever(): Promise<void> {
  const mempool = new Mempool({ chain, clock: systemClock });
  await mempool.load();
  for (let round = 0;; round++) {
    await payFromReward(chain, mempool);
    await mempool.save();
    const tip = chain.tip();
    const transactions = mempool.select();
    const fees = transactions.reduce((sum, { id }) => sum + mempool.get(id)!.fee, 0);
    const options = { network: DEV_NETWORK, lock: MINER.lock, mark: String(round) };
    await give([mint(tip, { ...options, transactions, fees: amount(fees) }).block]);
    if (round % RIVALS_EVERY !== 0) continue;
    // Two blocks beside the one just minted: its payments return and are mined again.
    const first = mint(tip, { ...options, mark: `rival ${round}` });
    await give([first.block, mint(first.context, options).block]);
  }
}

/** Splits the newest reward among strangers. */
async function payFromReward(chain: Chain, mempool: Mempool): Promise<void> {
  const tip: HeaderContext = chain.tip();
  if (tip.height === 0) return;
  const block = (await chain.block(tip.id))!;
  const [reward] = block.transactions;
  let coin = { amount: reward!.outputs[0]!.amount, outPoint: { txId: reward!.id, index: 0 } };
  for (let number = 0; number < PAYMENTS; number++) {
    const to = easyKey(100 + (tip.height + number) % 50).lock;
    const pays = amount(1_000 + tip.height);
    const { genesisId } = chain;
    const next = payment({ key: MINER, coins: [coin], to, pays, genesisId });
    await mempool.accept(next);
    coin = { amount: next.outputs[1]!.amount, outPoint: { txId: next.id, index: 1 } };
  }
}

/** The file: each block behind its length as a varint. */
async function sync(bytes: Uint8Array): Promise<void> {
  const reader = new ByteReader(bytes);
  while (reader.remaining > 0) {
    const blocks: Uint8Array[] = [];
    while (reader.remaining > 0 && blocks.length < SYNC_WINDOW) {
      blocks.push(reader.take(reader.varint()));
    }
    await give(blocks);
  }
}

async function give(blocks: (Uint8Array | Block)[]): Promise<void> {
  for (const outcome of await chain.acceptMany(blocks)) {
    if (outcome.kind === "rejected") throw new Error(`Refused: ${outcome.detail}`);
    console.log(outcome.id);
  }
}
