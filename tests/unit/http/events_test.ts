import { strict as assert } from "node:assert";
import { Hono } from "hono";
import { delay, systemClock } from "../../../lib/base/mod.ts";
import { addEvents, type EventsOptions } from "../../../lib/http/events.ts";
import { errorResponse } from "../../../lib/http/problem.ts";
import type { ChainEvent, NodeNews } from "../../../lib/node/mod.ts";
import { StoppedClock } from "../../support/chain_builder.ts";
import { fakeNode } from "../../support/fake_node.ts";

const START_MS = 1_000_000;

function step(number: number): ChainEvent {
  return { number, kind: "connected", id: number.toString(16).padStart(64, "0"), height: number };
}

/** A node whose events a test makes; it keeps those from `oldest` on. */
class FakeChain {
  oldest = 0;
  readonly #news: NodeNews[] = [];
  readonly #events: ChainEvent[] = [];
  #wake = Promise.withResolvers<void>();
  followers = 0;
  reads = 0;

  constructor(count: number) {
    for (let number = 0; number < count; number++) this.#events.push(step(number));
  }

  get next(): number {
    return this.#events.length;
  }

  connect(count: number): void {
    for (let made = 0; made < count; made++) {
      const event = step(this.next);
      this.#events.push(event);
      this.#news.push(event);
    }
    this.wake();
  }

  tell(news: NodeNews): void {
    this.#news.push(news);
    this.wake();
  }

  wake(): void {
    this.#wake.resolve();
    this.#wake = Promise.withResolvers<void>();
  }

