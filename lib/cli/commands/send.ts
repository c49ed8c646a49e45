import type { Flags, SendResult } from "../../node/mod.ts";
import { type Declare, examples, MINT_THREADS_HELP, withCommon } from "../cli.ts";
import { coins, count, nextWay } from "../format.ts";
import { coinsValue, ownerValue, paymentValue, required } from "../values.ts";

export const declare: Declare = (command, cli) => {
  withCommon(command)
    .option("--from <who>", "the key that pays: its name or address")
    .option("--to <who>", "address, or name of a key here")
    .option("--amount <coins>", "such as 5 or 0.25")
    .option("--fee <coins>", "fee in all; without it 1 grain a byte")
    .option("--memo <text>", "public note of at most 256 bytes")
    .option("--mint", "make the block that holds it at once")
    .option("--mint-threads <number>", MINT_THREADS_HELP)
    .option("--peer <address>", "give it to this peer; fails if nobody answers there")
    .option("--wait", "wait until a block has it")
    .addHelpText(
      "after",
      examples(
        ["moim send --from w1 --to moim1… --amount 5", "pay 5 coins"],
        ["moim send --from w1 --to w2 --amount 0.5 --mint", "pay and make the block"],
      ),
    )
    .action(async (options) => {
      const request = {
        from: ownerValue(required(options.from, "who pays", "--from NAME")),
        to: ownerValue(required(options.to, "who gets the coins", "--to ADDRESS")),
        amount: paymentValue(required(options.amount, "how much", "--amount COINS"), "--amount"),
        fee: options.fee === undefined ? undefined : coinsValue(options.fee, "--fee"),
        memo: options.memo,
        mint: options.mint === true,
        peer: options.peer,
        wait: options.wait === true,
      };
      const needsNetwork = options.peer !== undefined || request.wait;
      const { mintThreads, peer } = options;
      const flags: Flags = needsNetwork ? { mintThreads, peer, port: "0" } : { mintThreads };
      const result = await cli.withNode(
        options,
        async (node) => {
          const { running: isRunning } = await node.status();
          const sent = await node.send(request, (line) => cli.terminal.talk(line));
          return { sent, isRunning };
        },
        { mode: needsNetwork ? "online" : "offline", flags },
      );
      cli.report(options, result.sent, () => sendLines(result));
    });
};

type Sent = { sent: SendResult; isRunning: boolean };

function sendLines({ sent: result, isRunning }: Sent): string[] {
  return [
    `Sent ${coins(result.amount)} from ${result.from} to ${result.to}, fee ${coins(result.fee)}`,
    `transaction ${result.txId}`,
    stateLine(result, isRunning),
  ];
}

function stateLine({ state, peers, block }: SendResult, isRunning: boolean): string {
  switch (state) {
    case "minted":
      return `in block ${block?.height} ${block?.id ?? ""}`.trimEnd();
    case "announced":
      return `announced to ${count(peers, "peer")}; waits for a block`;
    case "queued":
      return `queued; goes out with ${nextWay(isRunning)}`;
  }
}
