/**
 * What happens to the chain, for those who follow it: numbered steps, as the store's log keeps them,
 * and news of mempool and peers that nobody can replay. A follower has a place in the log and no
 * queue: whoever is slow costs nothing, and is ended when what comes next for it is not kept any
 * more.
 */
import type { Cancel, Clock } from "../base/clock.ts";
import { EXIT, UserError } from "../base/errors.ts";
import type { Unsubscribe } from "../base/signals.ts";
import { meter } from "../base/telemetry.ts";
import type { Chain, ChainChange } from "../chain/mod.ts";
import type { Mempool } from "../mempool/mempool.ts";
import type { Block } from "../primitives/block.ts";
import { EVENTS_KEPT } from "../store/event_log.ts";
import type { ChainEvent, EventPage, NodeEvent, NodeNews } from "./api.ts";

/** Steps kept in memory while somebody follows, for all of them: about 1 MB. */
const RECENT_MAX = 4_096;
/** Steps read from the log at a time, and most of one page. */
const READ_MAX = 1_000;
/** News without number are told this often at most: 4 times a second. */
const UNNUMBERED_MS = 250;
/** A block moves many payments at once: their number is told when it is done. */
const SETTLE_MS = 10;

const connectedBlocks = meter("blocks-connected");
const reorganizations = meter("reorganizations");

/** News that have no number, and how often each was told. */
type Unnumbered = "mempool" | "peers";

export class News {
  readonly #chain: Chain;
  readonly #mempool: Mempool;
  readonly #clock: Clock;
  readonly #unsubscribe: Unsubscribe[];
  /** The number of the step to come. */
  #next: number;
  /** The last steps, the first of them with number `#recentStart`. */
  #recent: ChainEvent[] = [];
  #recentStart = 0;
  #followers = 0;
  #wake = Promise.withResolvers<void>();
  #peers = 0;
  readonly #changed = new Set<Unnumbered>();
  readonly #told: Record<Unnumbered, number> = { mempool: 0, peers: 0 };
  #toldAtMs = -UNNUMBERED_MS;
  #telling: Cancel | undefined;
  #isClosed = false;

