import { EXIT } from "../../base/mod.ts";
import type { BlockSummary, NodeHandle } from "../../node/mod.ts";
import { type Cli, type Declare, examples, withCommon } from "../cli.ts";
import { coins, count, dateTime } from "../format.ts";
import { integerValue } from "../values.ts";

/** Blocks that the node gives at once. */
const PAGE = 100;

export const declare: Declare = (command, cli) => {
  withCommon(command)
    .option("--limit <number>", "blocks to show", "10")
    .option("--from <block>", "start at this height or id and go down")
    .option("--all", "down to genesis")
    .addHelpText(
      "after",
      examples(["moim chain", "the newest 10"], ["moim chain --from 500 --limit 100", "a page"]),
    )
    .action(async (options) => {
      const limit = options.all
        ? Infinity
        : integerValue(options.limit, "--limit", { min: 1, max: 1_000_000_000 });
      await cli.withNode(options, async (node) => {
        const before = options.from === undefined
          ? undefined
          : (await node.block(options.from)).height + 1;
        await print(node, { before, limit, json: options.json }, cli);
      });
    });
};

/** Prints page by page, so that a long chain takes no memory and its newest blocks come at once. */
async function print(
  node: NodeHandle,
  options: { before: number | undefined; limit: number; json: true | undefined },
  cli: Cli,
): Promise<void> {
  let { before, limit } = options;
  let isFirst = true;
  if (options.json) cli.terminal.out("[");
  while (limit > 0) {
    const page = await node.chain({ before, limit: Math.min(limit, PAGE) });
    for (const block of page.blocks) {
      if (options.json) cli.terminal.out((isFirst ? " " : ",") + JSON.stringify(block));
      else for (const line of blockLines(block)) cli.terminal.out(line);
      isFirst = false;
      if (!block.proofOfWorkValid || !block.signaturesValid) cli.exitCode = EXIT.damaged;
    }
    limit -= page.blocks.length;
    before = page.next;
    if (before === undefined || page.blocks.length === 0) break;
  }
  if (options.json) cli.terminal.out("]");
  else if (before !== undefined) cli.terminal.talk(`Older ones: moim chain --from ${before - 1}`);
}

/** A block in three lines: what, its id, the one before. */
export function blockLines(block: BlockSummary): string[] {
  const payments = block.transactions > 1
    ? `, ${count(block.transactions - 1, "payment")} of ${coins(block.paid)}`
    : "";
  const minter = block.minterName ?? block.minter;
  const minted = minter === undefined ? "" : `, ${coins(block.minted)} to ${minter}`;
  return [
    `block ${block.height}  ${dateTime(block.timeMs)}${minted}${payments}`,
    `  id        ${block.id}`,
    `  previous  ${block.previous}`,
    `  ${checksText(block)}`,
  ];
}

/** What was checked while showing. */
export function checksText(block: BlockSummary): string {
  return [
    `proof of work: ${block.proofOfWorkValid ? "valid" : "INVALID"}`,
    `signatures: ${block.signaturesValid ? "valid" : "INVALID"}`,
    block.settled ? "settled" : "provisional",
  ].join(", ");
}
