/**
 * Blocks and payments from a node into a file: the way for rooms without any network. Works on any
 * `NodeApi`, so beside a running node as well as without one, and holds some megabytes however long
 * the chain is.
 */
import { systemClock } from "../base/clock.ts";
import { EXIT, UserError } from "../base/errors.ts";
import { decodeHeader, HEADER_BYTES } from "../primitives/block.ts";
import { asBlockId, type BlockId } from "../primitives/ids.ts";
import type { ExportReport, NodeApi, OnLine } from "./api.ts";
import { ChainFileWriter, type Sink } from "./chain_file.ts";
import { elapsedSince, everySoOften } from "./progress.ts";

/** Blocks asked for at a time: a running node is asked once for all of them. */
const PAGE_BLOCKS = 500;
/** Blocks that a reorganisation may replace while the file is being written. */
const WRITTEN_KEPT = 1_000;
/** Unconfirmed payments that one may rest on: the mempool takes no longer rows. */
const ANCESTORS_MAX = 100;

export type Blocks = { from?: number | undefined; to?: number | undefined };

/** Writes blocks of the main chain, lowest first. Throws `UserError` (not found, usage). */
export async function exportBlocks(
  node: NodeApi,
  { from = 1, to }: Blocks,
  sink: Sink,
  onLine: OnLine = () => {},
): Promise<ExportReport> {
  const startMs = systemClock.monotonicMs();
  const { network, genesisId, height } = await node.status();
  const last = to ?? height;
  if (from > last) {
    const why = to === undefined ? `the newest is block ${height}` : "--to is below --from";
    throw new UserError(EXIT.notFound, `Nothing to export from block ${from} on: ${why}`);
  }
  if (last > height) {
    throw new UserError(EXIT.notFound, `No block ${last} yet: the newest is block ${height}`);
  }
  const writer = new ChainFileWriter(sink);
  await writer.begin({ genesisId: asBlockId(genesisId), network });
  const written = new WrittenBlocks();
  const tell = everySoOften(onLine);
  let next = from;
  while (next <= last) {
    const limit = Math.min(PAGE_BLOCKS, last - next + 1);
    next = await writePage(await node.rawBlocks({ from: next, limit }), next, writer, written);
    tell(() => `block ${next - 1} of ${last}`);
  }
  await writer.end();
  const { bytes } = writer;
  const elapsedMs = elapsedSince(startMs);
  const blocks = last - from + 1;
  return { network, genesisId, blocks, from, to: last, payments: [], bytes, elapsedMs };
}

/** Ids of the last blocks written. */
class WrittenBlocks {
  readonly #ids = new Map<number, BlockId>();

  idAt(height: number): BlockId | undefined {
    return this.#ids.get(height);
  }

  add(height: number, id: BlockId): void {
    this.#ids.set(height, id);
    this.#ids.delete(height - WRITTEN_KEPT);
  }
}

/**
 * Writes the blocks that build on what was written; returns the height that is due next: a lower
 * one where the chain has moved to another branch meanwhile, whose blocks then come as well.
 */
async function writePage(
  page: readonly Uint8Array[],
  first: number,
  writer: ChainFileWriter,
  written: WrittenBlocks,
): Promise<number> {
  let height = first;
  for (const bytes of page) {
    const { id, previous } = decodeHeader(bytes.subarray(0, HEADER_BYTES));
    const below = written.idAt(height - 1);
    if (below !== undefined && below !== previous) return height - 1;
    if (written.idAt(height) !== id) await writer.add({ kind: "block", bytes });
    written.add(height, id);
    height++;
  }
  return height;
}

/**
 * Writes payments, each behind the unconfirmed ones that it spends coins of: without those nobody
 * could take it in. Throws `UserError` (not found).
 */
export async function exportPayments(
  node: NodeApi,
  txIds: readonly string[],
  sink: Sink,
): Promise<ExportReport> {
  const startMs = systemClock.monotonicMs();
  const { network, genesisId } = await node.status();
  const ids = new Set<string>();
  for (const txId of txIds) await addWithAncestors(node, txId, ids, 0);
  const writer = new ChainFileWriter(sink);
  await writer.begin({ genesisId: asBlockId(genesisId), network });
  for (const id of ids) {
    await writer.add({ kind: "payment", bytes: await node.rawTransaction(id) });
  }
  await writer.end();
  const { bytes } = writer;
  const elapsedMs = elapsedSince(startMs);
  return { network, genesisId, blocks: 0, payments: [...ids], bytes, elapsedMs };
}

async function addWithAncestors(
  node: NodeApi,
  txId: string,
  ids: Set<string>,
  depth: number,
): Promise<void> {
  const { id, kind, state, spends } = await node.transaction(txId);
  if (kind === "coinbase") {
    throw new UserError(EXIT.usage, `Cannot export ${id}: it is no payment but new coins`);
  }
  if (ids.has(id)) return;
  if (state === "pending" && depth < ANCESTORS_MAX) {
    for (const parent of new Set(spends.flatMap(({ coins }) => coins.map((coin) => coin.txId)))) {
      if (await isPending(node, parent)) await addWithAncestors(node, parent, ids, depth + 1);
    }
  }
  ids.add(id);
}

/** What is in a block needs not be carried: whoever has the chain has it. */
async function isPending(node: NodeApi, txId: string): Promise<boolean> {
  try {
    return (await node.transaction(txId)).state === "pending";
  } catch (error) {
    if (error instanceof UserError && error.exitCode === EXIT.notFound) return false;
    throw error;
  }
}
