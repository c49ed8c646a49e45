import { EXIT } from "../../base/mod.ts";
import { type Declare, examples } from "../cli.ts";
import { untilInterrupted } from "../interrupt.ts";
import { Stage } from "../demo_stage.ts";
import { tellStory } from "../demo_story.ts";

export const declare: Declare = (command, cli) => {
  command
    .option("--fast", "do not wait for readers")
    .option("--log-level <level>", "off, error, warning, info or debug")
    .addHelpText(
      "after",
      examples(["moim demo", "the whole story in about 20 seconds"], [
        "moim demo --fast",
        "in a few",
      ]),
    )
    .action(async (options) => {
      await cli.configure(options);
      const interrupted = untilInterrupted(cli.terminal);
      const stage = await Stage.open((line) => cli.terminal.out(line), {
        fast: options.fast === true,
      });
      const story = tellStory(stage);
      try {
        const end = await Promise.race([
          story.then(() => "told" as const),
          interrupted.done.then(() => "interrupted" as const),
        ]);
        if (end === "interrupted") cli.exitCode = EXIT.interrupted;
      } finally {
        await stage.close(story);
      }
    });
};
