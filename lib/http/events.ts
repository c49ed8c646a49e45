/**
 * Live news as server-sent events (the WHATWG HTML standard, "Server-sent events"). One follower of
 * the node serves all clients, and what it brings is encoded once. A client that comes with a number
 * first reads the log at its own pace, then joins; one that cannot keep up goes back to reading the
 * log, and one that takes nothing at all is closed: nothing is buffered for anybody.
 */
import type { Env, Hono } from "hono";
import {
  type Cancel,
  type Clock,
  every,
  getLogger,
  messageOf,
  systemClock,
  utf8,
} from "../base/mod.ts";
import type { ChainEvent, NodeApi, NodeNews } from "../node/mod.ts";
import { RequestError } from "./problem.ts";

export type EventsOptions = {
  clock?: Clock;
  /** Ends every stream. */
  signal?: AbortSignal;
  /** More clients than this are refused (503). */
  clientsMax?: number;
};

/** Each holds a connection and one batch; browsers take six a page at most. */
const CLIENTS_MAX = 300;
const HEARTBEAT_MS = 15_000;
/** Browsers come back after this long. */
const RETRY_MS = 1_000;
/** A client that has taken nothing of what waits for it in this time is gone. */
const STALL_MS = 30_000;
/** Bytes that wait for one client before it is sent no more: some batches of a long sync. */
const WAITING_BYTES_MAX = 64 * 1_024;
/** Between two writes to a client; the first after a quiet time goes at once. */
const BATCH_MS = 100;
/** Steps of the microtask queue within which the next of several news comes; some ten were seen. */
const STEPS_BETWEEN_NEWS = 32;
/** After so many steps at once more will come, as in a long sync… */
const BULK_EVENTS = 20;
/** …and many clients are written to less often, so that they take the same part of the time. */
const BULK_MS_PER_CLIENT = 10;
/** Steps read from the log at a time. */
const READ_EVENTS = 500;
const NUMBER_MAX = Number.MAX_SAFE_INTEGER - 1;
const log = getLogger("events");

const STREAM = { headers: { "content-type": "text/event-stream" } };
const HEARTBEAT = utf8(":\n\n");

/** Adds GET /api/v1/events: a stream, or with `format=json` a page of what is kept. */
export function addEvents<E extends Env>(
  app: Hono<E>,
  api: NodeApi,
  options: EventsOptions = {},
): void {
  const streams = new EventStreams(api, options);
  app.get("/api/v1/events", async (context) => {
    const { req } = context;
    if (req.query("format") === "json") {
      const since = numberOf("since", req.query("since"), 0, NUMBER_MAX) ?? 0;
      const limit = numberOf("limit", req.query("limit"), 1, READ_EVENTS) ?? READ_EVENTS;
      return context.json(await api.events({ since, limit }));
    }
    const start = startOf(req.raw.headers, req.query("since"));
    // Nobody would read what a stream tells, nor end it.
    return req.raw.method === "HEAD" ? new Response(null, STREAM) : await streams.open(start);
  });
}

/** The first number that a client has not seen: what it had last wins over what it asks for. */
function startOf(headers: Headers, since: string | undefined): number | undefined {
  const last = numberOf("Last-Event-ID", headers.get("last-event-id") || undefined, 0, NUMBER_MAX);
  return last === undefined ? numberOf("since", since, 0, NUMBER_MAX) : last + 1;
}

function numberOf(
  name: string,
  text: string | undefined,
  least: number,
  most: number,
): number | undefined {
  if (text === undefined) return undefined;
  const value = /^[0-9]{1,16}$/.test(text) ? Number(text) : NaN;
  if (value >= least && value <= most) return value;
  throw new RequestError(400, `Give ${name} as an integer from ${least} to ${most}`);
}

/** All streams of events, and the one follower behind them. */
export class EventStreams {
  readonly #api: NodeApi;
  readonly #clock: Clock;
  readonly #signal: AbortSignal | undefined;
  readonly #clientsMax: number;
  readonly #clients = new Set<Client>();
  /** The number of the first step that clients were not sent; undefined: nobody follows. */
  #position: number | undefined;
  #following: { abort: AbortController; ready: Promise<void> } | undefined;
  /** What came since the last write. */
  #events: ChainEvent[] = [];
  readonly #others = new Map<string, NodeNews>();
  #sending: Cancel | undefined;
  #sentAtMs = -Infinity;
  #isBulk = false;
  #stopBeating: Cancel | undefined;

