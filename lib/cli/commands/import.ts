import { EXIT, messageOf, UserError } from "../../base/mod.ts";
import {
  type ImportCounts,
  importFile,
  type ImportReport,
  openChainFile,
  refuseOtherNetwork,
} from "../../node/mod.ts";
import { type Declare, examples, withCommon } from "../cli.ts";
import { count, duration, printable } from "../format.ts";
import { Interruptible } from "../interrupt.ts";

/** Read at a time. */
const READ_BYTES = 65_536;

export const declare: Declare = (command, cli) => {
  withCommon(command)
    .argument("<file>", "what moim export wrote, or - for standard input")
    .addHelpText(
      "after",
      examples(
        ["moim import chain.moim", "blocks or payments; what is known already is passed over"],
        ["moim export - | ssh other moim import -", "without a file"],
      ),
    )
    .action(async (name, options) => {
      using input = await opened(name);
      const { file, bytes } = input;
      const config = await cli.configure(options);
      const left = "what was taken in is kept; import it again for the rest";
      const work = new Interruptible(cli.terminal, left);
      const carried = await openChainFile({ name, bytes, chunks: chunksOf(file, work) });
      // Before anything is opened: a folder without a network would get the default one.
      await refuseOtherNetwork(config, carried);
      const report = await cli.withNodeOf(config, (node) =>
        importFile(node, carried, (line) => {
          if (cli.terminal.isScreen) cli.terminal.talk(line);
        }));
      cli.report(options, report, () => importLines(report));
      const { problem } = report;
      if (problem === undefined) return;
      cli.complain(cli.terminal.style("red", printable(problem.text)));
      cli.exitCode = problem.kind === "damaged" ? EXIT.damaged : EXIT.rejected;
    });
};

type Readable = { read(buffer: Uint8Array): Promise<number | null> };
type Input = Disposable & { file: Readable; bytes: number | undefined };

async function opened(name: string): Promise<Input> {
  if (name === "-") return { file: Deno.stdin, bytes: undefined, [Symbol.dispose]: () => {} };
  try {
    const file = await Deno.open(name, { read: true });
    const { size, isDirectory } = await file.stat();
    if (!isDirectory) return { file, bytes: size, [Symbol.dispose]: () => file.close() };
    file.close();
  } catch (error) {
    const isThere = !(error instanceof Deno.errors.NotFound);
    throw new UserError(
      isThere ? EXIT.failed : EXIT.notFound,
      `Cannot read "${name}": ${isThere ? messageOf(error) : "there is no such file"}; ` +
        "give the file that moim export wrote",
    );
  }
  throw new UserError(EXIT.usage, `Cannot read "${name}": it is a folder; give a file`);
}

async function* chunksOf(file: Readable, work: Interruptible): AsyncGenerator<Uint8Array> {
  for (;;) {
    const buffer = new Uint8Array(READ_BYTES);
    const length = await work.wait(file.read(buffer));
    if (length === null) return;
    yield buffer.subarray(0, length);
  }
}

function importLines({ network, blocks, payments, height, elapsedMs }: ImportReport): string[] {
  const lines: string[] = [];
  if (blocks.read > 0 || payments.read === 0) lines.push(countsText(blocks, "block"));
  if (payments.read > 0) lines.push(countsText(payments, "payment"));
  const where = `network ${printable(network)} is at height ${height}`;
  return [...lines, `${where}, in ${duration(elapsedMs)}`];
}

function countsText(counts: ImportCounts, what: string): string {
  const parts = [`${counts.new} new`, `${counts.known} known`];
  if (counts.refused > 0) parts.push(`${counts.refused} refused`);
  return `Read ${count(counts.read, what)}: ${parts.join(", ")}`;
}
