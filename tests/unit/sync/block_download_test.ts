import assert from "node:assert/strict";
import type { BlockId } from "../../../lib/primitives/ids.ts";
import { BlockDownload, type BlockSource } from "../../../lib/sync/block_download.ts";
import { SYNC_LIMITS, type SyncLimits } from "../../../lib/sync/limits.ts";

const LIMITS: SyncLimits = { ...SYNC_LIMITS, inFlightPerPeer: 4, windowBytes: 1000 };
const idOf = (height: number) => `block ${height}` as BlockId;
const wantedAt = (height: number) => ({
  id: idOf(height),
  previous: idOf(height - 1),
  height,
});
const wanted = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => wantedAt(from + at));
const source = (peer: string, upTo = Infinity): BlockSource => ({
  peer,
  has: (each) => each.height <= upTo,
});
const arrived = (made: BlockDownload, height: number, peer: string, nowMs: number, bytes = 100) =>
  made.arrived(idOf(height), new Uint8Array(bytes), peer, nowMs);
const isGenesis = (id: BlockId) => id === idOf(0);

function download(from = 1, to = 20, limits = LIMITS): BlockDownload {
  const made = new BlockDownload(limits);
  made.want(wanted(from, to));
  return made;
}

Deno.test("requests are spread over the peers, lowest first, so many each", () => {
  const asks = download().assign(0, [source("a"), source("b")]);
  assert.equal(asks.get("a")!.length, 4);
  assert.equal(asks.get("b")!.length, 4);
  const all = new Set([...asks.get("a")!, ...asks.get("b")!]);
  assert.deepEqual(all, new Set(wanted(1, 8).map((each) => each.id)));
});

Deno.test("a peer is asked only for what it has", () => {
  const asks = download().assign(0, [source("a", 2), source("b", 0)]);
  assert.deepEqual([...asks], [["a", [idOf(1), idOf(2)]]]);
});

Deno.test("only what starts at a stored block can be checked, and so many at a time", () => {
  const made = download(1, 20, { ...LIMITS, checkingBlocks: 2 });
  made.assign(0, [source("a")]);
  for (const height of [2, 3]) arrived(made, height, "a", 1);
  assert.deepEqual(made.takeRun(isGenesis), []);
  assert.equal(made.bytesHeld, 200);
  arrived(made, 1, "a", 2);
  assert.deepEqual(made.takeRun(isGenesis).map((each) => each.id), [idOf(1), idOf(2)]);
  assert.equal(made.bytesHeld, 100);
  assert.deepEqual(made.takeRun(isGenesis), []);
  made.settled(idOf(1));
  // Its parent is being checked.
  assert.deepEqual(made.takeRun(isGenesis).map((each) => each.peer), ["a"]);
  for (const height of [2, 3]) made.settled(idOf(height));
  assert.equal(made.size, 17);
});

Deno.test("bytes being checked are bounded, and one block always can be", () => {
  const made = download(1, 20, { ...LIMITS, checkingBytes: 150 });
  made.assign(0, [source("a")]);
  for (const height of [1, 2, 3]) arrived(made, height, "a", 1);
  assert.deepEqual(made.takeRun(isGenesis).map((each) => each.id), [idOf(1), idOf(2)]);
  for (const height of [1, 2]) made.settled(idOf(height));
  assert.deepEqual(made.takeRun((id) => id === idOf(2)).map((each) => each.id), [idOf(3)]);
});

Deno.test("a peer is asked for many small blocks, and for few large ones", () => {
  const limits: SyncLimits = {
    ...SYNC_LIMITS,
    inFlightPerPeer: 64,
    bytesInFlightPerPeer: 4_000,
    blockBytesMax: 1_000,
    windowBytes: 1_000_000,
  };
  const made = download(1, 1_000, limits);
  assert.equal(made.assign(0, [source("a")]).get("a")!.length, 4);
  for (let height = 1; height <= 400; height++) {
    arrived(made, height, "a", 1, 10);
    if (made.wantsMore("a")) made.assign(1, [source("a")]);
  }
  assert.ok(made.asked > 32 && made.asked <= 64, `${made.asked}`);
  for (let height = 401; height <= 480; height++) arrived(made, height, "a", 2, 1_000);
  assert.equal(made.wantsMore("a"), true);
  assert.ok(made.assign(3, [source("a")]).get("a")!.length <= 4);
});

