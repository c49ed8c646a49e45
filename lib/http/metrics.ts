/**
 * GET /metrics for Prometheus. The library is loaded by the first request, and what costs something
 * to measure is measured from then on; counters count from the start of the program. No label
 * names a peer, an address or a key.
 */
import type { Env, Hono } from "hono";
import process from "node:process";
import type * as prometheus from "prom-client";
import { type Clock, meter, systemClock } from "../base/mod.ts";
import type { NodeApi, NodeStatus, PeerInfo } from "../node/mod.ts";

export type MetricsOptions = {
  clock?: Clock;
  /** Ends what is measured from time to time. */
  signal?: AbortSignal;
};

/** Between two looks at how late the program's one thread is. */
const LAG_SAMPLE_MS = 500;
/** Reasons of refusal told one by one; there are far fewer. */
const REASONS_MAX = 50;

const SECONDS = {
  lag: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  validation: [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  commit: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
};

/** Adds GET /metrics. */
export function addMetrics<E extends Env>(
  app: Hono<E>,
  api: NodeApi,
  options: MetricsOptions = {},
): void {
  let metrics: Promise<Metrics> | undefined;
  app.get("/metrics", async () => {
    metrics ??= Metrics.load(api, options);
    const { text, type } = await (await metrics).render();
    return new Response(text, { headers: { "content-type": type } });
  });
}

type Library = Awaited<ReturnType<typeof loadLibrary>>;

/** What a scrape asks the node for once, however many metrics tell of it. */
type Snapshot = { status: NodeStatus; peers: PeerInfo[] };

class Metrics {
  readonly #library: Library;
  readonly #registry: prometheus.Registry;
  readonly #api: NodeApi;
  #snapshot!: Snapshot;

  private constructor(library: Library, api: NodeApi) {
    this.#library = library;
    this.#registry = new library.Registry();
    this.#api = api;
  }

  static async load(api: NodeApi, options: MetricsOptions): Promise<Metrics> {
    const metrics = new Metrics(await loadLibrary(), api);
    metrics.#addChain();
    metrics.#addPeers();
    metrics.#addProcess();
    metrics.#addTimes(options);
    return metrics;
  }

  async render(): Promise<{ text: string; type: string }> {
    const [status, peers] = await Promise.all([this.#api.status(), this.#api.peers()]);
    this.#snapshot = { status, peers };
    return { text: await this.#registry.metrics(), type: this.#registry.contentType };
  }

  #addChain(): void {
    this.#gauge("moim_chain_height", "Height of the newest block.", ({ status }) => status.height);
    this.#gauge(
      "moim_chain_work",
      "Expected hashes of the whole chain.",
      ({ status }) => Number(status.totalWork),
    );
    this.#gauge(
      "moim_chain_tip_timestamp_seconds",
      "Time of the newest block, seconds since 1970.",
      ({ status }) => status.tipTimeMs / 1_000,
    );
    this.#gauge(
      "moim_sync_height_target",
      "Height of the best chain that peers have told of.",
      ({ status }) => status.sync.targetHeight,
    );
    this.#gauge(
      "moim_index_height",
      "Height up to which transactions and histories can be looked up.",
      ({ status }) => status.indexes.height,
    );
    this.#gauge(
      "moim_mempool_transactions",
      "Payments that wait for a block.",
      ({ status }) => status.mempool.transactions,
    );
    this.#gauge(
      "moim_mempool_bytes",
      "Bytes of the payments that wait for a block.",
      ({ status }) => status.mempool.bytes,
    );
    this.#count(
      "moim_blocks_connected_total",
      "Blocks put on the main chain.",
      () => meter("blocks-connected").total,
    );
    this.#count(
      "moim_reorgs_total",
      "Reorganisations of the main chain.",
      () => meter("reorganizations").total,
    );
    this.#count(
      "moim_minter_hashes_total",
      "Hashes tried by the minter.",
      () => meter("minter-hashes").total,
    );
  }

  #addPeers(): void {
    const snapshot = () => this.#snapshot;
    this.#add(
      new this.#library.Gauge({
        name: "moim_peers",
        help: "Connected peers, by who called whom.",
        labelNames: ["direction"],
        registers: [],
        collect() {
          for (const direction of ["inbound", "outbound"]) {
            const those = snapshot().peers.filter((peer) =>
              peer.connected && peer.direction === direction
            );
            this.set({ direction }, those.length);
          }
        },
      }),
    );
    this.#gauge(
      "moim_peers_known",
      "Peers that the node remembers.",
      ({ status }) => status.peersKnown,
    );
    this.#add(
      new this.#library.Counter({
        name: "moim_refused_total",
        help: "Messages and sessions refused, by reason.",
        labelNames: ["reason"],
        registers: [],
        collect() {
          this.reset();
          const refused = Object.entries(snapshot().status.refused ?? {});
          for (const [reason, times] of refused.slice(0, REASONS_MAX)) {
            this.inc({ reason }, times);
          }
        },
      }),
    );
  }

  #addProcess(): void {
    const snapshot = () => this.#snapshot;
    this.#add(
      new this.#library.Gauge({
        name: "moim_build_info",
        help: "1, with what runs here as labels.",
        labelNames: ["version", "runtime"],
        registers: [],
        collect() {
          const runtime = `deno ${Deno.version.deno}`;
          this.set({ version: snapshot().status.version, runtime }, 1);
        },
      }),
    );
    this.#gauge(
      "process_start_time_seconds",
      "When the node was started, seconds since 1970.",
      ({ status }) => (status.startedMs ?? 0) / 1_000,
    );
    this.#gauge(
      "process_resident_memory_bytes",
      "Memory of the whole process.",
      () => Deno.memoryUsage().rss,
    );
    this.#count("process_cpu_seconds_total", "Processor time of the whole process.", () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1_000_000;
    });
  }

  #addTimes({ clock = systemClock, signal }: MetricsOptions): void {
    const validation = this.#histogram(
      "moim_block_validation_seconds",
      "Time to check a block's payments, coins and signatures.",
      SECONDS.validation,
    );
    const commit = this.#histogram(
      "moim_kv_commit_seconds",
      "Time of one write to the store.",
      SECONDS.commit,
    );
    const lag = this.#histogram(
      "moim_event_loop_lag_seconds",
      `How late the program's main thread was, looked at every ${LAG_SAMPLE_MS} ms.`,
      SECONDS.lag,
    );
    const stops = [
      meter("block-validation-seconds").observe((seconds) => validation.observe(seconds)),
      meter("kv-commit-seconds").observe((seconds) => commit.observe(seconds)),
      sampleLag(clock, (seconds) => lag.observe(seconds)),
    ];
    const stop = () => stops.forEach((each) => each());
    if (signal?.aborted) stop();
    else signal?.addEventListener("abort", stop, { once: true });
  }

  #gauge(name: string, help: string, value: (snapshot: Snapshot) => number): void {
    const snapshot = () => this.#snapshot;
    this.#add(
      new this.#library.Gauge({
        name,
        help,
        registers: [],
        collect() {
          this.set(value(snapshot()));
        },
      }),
    );
  }

  #count(name: string, help: string, total: () => number): void {
    this.#add(
      new this.#library.Counter({
        name,
        help,
        registers: [],
        collect() {
          this.reset();
          this.inc(total());
        },
      }),
    );
  }

  #histogram(name: string, help: string, buckets: number[]): prometheus.Histogram {
    const histogram = new this.#library.Histogram({ name, help, buckets, registers: [] });
    this.#add(histogram);
    return histogram;
  }

  #add<Label extends string>(metric: prometheus.Metric<Label>): void {
    this.#registry.registerMetric(metric);
  }
}

async function loadLibrary() {
  return (await import("prom-client")).default;
}

/** Tells how much later than asked for a timer runs. */
function sampleLag(clock: Clock, tell: (seconds: number) => void): () => void {
  let dueMs = clock.monotonicMs() + LAG_SAMPLE_MS;
  let cancel = clock.after(LAG_SAMPLE_MS, sample);
  function sample() {
    const nowMs = clock.monotonicMs();
    tell(Math.max(0, nowMs - dueMs) / 1_000);
    dueMs = nowMs + LAG_SAMPLE_MS;
    cancel = clock.after(LAG_SAMPLE_MS, sample);
  }
  return () => cancel();
}
