import type { Balance } from "../../node/mod.ts";
import { type Declare, examples, withCommon } from "../cli.ts";
import { coins } from "../format.ts";
import { ownerValue } from "../values.ts";

export const declare: Declare = (command, cli) => {
  withCommon(command)
    .argument("[who]", "name of a key, or an address; without it: all keys")
    .option("--address <who>", "the same, as the tutorial writes it")
    .addHelpText(
      "after",
      examples(["moim balance w1", "coins of key w1"], [
        "moim balance --json",
        "all keys, in grains",
      ]),
    )
    .action(async (positional, options) => {
      const given = options.address ?? positional;
      const who = given === undefined ? undefined : ownerValue(given);
      await cli.withNode(options, async (node) => {
        if (who !== undefined) {
          const balance = await node.balance(who);
          return cli.report(options, balance, () => balanceLines(balance));
        }
        const balances = await node.balances();
        cli.report(options, balances, () => allLines(balances));
      });
    });
};

/** A key's coins, the kinds that matter apart. */
function balanceLines(balance: Balance): string[] {
  const lines = [`${titleOf(balance)}: ${coins(balance.confirmed)}`];
  if (balance.maturing > 0) lines.push(`  maturing (minted lately): ${coins(balance.maturing)}`);
  if (balance.pendingIn > 0) lines.push(`  on the way in: ${coins(balance.pendingIn)}`);
  if (balance.pendingOut > 0) lines.push(`  on the way out: ${coins(balance.pendingOut)}`);
  if (balance.total !== balance.confirmed) lines.push(`  total: ${coins(balance.total)}`);
  return lines;
}

function titleOf({ name, address }: Balance): string {
  return name === undefined ? address : `${name} (${address})`;
}

function allLines(balances: Balance[]): string[] {
  if (balances.length === 0) return ["No keys yet: moim wallet new --alias w1 makes one"];
  const total = balances.reduce((sum, balance) => sum + balance.total, 0);
  return [...balances.flatMap(balanceLines), `all keys: ${coins(total)}`];
}
