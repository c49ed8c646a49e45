import type { Command } from "@commander-js/extra-typings";
import { EXIT, UserError } from "../../base/mod.ts";
import type { WalletKeyInfo } from "../../node/mod.ts";
import { type Cli, type Declare, examples, withCommon } from "../cli.ts";
import { count, table } from "../format.ts";
import { readSecretLine } from "../secret_input.ts";
import { oneGiven } from "../values.ts";

export const declare: Declare = (command, cli) => {
  command.addHelpText(
    "after",
    examples(
      ["moim wallet new --alias w1", "a new key called w1"],
      ["moim wallet export", "the words that bring all keys back"],
    ),
  );
  const add = (name: string, summary: string) =>
    command.command(name).summary(summary).description(summary);
  declareNew(add("new", "make a key"), cli);
  declareList(add("list", "names and addresses"), cli);
  declareImport(add("import", "bring in a key's secret"), cli);
  declareExport(add("export", "show the mnemonic, or a key's secret"), cli);
  declareRestore(add("restore", "make the keystore again from its mnemonic"), cli);
};

function declareNew(command: Command, cli: Cli): void {
  withCommon(command)
    .argument("[alias]", "name of the new key; without it w1, w2, …")
    .option("--alias <name>", "the same as an option")
    .addHelpText("after", examples(["moim wallet new --alias w1", "a new key called w1"]))
    .action(async (positional, options) => {
      const made = await cli.withWallet(
        options,
        (wallet) => wallet.walletNew(options.alias ?? positional),
      );
      const { talk } = cli.terminal;
      if (made.mnemonic !== undefined) {
        talk(
          `These words bring all keys of this keystore back. They are shown once: write them down`,
        );
        talk("");
        talk(`  ${made.mnemonic}`);
        talk("");
      }
      const { mnemonic: _shownAbove, ...result } = made;
      cli.report(options, result, () => [`${made.key.name}  ${made.key.address}`]);
    });
}

function declareList(command: Command, cli: Cli): void {
  withCommon(command).action(async (options) => {
    const keys = await cli.withWallet(options, (wallet) => wallet.walletList());
    cli.report(options, keys, () => keyLines(keys));
    if (keys.length === 0 && !options.json) {
      cli.terminal.talk("No keys yet: moim wallet new --alias w1 makes one");
    }
  });
}

function declareImport(command: Command, cli: Cli): void {
  withCommon(command)
    .argument("[alias]", "name of the key here")
    .option("--alias <name>", "the same as an option")
    .addHelpText(
      "after",
      examples(["moim wallet import w9 < secret.txt", "the secret is read from standard input"]),
    )
    .action(async (positional, options) => {
      const name = oneGiven(positional, options.alias, "Name the key: moim wallet import NAME");
      const secret = await readSecretLine("Secret (64 hex digits): ", cli.terminal);
      if (!/^[0-9a-fA-F]{64}$/.test(secret)) {
        throw new UserError(EXIT.usage, "Cannot import the key: a secret has 64 hex digits");
      }
      const key = await cli.withWallet(
        options,
        (wallet) => wallet.walletImport(name, secret.toLowerCase()),
      );
      cli.report(options, key, () => keyLines([key]));
    });
}

function declareExport(command: Command, cli: Cli): void {
  withCommon(command)
    .argument("[alias]", "name of one key; without it the mnemonic of all")
    .option("--alias <name>", "the same as an option")
    .addHelpText(
      "after",
      examples(["moim wallet export", "the mnemonic"], ["moim wallet export w1", "w1's secret"]),
    )
    .action(async (positional, options) => {
      const name = options.alias ?? positional;
      const secret = await cli.withWallet(options, (wallet) => wallet.walletExport(name));
      cli.terminal.talk("Whoever sees this can spend the coins");
      cli.report(options, secret, () => [
        secret.kind === "key" ? secret.secret : secret.mnemonic,
      ]);
    });
}

function declareRestore(command: Command, cli: Cli): void {
  withCommon(command)
    .addHelpText(
      "after",
      examples(["moim wallet restore < words.txt", "the words are read from standard input"]),
    )
    .action(async (options) => {
      const mnemonic = await readSecretLine("Mnemonic (12 or 24 words): ", cli.terminal);
      const keys = await cli.withNode(options, (node) => node.walletRestore(mnemonic));
      cli.report(options, keys, () => keyLines(keys));
      cli.terminal.talk(`Restored ${count(keys.length, "key")}`);
    });
}

function keyLines(keys: WalletKeyInfo[]): string[] {
  return table(
    keys.map((key) => [key.name, key.address, key.imported ? "imported" : key.path ?? ""]),
  );
}