  constructor(api: NodeApi, options: EventsOptions = {}) {
    this.#api = api;
    this.#clock = options.clock ?? systemClock;
    this.#signal = options.signal;
    this.#clientsMax = options.clientsMax ?? CLIENTS_MAX;
    this.#signal?.addEventListener("abort", () => this.#end(), { once: true });
  }

  get clients(): number {
    return this.#clients.size;
  }

  /**
   * A stream from number `since` on, or from now. Throws `RequestError`: too many clients (503), or
   * `since` is not kept, or not made yet (404).
   */
  async open(since: number | undefined): Promise<Response> {
    if (this.#clients.size >= this.#clientsMax || this.#signal?.aborted) {
      throw new RequestError(503, "Too many follow the events already: try again later", {
        "retry-after": "5",
      });
    }
    const client = new Client(this.#clock, (gone) => this.#leave(gone));
    this.#clients.add(client);
    try {
      await this.#follow();
      if (since !== undefined) await this.#checkKept(since);
    } catch (error) {
      client.close();
      throw error;
    }
    client.at = since ?? this.#position!;
    // The id alone is no event, but what a browser sends when it comes back.
    const last = client.at > 0 ? `id: ${client.at - 1}\n` : "";
    client.send(utf8(`retry: ${RETRY_MS}\n${last}\n`));
    void this.#catchUp(client);
    return new Response(client.body, STREAM);
  }

  async #checkKept(since: number): Promise<void> {
    const { oldest, next } = await this.#api.events({ since, limit: 1 });
    if (since >= oldest && since <= next) return;
    throw new RequestError(
      404,
      `Event ${since} is not here, ${oldest} to ${next} are: read the chain anew and follow ` +
        `from ${next}`,
    );
  }

  /** Begins to follow the node with the first client. */
  #follow(): Promise<void> {
    if (this.#following === undefined) {
      const abort = new AbortController();
      const ready = this.#start(abort.signal);
      const following = { abort, ready };
      this.#following = following;
      ready.catch(() => {
        if (this.#following === following) this.#following = undefined;
      });
    }
    return this.#following.ready;
  }

