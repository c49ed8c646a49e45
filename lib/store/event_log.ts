/**
 * What happened to the chain, numbered, for clients that replay what they missed. One record holds
 * the events of one step, under the number of the first.
 */
import { type ByteReader, ByteWriter } from "../base/bytes.ts";
import type { BlockId } from "../primitives/ids.ts";
import { keys, prefixes } from "./keys.ts";
import type { KvMutation, KvStore } from "./kv.ts";
import { decodeRecord, readBlockId, sealed } from "./records.ts";

/** Clients that were away longer than this many steps of the chain read it anew. */
export const EVENTS_KEPT = 10_000;
/** Events of one record: about 40 kB, below the limit of a value. */
const EVENTS_PER_RECORD = 1_000;
/** Old records are looked for whenever this many events have come. */
const PRUNE_EVERY = 250;
/** Records deleted at a time: they share a commit with the step. More than have come meanwhile. */
const PRUNED_MAX = 400;

/** A step of the chain. */
export interface EventRecord {
  readonly kind: "connected" | "disconnected";
  readonly id: BlockId;
  readonly height: number;
}

export class EventLog {
  #next = 0;

  constructor(private readonly kv: KvStore) {}

  /** Finds the end. */
  async open(): Promise<void> {
    const last = { prefix: prefixes.events, limit: 1, reverse: true };
    for await (const { key, value } of this.kv.list(last)) {
      const first = key[1] as number;
      this.#next = first + decodeEvents(first, value).length;
    }
  }

  /** The number of the next event to come. */
  get next(): number {
    return this.#next;
  }

  /** What a commit must hold to add `events`; call `added` once it is on disk. */
  async mutations(events: readonly EventRecord[]): Promise<KvMutation[]> {
    const mutations: KvMutation[] = [];
    // Nobody could ask for more than are kept.
    const skipped = Math.max(0, events.length - EVENTS_KEPT);
    for (let at = skipped; at < events.length; at += EVENTS_PER_RECORD) {
      const value = encodeEvents(events.slice(at, at + EVENTS_PER_RECORD));
      mutations.push({ set: keys.event(this.#next + at), value });
    }
    return [...mutations, ...await this.#pruned(this.#next + events.length)];
  }

  added(count: number): void {
    this.#next += count;
  }

  /** Events from number `from` on, at most `limit`. Throws `DamagedRecord`. */
  async since(from: number, limit: number): Promise<{ number: number; event: EventRecord }[]> {
    const events: { number: number; event: EventRecord }[] = [];
    const start = keys.event(Math.max(0, from - EVENTS_PER_RECORD + 1));
    for await (const { key, value } of this.kv.list({ prefix: prefixes.events, start })) {
      const first = key[1] as number;
      for (const [at, event] of decodeEvents(first, value).entries()) {
        if (first + at < from) continue;
        if (events.length >= limit) return events;
        events.push({ number: first + at, event });
      }
    }
    return events;
  }

  /** Deletions of what is too old once the next number is `next`. */
  async #pruned(next: number): Promise<KvMutation[]> {
    const isTime = Math.floor(next / PRUNE_EVERY) !== Math.floor(this.#next / PRUNE_EVERY);
    const oldest = next - EVENTS_KEPT - EVENTS_PER_RECORD;
    if (!isTime || oldest <= 0) return [];
    const mutations: KvMutation[] = [];
    const range = { prefix: prefixes.events, end: keys.event(oldest), limit: PRUNED_MAX };
    for await (const { key } of this.kv.list(range)) mutations.push({ delete: key });
    return mutations;
  }
}

function encodeEvents(events: readonly EventRecord[]): Uint8Array {
  const writer = new ByteWriter(8 + 40 * events.length).varint(events.length);
  for (const { kind, id, height } of events) {
    writer.u8(kind === "connected" ? 1 : 0).hex(id).varint(height);
  }
  return sealed(writer.finish());
}

function decodeEvents(first: number, value: Uint8Array): EventRecord[] {
  return decodeRecord(value, `event ${first}`, (reader) => {
    const events = new Array<EventRecord>(reader.varint());
    for (let at = 0; at < events.length; at++) events[at] = readEvent(reader);
    return events;
  });
}

function readEvent(reader: ByteReader): EventRecord {
  const kind = reader.u8() === 1 ? "connected" : "disconnected";
  return { kind, id: readBlockId(reader), height: reader.varint() };
}
