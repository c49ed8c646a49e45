import { EXIT } from "../../base/mod.ts";
import { examine, type Finding } from "../../node/mod.ts";
import { type Cli, type Declare, examples, withCommon } from "../cli.ts";
import { printable } from "../format.ts";

/** What stands before each finding, and how it is drawn. */
const MARKS = {
  problem: { word: "PROBLEM", style: "red" },
  note: { word: "note", style: "yellow" },
  unknown: { word: "unknown", style: "dim" },
  ok: { word: "ok", style: "green" },
} as const;

export const declare: Declare = (command, cli) => {
  withCommon(command)
    .option("--port <port>", "P2P port to look at, where no node runs [NODE_ID, MOIM_PORT]")
    .option("--peer <address...>", "also ask these peers [MOIM_PEER]")
    .option("--dht <kind>", "public, private or off [MOIM_DHT] (public)")
    .addHelpText(
      "after",
      examples(
        ["moim doctor", "beside a running node it sees most"],
        ["moim doctor --json", "for programs: every finding has a code"],
      ) + "\n\nExit code 0: nothing needs doing; 1: there is a problem.",
    )
    .action(async (options) => {
      const { port, peer, dht } = options;
      const flags = { port, peer, dht };
      const config = await cli.configure(options, flags);
      const report = await cli.withNode(
        options,
        (node) =>
          examine(node, config, (line) => {
            if (cli.terminal.isScreen && !options.json) cli.terminal.talk(line);
          }),
        { flags },
      );
      const { findings } = report;
      cli.report(options, report, () => findings.flatMap((finding) => lines(finding, cli)));
      const problems = findings.filter(({ level }) => level === "problem").length;
      if (problems > 0) cli.exitCode = EXIT.failed;
      if (options.json) return;
      const seconds = (report.elapsedMs / 1_000).toFixed(1);
      cli.terminal.out(
        `${problems === 0 ? "nothing needs doing" : `${problems} to be dealt with`} ` +
          `(network ${printable(report.network)}, ${seconds} s)`,
      );
    });
};

function lines({ code, level, seen, means, todo }: Finding, cli: Cli): string[] {
  const { word, style } = MARKS[level];
  const head = `${cli.terminal.style(style, word.padEnd(7))}  ${code}: ${printable(seen)}`;
  if (level === "ok") return [head];
  const rest = [means && `means: ${means}`, todo && `do:    ${todo}`].filter((text) => text !== "");
  return [head, ...rest.map((text) => `         ${printable(text)}`)];
}
