/**
 * Payments from a peer into the mempool, as fast as the node takes them; the template of a block
 * with them; and blocks until all of them are mined.
 */
import { systemClock } from "../../lib/base/clock.ts";
import { systemRandom } from "../../lib/base/random.ts";
import { concatBytes } from "../../lib/base/bytes.ts";
import { MAX_BLOCK_BYTES } from "../../lib/consensus/limits.ts";
import { Minter } from "../../lib/minter/mod.ts";
import { parsePeerArgument } from "../../lib/net/addresses.ts";
import { Libp2pTransport } from "../../lib/net/libp2p/transport.ts";
import { encodeAddress } from "../../lib/primitives/address.ts";
import { amount } from "../../lib/primitives/amount.ts";
import type { TxId } from "../../lib/primitives/ids.ts";
import type { Transaction } from "../../lib/primitives/transaction.ts";
import { encodeFrame } from "../../lib/wire/frame.ts";
import { WirePeer } from "../../tests/support/wire_peer.ts";
import { dealtCoins, type FanOut, fanOutFile, KEYED_OWNERS } from "./fan_out_chain.ts";
import { type BenchContext, measured, type Measurement } from "./measurement.ts";
import { BenchNode, pause } from "./node_process.ts";
import { benchKey, GENESIS_ID, NETWORK, spendCoin } from "./payment_chain.ts";
import { openLedger } from "./chain_file.ts";
import { endNode, filledCopy } from "./sync.ts";

const PAYMENTS = 10_000;
const FAN_OUT: FanOut = { coins: 20_000, owners: KEYED_OWNERS };
/** More than a grain a byte, what the mempool asks for. */
const FEE = 400;
/** Ids told ahead of the payments that were fetched: a node remembers 10,000 at most. */
const ANNOUNCED_AHEAD = 5_000;
const ANNOUNCED_AT_ONCE = 1_000;
const POLL_MS = 10;
const PATIENCE_MS = 120_000;
const TEMPLATES = 10;
const TEMPLATE_PAYMENTS = 2_000;

export async function benchMempool(context: BenchContext): Promise<Measurement[]> {
  const path = await fanOutFile(context.work, FAN_OUT, context.tell);
  context.tell(`signing ${PAYMENTS} payments`);
  const payments = dealtCoins(path, FAN_OUT, PAYMENTS).map((coin) => {
    const { lock } = benchKey((coin.owner + 1) % KEYED_OWNERS);
    const half = Math.floor((coin.amount - FEE) / 2);
    const outputs = [{ amount: amount(half), lock }, { amount: amount(half), lock }];
    return spendCoin(coin, benchKey(coin.owner), outputs);
  });
  const accepted: number[] = [];
  const mined: number[] = [];
  const blocks: number[] = [];
  let templates: number[] = [];
  for (let at = 1; at <= context.runs; at++) {
    const dataDir = await filledCopy(context, path, `mempool-${at}`);
    const taken = await offer(dataDir, payments);
    accepted.push(payments.length / taken);
    if (at === 1) templates = await timeTemplates(dataDir);
    const minting = await mineAll(context, dataDir);
    mined.push(payments.length / minting.seconds);
    blocks.push(...minting.blockMs);
    context.tell(
      `run ${at}: accepted in ${taken.toFixed(2)} s, mined in ${minting.seconds.toFixed(2)} s`,
    );
  }
  return report({ accepted, mined, blocks, templates });
}

function report(
  { accepted, mined, blocks, templates }: Record<string, number[]>,
): Measurement[] {
  return [
    measured({
      id: "mempool.accepted-per-s",
      name: "Payments accepted into the mempool from a peer",
      unit: "payments/s",
      runs: accepted!,
      target: { kind: "least", of: "value", bound: 5_000 },
    }),
    measured({
      id: "mempool.template-ms",
      name: `Block template of ${TEMPLATE_PAYMENTS.toLocaleString("en")} payments`,
      unit: "ms",
      runs: templates!,
      target: { kind: "most", of: "value", bound: 50 },
      details: { bytesMax: MAX_BLOCK_BYTES },
    }),
    measured({
      id: "mempool.mined-per-s",
      name: "Payments mined, full blocks one after another",
      unit: "payments/s",
      runs: mined!,
      target: { kind: "least", of: "value", bound: 5_000 },
      details: { blockMs: blocks!.map(Math.round) },
    }),
  ];
}

