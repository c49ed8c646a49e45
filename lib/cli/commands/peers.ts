import type { PeerInfo } from "../../node/mod.ts";
import { type Declare, examples, withCommon } from "../cli.ts";
import { count, dateTime, printable, table } from "../format.ts";
import { peerValue } from "../values.ts";

export const declare: Declare = (command, cli) => {
  withCommon(command)
    .option("--add <address>", "multiaddr, host:port or peer id to connect to")
    .option("--connected", "only those connected now")
    .addHelpText(
      "after",
      examples(
        ["moim peers", "connected ones first, then remembered ones"],
        ["moim peers --add /ip4/192.0.2.7/tcp/3000", "connect to one more"],
      ),
    )
    .action(async (options) => {
      if (options.add !== undefined) peerValue(options.add, "--add");
      await cli.withNode(options, async (node) => {
        if (options.add !== undefined) {
          const added = await node.addPeer(options.add);
          return cli.report(options, added, () => [added.text]);
        }
        const all = await node.peers();
        const peers = options.connected ? all.filter((peer) => peer.connected) : all;
        cli.report(options, peers, () => peerLines(peers));
      });
    });
};

function peerLines(peers: PeerInfo[]): string[] {
  const connected = peers.filter((peer) => peer.connected).length;
  const rows = peers.map((peer) => [
    peer.connected ? "connected" : "remembered",
    peer.peerId,
    `found: ${peer.found}`,
    peer.relayed ? `${peer.direction}, relayed` : peer.direction ?? "",
    peer.height === undefined ? "" : `height ${peer.height}`,
    peer.latencyMs === undefined ? "" : `${Math.round(peer.latencyMs)} ms`,
    peer.address ?? peer.addresses[0] ?? "",
    peer.agent === undefined ? seenText(peer) : printable(peer.agent),
  ]);
  return [...table(rows), `${count(connected, "peer")} connected, ${peers.length} in all`];
}

function seenText({ lastSeenMs }: PeerInfo): string {
  return lastSeenMs === undefined ? "never reached" : `last seen ${dateTime(lastSeenMs)}`;
}
