import assert from "node:assert/strict";
import { every } from "../../../lib/base/clock.ts";
import { RateLimiter } from "../../../lib/net/rate_limit.ts";
import { RestList } from "../../../lib/net/rest_list.ts";
import { SimClock } from "../../support/sim_clock.ts";
import { SimWorld } from "../../support/sim_nodes.ts";

Deno.test("the simulated clock runs timers in order, and all that follows from each", async () => {
  const clock = new SimClock();
  const log: string[] = [];
  clock.after(20, () => log.push("20"));
  clock.after(10, async () => {
    log.push("10");
    await Promise.resolve();
    clock.after(5, () => log.push("15"));
  });
  clock.after(10, () => log.push("10 too"));
  const cancel = clock.after(12, () => log.push("never"));
  cancel();
  const stop = every(clock, 8, () => log.push("every 8"));
  await clock.advance(19);
  assert.deepEqual(log, ["every 8", "10", "10 too", "15", "every 8"]);
  stop();
  await clock.advance(100);
  assert.deepEqual(log.at(-1), "20");
  assert.equal(clock.monotonicMs(), 119);
  assert.equal(clock.skewed(5_000).nowMs() - clock.nowMs(), 5_000);
});

Deno.test("simulated streams keep order and the bound on what is unread", async () => {
  const world = new SimWorld(4);
  const [a, b] = [world.stranger("a"), world.stranger("b")];
  const received: number[] = [];
  let isReading = false;
  b.onStream(async (stream) => {
    await new Promise<void>((resolve) => void world.clock.after(1_000, resolve));
    isReading = true;
    for await (const chunk of stream.incoming) received.push(chunk[0]!);
    received.push(-1);
  });
  const opening = a.open({ peerId: "b", addresses: b.addresses() });
  await world.clock.advance(100);
  const stream = await opening;
  for (let at = 0; at < 100; at++) stream.send(new Uint8Array(10_000).fill(at));
  await world.clock.advance(500);
  assert.ok(!isReading && stream.bufferedBytes > 700_000, "what nobody reads stays with us");
  await world.clock.advance(2_000);
  assert.equal(stream.bufferedBytes, 0);
  await stream.close();
  await world.clock.advance(100);
  assert.deepEqual(received, [...Array.from({ length: 100 }, (_, at) => at), -1]);
  assert.equal(world.network.connections, 0);
});

Deno.test("the same seed gives the same run", async () => {
  const run = async (seed: number) => {
    const world = new SimWorld(seed);
    for (let at = 0; at < 5; at++) world.start(`n${at}`);
    const log: string[] = [];
    for (const node of world.nodes) {
      node.manager.onSession(({ peerId, direction }) =>
        log.push(`${world.clock.monotonicMs()} ${node.peerId} ${peerId} ${direction}`)
      );
      node.manager.found({
        peerId: "n0",
        addresses: [world.nodes[0]!.address],
        source: "dht",
      });
    }
    await world.clock.advance(30_000);
    world.network.loseConnections(0.5);
    await world.clock.advance(30_000);
    return log;
  };
  assert.deepEqual(await run(7), await run(7));
  assert.notDeepEqual(await run(7), await run(8));
});

Deno.test("rate limiter: so many at once, and so many in every period after", () => {
  const limiter = new RateLimiter<"a" | "b">((kind) => ({
    count: kind === "a" ? 3 : 1,
    everyMs: 300,
  }));
  const take = (nowMs: number, kind: "a" | "b" = "a") => limiter.take(kind, nowMs);
  assert.deepEqual([0, 0, 0, 0].map((now) => take(now)), [true, true, true, false]);
  assert.ok(take(0, "b"), "kinds do not touch each other");
  assert.deepEqual([99, 100, 100].map((now) => take(now)), [false, true, false]);
  assert.deepEqual([900, 900, 900, 900].map((now) => take(now)), [true, true, true, false]);
});

Deno.test("rests: double in a row, a firm one does not end by news", () => {
  const rests = new RestList();
  const add = (nowMs: number, isFirm = false) => rests.add("p", { lengthMs: 1_000, isFirm }, nowMs);
  add(0);
  assert.ok(rests.has("p", 999) && !rests.has("p", 1_000));
  add(1_000);
  assert.equal(rests.nextEndMs(1_000), 3_000);
  rests.wake("p", 1_500);
  assert.ok(!rests.has("p", 1_500));
  add(2_000, true);
  rests.wake("p", 2_500);
  assert.equal(rests.nextEndMs(2_500), 6_000);
  rests.remove("p");
  assert.equal(rests.nextEndMs(2_500), undefined);
});
