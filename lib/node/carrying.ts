/**
 * Blocks and payments from a node into a file, and from a file into a node: the way for rooms
 * without any network. Works on any `NodeApi`, so beside a running node as well as without one, and
 * holds some megabytes however long the chain is.
 */
import { CodecError } from "../base/bytes.ts";
import { systemClock } from "../base/clock.ts";
import { EXIT, UserError } from "../base/errors.ts";
import { decodeHeader, HEADER_BYTES } from "../primitives/block.ts";
import { asBlockId, type BlockId } from "../primitives/ids.ts";
import { decodeTransaction } from "../primitives/transaction.ts";
import type {
  BlockIntake,
  ExportReport,
  ImportCounts,
  ImportReport,
  NodeApi,
  OnLine,
} from "./api.ts";
import {
  ChainFileError,
  ChainFileReader,
  type ChainFileRecord,
  ChainFileWriter,
  type Sink,
} from "./chain_file.ts";

/** Blocks asked for, or handed in, at a time: a running node is asked once for all of them. */
const BATCH_BLOCKS = 500;
const BATCH_BYTES = 512 * 1_024;
/** Batches on their way while the next is read. */
const BATCHES_AHEAD = 2;
/** Blocks that a reorganisation may replace while the file is being written. */
const WRITTEN_KEPT = 1_000;
/** Unconfirmed payments that one may rest on: the mempool takes no longer rows. */
const ANCESTORS_MAX = 100;
const TELL_EVERY_MS = 500;

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
    const limit = Math.min(BATCH_BLOCKS, last - next + 1);
    next = await writePage(await node.rawBlocks({ from: next, limit }), next, writer, written);
    tell(() => `block ${next - 1} of ${last}`);
  }
  await writer.end();
  const { bytes } = writer;
  const elapsedMs = elapsed(startMs);
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
  const elapsedMs = elapsed(startMs);
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

/** Where an import comes from: the chunks, and how many bytes there are in all if that is known. */
export type Source = {
  /** As the user called it. */
  name: string;
  chunks: AsyncIterable<Uint8Array>;
  bytes?: number | undefined;
};

/**
 * Takes in what a file holds, until its end or the first thing that is damaged or refused. Throws
 * `UserError`: usage (2) for what is no such file, rejected (5) for one of another network.
 */
export async function importFile(
  node: NodeApi,
  source: Source,
  onLine: OnLine = () => {},
): Promise<ImportReport> {
  const startMs = systemClock.monotonicMs();
  const { network, genesisId } = await node.status();
  const reader = await opened(source);
  const { header } = reader;
  if (header.genesisId !== genesisId) throw otherNetwork(source, header, { network, genesisId });
  const intake = new FileIntake(node, everySoOften(onLine), () => percent(reader, source));
  let problem: ImportReport["problem"];
  try {
    for await (const record of reader.records()) {
      await intake.take(record);
      if (intake.isOver) break;
    }
  } catch (error) {
    if (!(error instanceof ChainFileError)) throw error;
    problem = { kind: "damaged", text: damagedText(source, error) };
  }
  await intake.finish();
  const { blocks, payments } = intake;
  const { height } = await node.status();
  const why = intake.problem ?? problem;
  return {
    network,
    genesisId,
    blocks,
    payments,
    height,
    elapsedMs: elapsed(startMs),
    ...(why && { problem: why }),
  };
}

async function opened({ name, chunks }: Source): Promise<ChainFileReader> {
  try {
    return await ChainFileReader.open(chunks);
  } catch (error) {
    if (!(error instanceof ChainFileError)) throw error;
    const isBad = error.kind === "damaged" || error.kind === "cut";
    throw new UserError(
      isBad ? EXIT.damaged : EXIT.usage,
      `Cannot import "${name}": ${error.message}; export it again`,
    );
  }
}

type Named = { network: string; genesisId: string };

function otherNetwork({ name }: Source, theirs: Named, ours: Named): UserError {
  const called = ({ network, genesisId }: Named) =>
    `"${network}" (genesis ${genesisId.slice(0, 16)}…)`;
  return new UserError(
    EXIT.rejected,
    `Cannot import "${name}": it is of network ${called(theirs)}, this node is on ` +
      `${called(ours)}; name the other by --rendezvous or --network`,
  );
}

function damagedText({ name }: Source, error: ChainFileError): string {
  return `"${name}" is not whole: ${error.message}; what was good before is kept, ` +
    "export it again for the rest";
}