  api() {
    const events = ({ since, limit }: { since: number; limit: number }) => {
      this.reads++;
      const from = Math.max(since, this.oldest);
      const found = this.#events.slice(from, from + limit);
      return Promise.resolve({ events: found, oldest: this.oldest, next: this.next });
    };
    return fakeNode({ events, watch: (options) => this.#watch(options.signal) });
  }

  async *#watch(signal: AbortSignal): AsyncGenerator<NodeNews> {
    this.followers++;
    signal.addEventListener("abort", () => this.wake(), { once: true });
    for (let at = this.#news.length; !signal.aborted;) {
      const woken = this.#wake.promise;
      if (at === this.#news.length) await woken;
      while (at < this.#news.length) yield this.#news[at++]!;
    }
    this.followers--;
  }
}

type Stage = {
  chain: FakeChain;
  clock: StoppedClock;
  app: Hono;
  open: (query?: string, headers?: HeadersInit) => Promise<Response>;
  /** Lets what was told reach the streams. */
  passMs: (ms: number) => Promise<void>;
  end: () => void;
};

async function withStreams(
  count: number,
  options: EventsOptions,
  run: (stage: Stage) => Promise<void>,
): Promise<void> {
  const chain = new FakeChain(count);
  const clock = new StoppedClock(START_MS);
  const closing = new AbortController();
  const app = new Hono();
  app.onError((error) => errorResponse(error));
  addEvents(app, chain.api(), { clock, signal: closing.signal, ...options });
  const passMs = async (ms: number) => {
    await delay(systemClock, 1);
    clock.set(clock.nowMs() + ms);
    await delay(systemClock, 1);
  };
  const open = async (query = "", headers: HeadersInit = {}) =>
    await app.request(`/api/v1/events${query}`, { headers });
  try {
    await run({ chain, clock, app, open, passMs, end: () => closing.abort() });
  } finally {
    closing.abort();
    await delay(systemClock, 1);
    assert.equal(chain.followers, 0);
  }
}

/** Reads a stream piece by piece. */
class Reader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  text = "";

  constructor(response: Response) {
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "text/event-stream");
    this.#reader = response.body!.getReader();
  }

  async until(part: string): Promise<string> {
    while (!this.text.includes(part)) {
      const { done, value } = await this.#reader.read();
      if (done) assert.fail(`the stream ended before ${part}: ${this.text}`);
      this.text += new TextDecoder().decode(value);
    }
    return this.text;
  }

  async toEnd(): Promise<string> {
    for (;;) {
      const { done, value } = await this.#reader.read();
      if (done) return this.text;
      this.text += new TextDecoder().decode(value);
    }
  }

  cancel(): Promise<void> {
    return this.#reader.cancel();
  }

  get numbers(): number[] {
    return [...this.text.matchAll(/^id: (\d+)\nevent: /gm)].map(([, number]) => Number(number));
  }
}

Deno.test("a stream begins with how to come back, then tells what happens", () =>
  withStreams(3, {}, async ({ chain, open, passMs }) => {
    const reader = new Reader(await open());
    assert.equal(await reader.until("\n\n"), "retry: 1000\nid: 2\n\n");
    chain.connect(1);
    chain.tell({ kind: "peers", peers: 2 });
    chain.tell({ kind: "peers", peers: 3 });
    await passMs(0);
    await reader.until("peers");
    const data = JSON.stringify(step(3));
    assert.equal(
      reader.text,
      `retry: 1000\nid: 2\n\nid: 3\nevent: connected\ndata: ${data}\n\n` +
        `event: peers\ndata: {"kind":"peers","peers":3}\n\n`,
    );
    await reader.cancel();
  }));

Deno.test("what was missed comes first; Last-Event-ID wins over since", () =>
  withStreams(2_000, {}, async ({ chain, open, passMs }) => {
    const readers = [
      new Reader(await open("?since=0")),
      new Reader(await open("?since=0", { "last-event-id": "1499" })),
      new Reader(await open("", { "last-event-id": "1999" })),
    ];
    chain.connect(5);
    await passMs(0);
    for (const [at, reader] of readers.entries()) {
      await reader.until("id: 2004");
      const from = [0, 1_500, 2_000][at]!;
      const expected = Array.from({ length: 2_005 - from }, (_, index) => from + index);
      assert.deepEqual(reader.numbers, expected);
      await reader.cancel();
    }
  }));

Deno.test("many steps at once are one write a client, however many clients", () =>
  withStreams(1, {}, async ({ chain, open, passMs }) => {
    const readers = [];
    for (let made = 0; made < 20; made++) readers.push(new Reader(await open()));
    for (const reader of readers) await reader.until("retry");
    const { reads } = chain;
    chain.connect(1_000);
    await passMs(0);
    assert.equal(chain.followers, 1);
    for (const reader of readers) {
      await reader.until("id: 1000\n");
      assert.equal(reader.numbers.length, 1_000);
    }
    assert.equal(chain.reads, reads); // Nobody read the log.
    chain.connect(1);
    await passMs(100);
    await passMs(100);
    for (const reader of readers) {
      await reader.until("id: 1001\n");
      await reader.cancel();
    }
  }));

Deno.test("a silent stream beats, and one that takes nothing is closed", () =>
  withStreams(1, {}, async ({ chain, open, passMs }) => {
    const lazy = new Reader(await open());
    const awake = new Reader(await open());
    await awake.until("retry");
    await passMs(15_000);
    await awake.until("\n\n:\n\n");
    for (let made = 0; made < 6; made++) {
      chain.connect(1_000);
      await passMs(1_000);
      await awake.until(`id: ${chain.next - 1}\n`);
    }
    for (let beats = 0; beats < 3; beats++) await passMs(15_000);
    await lazy.toEnd();
    // It got what fits, in order, and no more.
    const { numbers } = lazy;
    assert.ok(numbers.length < 3_000, `${numbers.length} events were buffered`);
    assert.deepEqual(numbers, numbers.map((_, at) => at + 1));
    const again = new Reader(await open("", { "last-event-id": String(numbers.at(-1)) }));
    await again.until("id: 6000\n");
    assert.equal(again.numbers[0], numbers.at(-1)! + 1);
    await Promise.all([awake.cancel(), again.cancel()]);
  }));

Deno.test("one who reads slowly misses nothing", () =>
  withStreams(1, {}, async ({ chain, open, passMs }) => {
    const slow = new Reader(await open());
    for (let made = 0; made < 6; made++) {
      chain.connect(1_000);
      await passMs(500);
    }
    await slow.until("id: 6000\n");
    assert.deepEqual(slow.numbers, Array.from({ length: 6_000 }, (_, at) => at + 1));
    await slow.cancel();
  }));

Deno.test("numbers that are not kept, not made or no numbers are refused", () =>
  withStreams(10, {}, async ({ chain, open }) => {
    chain.oldest = 4;
    const cases: [string, HeadersInit, number][] = [
      ["?since=3", {}, 404],
      ["?since=11", {}, 404],
      ["", { "last-event-id": "2" }, 404],
      ["?since=x", {}, 400],
      ["?since=-1", {}, 400],
      ["?since=1e3", {}, 400],
      ["", { "last-event-id": "abc" }, 400],
      ["?format=json&limit=0", {}, 400],
    ];
    for (const [query, headers, status] of cases) {
      const response = await open(query, headers);
      assert.equal(response.status, status, query);
      assert.equal((await response.json()).status, status);
    }
    const page = await (await open("?format=json&since=5&limit=2")).json();
    assert.deepEqual(page, { events: [step(5), step(6)], oldest: 4, next: 10 });
  }));

Deno.test("too many clients are refused, and the place of one that left is free", () =>
  withStreams(1, { clientsMax: 2 }, async ({ open }) => {
    const [first, second] = [new Reader(await open()), new Reader(await open())];
    const refused = await open();
    assert.equal(refused.status, 503);
    await refused.body?.cancel();
    await first.cancel();
    const third = new Reader(await open());
    await third.until("retry");
    await Promise.all([second.cancel(), third.cancel()]);
  }));

Deno.test("asking for the head opens no stream", () =>
  withStreams(1, { clientsMax: 1 }, async ({ app, open }) => {
    for (let asked = 0; asked < 3; asked++) {
      const head = await app.request("/api/v1/events", { method: "HEAD" });
      assert.deepEqual([head.status, head.body], [200, null]);
    }
    const reader = new Reader(await open());
    await reader.until("retry");
    await reader.cancel();
  }));

Deno.test("a place is free again as soon as its client's connection is gone", () =>
  withStreams(1, { clientsMax: 3 }, async ({ app }) => {
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, app.fetch);
    const url = `http://127.0.0.1:${server.addr.port}/api/v1/events`;
    for (let made = 0; made < 12;) {
      const end = new AbortController();
      const response = await fetch(url, { signal: end.signal });
      if (response.status === 200) made++;
      else await response.body?.cancel();
      end.abort();
      await delay(systemClock, 1);
    }
    await server.shutdown();
  }));

Deno.test("the node's end ends the streams", () =>
  withStreams(1, {}, async ({ open, end }) => {
    const reader = new Reader(await open());
    await reader.until("retry");
    end();
    assert.equal(await reader.toEnd(), "retry: 1000\nid: 0\n\n");
    assert.equal((await open()).status, 503);
  }));
