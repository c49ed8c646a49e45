import assert from "node:assert/strict";
import { type Held, whatMakesRoom } from "../../../lib/peers/fair_share.ts";

/** Things named after their origin and age, such as `a1`, the oldest of `a`. */
function held(names: string): Held<string>[] {
  return names.split(" ").map((thing) => ({
    thing,
    origin: thing[0]!,
    sinceMs: Number(thing.slice(1)),
  }));
}

Deno.test("the youngest of the heaviest origin makes room for a newcomer that holds less", () => {
  assert.equal(whatMakesRoom(held("a1 a3 a2 b4 c5"), "b"), "a3");
  assert.equal(whatMakesRoom(held("a1 a3 a2 b4"), "new"), "a3");
  assert.equal(whatMakesRoom(held("a1 a3 a2 b4")), "a3", "nobody in particular");
  assert.equal(whatMakesRoom(held("a1 a3 b4 b2 c9"), "c"), "b4", "of two that hold as much");
});

Deno.test("nobody makes room for an origin that has its share", () => {
  assert.equal(whatMakesRoom(held("a1 a2 b1 b2"), "a"), undefined);
  assert.equal(whatMakesRoom(held("a1 a2 a3 b1"), "a"), undefined);
  assert.equal(whatMakesRoom([], "a"), undefined);
  assert.equal(whatMakesRoom([]), undefined);
});
