import assert from "node:assert/strict";
import { asBlockId } from "../../../lib/primitives/ids.ts";
import { EventLog, type EventRecord, EVENTS_KEPT } from "../../../lib/store/event_log.ts";
import { MemoryKv } from "../../../lib/store/memory_kv.ts";

const id = asBlockId("ab".repeat(32));

async function add(log: EventLog, kv: MemoryKv, count: number): Promise<void> {
  const events = Array.from(
    { length: count },
    (_, at): EventRecord => ({ kind: "connected", id, height: log.next + at }),
  );
  await kv.commit(await log.mutations(events));
  log.added(count);
}

async function recordsIn(kv: MemoryKv): Promise<number> {
  let records = 0;
  for await (const _ of kv.list({ prefix: ["event"] })) records++;
  return records;
}

Deno.test("the log keeps what it promises, and not much more, one step at a time", async () => {
  const kv = new MemoryKv();
  const log = new EventLog(kv);
  const count = EVENTS_KEPT + 4_000;
  for (let made = 0; made < count; made++) await add(log, kv, 1);
  const records = await recordsIn(kv);
  assert.ok(records <= EVENTS_KEPT + 1_500, `${records} records`);
  const oldest = count - EVENTS_KEPT;
  const kept = await log.since(oldest, count);
  assert.deepEqual([kept.length, kept[0]!.number], [EVENTS_KEPT, oldest]);
});

Deno.test("steps of many blocks at once are kept alike", async () => {
  const kv = new MemoryKv();
  const log = new EventLog(kv);
  for (let made = 0; made < 40; made++) await add(log, kv, 1 + (made * 331) % 1_500);
  const kept = await log.since(log.next - EVENTS_KEPT, EVENTS_KEPT);
  assert.deepEqual(
    kept.map(({ number, event }) => number - event.height),
    new Array(EVENTS_KEPT).fill(0),
  );
  const again = new EventLog(kv);
  await again.open();
  assert.equal(again.next, log.next);
});
