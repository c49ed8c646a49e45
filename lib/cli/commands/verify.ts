import { EXIT } from "../../base/mod.ts";
import { type Declare, examples, withCommon } from "../cli.ts";
import { count, duration } from "../format.ts";

export const declare: Declare = (command, cli) => {
  withCommon(command)
    .addHelpText("after", examples(["moim verify", "every rule, every block, every coin"]))
    .action(async (options) => {
      const report = await cli.withNode(
        options,
        (node) => node.verify((line) => cli.terminal.talk(line)),
      );
      const { problems } = report;
      cli.report(options, report, () => [
        `${problems.length === 0 ? "All right" : count(problems.length, "problem")}: ` +
        `${count(report.blocks, "block")}, ${count(report.transactions, "transaction")}, ` +
        `${count(report.coins, "coin record")} checked in ${duration(report.elapsedMs)}`,
      ]);
      for (const problem of problems) cli.terminal.talk(problem);
      if (problems.length > 0) cli.exitCode = EXIT.damaged;
    });
};