  async #start(signal: AbortSignal): Promise<void> {
    const { next } = await this.#api.events({ since: NUMBER_MAX, limit: 1 });
    if (signal.aborted) throw new RequestError(503, "The node is stopping: try again later");
    this.#position = next;
    this.#stopBeating = every(this.#clock, HEARTBEAT_MS, () => this.#beat());
    void this.#run(next, signal);
  }

  async #run(since: number, signal: AbortSignal): Promise<void> {
    try {
      for await (const news of this.#api.watch({ since, signal })) {
        if (signal.aborted) break;
        if ("number" in news) this.#events.push(news);
        else this.#others.set(news.kind, news);
        this.#sendSoon();
      }
    } catch (error) {
      log.warn("Cannot follow the node: {why}", { why: messageOf(error) });
    }
    // A reader that comes back finds out why, or begins anew.
    if (!signal.aborted) this.#end();
  }

  #sendSoon(): void {
    if (this.#sending !== undefined) return;
    const bulkMs = this.#isBulk ? BULK_MS_PER_CLIENT * this.#clients.size : 0;
    const waitMs = this.#sentAtMs + Math.max(BATCH_MS, bulkMs) - this.#clock.monotonicMs();
    if (waitMs > 0) {
      this.#sending = this.#clock.after(waitMs, () => this.#send());
    } else {
      this.#sending = () => {};
      void this.#sendAtRest();
    }
  }

  /**
   * Sends when no more news come in this turn of the program. Not by a timer: those of Deno take 1 to
   * 2 ms where none are asked for.
   */
  async #sendAtRest(): Promise<void> {
    const count = () => this.#events.length + this.#others.size;
    for (let seen = 0; seen < count();) {
      seen = count();
      for (let step = 0; step < STEPS_BETWEEN_NEWS; step++) await undefined;
    }
    if (this.#sending !== undefined) this.#send();
  }

  /** One encoding and one write a client for all that came. */
  #send(): void {
    this.#sending = undefined;
    this.#sentAtMs = this.#clock.monotonicMs();
    const events = this.#events;
    this.#isBulk = events.length >= BULK_EVENTS;
    const others = [...this.#others.values()].map(encodeNews).join("");
    this.#events = [];
    this.#others.clear();
    const first = this.#position!;
    this.#position = (events.at(-1)?.number ?? first - 1) + 1;
    const bytes = utf8(events.map(encodeNews).join("") + others);
    for (const client of this.#clients) {
      if (!client.isLive) continue;
      if (client.isFull) {
        client.isLive = false;
        void this.#catchUp(client);
        continue;
      }
      // Only one that knew more than this follower when it came is further than the rest.
      const missed = client.at === first ? bytes : utf8(
        events.filter(({ number }) => number >= client.at).map(encodeNews).join("") + others,
      );
      client.send(missed);
      client.at = Math.max(client.at, this.#position);
    }
  }

  /** Reads what a client has missed from the log, as fast as it takes it, then lets it join. */
  async #catchUp(client: Client): Promise<void> {
    try {
      while (client.isOpen) {
        await client.untilTaken();
        const missing = this.#position! - client.at;
        if (missing <= 0) {
          client.isLive = true;
          return;
        }
        const limit = Math.min(READ_EVENTS, missing);
        const { events } = await this.#api.events({ since: client.at, limit });
        if (events[0]?.number !== client.at) break; // It comes back, and is told so then.
        client.send(utf8(events.map(encodeNews).join("")));
        client.at += events.length;
      }
    } catch (error) {
      log.warn("Cannot read events: {why}", { why: messageOf(error) });
    }
    client.close();
  }

  /** Proxies close what is silent; who takes nothing is closed here. */
  #beat(): void {
    for (const client of this.#clients) {
      if (client.stalledMs > STALL_MS) client.close();
      else if (client.isLive && !client.isFull) client.send(HEARTBEAT);
    }
  }

  #leave(client: Client): void {
    this.#clients.delete(client);
    if (this.#clients.size === 0) this.#end();
  }

  /** Closes every stream and follows the node no more. */
  #end(): void {
    this.#following?.abort.abort();
    this.#following = undefined;
    this.#stopBeating?.();
    this.#sending?.();
    this.#sending = undefined;
    this.#events = [];
    this.#others.clear();
    for (const client of [...this.#clients]) client.close();
  }
}

/** One stream. */
class Client {
  /** The number of the first step that it was not sent. */
  at = 0;
  /** Whether it is sent what comes, having all that came. */
  isLive = false;
  readonly body: ReadableStream<Uint8Array>;
  readonly #clock: Clock;
  readonly #onGone: (client: Client) => void;
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #isOpen = true;
  #taken = Promise.withResolvers<void>();
  #takenAtMs: number;

  constructor(clock: Clock, onGone: (client: Client) => void) {
    this.#clock = clock;
    this.#onGone = onGone;
    this.#takenAtMs = clock.monotonicMs();
    this.body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => {
        this.#takenAtMs = this.#clock.monotonicMs();
        this.#taken.resolve();
      },
      cancel: () => this.#gone(),
    }, new ByteLengthQueuingStrategy({ highWaterMark: WAITING_BYTES_MAX }));
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether as much waits for it as may. */
  get isFull(): boolean {
    return this.#isOpen && this.#controller.desiredSize! <= 0;
  }

  /** How long what waits has waited; 0 when nothing does. */
  get stalledMs(): number {
    return this.isFull ? this.#clock.monotonicMs() - this.#takenAtMs : 0;
  }

  send(bytes: Uint8Array): void {
    if (this.#isOpen && bytes.length > 0) this.#controller.enqueue(bytes);
  }

  /** Resolves when it may be sent more, or is gone. */
  async untilTaken(): Promise<void> {
    while (this.isFull) {
      this.#taken = Promise.withResolvers<void>();
      await this.#taken.promise;
    }
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#controller.close();
    this.#gone();
  }

  #gone(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#taken.resolve();
    this.#onGone(this);
  }
}

function encodeNews(news: NodeNews): string {
  const id = "number" in news ? `id: ${news.number}\n` : "";
  return `${id}event: ${news.kind}\ndata: ${JSON.stringify(news)}\n\n`;
}
