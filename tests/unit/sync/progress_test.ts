import assert from "node:assert/strict";
import { etaMs, RateMeter } from "../../../lib/sync/progress.ts";

Deno.test("RateMeter counts blocks a second over the last ten seconds", () => {
  const meter = new RateMeter();
  assert.equal(meter.rate(0), 0);
  for (let atMs = 0; atMs <= 20_000; atMs += 20) meter.sample(atMs, atMs / 10);
  assert(Math.abs(meter.rate(20_000) - 100) < 10);
  assert.equal(meter.rate(40_000), 0);
});

Deno.test("RateMeter begins anew after a reorganisation to a lower height", () => {
  const meter = new RateMeter();
  meter.sample(0, 100);
  meter.sample(1_000, 90);
  assert.equal(meter.rate(1_000), 0);
});

Deno.test("etaMs is unknown without a rate", () => {
  assert.equal(etaMs(100, 50), 2_000);
  assert.equal(etaMs(100, 0), undefined);
  assert.equal(etaMs(0, 0), 0);
});
