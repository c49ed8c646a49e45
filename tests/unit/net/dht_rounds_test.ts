import assert from "node:assert/strict";
import { Rounds } from "../../../lib/net/dht/rounds.ts";
import { SimClock } from "../../support/sim_clock.ts";

Deno.test("Rounds run when due and then as often as the action says", async () => {
  const clock = new SimClock();
  const ranAt: number[] = [];
  const rounds = new Rounds(clock, () => {
    ranAt.push(clock.monotonicMs());
    return Promise.resolve(ranAt.length < 3 ? 100 : undefined);
  });
  rounds.due(50);
  await clock.advance(1_000);
  assert.deepEqual(ranAt, [50, 150, 250]);
  rounds.due();
  await clock.advance(1_000);
  assert.equal(ranAt.length, 4);
});

Deno.test("Rounds come forward, never twice at once, and a call during a run is kept", async () => {
  const clock = new SimClock();
  let runs = 0;
  let finish = () => {};
  const rounds = new Rounds(clock, () => {
    runs++;
    return new Promise((resolve) => finish = () => resolve(10_000));
  });
  rounds.due(5_000);
  rounds.due(10);
  await clock.advance(20);
  assert.equal(runs, 1);
  rounds.due();
  await clock.advance(20);
  assert.equal(runs, 1, "still in its first run");
  finish();
  await clock.advance(0);
  await clock.advance(1);
  assert.equal(runs, 2, "the call during the run was kept");
  rounds.stop();
  finish();
  await clock.advance(100_000);
  assert.equal(runs, 2);
});

Deno.test("Rounds go on after an action that fails", async () => {
  const clock = new SimClock();
  let runs = 0;
  const rounds = new Rounds(clock, () => {
    runs++;
    return Promise.reject(new Error("no"));
  });
  rounds.due();
  await clock.advance(130_000);
  assert.equal(runs, 3);
  rounds.stop();
});
