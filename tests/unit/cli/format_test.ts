import { strict as assert } from "node:assert";
import { coins, count, duration, printable, signedCoins, table } from "../../../lib/cli/format.ts";

Deno.test("amounts carry their unit", () => {
  assert.equal(coins(1_000_000), "1 coin");
  assert.equal(coins(20_000_226), "20.000226 coins");
  assert.equal(coins(0), "0 coins");
  assert.equal(signedCoins(-500_000), "-0.5 coins");
  assert.equal(signedCoins(2_000_000), "+2 coins");
  assert.equal(count(1, "block"), "1 block");
  assert.equal(count(2, "block"), "2 blocks");
});

Deno.test("durations in the unit that fits", () => {
  const cases: [number, string][] = [
    [850, "850 ms"],
    [12_000, "12 s"],
    [180_000, "3 min"],
    [5 * 3_600_000, "5 h"],
    [3 * 86_400_000, "3 d"],
  ];
  for (const [ms, text] of cases) assert.equal(duration(ms), text);
});

Deno.test("tables are as wide as their cells", () => {
  assert.deepEqual(table([["a", "1"], ["bbb", "22"]], [1]), ["a     1", "bbb  22"]);
  assert.deepEqual(table([]), []);
});

Deno.test("what strangers wrote cannot move the cursor or turn the text around", () => {
  assert.equal(printable("a\x1b[2Jb\u202ec\nd"), "a·[2Jb·c·d");
  assert.equal(printable("모임"), "모임");
});
