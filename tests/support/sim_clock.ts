/**
 * A clock that stands still until a test moves it: timers fire in order, each after all promises.
 */
import { setImmediate } from "node:timers";
import type { Cancel, Clock } from "../../lib/base/clock.ts";

interface Timer {
  readonly atMs: number;
  readonly order: number;
  readonly action: () => void;
}

/** 2026-01-01T00:00:00Z, the time of a phrase's genesis. */
export const SIM_START_MS = 1_767_225_600_000;

export class SimClock implements Clock {
  readonly #heap: Timer[] = [];
  readonly #startMs: number;
  #elapsedMs = 0;
  #nextOrder = 0;
  /** How far this clock's wall time is off; may be changed at any moment. */
  skewMs = 0;

  constructor(startMs: number = SIM_START_MS) {
    this.#startMs = startMs;
  }

  nowMs(): number {
    return Math.floor(this.#startMs + this.#elapsedMs + this.skewMs);
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  after(delayMs: number, action: () => void): Cancel {
    let isCancelled = false;
    this.#push({
      atMs: this.#elapsedMs + Math.max(0, delayMs),
      order: this.#nextOrder++,
      action: () => isCancelled || action(),
    });
    return () => isCancelled = true;
  }

  /** The same timers under another wall time: a node whose clock is wrong by `skewMs`. */
  skewed(skewMs: number): Clock {
    return {
      nowMs: () => this.nowMs() + skewMs,
      monotonicMs: () => this.monotonicMs(),
      after: (delayMs, action) => this.after(delayMs, action),
    };
  }

  /** Moves time forward, running what falls due in order and all that follows from it. */
  async advance(durationMs: number): Promise<void> {
    const endMs = this.#elapsedMs + durationMs;
    await settle();
    while (this.#heap.length > 0 && this.#heap[0]!.atMs <= endMs) {
      const { atMs } = this.#heap[0]!;
      this.#elapsedMs = Math.max(this.#elapsedMs, atMs);
      while (this.#heap.length > 0 && this.#heap[0]!.atMs <= atMs) this.#pop().action();
      await settle();
    }
    this.#elapsedMs = endMs;
  }

  /** Moves time forward in small steps until `condition` holds; false when it never did. */
  async advanceUntil(condition: () => boolean, atMostMs: number, stepMs = 10): Promise<boolean> {
    for (let passedMs = 0; passedMs < atMostMs; passedMs += stepMs) {
      await settle();
      if (condition()) return true;
      await this.advance(stepMs);
    }
    return condition();
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let at = heap.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(timer, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = timer;
  }

  #pop(): Timer {
    const heap = this.#heap;
    const first = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return first;
    let at = 0;
    while (true) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.atMs !== b.atMs ? a.atMs < b.atMs : a.order < b.order;
}

/**
 * Lets every promise that can settle without a timer do so: microtasks run before the next turn.
 */
export function settle(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}
