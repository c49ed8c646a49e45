/**
 * Blocks and payments from a file into a node: the way for rooms without any network. Works on any
 * `NodeApi`, so beside a running node as well as without one, and holds some megabytes however long
 * the chain is.
 */
import { CodecError } from "../base/bytes.ts";
import { systemClock } from "../base/clock.ts";
import { EXIT, UserError } from "../base/errors.ts";
import { genesisBlock } from "../consensus/genesis.ts";
import { DEV_NETWORK, NetworkError, networkFromPhrase } from "../consensus/network.ts";
import { decodeTransaction } from "../primitives/transaction.ts";
import type { BlockIntake, ImportCounts, ImportReport, NodeApi, OnLine } from "./api.ts";
import {
  ChainFileError,
  type ChainFileHeader,
  ChainFileReader,
  type ChainFileRecord,
} from "./chain_file.ts";
import type { NodeConfig } from "./config.ts";
import { isGroupName } from "./groups.ts";
import { resolveNetwork } from "./network_choice.ts";
import { elapsedSince, everySoOften } from "./progress.ts";
import { shorten } from "./settings.ts";

/** Blocks handed in at a time: a running node is asked once for all of them. */
const BATCH_BLOCKS = 500;
const BATCH_BYTES = 512 * 1_024;
/** Batches on their way while the next is read. */
const BATCHES_AHEAD = 2;

/** Where an import comes from: the chunks, and how many bytes there are in all if that is known. */
export type Source = {
  /** As the user called it. */
  name: string;
  chunks: AsyncIterable<Uint8Array>;
  bytes?: number | undefined;
};

/** A file whose beginning has been read: of which network it is. */
export type OpenedFile = { source: Source; reader: ChainFileReader };

/** Reads a file's beginning. Throws `UserError`: usage (2) for what is no such file, damaged (7). */
export async function openChainFile(source: Source): Promise<OpenedFile> {
  const { name, chunks } = source;
  try {
    return { source, reader: await ChainFileReader.open(chunks) };
  } catch (error) {
    if (!(error instanceof ChainFileError)) throw error;
    const isBad = error.kind === "damaged" || error.kind === "cut";
    throw new UserError(
      isBad ? EXIT.damaged : EXIT.usage,
      `Cannot import "${name}": ${error.message}; export it again`,
    );
  }
}

/**
 * Throws `UserError` (rejected) when the file is of another network than the one chosen, before
 * anything of that one is opened or made. The file's own network is not taken by itself: a file
 * tells neither all its parameters nor whether its group is private.
 */
export function refuseOtherNetwork(config: NodeConfig, { source, reader }: OpenedFile): void {
  const network = resolveNetwork(config.networkChoice, config.dataDir);
  const genesisId = genesisBlock(network).id;
  checkNetwork(source, reader.header, { network: network.name, genesisId });
}

/**
 * Takes in what a file holds, until its end or the first thing that is damaged or refused. Throws
 * `UserError` (rejected) when the node is on another network.
 */
export async function importFile(
  node: NodeApi,
  { source, reader }: OpenedFile,
  onLine: OnLine = () => {},
): Promise<ImportReport> {
  const startMs = systemClock.monotonicMs();
  const { network, genesisId } = await node.status();
  checkNetwork(source, reader.header, { network, genesisId });
  const intake = new FileIntake(node, everySoOften(onLine), () => percent(reader, source));
  let problem: ImportReport["problem"];
  try {
    for await (const record of reader.records()) {
      await intake.take(record);
      if (intake.isOver) break;
    }
  } catch (error) {
    if (!(error instanceof ChainFileError)) {
      await intake.finish();
      throw error;
    }
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
    elapsedMs: elapsedSince(startMs),
    ...(why && { problem: why }),
  };
}

type Named = { network: string; genesisId: string };

/** Throws `UserError` (rejected) unless both are the same network. */
function checkNetwork({ name }: Source, theirs: ChainFileHeader, ours: Named): void {
  if (theirs.genesisId === ours.genesisId) return;
  const called = ({ network, genesisId }: Named) =>
    `"${shorten(network)}" (genesis ${genesisId.slice(0, 16)}…)`;
  throw new UserError(
    EXIT.rejected,
    `Cannot import "${name}": it is of network ${called(theirs)}, not of ` +
      `${called(ours)}; ${wayTo(theirs)}`,
  );
}

/** How a folder comes onto the network of a file, as far as its header tells. */
function wayTo(file: ChainFileHeader): string {
  const join = "join it by invitation first (moim join)";
  // By its name alone a group of words would be founded anew, open to everyone.
  if (isGroupName(file.network)) return join;
  if (file.genesisId === genesisBlock(DEV_NETWORK).id) return "name the other by --network dev";
  const option = isOfPhrase(file) ? "its phrase (--rendezvous)" : "its file (--network)";
  return `name the other by ${option}, or ${join}`;
}

function isOfPhrase({ network, genesisId }: ChainFileHeader): boolean {
  try {
    return genesisBlock(networkFromPhrase(network)).id === genesisId;
  } catch (error) {
    if (error instanceof NetworkError) return false;
    throw error;
  }
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
