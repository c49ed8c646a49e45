/** How far long work is, told now and then. */
import { systemClock } from "../base/clock.ts";
import type { OnLine } from "./api.ts";

const TELL_EVERY_MS = 500;

/** Tells a line now and then, however often there would be one. */
export function everySoOften(onLine: OnLine): (line: () => string) => void {
  let toldMs = systemClock.monotonicMs();
  return (line) => {
    const nowMs = systemClock.monotonicMs();
    if (nowMs - toldMs < TELL_EVERY_MS) return;
    toldMs = nowMs;
    onLine(line());
  };
}

/** Whole milliseconds since a moment of the monotonic clock. */
export function elapsedSince(startMs: number): number {
  return Math.round(systemClock.monotonicMs() - startMs);
}
