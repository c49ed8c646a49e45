/**
 * A real process with a real Deno KV file is killed (SIGKILL) at random moments of minting and of
 * syncing, again and again in one folder; after each kill the chain is opened here, must equal a
 * replay from genesis, and must have every block that was acknowledged. MOIM_KILLS: how often
 * (10), MOIM_KILL_SEED: which moments (1).
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ByteWriter } from "../../lib/base/bytes.ts";
import { delay, systemClock } from "../../lib/base/clock.ts";
import { type Random, randomBelow, seededRandom } from "../../lib/base/random.ts";
import { DEV_NETWORK } from "../../lib/consensus/network.ts";
import { amount } from "../../lib/primitives/amount.ts";
import { asBlockId } from "../../lib/primitives/ids.ts";
import type { Transaction } from "../../lib/primitives/transaction.ts";
import { openDenoKv } from "../../lib/store/deno_kv.ts";
import { assertSound, BlockTree, openChain } from "../support/chain_builder.ts";

const KILLS = Number(Deno.env.get("MOIM_KILLS") ?? 10);
const SEED = Number(Deno.env.get("MOIM_KILL_SEED") ?? 1);
const CHILD = join(import.meta.dirname!, "kill_child.ts");
/** Kills come up to this long after the child is ready. */
const MINTING_MS = 400;
const SYNCING_MS = 250;
const SYNC_BLOCKS = 900;

/** Starts the child, kills it, and returns the ids it had acknowledged in whole lines. */
async function runAndKill(args: string[], random: Random, laterMs: number): Promise<string[]> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--quiet", CHILD, ...args],
    stdout: "piped",
    stderr: "piped",
    stdin: "null",
  }).spawn();
  const errors = new Response(child.stderr).text();
  let output = "";
  let killing: Promise<void> | undefined;
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    output += chunk;
    killing ??= delay(systemClock, randomBelow(random, laterMs)).then(() => kill(child));
  }
  await killing;
  const { signal, code } = await child.status;
  assert.ok(signal === "SIGKILL" || code === 0, `the child ended with ${code}: ${await errors}`);
  await errors;
  const lines = output.split("\n").slice(0, -1);
  return lines.filter((line) => line !== "ready" && line !== "done");
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch (error) {
    if (!(error instanceof TypeError)) throw error; // It has ended by itself.
  }
}

/** Opens what was left. Returns the height. */
async function checkLeft(folder: string, acknowledged: Iterable<string>): Promise<number> {
  const kv = await openDenoKv(join(folder, "node.kv"));
  try {
    const chain = await openChain({ kv, clock: systemClock, network: DEV_NETWORK });
    for (const id of acknowledged) assert.ok(chain.hasBlock(asBlockId(id)), `block ${id} is lost`);
    await assertSound(chain);
    const { height } = chain.tip();
    await chain.close();
    return height;
  } finally {
    kv.close();
  }
}

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Blocks with payments, each behind its length. */
function syncFile(): Uint8Array {
  const tree = new BlockTree(DEV_NETWORK);
  const writer = new ByteWriter(1 << 20);
  for (let height = 1; height <= SYNC_BLOCKS; height++) {
    const transactions: Transaction[] = [];
    if (height > 1) transactions.push(tree.pay(tree.reward(`s${height - 1}`), { pays: height }));
    const parent = height === 1 ? "genesis" : `s${height - 1}`;
    const fees = amount(1_000 * transactions.length);
    const { bytes } = tree.add(`s${height}`, parent, { transactions, fees });
    writer.varint(bytes.length).bytes(bytes);
  }
  return writer.finish();
}

Deno.test(`kill -9 while minting loses nothing (seed ${SEED})`, () =>
  withFolder(async (folder) => {
    const random = seededRandom(SEED);
    const acknowledged = new Set<string>();
    for (let kills = 0; kills < Math.ceil(KILLS / 2); kills++) {
      const ids = await runAndKill(["mint", folder], random, MINTING_MS);
      for (const id of ids) acknowledged.add(id);
      await checkLeft(folder, acknowledged);
    }
    assert.ok(acknowledged.size > 0);
  }));

Deno.test(`kill -9 while syncing loses nothing and goes on (seed ${SEED})`, () =>
  withFolder(async (folder) => {
    const random = seededRandom(SEED + 1);
    const file = join(folder, "blocks");
    await Deno.writeFile(file, syncFile());
    let chainFolder = await Deno.makeTempDir({ dir: folder });
    let acknowledged = new Set<string>();
    for (let kills = 0; kills < Math.floor(KILLS / 2); kills++) {
      const ids = await runAndKill(["sync", chainFolder, file], random, SYNCING_MS);
      for (const id of ids) acknowledged.add(id);
      const height = await checkLeft(chainFolder, acknowledged);
      assert.ok(height >= acknowledged.size);
      if (height < SYNC_BLOCKS) continue;
      chainFolder = await Deno.makeTempDir({ dir: folder });
      acknowledged = new Set();
    }
  }));
