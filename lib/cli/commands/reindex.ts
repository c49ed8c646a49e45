import { type Declare, examples, withCommon } from "../cli.ts";
import { count, duration } from "../format.ts";

export const declare: Declare = (command, cli) => {
  withCommon(command)
    .addHelpText("after", examples(["moim reindex", "after a message that asks for it"]))
    .action(async (options) => {
      const report = await cli.withNode(
        options,
        (node) => node.reindex((line) => cli.terminal.talk(line)),
        {
          // Opening must not trip over the damage that this command is there to mend.
          rebuild: true,
          onEvent: (event) => event.kind === "notice" && cli.terminal.talk(event.text),
        },
      );
      cli.report(options, report, () => [
        `Rebuilt coins and indexes from ${count(report.blocks, "block")} ` +
        `in ${duration(report.elapsedMs)}`,
      ]);
    });
};