/** Hands records to a node, blocks many at a time, and counts what became of them. */
class FileIntake {
  readonly blocks = noCounts();
  readonly payments = noCounts();
  /** The first thing that was refused. */
  problem: ImportReport["problem"];
  /** A block was refused: those above it would be too. */
  isOver = false;
  readonly #node: NodeApi;
  readonly #tell: (line: () => string) => void;
  readonly #percent: () => string;
  readonly #underWay: Promise<void>[] = [];
  #batch: Uint8Array[] = [];
  #batchBytes = 0;

  constructor(node: NodeApi, tell: (line: () => string) => void, percent: () => string) {
    this.#node = node;
    this.#tell = tell;
    this.#percent = percent;
  }

  async take({ kind, bytes }: ChainFileRecord): Promise<void> {
    if (kind === "payment") return await this.#takePayment(bytes);
    this.blocks.read++;
    this.#batch.push(bytes);
    this.#batchBytes += bytes.length;
    if (this.#batch.length >= BATCH_BLOCKS || this.#batchBytes >= BATCH_BYTES) this.#send();
    while (this.#underWay.length > BATCHES_AHEAD) await this.#underWay.shift();
  }

  /** Waits for all that is under way. */
  async finish(): Promise<void> {
    this.#send();
    while (this.#underWay.length > 0) await this.#underWay.shift();
  }

  #send(): void {
    if (this.#batch.length === 0) return;
    const sent = this.#node.submitBlocks(this.#batch).then((became) => this.#count(became));
    sent.catch(() => {}); // Told to whoever waits for it, which may be later.
    this.#underWay.push(sent);
    this.#batch = [];
    this.#batchBytes = 0;
  }

  #count(became: readonly BlockIntake[]): void {
    for (const block of became) {
      if (block.kind === "known") this.blocks.known++;
      else if (block.kind === "refused" || block.kind === "orphan") this.blocks.refused++;
      else this.blocks.new++;
      this.problem ??= problemOf(block);
    }
    this.isOver = this.blocks.refused > 0;
    const { new: taken, known } = this.blocks;
    this.#tell(() => `${this.#percent()}${taken} new blocks, ${known} known`);
  }

  async #takePayment(bytes: Uint8Array): Promise<void> {
    await this.finish(); // It may spend what those blocks pay.
    this.payments.read++;
    try {
      const { state } = await this.#node.submitTransaction(bytes);
      this.payments[state === "known" ? "known" : "new"]++;
    } catch (error) {
      if (!(error instanceof UserError) || error.exitCode !== EXIT.rejected) throw error;
      if (await this.#isConfirmed(bytes)) {
        this.payments.known++;
        return;
      }
      this.payments.refused++;
      this.problem ??= { kind: "refused", text: error.message };
    }
  }

  /** Once what it paid is spent again, the mempool cannot tell that a block has it. */
  async #isConfirmed(bytes: Uint8Array): Promise<boolean> {
    try {
      return (await this.#node.transaction(decodeTransaction(bytes).id)).state === "confirmed";
    } catch (error) {
      if (error instanceof UserError || error instanceof CodecError) return false;
      throw error;
    }
  }
}

function noCounts(): ImportCounts {
  return { read: 0, new: 0, known: 0, refused: 0 };
}

/** In the words of what to do. */
function problemOf(block: BlockIntake): ImportReport["problem"] {
  if (block.kind === "orphan") {
    const rule = "missing-parent";
    const text = `Block ${block.id} builds on ${block.missing}, which is not here: import the ` +
      "file with the blocks before it first";
    return { kind: "refused", rule, text };
  }
  if (block.kind !== "refused") return undefined;
  const { id, rule, detail } = block;
  const next = rule === "time-in-future"
    ? "look at this machine's clock"
    : "get the file from somebody else";
  const text = `Block ${id ?? "without a header"} was refused (${rule}): ${detail}; ${next}`;
  return { kind: "refused", rule, text };
}

function percent(reader: ChainFileReader, { bytes }: Source): string {
  if (bytes === undefined || bytes === 0) return "";
  return `${Math.min(100, Math.floor(100 * reader.bytes / bytes))}%: `;
}

/** Tells a line now and then, however often there would be one. */
function everySoOften(onLine: OnLine): (line: () => string) => void {
  let toldMs = systemClock.monotonicMs();
  return (line) => {
    const nowMs = systemClock.monotonicMs();
    if (nowMs - toldMs < TELL_EVERY_MS) return;
    toldMs = nowMs;
    onLine(line());
  };
}

function elapsed(startMs: number): number {
  return Math.round(systemClock.monotonicMs() - startMs);
}
