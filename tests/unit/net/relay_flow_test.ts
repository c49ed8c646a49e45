import assert from "node:assert/strict";
import type { Stream } from "@libp2p/interface";
import {
  limitFlow,
  RELAYED_BYTES_PER_SECOND,
  TURN_BYTES,
  Turns,
} from "../../../lib/net/relay/flow.ts";
import { SimClock } from "../../support/sim_clock.ts";

const CHUNK = new Uint8Array(64 << 10);

/** One end of a way, as far as the flow through it sees it. */
class End extends EventTarget {
  readStatus: "readable" | "paused" | "closed" = "readable";
  sentBytes = 0;
  isFull = false;

  send(data: Uint8Array): boolean {
    this.sentBytes += data.length;
    return !this.isFull;
  }

  pause(): void {
    assert.notEqual(this.readStatus, "closed");
    this.readStatus = "paused";
  }

  resume(): void {
    assert.notEqual(this.readStatus, "closed");
    this.readStatus = "readable";
  }

  drain(): void {
    this.isFull = false;
    this.dispatchEvent(new Event("drain"));
  }
}

class Way {
  readonly from = new End();
  readonly to = new End();

  constructor(turns: Turns, origin: string) {
    limitFlow(this.from as unknown as Stream, this.to as unknown as Stream, origin, turns);
  }

  /** Sends until it must wait, or `bytesMax` is through. */
  pump(bytesMax = Infinity): void {
    const endBytes = this.to.sentBytes + bytesMax;
    while (this.from.readStatus === "readable" && this.to.sentBytes < endBytes) {
      this.to.send(CHUNK);
    }
  }
}

/** Pumps all ways to the brim for some seconds. */
async function pumpAll(clock: SimClock, ways: Way[], seconds: number): Promise<void> {
  for (let ms = 0; ms < 1_000 * seconds; ms++) {
    for (const way of ways) way.pump();
    await clock.advance(1);
  }
}

function isAbout(value: number, expected: number): void {
  assert.ok(Math.abs(value - expected) <= 4 * TURN_BYTES, `${value} is not about ${expected}`);
}

Deno.test("a way alone has all that the relay gives", async () => {
  const clock = new SimClock();
  const way = new Way(new Turns(clock), "a");
  await pumpAll(clock, [way], 2);
  isAbout(way.to.sentBytes, 2 * RELAYED_BYTES_PER_SECOND);
});

Deno.test("networks share, however many ways each of them fills", async () => {
  const clock = new SimClock();
  const turns = new Turns(clock);
  const crowd = Array.from({ length: 30 }, () => new Way(turns, "a"));
  const other = new Way(turns, "b");
  await pumpAll(clock, [...crowd, other], 4);
  // Each way may send one turn's worth before it waits for the first time.
  isAbout(other.to.sentBytes, 2 * RELAYED_BYTES_PER_SECOND);
  const sum = crowd.reduce((total, way) => total + way.to.sentBytes, 0);
  isAbout(sum - crowd.length * TURN_BYTES, 2 * RELAYED_BYTES_PER_SECOND);
  const each = crowd.map((way) => way.to.sentBytes);
  assert.ok(Math.max(...each) - Math.min(...each) <= 2 * TURN_BYTES, `${each}`);
});

Deno.test("who sends little does not wait while others fill the relay", async () => {
  const clock = new SimClock();
  const turns = new Turns(clock);
  const crowd = Array.from({ length: 30 }, () => new Way(turns, "a"));
  await pumpAll(clock, crowd, 1);
  const quiet = new Way(turns, "b");
  quiet.pump(TURN_BYTES / 2);
  assert.equal(quiet.from.readStatus, "readable");
  assert.equal(quiet.to.sentBytes, TURN_BYTES / 2);
});

Deno.test("what the other end does not take is not read", async () => {
  const clock = new SimClock();
  const way = new Way(new Turns(clock), "a");
  way.to.isFull = true;
  way.pump();
  assert.equal(way.to.sentBytes, CHUNK.length);
  await clock.advance(60_000);
  assert.equal(way.from.readStatus, "paused", "no turn helps");
  way.to.drain();
  assert.equal(way.from.readStatus, "readable");
});

Deno.test("what is held back when the sender ends is read first", () => {
  const way = new Way(new Turns(new SimClock()), "a");
  way.to.isFull = true;
  way.pump();
  let wasReadable = false;
  way.from.addEventListener("remoteCloseWrite", () => {
    wasReadable = way.from.readStatus === "readable";
  });
  way.from.dispatchEvent(new Event("remoteCloseWrite"));
  assert.equal(wasReadable, true);
});

Deno.test("a way that has ended is left alone", async () => {
  const clock = new SimClock();
  const way = new Way(new Turns(clock), "a");
  way.pump();
  way.from.readStatus = "closed";
  way.to.drain();
  await clock.advance(60_000);
  assert.equal(way.from.readStatus, "closed");
});
