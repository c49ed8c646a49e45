import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { Clock } from "../../../lib/base/clock.ts";
import { seededRandom } from "../../../lib/base/random.ts";
import { DEV_NETWORK } from "../../../lib/consensus/network.ts";
import { genesisBlock } from "../../../lib/consensus/genesis.ts";
import { hashMeetsBits } from "../../../lib/consensus/work.ts";
import { type Block, encodeBlock } from "../../../lib/primitives/block.ts";
import { Grinder } from "../../../lib/minter/grinder.ts";

const genesis = genesisBlock(DEV_NETWORK);
const never = new AbortController().signal;

function withBits(bits: number): Block {
  const { header, transactions } = genesis;
  return encodeBlock({ header: { ...header, bits }, transactions });
}

/** Met by one hash of 2, of 2^16, and by none in any test's time. */
const easy = withBits(0x207fffff);
const harder = withBits(0x1f00ffff);
const hard = withBits(0x0300ffff);

function sha256d(bytes: Uint8Array): string {
  const once = createHash("sha256").update(bytes).digest();
  return createHash("sha256").update(once).digest("hex");
}

/** A clock that stands still until it is told what time it is. */
class HandClock implements Clock {
  readonly #timers = new Map<() => void, number>();
  nowMs = () => 0;
  monotonicMs = () => 0;
  after(delayMs: number, action: () => void) {
    this.#timers.set(action, delayMs);
    return () => void this.#timers.delete(action);
  }
  get waiting(): number[] {
    return [...this.#timers.values()];
  }
  pass(): void {
    for (const action of [...this.#timers.keys()]) {
      this.#timers.delete(action);
      action();
    }
  }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

Deno.test("Grinder meets the target with one worker and with two, and stops when told", async () => {
  for (const threads of [1, 2]) {
    const grinder = new Grinder({ threads, random: seededRandom(threads) });
    try {
      const block = await grinder.grind(harder, never);
      assert.ok(block && hashMeetsBits(block.id, 0x1f00ffff));
      assert.equal(sha256d(block.header.bytes), block.id);
      const stop = new AbortController();
      const endless = grinder.grind(hard, stop.signal);
      assert.equal(grinder.workers, threads);
      stop.abort();
      assert.equal(await endless, undefined);
      assert.ok(await grinder.grind(harder, never));
    } finally {
      grinder.close();
    }
  }
});

Deno.test("Grinder gives up what it looks for when it is closed, and takes nothing more", async () => {
  const grinder = new Grinder({ threads: 2, random: seededRandom(1) });
  const endless = grinder.grind(hard, never);
  grinder.close();
  assert.equal(await endless, undefined);
  assert.equal(grinder.workers, 0);
  assert.equal(await grinder.grind(hard, never), undefined);
});

Deno.test("Grinder does an easy job without a worker, and no job that is cancelled before", async () => {
  const grinder = new Grinder({ threads: 8, random: seededRandom(1) });
  for (let round = 0; round < 20; round++) assert.ok(await grinder.grind(easy, never));
  const { hashes } = grinder;
  assert.ok(hashes >= 20);
  assert.equal(await grinder.grind(easy, AbortSignal.abort()), undefined);
  assert.equal(grinder.hashes, hashes);
  assert.equal(grinder.workers, 0);
  grinder.close();
});

Deno.test("Grinder starts no more workers than the job is worth", async () => {
  const grinder = new Grinder({ threads: 3, random: seededRandom(3) });
  const stop = new AbortController();
  const work = grinder.grind(withBits(0x1e00ffff), stop.signal); // 2^24 hashes, 2^20 a worker
  assert.equal(grinder.workers, 3);
  stop.abort();
  await work;
  grinder.close();
  const smaller = new Grinder({ threads: 3, random: seededRandom(3) });
  const other = new AbortController();
  const less = smaller.grind(withBits(0x1e3fffff), other.signal); // 2^18
  assert.equal(smaller.workers, 1);
  other.abort();
  await less;
  smaller.close();
});

Deno.test("Grinder's workers all hash, and all stop with the job", async () => {
  const grinder = new Grinder({ threads: 2, random: seededRandom(4), clock: new HandClock() });
  const stop = new AbortController();
  const endless = grinder.grind(hard, stop.signal);
  await until(() => grinder.hashes > 300_000);
  stop.abort();
  assert.equal(await endless, undefined);
  // The next job is theirs: a worker that had not stopped would not take it.
  assert.ok(await grinder.grind(harder, never));
  grinder.close();
});

Deno.test("Grinder gives up a job for the next one", async () => {
  const grinder = new Grinder({ threads: 1, random: seededRandom(5) });
  const first = grinder.grind(hard, never);
  const second = grinder.grind(harder, never);
  assert.equal(await first, undefined);
  assert.ok(await second);
  grinder.close();
});

Deno.test("Grinder ends its workers after a minute of rest, and starts others when needed", async () => {
  const clock = new HandClock();
  const grinder = new Grinder({ threads: 1, random: seededRandom(6), clock });
  assert.ok(await grinder.grind(harder, never));
  assert.deepEqual(clock.waiting, [60_000]);
  assert.equal(grinder.workers, 1);
  const second = grinder.grind(harder, never);
  assert.deepEqual(clock.waiting, []);
  await second;
  clock.pass();
  assert.equal(grinder.workers, 0);
  assert.ok(await grinder.grind(harder, never));
  grinder.close();
  assert.deepEqual(clock.waiting, []);
});
