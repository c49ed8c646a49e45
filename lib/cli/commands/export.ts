import { EXIT, messageOf, UserError } from "../../base/mod.ts";
import { replaceFile, writeAll } from "../../base/files.ts";
import {
  exportBlocks,
  exportPayments,
  type ExportReport,
  isChainFile,
  type NodeHandle,
} from "../../node/mod.ts";
import { type Cli, type Declare, examples, withCommon } from "../cli.ts";
import { count, duration, fileSize, printable } from "../format.ts";
import { Interruptible } from "../interrupt.ts";
import { integerValue } from "../values.ts";

/** As other files of the user: what is on a chain is no secret. */
const FILE_MODE = 0o644;
const HEIGHT_MAX = 2 ** 32;
/** Enough to tell a file of ours from another. */
const START_BYTES = 16;

type Options = {
  from?: string | undefined;
  to?: string | undefined;
  payment?: string[] | undefined;
};
type Write = (sink: (bytes: Uint8Array) => Promise<void>) => Promise<ExportReport>;

export const declare: Declare = (command, cli) => {
  withCommon(command)
    .argument("<file>", "the file to write, or - for standard output")
    .option("--from <height>", "the first block (1)")
    .option("--to <height>", "the last block (the newest)")
    .option("--payment <txid>", "a payment, in place of blocks; may be repeated", gathered)
    .addHelpText(
      "after",
      examples(
        ["moim export chain.moim", "the chain, for a stick or a mail"],
        ["moim export --from 500 new.moim", "what is new since block 499"],
        ["moim export --payment 3f5c… pay.moim", "a payment, for a node that mints"],
        ["moim import chain.moim", "takes it in on the other side"],
      ),
    )
    .action(async (file, options) => {
      const wanted = read(options);
      const left = file === "-" ? "what was written is not whole" : `"${file}" is as it was`;
      const work = new Interruptible(cli.terminal, `${left}; export again`);
      const report = await cli.withNode(options, (node) => {
        const toSink: Write = (sink) => {
          const write = (bytes: Uint8Array) => {
            work.check();
            return sink(bytes);
          };
          return run(node, wanted, write, cli);
        };
        return file === "-"
          ? toSink((bytes) => writeAll(Deno.stdout, bytes))
          : writeOver(file, toSink);
      });
      if (file !== "-") cli.report(options, { file, ...report }, () => [exportLine(file, report)]);
      else if (options.json) cli.terminal.talk(JSON.stringify(report));
      else cli.terminal.talk(exportLine("standard output", report));
    });
};

/** An option that takes one value at a time, so that it does not take the file as well. */
function gathered(value: string, before: string[] | undefined): string[] {
  return [...before ?? [], value];
}

/** What is to be written. */
type Wanted = {
  payments: string[] | undefined;
  from: number | undefined;
  to: number | undefined;
};

/** Throws `UserError` (usage), before any folder is opened. */
function read({ from, to, payment }: Options): Wanted {
  if (payment !== undefined && (from !== undefined || to !== undefined)) {
    throw new UserError(EXIT.usage, "Cannot export both: give --payment, or --from and --to");
  }
  const height = (text: string | undefined, flag: string) =>
    text === undefined ? undefined : integerValue(text, flag, { min: 0, max: HEIGHT_MAX });
  return {
    payments: payment?.map(paymentId),
    from: height(from, "--from"),
    to: height(to, "--to"),
  };
}

function run(
  node: NodeHandle,
  { payments, ...blocks }: Wanted,
  sink: Parameters<Write>[0],
  cli: Cli,
): Promise<ExportReport> {
  if (payments !== undefined) return exportPayments(node, payments, sink);
  return exportBlocks(node, blocks, sink, (line) => {
    if (cli.terminal.isScreen) cli.terminal.talk(line);
  });
}

function paymentId(text: string): string {
  if (/^[0-9a-fA-F]{64}$/.test(text)) return text.toLowerCase();
  throw new UserError(
    EXIT.usage,
    `Cannot use --payment "${printable(text)}": give the transaction's id, 64 hex digits`,
  );
}

/** An earlier export is replaced, any other file is left alone. */
async function writeOver(path: string, write: Write): Promise<ExportReport> {
  try {
    await refuseForeign(path);
    return await replaceFile(path, FILE_MODE, (file) => write((bytes) => writeAll(file, bytes)));
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw new UserError(
      EXIT.failed,
      `Cannot write "${path}": ${whyNot(error)}; give another file`,
    );
  }
}

/** Without the name of the file that is written first, which means nothing to the user. */
function whyNot(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "its folder does not exist";
  return error instanceof Deno.errors.IsADirectory ? "it is a folder" : messageOf(error);
}

async function refuseForeign(path: string): Promise<void> {
  let file: Deno.FsFile;
  try {
    file = await Deno.open(path, { read: true });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  try {
    const start = new Uint8Array(START_BYTES);
    const length = await file.read(start);
    if (length === null || await isChainFile(start.subarray(0, length))) return;
  } finally {
    file.close();
  }
  throw new Error("it exists and was not written by moim export");
}

function exportLine(file: string, report: ExportReport): string {
  const { blocks, from, to, payments, bytes, elapsedMs } = report;
  const what = payments.length > 0
    ? count(payments.length, "payment")
    : `${count(blocks, "block")} (${from} to ${to})`;
  return `Wrote ${what} of network ${printable(report.network)} to ${file}: ` +
    `${fileSize(bytes)} in ${duration(elapsedMs)}`;
}
