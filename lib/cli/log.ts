/** The diagnostic log's way to the terminal. */
import { type LogRecord, sendLogTo } from "../base/log.ts";
import type { LogLevel } from "../node/mod.ts";
import type { Terminal } from "./terminal.ts";

/** Sends log records at or above `level` to stderr, one line each. */
export function startLog(level: LogLevel, terminal: Terminal): void {
  if (level !== "off") sendLogTo(level, (record) => terminal.talk(lineOf(record)));
}

function lineOf({ level, category, message, values }: LogRecord): string {
  const text = message.replace(/\{(\w+)\}/g, (_, name: string) => shown(values[name]));
  return `${new Date().toISOString()} ${level} ${category.join(".")}: ${text}`;
}

function shown(value: unknown): string {
  if (typeof value === "string") return value;
  return value instanceof Error ? value.stack ?? value.message : Deno.inspect(value, { depth: 3 });
}
