import { EXIT, UserError } from "../../base/mod.ts";
import type { TransactionInfo } from "../../node/mod.ts";
import { type Declare, examples, withCommon } from "../cli.ts";
import { coins, count, dateTime, printable } from "../format.ts";

export const declare: Declare = (command, cli) => {
  withCommon(command)
    .argument("<id>", "the transaction's id: 64 hex digits")
    .addHelpText("after", examples(["moim tx 3f5c…", "one transaction"]))
    .action(async (id, options) => {
      if (!/^[0-9a-fA-F]{64}$/.test(id)) {
        throw new UserError(EXIT.usage, `Cannot use id "${printable(id)}": give 64 hex digits`);
      }
      const found = await cli.withNode(options, (node) => node.transaction(id.toLowerCase()));
      cli.report(options, found, () => transactionLines(found));
      if (!found.signaturesValid) cli.exitCode = EXIT.damaged;
    });
};

/** A transaction: where it is, who pays, who gets. */
export function transactionLines(tx: TransactionInfo): string[] {
  const lines = [`transaction ${tx.id}`, `  ${placeText(tx)}`];
  if (tx.kind === "coinbase") lines.push("  new coins and fees");
  for (const spend of tx.spends) {
    const sum = spend.coins.reduce((total, coin) => total + (coin.amount ?? 0), 0);
    const isKnown = spend.coins.every((coin) => coin.amount !== undefined);
    const amount = isKnown ? `${coins(sum)}, ` : "";
    lines.push(
      `  from  ${owner(spend)}  ${amount}${count(spend.coins.length, "earlier output")}`,
    );
  }
  for (const output of tx.outputs) lines.push(`  to    ${owner(output)}  ${coins(output.amount)}`);
  if (tx.fee !== undefined) lines.push(`  fee   ${coins(tx.fee)}, ${tx.bytes} bytes`);
  if (tx.memo) lines.push(`  memo  "${printable(tx.memo)}"`);
  if (tx.kind === "payment") {
    lines.push(`  signatures: ${tx.signaturesValid ? "valid" : "INVALID"}`);
  }
  return lines;
}

function placeText(tx: TransactionInfo): string {
  if (tx.state === "pending") return "waiting for a block";
  const depth = `${count(tx.confirmations, "confirmation")}, ${
    tx.settled ? "settled" : "provisional"
  }`;
  const time = tx.timeMs === undefined ? "" : ` of ${dateTime(tx.timeMs)}`;
  return `in block ${tx.height}${time}, ${depth}`;
}

function owner({ name, address }: { name?: string; address: string }): string {
  return name === undefined ? address : `${name} (${address})`;
}
