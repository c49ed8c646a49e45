/** Where the blocks of a fork tree stand in its drawing: rows of heights, lanes of branches. */
import type { ForkBlock, ForkTree } from "../../node/mod.ts";

/** Lanes beside the main chain that are drawn; a phone has room for no more. */
export const SIDE_LANES_MAX = 6;
/** Rows at the top that are always shown, and the shortest stretch that is worth hiding. */
const ROWS_ON_TOP = 6;
const HIDDEN_MIN = 3;

/** A line of the drawing: one height, or a stretch of heights in which nothing forks. */
export type ForkRow = { height: number } | { hidden: number };

/** A block in its place: lane 0 is the main chain. */
export type PlacedBlock = { block: ForkBlock; lane: number; row: number };

/** A line from a block to the one it builds on, or to the lower edge when that is not known. */
export type ForkEdge = { from: PlacedBlock; to: PlacedBlock | undefined };

export type ForkLayout = {
  rows: ForkRow[];
  placed: PlacedBlock[];
  edges: ForkEdge[];
  lanes: number;
  sideBlocks: ForkBlock[];
};

/** A side branch from its highest block down to the one that leaves another branch. */
type Branch = { blocks: ForkBlock[]; top: number; joins: number };

/** Places every block of `tree` that is near its top or near a fork. */
export function layOutForks(tree: ForkTree): ForkLayout {
  const sideBlocks = tree.blocks.filter((block) => !block.onMainChain);
  const laneOf = lanesOf(branchesOf(sideBlocks));
  const { rows, rowOf } = rowsOf(tree, sideBlocks);
  const placed: PlacedBlock[] = [];
  for (const block of tree.blocks) {
    const lane = block.onMainChain ? 0 : laneOf.get(block.id);
    const row = rowOf.get(block.height);
    if (lane !== undefined && row !== undefined) placed.push({ block, lane, row });
  }
  const byId = new Map(placed.map((each) => [each.block.id, each]));
  const edges = placed.filter(({ block }) => block.height > 0).map((from) => {
    return { from, to: byId.get(from.block.previous) ?? mainBelow(placed, from) };
  });
  const lanes = Math.max(0, ...placed.map(({ lane }) => lane)) + 1;
  return { rows, placed, edges, lanes, sideBlocks };
}

/** On the main chain a line leads over hidden rows to the next block that is shown. */
function mainBelow(placed: PlacedBlock[], from: PlacedBlock): PlacedBlock | undefined {
  if (!from.block.onMainChain) return undefined;
  return placed.filter(({ block }) => block.onMainChain && block.height < from.block.height)
    .sort((a, b) => b.block.height - a.block.height)[0];
}

function branchesOf(sideBlocks: readonly ForkBlock[]): Branch[] {
  const byId = new Map(sideBlocks.map((block) => [block.id, block]));
  const taken = new Set<string>();
  const branches: Branch[] = [];
  for (const tip of [...sideBlocks].sort((a, b) => b.height - a.height)) {
    if (taken.has(tip.id)) continue;
    const blocks: ForkBlock[] = [];
    let at: ForkBlock | undefined = tip;
    while (at !== undefined && !taken.has(at.id)) {
      taken.add(at.id);
      blocks.push(at);
      at = byId.get(at.previous);
    }
    branches.push({ blocks, top: tip.height, joins: blocks.at(-1)!.height - 1 });
  }
  return branches;
}

/** A lane for each branch so that none crosses another; branches beyond the last lane get none. */
function lanesOf(branches: readonly Branch[]): Map<string, number> {
  const laneOf = new Map<string, number>();
  const inLane: Branch[][] = Array.from({ length: SIDE_LANES_MAX }, () => []);
  for (const branch of branches) {
    const lane = inLane.findIndex((others) =>
      others.every((other) => other.joins >= branch.top || branch.joins >= other.top)
    );
    if (lane === -1) continue;
    inLane[lane]!.push(branch);
    for (const { id } of branch.blocks) laneOf.set(id, lane + 1);
  }
  return laneOf;
}

function rowsOf(
  tree: ForkTree,
  sideBlocks: readonly ForkBlock[],
): { rows: ForkRow[]; rowOf: Map<number, number> } {
  const heights = [...new Set(tree.blocks.map(({ height }) => height))].sort((a, b) => b - a);
  const near = new Set(
    sideBlocks.flatMap(({ height }) => [height - 1, height, height + 1]),
  );
  const isShown = (height: number, at: number) =>
    at < ROWS_ON_TOP || near.has(height) || at === heights.length - 1;
  const rows: ForkRow[] = [];
  const rowOf = new Map<number, number>();
  const show = (height: number) => {
    rowOf.set(height, rows.length);
    rows.push({ height });
  };
  let hidden: number[] = [];
  for (const [at, height] of heights.entries()) {
    if (!isShown(height, at)) {
      hidden.push(height);
      continue;
    }
    if (hidden.length >= HIDDEN_MIN) rows.push({ hidden: hidden.length });
    else hidden.forEach(show);
    hidden = [];
    show(height);
  }
  return { rows, rowOf };
}
