/** A small world worth looking at: what the pages of the explorer are shown with. */
import { join } from "node:path";
import { type ChainPoint, Website } from "./browser_world.ts";
import { until } from "./moim.ts";

const BLOCKS = 40;
/** How far apart the blocks of the scene are: at least the network's spacing, never the same. */
const SPACINGS_MS = [15_000, 21_000, 16_500, 44_000, 18_000, 95_000, 15_500];

/** The end of a story: two nodes, a chain with payments, a fork just now, one payment waiting. */
export type Scene = {
  site: Website;
  /** Ids and addresses that pages are about. */
  tip: string;
  side: string;
  payment: string;
  pending: string;
  address: string;
};

/** Plays the story on two nodes in folders below `dir`; `memo` goes with the payments. */
export async function playScene(dir: string, memo: string, nodes: AsyncDisposableStack) {
  const started = async (name: string, peers: string[]) => {
    await Deno.mkdir(join(dir, name));
    return nodes.use(await Website.start(join(dir, name), peers));
  };
  const site = await started("first", []);
  const other = await started("second", [site.peerAddress]);
  const address = await site.newKey("민지");
  const friend = await other.newKey("w2");
  const chain = await makeChain(site, [address, friend]);
  await other.tipIs(chain.at(-1)!.id);
  const send = (amount: number) =>
    site.act("transactions/send", { from: address, to: friend, amount, memo });
  const payment = (await send(3_000_000)).txId;
  await site.act("mint", { to: address });
  const fork = chain.at(-2)!;
  const side = await site.addBlock(fork, friend, fork.timeMs + SPACINGS_MS[1]!);
  const pending = (await send(1_234_567)).txId;
  await until(async () => (await other.read("mempool")).transactions === 1, { what: "a payment" });
  await until(async () => (await site.read("status")).indexes.ready, { what: "the indexes" });
  const tip = (await site.read("status")).tipId;
  return { site, tip, side: side.id, payment, pending, address } satisfies Scene;
}

async function makeChain(site: Website, owners: string[]): Promise<ChainPoint[]> {
  const spacing = (height: number) => SPACINGS_MS[height % SPACINGS_MS.length]!;
  const heights = Array.from({ length: BLOCKS }, (_, at) => at + 1);
  let timeMs = Date.now() - heights.reduce((sum, height) => sum + spacing(height), 0);
  let point = await site.point(0);
  const points = [point];
  for (const height of heights) {
    timeMs += spacing(height);
    point = await site.addBlock(point, owners[height % 3 === 0 ? 1 : 0]!, timeMs);
    points.push(point);
  }
  return points;
}
