import type { Command } from "@commander-js/extra-typings";
import { EXIT, messageOf, UserError } from "../../base/mod.ts";
import { chosenNetwork, networkFromParameters, type NetworkInfo } from "../../node/mod.ts";
import { type Cli, type Declare, examples, withCommon } from "../cli.ts";
import { coins, duration, printable } from "../format.ts";
import { accessText } from "../status_text.ts";
import { coinsValue, integerValue, required } from "../values.ts";

/** Longest spacing that consensus takes: a day. */
const SPACING_SECONDS_MAX = 86_400;
const BLOCKS_MAX = 2 ** 32 - 1;

export const declare: Declare = (command, cli) => {
  withCommon(command)
    .addHelpText(
      "after",
      examples(
        ["moim network --rendezvous tuto", "what everyone who types tuto shares"],
        ["moim network make --name club --reward 0 > club.json", "a network file"],
        ["moim start --network club.json", "run it"],
      ),
    )
    .action(async (options) => {
      const config = await cli.configure(options);
      const info = await chosenNetwork(config);
      cli.report(options, info, () => networkLines(info));
    });
  declareMake(command.command("make").summary("write a network file"), cli);
};

function networkLines(info: NetworkInfo): string[] {
  const { parameters } = info;
  return [
    `network     ${printable(info.name)}${accessText(info.access)}`,
    `genesis     ${info.genesisId}`,
    `rendezvous  ${printable(info.rendezvous)}`,
    `DHT key     ${info.rendezvousCid}`,
    `spacing     ${duration(Number(parameters.spacingMs))} between blocks`,
    `reward      ${coins(Number(parameters.reward))} a block`,
    ...Object.entries(parameters)
      .filter(([name]) => !["name", "spacingMs", "reward"].includes(name))
      .map(([name, value]) => `${name.padEnd(11)} ${printable(JSON.stringify(value))}`),
  ];
}

function declareMake(command: Command, cli: Cli): void {
  command
    .option("--name <name>", "the network's name, and the phrase its nodes meet under")
    .option("--spacing <seconds>", "wanted time between blocks (15)")
    .option("--reward <coins>", "new coins a block (20)")
    .option("--halving <blocks>", "blocks between halvings of the reward (0: never)")
    .option("--maturity <blocks>", "blocks until minted coins can be spent (1)")
    .option("--allocate <address=coins...>", "coins that exist from the start")
    .option("--message <text>", "stands in the genesis block")
    .option("--out <file>", "the file to write; without it standard output")
    .addHelpText("after", examples(["moim network make --name club --out club.json", "a file"]))
    .action(async (options) => {
      const blocks = (text: string | undefined, flag: string) =>
        text === undefined ? undefined : integerValue(text, flag, { min: 0, max: BLOCKS_MAX });
      const wanted: Record<string, unknown> = {
        name: required(options.name, "the network", "--name NAME"),
        timeMs: Date.now(),
        spacingMs: options.spacing === undefined ? undefined : 1000 *
          integerValue(options.spacing, "--spacing", { min: 1, max: SPACING_SECONDS_MAX }),
        reward: options.reward === undefined ? undefined : coinsValue(options.reward, "--reward"),
        halvingInterval: blocks(options.halving, "--halving"),
        coinbaseMaturity: blocks(options.maturity, "--maturity"),
        allocations: options.allocate?.map(allocation),
        message: options.message,
      };
      const given = Object.entries(wanted).filter(([, value]) => value !== undefined);
      const made = await networkFromParameters(Object.fromEntries(given));
      const text = JSON.stringify(made.parameters, null, 2);
      if (options.out === undefined) cli.terminal.out(text);
      else await writeNew(options.out, text + "\n");
      cli.terminal.talk(`genesis ${made.genesisId}`);
    });
}

function allocation(text: string): { address: string; amount: number } {
  const [address, amount, ...rest] = text.split("=");
  if (!address || !amount || rest.length > 0) {
    throw new UserError(EXIT.usage, `Cannot use --allocate "${text}": write ADDRESS=COINS`);
  }
  return { address, amount: coinsValue(amount, "--allocate") };
}

/** A network file in use must not change under its nodes: an existing file is left alone. */
async function writeNew(path: string, text: string): Promise<void> {
  try {
    await Deno.writeTextFile(path, text, { createNew: true });
  } catch (error) {
    const why = error instanceof Deno.errors.AlreadyExists ? "it exists" : messageOf(error);
    throw new UserError(EXIT.failed, `Cannot write "${path}": ${why}; give another --out`);
  }
}