Deno.test("what comes beyond twice the room is asked for again, but never the lowest", () => {
  const made = download(1, 20);
  made.assign(0, [source("a", 4)]);
  assert.equal(arrived(made, 2, "a", 1, 1_900), true);
  assert.equal(arrived(made, 3, "a", 1, 200), false);
  assert.equal(arrived(made, 1, "a", 1, 1_900), true);
  assert.equal(made.lacks(idOf(3)), true);
});

Deno.test("a stalled request moves to another peer after two seconds, then four", () => {
  const made = download(1, 1);
  assert.deepEqual([...made.assign(0, [source("a")]).keys()], ["a"]);
  assert.deepEqual(made.expire(1_999), []);
  assert.deepEqual(made.expire(2_000), [{ peer: "a", id: idOf(1) }]);
  assert.deepEqual([...made.assign(2_000, [source("a"), source("b")]).keys()], ["b"]);
  assert.deepEqual(made.expire(5_999), []);
  assert.equal(made.expire(6_000).length, 1);
  // All have failed it: the round begins again.
  assert.deepEqual([...made.assign(6_000, [source("a"), source("b")]).keys()], ["a"]);
});

Deno.test("a peer that delivers in turn is not late", () => {
  const made = download(1, 20);
  made.assign(0, [source("a")]);
  arrived(made, 1, "a", 1_500);
  arrived(made, 2, "a", 3_000);
  assert.deepEqual(made.expire(4_900), []);
  assert.equal(made.expire(5_000).length, 2);
});

Deno.test("a slow peer may not hold up a window that is asked for to the end", () => {
  const made = download(1, 4);
  made.assign(0, [source("a")]);
  arrived(made, 2, "a", 1_900);
  arrived(made, 3, "a", 3_500);
  assert.deepEqual(made.expire(3_600), [{ peer: "a", id: idOf(1) }]);
});

Deno.test("a peer that stalls gets less at a time, and after three stalls is asked last", () => {
  const made = download(1, 40);
  const both = [source("slow"), source("good")];
  let nowMs = 0;
  for (let round = 0; round < 3; round++) {
    made.assign(nowMs, [source("slow")]);
    assert.equal(made.asked, [4, 2, 1][round]);
    nowMs += 100_000;
    made.expire(nowMs);
  }
  assert.equal(made.isBenched("slow", nowMs), true);
  assert.deepEqual([...made.assign(nowMs, both).keys()], ["good"]);
  // Nobody else is there: better slow than nothing.
  made.gone("good");
  assert.deepEqual([...made.assign(nowMs, [source("slow")]).keys()], ["slow"]);
  arrived(made, 1, "slow", nowMs);
  assert.equal(made.isBenched("slow", nowMs), false);
});

Deno.test("what a late peer brings after all is welcome", () => {
  const made = download(1, 1);
  made.assign(0, [source("a")]);
  made.expire(2_000);
  made.assign(2_000, [source("a"), source("b")]);
  assert.equal(arrived(made, 1, "a", 2_100), true);
  assert.equal(made.asked, 0);
  assert.equal(arrived(made, 1, "b", 2_200), false);
});

Deno.test("requests of a peer that is gone, has not got it or lied are free for others", () => {
  const made = download(1, 3);
  made.assign(0, [source("a")]);
  made.notFound(idOf(1), "a");
  made.notFound(idOf(2), "stranger");
  assert.equal(made.asked, 2);
  made.retry(idOf(2), "a");
  assert.equal(made.asked, 1);
  made.gone("a");
  assert.equal(made.asked, 0);
  assert.equal(made.assign(1, [source("b")]).get("b")!.length, 3);
});

Deno.test("blocks held beyond the limit in bytes stop requests, but never for the lowest", () => {
  const made = download(1, 20);
  made.assign(0, [source("a", 4)]);
  for (const height of [2, 3, 4]) arrived(made, height, "a", 1, 400);
  made.notFound(idOf(1), "a");
  assert.deepEqual([...made.assign(2, [source("b")])], [["b", [idOf(1)]]]);
});

Deno.test("a moved window keeps what is under way and forgets what is not wanted", () => {
  const made = download(1, 4);
  made.assign(0, [source("a")]);
  arrived(made, 1, "a", 1);
  made.takeRun(isGenesis);
  arrived(made, 4, "a", 1);
  made.want(wanted(2, 3));
  assert.equal(made.isHere(idOf(1)), true); // Being checked.
  assert.equal(made.has(idOf(4)), false);
  assert.equal(made.bytesHeld, 0);
  assert.equal(made.asked, 2);
});
