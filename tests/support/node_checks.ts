/** What tests with several nodes wait for. */
import { type MoimNode, until } from "./moim.ts";

/** Places are slower than loopback, and machines of two cores than most. */
const PATIENCE_MS = 60_000;
/** Thirty nodes, asked every 50 ms, would keep a core busy with answering. */
const POLL_MS = 200;

/** Waits until the node has so many sessions; fails with what it printed. */
export async function hasPeers(
  node: MoimNode,
  count = 1,
  timeoutMs = PATIENCE_MS,
): Promise<void> {
  await until(async () => ((await node.get("status"))?.peers ?? 0) >= count, {
    what: () => `${count} peers of\n${node.output}`,
    timeoutMs,
    pollMs: POLL_MS,
  });
}

/** Waits until all nodes are on one tip at that height or above. */
export async function haveOneTip(
  nodes: MoimNode[],
  height: number,
  timeoutMs = PATIENCE_MS,
): Promise<void> {
  let seen: string[] = [];
  await until(async () => {
    const all = await Promise.all(nodes.map((node) => node.get("status")));
    seen = all.map((each) => `${each?.height} ${each?.tipId?.slice(0, 8)} ${each?.peers} peers`);
    return all.every((each) => each?.height >= height && each.tipId === all[0].tipId);
  }, { what: () => `one tip at height ${height}: ${seen.join(", ")}`, timeoutMs, pollMs: POLL_MS });
}
