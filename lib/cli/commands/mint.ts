import type { MintResult, NodeHandle } from "../../node/mod.ts";
import { type Cli, type Declare, examples, MINT_THREADS_HELP, withCommon } from "../cli.ts";
import { coins, count, nextWay } from "../format.ts";
import { integerValue, oneGiven, ownerValue } from "../values.ts";

export const declare: Declare = (command, cli) => {
  withCommon(command)
    .argument("[who]", "name of a key, or an address, that gets the coins")
    .option("--minter <who>", "the same as an option")
    .option("--count <number>", "how many blocks", "1")
    .option("--mint-threads <number>", MINT_THREADS_HELP)
    .addHelpText(
      "after",
      examples(["moim mint --minter w1", "one block"], ["moim mint w1 --count 3", "three blocks"]),
    )
    .action(async (positional, options) => {
      const to = ownerValue(
        oneGiven(positional, options.minter, "Name who gets the coins: moim mint --minter NAME"),
      );
      const number = integerValue(options.count, "--count", { min: 1, max: 10_000 });
      const result = await cli.withNode(
        options,
        async (node) => {
          const { running: isRunning } = await node.status();
          return { minted: await mintAll(node, { to, number }, cli), isRunning };
        },
        { flags: { mintThreads: options.mintThreads } },
      );
      cli.report(options, result.minted, () => mintLines(result));
    });
};

/** Asks for one block at a time: a running node mints no further when Ctrl-C ends this command. */
async function mintAll(
  node: NodeHandle,
  { to, number }: { to: string; number: number },
  cli: Cli,
): Promise<MintResult> {
  const blocks: MintResult["blocks"] = [];
  for (;;) {
    const result = await node.mint({ to }, (line) => cli.terminal.talk(line));
    blocks.push(...result.blocks);
    if (blocks.length >= number) return { ...result, blocks };
    const { height, reward } = blocks.at(-1)!;
    cli.terminal.talk(`block ${height} (${blocks.length} of ${number}): ${coins(reward)}`);
  }
}

function mintLines(
  { minted: result, isRunning }: { minted: MintResult; isRunning: boolean },
): string[] {
  const whom = result.name ?? result.address;
  const lines = result.blocks.map((block) => {
    const payments = block.transactions > 1 ? `, ${count(block.transactions - 1, "payment")}` : "";
    return `block ${block.height}  ${block.id}  ${coins(block.reward)} to ${whom}${payments}`;
  });
  if (result.peers === 0) lines.push(`kept here; goes out with ${nextWay(isRunning)}`);
  else lines.push(`announced to ${count(result.peers, "peer")}`);
  return lines;
}
