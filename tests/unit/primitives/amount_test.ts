import assert from "node:assert/strict";
import fc from "fast-check";
import {
  addAmounts,
  amount,
  AmountError,
  formatCoins,
  parseCoins,
  sumAmounts,
} from "../../../lib/primitives/amount.ts";

Deno.test("amount: only integers from 0 to 2^53-1", () => {
  assert.equal(amount(0), 0);
  assert.equal(amount(2 ** 53 - 1), 2 ** 53 - 1);
  for (const bad of [-1, 0.5, NaN, Infinity, 2 ** 53]) assert.throws(() => amount(bad), RangeError);
});

Deno.test("sumAmounts: exact up to 2^53-1, refused above", () => {
  const most = amount(2 ** 53 - 1);
  assert.equal(sumAmounts([]), 0);
  assert.equal(sumAmounts([amount(2 ** 53 - 2), amount(1)]), most);
  assert.throws(() => sumAmounts([most, amount(1)]), RangeError);
  assert.throws(() => sumAmounts([most, most, most]), RangeError);
  assert.throws(() => addAmounts(most, most), RangeError);
});

Deno.test("parseCoins: decimal coins to grains", () => {
  const cases: [string, number][] = [
    ["0", 0],
    ["1", 1_000_000],
    ["1.5", 1_500_000],
    ["0.000001", 1],
    ["20.0", 20_000_000],
    ["9007199254.740991", 2 ** 53 - 1],
  ];
  for (const [text, grains] of cases) assert.equal(parseCoins(text), grains);
});

Deno.test("parseCoins: refuses what is not an amount", () => {
  const bad = [
    "",
    "-1",
    "+1",
    "1e30",
    "abc",
    "1.0000001",
    "1.",
    ".5",
    "1,5",
    "0x10",
    "9007199254.740992",
  ];
  for (const text of bad) assert.throws(() => parseCoins(text), AmountError, text);
});

Deno.test("formatCoins: comes back through parseCoins", () => {
  fc.assert(fc.property(fc.maxSafeNat(), (grains) => {
    assert.equal(parseCoins(formatCoins(amount(grains))), grains);
  }));
});