/** Seconds from the first announcement until the mempool of a node holds all `payments`. */
async function offer(dataDir: string, payments: readonly Transaction[]): Promise<number> {
  const node = await BenchNode.start({ dataDir });
  const transport = await Libp2pTransport.start({
    identitySeed: systemRandom.bytes(32),
    port: 0,
    listenHost: "127.0.0.1",
    rendezvous: NETWORK.name,
    dht: { mode: "off" },
    lan: false,
  });
  try {
    const target = parsePeerArgument(await node.address());
    const peer = await WirePeer.connect(transport, target, {
      genesisId: GENESIS_ID,
      networkName: NETWORK.name,
      timeMs: Date.now(),
    });
    const startMs = performance.now();
    serveTo(peer, payments);
    const endMs = startMs + PATIENCE_MS;
    for (;;) {
      const { mempool } = await node.status();
      if (mempool.transactions === payments.length) break;
      if (performance.now() > endMs) {
        throw new Error(`The mempool has ${mempool.transactions} of ${payments.length} payments`);
      }
      await pause(POLL_MS);
    }
    return (performance.now() - startMs) / 1_000;
  } finally {
    await transport.stop();
    await node.stop(); // In order: the mempool is kept.
  }
}

/** Announces `payments` a window ahead of what is fetched, and gives what is asked for. */
function serveTo(peer: WirePeer, payments: readonly Transaction[]): void {
  const frames = new Map<TxId, Uint8Array>(
    payments.map(({ id, bytes }) => [id, encodeFrame({ type: "tx", bytes })]),
  );
  let told = 0;
  let given = 0;
  const tellMore = () => {
    while (told < payments.length && told - given + ANNOUNCED_AT_ONCE <= ANNOUNCED_AHEAD) {
      const ids = payments.slice(told, told + ANNOUNCED_AT_ONCE).map(({ id }) => id);
      peer.send({ type: "inv", items: ids.map((id) => ({ kind: "tx", id })) });
      told += ids.length;
    }
  };
  peer.onMessage = (message) => {
    if (message.type !== "getdata") return;
    const wanted = message.items.flatMap((item) =>
      item.kind === "tx" ? frames.get(item.id) ?? [] : []
    );
    given += wanted.length;
    if (wanted.length > 0) peer.sendRaw(concatBytes(...wanted));
    tellMore();
  };
  tellMore();
}

/** Milliseconds from asking for a block until grinding begins, with the node's own minter. */
async function timeTemplates(dataDir: string): Promise<number[]> {
  const ledger = await openLedger(dataDir);
  const { chain, mempool } = ledger;
  const ended = new AbortController();
  const times: number[] = [];
  let startMs = 0;
  const minter = new Minter({
    chain,
    mempool,
    clock: systemClock,
    random: systemRandom,
    grind: (template) => {
      if (template.transactions.length <= TEMPLATE_PAYMENTS) {
        throw new Error(`A template has only ${template.transactions.length - 1} payments`);
      }
      times.push((performance.now() - startMs) * TEMPLATE_PAYMENTS / template.transactions.length);
      if (times.length === TEMPLATES) ended.abort();
      startMs = performance.now();
      return Promise.resolve(undefined);
    },
    peers: () => ({ connected: 0, everHad: false }),
  });
  try {
    startMs = performance.now();
    await minter.mintNow(benchKey(0).lock, ended.signal);
    return times;
  } finally {
    await minter.stop();
    await ledger.close();
  }
}

/** Has a node make blocks until its mempool is empty. */
async function mineAll(
  context: BenchContext,
  dataDir: string,
): Promise<{ seconds: number; blockMs: number[] }> {
  const node = await BenchNode.start({ dataDir });
  const request = JSON.stringify({ to: encodeAddress(benchKey(0).lock) });
  const blockMs: number[] = [];
  const startMs = performance.now();
  while ((await node.status()).mempool.transactions > 0) {
    const blockStartMs = performance.now();
    const answer = await node.ask("POST", "mint", request);
    if (answer.includes('"problem"')) throw new Error(`Cannot mint: ${answer}`);
    blockMs.push(performance.now() - blockStartMs);
  }
  const seconds = (performance.now() - startMs) / 1_000;
  await endNode(context, node);
  return { seconds, blockMs };
}
