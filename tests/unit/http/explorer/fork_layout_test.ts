/** Where blocks of a fork tree are drawn. */
import { strict as assert } from "node:assert";
import { ticks } from "../../../../lib/http/explorer/chart.tsx";
import { layOutForks, SIDE_LANES_MAX } from "../../../../lib/http/explorer/fork_layout.ts";
import type { ForkBlock } from "../../../../lib/node/api.ts";

function block(id: string, previous: string, height: number, onMainChain: boolean): ForkBlock {
  return { id, previous, height, timeMs: 0, onMainChain, valid: true };
}

/** m0 - m1 - … - m`top`, highest first, with side blocks. */
function tree(top: number, sides: ForkBlock[]) {
  const main = Array.from({ length: top + 1 }, (_, at) => {
    return block(`m${top - at}`, `m${top - at - 1}`, top - at, true);
  });
  const blocks = [...main, ...sides].sort((a, b) => b.height - a.height);
  return { tipId: `m${top}`, from: 0, blocks };
}

Deno.test("branches stand beside the main chain and do not cross", () => {
  //  m17 - m18 - m19 - m20        a18 - a19 and b19 leave at m17 and m18
  const { placed, edges, lanes } = layOutForks(tree(20, [
    block("a18", "m17", 18, false),
    block("a19", "a18", 19, false),
    block("b19", "m18", 19, false),
    block("c10", "m9", 10, false),
  ]));
  const laneOf = (id: string) => placed.find((each) => each.block.id === id)?.lane;
  assert.equal(laneOf("m20"), 0);
  assert.equal(laneOf("a18"), laneOf("a19"));
  assert.notEqual(laneOf("b19"), laneOf("a19"));
  assert.equal(laneOf("c10"), 1, "a lane is used again where it is free");
  assert.equal(lanes, 3);
  const parent = (id: string) => edges.find(({ from }) => from.block.id === id)?.to?.block.id;
  assert.equal(parent("a18"), "m17");
  assert.equal(parent("b19"), "m18");
});

Deno.test("long stretches without a fork are one row", () => {
  const { rows, edges } = layOutForks(tree(40, [block("a20", "m19", 20, false)]));
  const hidden = rows.flatMap((row) => "hidden" in row ? [row.hidden] : []);
  assert.deepEqual(hidden, [13, 18]);
  assert.equal(rows.length, 6 + 1 + 3 + 1 + 1);
  const over = edges.find(({ from }) => from.block.id === "m35");
  assert.equal(over?.to?.block.id, "m21", "the line leads over what is hidden");
});

Deno.test("more branches than fit leave the drawing whole", () => {
  const sides = Array.from({ length: 30 }, (_, at) => block(`s${at}`, "m4", 5, false));
  const { lanes, sideBlocks } = layOutForks(tree(6, sides));
  assert.equal(lanes, SIDE_LANES_MAX + 1);
  assert.equal(sideBlocks.length, 30);
});

Deno.test("axes have round numbers", () => {
  assert.deepEqual(ticks(0, 29, 5), [0, 10, 20, 30]);
  assert.deepEqual(
    ticks(0, 1, 5),
    [0, 0.2, 0.4, 0.6, 0.8, 1].map((each, at) => at === 3 ? 3 * 0.2 : each),
  );
  assert.deepEqual(ticks(1135, 1234, 5), [1120, 1140, 1160, 1180, 1200, 1220, 1240]);
});
