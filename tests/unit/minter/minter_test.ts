import assert from "node:assert/strict";
import { seededRandom } from "../../../lib/base/random.ts";
import { Chain } from "../../../lib/chain/chain.ts";
import { genesisBlock } from "../../../lib/consensus/genesis.ts";
import { hashMeetsBits } from "../../../lib/consensus/work.ts";
import { Mempool } from "../../../lib/mempool/mempool.ts";
import { type Grind, targetBytes } from "../../../lib/minter/grinder.ts";
import { HeaderHasher } from "../../../lib/minter/header_hash.ts";
import { Minter } from "../../../lib/minter/minter.ts";
import { type Block, encodeBlock } from "../../../lib/primitives/block.ts";
import { lockOf } from "../../../lib/primitives/address.ts";
import { amount } from "../../../lib/primitives/amount.ts";
import { publicKeyOf } from "../../../lib/primitives/signature.ts";
import { signTransaction } from "../../../lib/primitives/transaction.ts";
import { MemoryKv } from "../../../lib/store/memory_kv.ts";
import { Store } from "../../../lib/store/store.ts";
import { EASY_NETWORK } from "../../support/easy_chain.ts";
import { SimClock } from "../../support/sim_clock.ts";

const SEED = new Uint8Array(32).fill(3);
const PUBLIC_KEY = publicKeyOf(SEED);
const LOCK = lockOf(PUBLIC_KEY);

/** With a gap between blocks, as ordinary networks have: nonces are found at once here. */
const NETWORK = { ...EASY_NETWORK, minGapMs: EASY_NETWORK.spacingMs };

/** A chain in memory whose minter finds its nonces at once, under a simulated clock. */
async function place(peers = { connected: 0, everHad: false }, grind = grindAtOnce) {
  const clock = new SimClock(NETWORK.timeMs + 3_600_000);
  const store = await Store.open(new MemoryKv(), genesisBlock(NETWORK).id);
  const chain = await Chain.open({ store, network: NETWORK, clock });
  const mempool = new Mempool({ chain, clock });
  const minter = new Minter({
    chain,
    mempool,
    clock,
    random: seededRandom(1),
    grind,
    peers: () => peers,
  });
  const close = async () => {
    await minter.stop();
    mempool.close();
    await chain.close();
  };
  return { clock, chain, mempool, minter, peers, close };
}

const grindAtOnce: Grind = (template, signal) =>
  Promise.resolve(signal.aborted ? undefined : ground(template));

function ground(template: Block): Block {
  const hasher = new HeaderHasher(template.header.bytes, targetBytes(template.header.bits));
  const nonce = BigInt(hasher.search(0, 0, 1_000_000));
  return encodeBlock({ ...template, header: { ...template.header, nonce } });
}

type Place = Awaited<ReturnType<typeof place>>;

/** Gives the mempool a payment of the first block's coin to its own owner. */
async function pay({ chain, mempool }: Place): Promise<void> {
  const [coin] = await chain.coinsOf(LOCK);
  const payment = signTransaction(
    {
      spends: [{ publicKey: PUBLIC_KEY, coins: [coin!.outPoint] }],
      outputs: [{ amount: amount(coin!.amount - 1_000), lock: LOCK }],
      memo: new Uint8Array(),
    },
    chain.genesisId,
    () => SEED,
  );
  assert.equal((await mempool.accept(payment)).kind, "accepted");
}

const never = new AbortController().signal;

Deno.test("mintNow() makes a valid block with reward and fees for its owner", async () => {
  const here = await place();
  const { chain, minter } = here;
  const first = await minter.mintNow(LOCK, never);
  assert.equal(first?.height, 1);
  assert.ok(hashMeetsBits(first!.block.id, first!.block.header.bits));
  await pay(here);
  const second = await minter.mintNow(LOCK, never);
  assert.equal(second?.block.transactions.length, 2);
  assert.equal(second?.block.transactions[0]?.outputs[0]?.amount, 20_001_000);
  assert.equal(chain.tip().id, second?.block.id);
  await here.close();
});

Deno.test("mintNow() ends without a block when it is interrupted", async () => {
  const here = await place();
  const stop = new AbortController();
  stop.abort();
  assert.equal(await here.minter.mintNow(LOCK, stop.signal), undefined);
  assert.equal(here.chain.tip().height, 0);
  await here.close();
});

Deno.test("stop() ends a mintNow() under way, and the minter can be used again", async () => {
  const begun = Promise.withResolvers<void>();
  let isHard = true;
  const here = await place(undefined, (template, signal) => {
    if (!isHard) return grindAtOnce(template, signal);
    begun.resolve();
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(undefined)));
  });
  const minting = here.minter.mintNow(LOCK, never);
  await begun.promise;
  await here.minter.stop();
  assert.equal(await minting, undefined);
  isHard = false;
  assert.equal((await here.minter.mintNow(LOCK, never))?.height, 1);
  await here.close();
});

Deno.test("a pending minter mints when a payment waits, and not before", async () => {
  const here = await place();
  await here.minter.mintNow(LOCK, never);
  here.minter.start({ lock: LOCK, when: "pending", solo: false });
  await here.clock.advance(60_000);
  assert.equal(here.minter.state, "waiting for payments");
  assert.equal(here.chain.tip().height, 1);
  await pay(here);
  await here.clock.advance(10_000);
  assert.equal(here.chain.tip().height, 2);
  assert.equal(here.mempool.size, 0);
  await here.clock.advance(60_000);
  assert.equal(here.chain.tip().height, 2);
  await here.close();
});

Deno.test("a minter that once had peers waits for one, unless it is solo", async () => {
  const peers = { connected: 0, everHad: true };
  const here = await place(peers);
  here.minter.start({ lock: LOCK, when: "always", solo: false });
  await here.clock.advance(30_000);
  assert.equal(here.minter.state, "waiting for a peer");
  assert.equal(here.chain.tip().height, 0);
  peers.connected = 1;
  await here.clock.advance(30_000);
  assert.ok(here.chain.tip().height > 0);
  await here.close();

  const alone = await place({ connected: 0, everHad: true });
  alone.minter.start({ lock: LOCK, when: "always", solo: true });
  await alone.clock.advance(5_000);
  assert.ok(alone.chain.tip().height > 0);
  await alone.close();
});

Deno.test("with peers and an easy target a minter pauses, and yields to a block that comes", async () => {
  const here = await place({ connected: 1, everHad: true });
  await here.minter.mintNow(LOCK, never);
  await pay(here);
  const blocks: Block[] = [];
  here.minter.found.subscribe((block) => blocks.push(block));
  here.minter.start({ lock: LOCK, when: "pending", solo: false });
  await here.clock.advance(1);
  assert.equal(here.minter.state, "minting");
  assert.equal(blocks.length, 0, "it must wait before it answers");
  // Somebody else answers first: the payment is in their block and nothing is left to do.
  const rival = await place();
  await rival.chain.accept((await here.chain.block(here.chain.tip().id))!);
  await rival.clock.advance(here.clock.nowMs() - rival.clock.nowMs());
  for (const { transaction } of here.mempool.entries()) await rival.mempool.accept(transaction);
  const minted = await rival.minter.mintNow(LOCK, never);
  await here.chain.accept(minted!.block);
  await here.clock.advance(60_000);
  assert.equal(blocks.length, 0);
  assert.equal(here.chain.tip().id, minted!.block.id);
  await here.close();
  await rival.close();
});
