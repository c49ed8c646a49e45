import { delay, systemClock } from "../../base/mod.ts";
import type { NodeStatus } from "../../node/mod.ts";
import { type Cli, type Declare, examples, withCommon } from "../cli.ts";
import { count, dateTime, printable } from "../format.ts";
import { accessText, sourceText, syncText } from "../status_text.ts";

const WATCH_MS = 1000;

export const declare: Declare = (command, cli) => {
  withCommon(command)
    .option("--watch", "show it again whenever it changes, until Ctrl-C")
    .addHelpText(
      "after",
      examples(["moim status", "once"], ["moim status --watch", "until Ctrl-C"]),
    )
    .action(async (options) => {
      if (options.watch) return await watch(options, cli);
      await cli.withNode(options, async (node) => {
        const status = await node.status();
        cli.report(options, status, () => statusLines(status));
      });
    });
};

/** Connects anew each time: the node may stop and start while somebody watches. */
async function watch(options: { json?: true | undefined }, cli: Cli): Promise<void> {
  let shown = "";
  for (;;) {
    const status = await cli.withNode(options, (node) => node.status());
    const text = options.json ? JSON.stringify(status) : statusLines(status).join("\n");
    if (text !== shown) {
      const clear = cli.terminal.isScreen && !options.json ? "\x1b[2J\x1b[H" : "";
      cli.terminal.out(clear + text + (options.json ? "" : "\n"));
    }
    shown = text;
    await delay(systemClock, WATCH_MS);
  }
}

function statusLines(status: NodeStatus): string[] {
  const lines = [
    `network   ${printable(status.network)}${accessText(status.access)}, ` +
    `genesis ${status.genesisId}`,
    `node      ${status.running ? runningText(status) : "not running here (moim start runs it)"}`,
    `chain     height ${status.height}, tip ${status.tipId} of ${dateTime(status.tipTimeMs)}`,
    `sync      ${syncText(status.sync)}`,
    `peers     ${status.peers} connected, ${status.peersKnown} remembered`,
    `mempool   ${count(status.mempool.transactions, "payment")} waiting`,
  ];
  if (status.peerId !== undefined) lines.push(`peer id   ${status.peerId}`);
  for (const address of status.addresses) lines.push(`address   ${address}`);
  if (status.running) lines.push(`outside   ${status.reachability}`);
  for (const source of status.discovery) {
    lines.push(`${source.source.padEnd(9)} ${sourceText(source)}`);
  }
  if (status.minter) {
    lines.push(`minter    ${status.minter.name} (${status.minter.when}): ${status.minter.state}`);
  }
  const refused = Object.entries(status.refused ?? {});
  if (refused.length > 0) {
    lines.push(`refused   ${refused.map(([why, times]) => `${times} ${why}`).join(", ")}`);
  }
  if (!status.indexes.ready) {
    lines.push(
      `indexes   being made: block ${Math.max(0, status.indexes.height)} of ${status.height}`,
    );
  }
  return lines;
}

function runningText(status: NodeStatus): string {
  if (status.startedMs === undefined) return `running, moim ${status.version}`;
  return `running since ${dateTime(status.startedMs)}, moim ${status.version}`;
}
