/** How fast a sync goes and how long it will take. Pure. */

/**
 * idle: no peer · headers: a peer claims more work than we know headers of · blocks: headers are
 * here, blocks are not · synced: no connected peer has more work.
 */
export type SyncPhase = "idle" | "headers" | "blocks" | "synced";

export interface SyncState {
  readonly phase: SyncPhase;
  /** Height of our tip. */
  readonly height: number;
  /** Height of the best chain known; a claim while its headers are not here. */
  readonly targetHeight: number;
  /** Blocks connected a second over the last seconds; 0 unless blocks arrive. */
  readonly blocksPerSecond: number;
  /** Milliseconds to the target at that rate; undefined without a rate. */
  readonly etaMs: number | undefined;
}

const WINDOW_MS = 10_000;
const SAMPLES_MAX = 64;

interface Sample {
  readonly atMs: number;
  readonly height: number;
}

/** The rate over the last ten seconds. */
export class RateMeter {
  #samples: Sample[] = [];

  /** `height` was reached at `atMs`, a monotonic time. */
  sample(atMs: number, height: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && height < last.height) this.#samples = [];
    this.#samples = this.#samples.filter((each) => atMs - each.atMs <= WINDOW_MS);
    if (this.#samples.length >= SAMPLES_MAX) {
      // Thinned instead of cut: the window keeps its length when blocks come fast.
      this.#samples = this.#samples.filter((_, index) => index % 2 === 0);
    }
    this.#samples.push({ atMs, height });
  }

  reset(): void {
    this.#samples = [];
  }

  /** Blocks a second at `nowMs`; 0 when nothing was connected within the window. */
  rate(nowMs: number): number {
    const recent = this.#samples.filter((each) => nowMs - each.atMs <= WINDOW_MS);
    const first = recent[0];
    const last = recent.at(-1);
    if (first === undefined || last === undefined || last.height <= first.height) return 0;
    return (last.height - first.height) / (Math.max(1, nowMs - first.atMs) / 1000);
  }
}

/** Milliseconds until `blocksLeft` are done, if there is a rate. */
export function etaMs(blocksLeft: number, blocksPerSecond: number): number | undefined {
  if (blocksLeft <= 0) return 0;
  return blocksPerSecond > 0 ? Math.round(blocksLeft / blocksPerSecond * 1000) : undefined;
}
