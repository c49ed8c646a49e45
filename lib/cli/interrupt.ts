/** Ctrl-C and its kin. */
import { EXIT, UserError } from "../base/errors.ts";
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

/** Work that Ctrl-C ends in order: its files are closed, and what is half written goes away. */
export class Interruptible {
  readonly #line: string;
  readonly #interrupted: Promise<never>;
  #isInterrupted = false;

  /** `line` tells what the user is left with, and what goes on from there. */
  constructor(terminal: Terminal, line: string) {
    this.#line = line;
    this.#interrupted = untilInterrupted(terminal).done.then(() => {
      this.#isInterrupted = true;
      throw this.#ended();
    });
    this.#interrupted.catch(() => {}); // Told to whoever looks, which may be nobody.
  }

  /** Between two steps. Throws `UserError` (interrupted) after Ctrl-C. */
  check(): void {
    if (this.#isInterrupted) throw this.#ended();
  }

  /** What is waited for, unless Ctrl-C comes first: then throws `UserError` (interrupted). */
  wait<Value>(promise: Promise<Value>): Promise<Value> {
    return Promise.race([this.#interrupted, promise]);
  }

  #ended(): UserError {
    return new UserError(EXIT.interrupted, `Interrupted: ${this.#line}`);
  }
}
