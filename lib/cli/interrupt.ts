/** Ctrl-C and its kin. */
import { EXIT } from "../base/errors.ts";
import type { Terminal } from "./terminal.ts";

/** npx passes one Ctrl-C on twice: a second signal this soon is the same key press. */
const SAME_PRESS_MS = 1000;

/**
 * `done` resolves at the first signal, or when `stop` is called. A signal more than a second later
 * ends the process at once with 130: the store survives that.
 */
export function untilInterrupted(
  terminal: Terminal,
): { done: Promise<void>; stop: () => void } {
  let resolveDone = () => {};
  const done = new Promise<void>((resolve) => resolveDone = resolve);
  let firstMs: number | undefined;
  const onSignal = () => {
    const nowMs = performance.now();
    firstMs ??= nowMs;
    if (nowMs - firstMs > SAME_PRESS_MS) {
      terminal.talk("Ended at once");
      Deno.exit(EXIT.interrupted);
    }
    resolveDone();
  };
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM", "SIGHUP"];
  for (const signal of signals) Deno.addSignalListener(signal, onSignal);
  return { done, stop: () => resolveDone() };
}
