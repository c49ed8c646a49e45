import type { HistoryEntry, HistoryPage } from "../../node/mod.ts";
import { type Declare, examples, withCommon } from "../cli.ts";
import { coins, dateTime, printable, signedCoins } from "../format.ts";
import { integerValue, oneGiven, ownerValue } from "../values.ts";

/** Entries that the node gives at once. */
const PAGE = 100;

export const declare: Declare = (command, cli) => {
  withCommon(command)
    .argument("[who]", "name of a key, or an address")
    .option("--address <who>", "the same as an option")
    .option("--limit <number>", "entries to show", "20")
    .option("--before <cursor>", "go on where an earlier page ended")
    .addHelpText(
      "after",
      examples(["moim history w1", "the last 20"], ["moim history w1 --limit 1000", "more"]),
    )
    .action(async (positional, options) => {
      const who = ownerValue(
        oneGiven(positional, options.address, "Name whose history: moim history NAME"),
      );
      const limit = integerValue(options.limit, "--limit", { min: 1, max: 1_000_000 });
      await cli.withNode(options, async (node) => {
        const pages: HistoryPage[] = [];
        let left = limit;
        for (let before = options.before; left > 0;) {
          const page = await node.history(who, { before, limit: Math.min(left, PAGE) });
          pages.push(page);
          left -= page.entries.length;
          before = page.next;
          if (before === undefined) break;
        }
        const last = pages.at(-1)!;
        const entries = pages.flatMap((page) => page.entries);
        cli.report(options, { ...last, entries }, () => entries.flatMap(entryLines));
        if (options.json) return;
        if (entries.length === 0) cli.terminal.talk("Nothing yet");
        if (last.next !== undefined) {
          cli.terminal.talk(`Older ones: moim history ${who} --before ${last.next}`);
        }
        if (last.indexedHeight !== undefined) {
          cli.terminal.talk(`The index is still being made: up to block ${last.indexedHeight}`);
        }
      });
    });
};

function entryLines(entry: HistoryEntry): string[] {
  const when = entry.timeMs === undefined ? "pending            " : dateTime(entry.timeMs);
  const where = entry.state === "pending"
    ? "not in a block yet"
    : `block ${entry.height}${entry.settled ? "" : " (provisional)"}`;
  const whom = entry.others.length === 0
    ? ""
    : `  ${entry.kind === "sent" ? "to" : "from"} ${entry.others.join(", ")}`;
  const fee = entry.fee === undefined || entry.kind === "received"
    ? ""
    : `  fee ${coins(entry.fee)}`;
  const memo = entry.memo === undefined ? "" : `  "${printable(entry.memo)}"`;
  return [
    `${when}  ${entry.kind.padEnd(8)}  ${signedCoins(entry.amount)}${fee}  ${where}${whom}${memo}`,
    `  ${entry.txId}`,
  ];
}