  constructor(parts: { chain: Chain; mempool: Mempool; clock: Clock }) {
    this.#chain = parts.chain;
    this.#mempool = parts.mempool;
    this.#clock = parts.clock;
    this.#next = parts.chain.store.events.next;
    this.#unsubscribe = [
      parts.chain.subscribe((change) => this.#follow(change)),
      parts.mempool.subscribe(() => this.#noteChanged("mempool")),
    ];
  }

  /** Takes the number of peers from what the node tells of its sessions. */
  note(event: NodeEvent): void {
    if (event.kind !== "peer-connected" && event.kind !== "peer-disconnected") return;
    this.#peers = event.peers;
    this.#noteChanged("peers");
  }

  /** Takes in the steps of a rebuilding, which the chain tells nobody. */
  catchUp(): void {
    this.#next = this.#chain.store.events.next;
    this.#wakeAll();
  }

  /** Steps from number `since` on, or from the oldest that is kept. Throws `DamagedRecord`. */
  async events({ since, limit }: { since: number; limit: number }): Promise<EventPage> {
    const [oldest, next] = [this.#oldest(), this.#next];
    const from = Math.max(since, oldest);
    const most = Math.min(limit, READ_MAX, next - from);
    return { events: most > 0 ? await this.#read(from, most) : [], oldest, next };
  }

  /** See `NodeApi.watch`. Throws `UserError` (notFound) when it is iterated. */
  async *watch(
    { since, signal }: { since?: number | undefined; signal: AbortSignal },
  ): AsyncGenerator<NodeNews> {
    let at = since ?? this.#next;
    const told = { ...this.#told };
    const wake = () => this.#wakeAll();
    signal.addEventListener("abort", wake, { once: true });
    this.#followers++;
    try {
      while (!signal.aborted && !this.#isClosed) {
        this.#checkKept(at);
        const woken = this.#wake.promise;
        const events = at < this.#next
          ? await this.#read(at, Math.min(READ_MAX, this.#next - at))
          : [];
        yield* events;
        at += events.length;
        yield* this.#unnumbered(told);
        if (at === this.#next && !signal.aborted && !this.#isClosed) await woken;
      }
    } finally {
      signal.removeEventListener("abort", wake);
      this.#followers--;
      if (this.#followers === 0) this.#forget();
    }
  }

  /** Ends every follower. */
  close(): void {
    this.#isClosed = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#telling?.();
    this.#wakeAll();
  }

  #oldest(): number {
    return Math.max(0, this.#next - EVENTS_KEPT);
  }

  #checkKept(number: number): void {
    if (number < this.#oldest() || number > this.#next) throw this.#notKept(number);
  }

  #notKept(number: number): UserError {
    return new UserError(
      EXIT.notFound,
      `Event ${number} is not here, ${this.#oldest()} to ${this.#next} are: read the chain anew ` +
        `and follow from ${this.#next}`,
    );
  }

  #follow({ disconnected, connected }: ChainChange): void {
    connectedBlocks.tell(connected.length);
    if (disconnected.length > 0) reorganizations.tell(1);
    const count = disconnected.length + connected.length;
    const first = this.#chain.store.events.next - count;
    this.#next = first + count;
    if (this.#followers === 0) return;
    if (first !== this.#recentStart + this.#recent.length) {
      this.#recent = [];
      this.#recentStart = first;
    }
    this.#keep("disconnected", disconnected);
    this.#keep("connected", connected);
    if (this.#recent.length > 2 * RECENT_MAX) {
      this.#recentStart += this.#recent.length - RECENT_MAX;
      this.#recent = this.#recent.slice(-RECENT_MAX);
    }
    this.#wakeAll();
  }

  #keep(kind: ChainEvent["kind"], blocks: readonly Block[]): void {
    for (const { id, header } of blocks) {
      const number = this.#recentStart + this.#recent.length;
      this.#recent.push({ number, kind, id, height: header.height });
    }
  }

  /** `count` steps that are kept: from memory, or else from the log. */
  async #read(from: number, count: number): Promise<ChainEvent[]> {
    const start = from - this.#recentStart;
    if (start >= 0 && start < this.#recent.length) return this.#recent.slice(start, start + count);
    const read = await this.#chain.store.events.since(from, count);
    // It may have been deleted since its number was looked at.
    if (read[0]?.number !== from) throw this.#notKept(from);
    return read.map(({ number, event: { kind, id, height } }) => ({ number, kind, id, height }));
  }

  *#unnumbered(told: Record<Unnumbered, number>): Generator<NodeNews> {
    if (told.mempool !== this.#told.mempool) {
      told.mempool = this.#told.mempool;
      const { size, bytes } = this.#mempool;
      yield { kind: "mempool", transactions: size, bytes };
    }
    if (told.peers !== this.#told.peers) {
      told.peers = this.#told.peers;
      yield { kind: "peers", peers: this.#peers };
    }
  }

  #noteChanged(what: Unnumbered): void {
    if (this.#followers === 0 || this.#isClosed) return;
    this.#changed.add(what);
    if (this.#telling !== undefined) return;
    const sinceMs = this.#clock.monotonicMs() - this.#toldAtMs;
    const delayMs = Math.max(SETTLE_MS, UNNUMBERED_MS - sinceMs);
    this.#telling = this.#clock.after(delayMs, () => this.#tell());
  }

  #tell(): void {
    this.#telling = undefined;
    this.#toldAtMs = this.#clock.monotonicMs();
    for (const what of this.#changed) this.#told[what]++;
    this.#changed.clear();
    this.#wakeAll();
  }

  #wakeAll(): void {
    const { resolve } = this.#wake;
    this.#wake = Promise.withResolvers<void>();
    resolve();
  }

  #forget(): void {
    this.#recent = [];
    this.#recentStart = 0;
    this.#telling?.();
    this.#telling = undefined;
    this.#changed.clear();
  }
}
