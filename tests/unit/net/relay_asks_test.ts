import assert from "node:assert/strict";
import type { Connection, Stream } from "@libp2p/interface";
import { ASKS, Asks, SILENCE_MS, UNANSWERED_MAX } from "../../../lib/net/relay/asks.ts";
import { SimClock } from "../../support/sim_clock.ts";

/** A stream or a connection of which only the end matters. */
class Ending extends EventTarget {
  hasEnded = false;
  isRead = true;

  closeRead(): Promise<void> {
    this.isRead = false;
    return Promise.resolve();
  }

  abort(): void {
    this.hasEnded = true;
    this.dispatchEvent(new Event("close"));
  }
}

class Asker {
  readonly connection = new Ending();
  readonly streams: Ending[] = [];

  constructor(readonly asks: Asks) {}

  ask(): boolean {
    const stream = new Ending();
    this.streams.push(stream);
    return this.asks.admits(
      stream as unknown as Stream,
      this.connection as unknown as Connection,
    );
  }
}

Deno.test("who asks within the quota is answered, now and later", async () => {
  const clock = new SimClock();
  const asker = new Asker(new Asks(clock));
  for (let n = 0; n < ASKS.count; n++) assert.equal(asker.ask(), true);
  assert.equal(asker.ask(), false);
  await clock.advance(ASKS.everyMs / ASKS.count);
  assert.deepEqual([asker.ask(), asker.ask()], [true, false]);
  await clock.advance(ASKS.everyMs);
  for (let n = 0; n < ASKS.count; n++) assert.equal(asker.ask(), true);
});

Deno.test("who asks too often hears nothing, and others are answered", async () => {
  const clock = new SimClock();
  const asks = new Asks(clock);
  const asker = new Asker(asks);
  for (let n = 0; n <= ASKS.count; n++) asker.ask();
  const last = asker.streams.at(-1)!;
  assert.deepEqual([last.hasEnded, last.isRead], [false, false], "and nothing of it is kept");
  assert.equal(new Asker(asks).ask(), true);
  assert.equal(asks.unansweredCount, 1);
  await clock.advance(SILENCE_MS);
  assert.equal(last.hasEnded, true);
  assert.equal(asker.streams[0]!.hasEnded, false, "an ask that is answered is not touched");
});

Deno.test("who asks on and on loses the connection", () => {
  const asker = new Asker(new Asks(new SimClock()));
  for (let n = 0; n < ASKS.count + UNANSWERED_MAX; n++) asker.ask();
  assert.equal(asker.connection.hasEnded, false);
  asker.ask();
  assert.equal(asker.connection.hasEnded, true);
});
