/** The diagnostic log's way to the terminal. */
import { configure, type LogRecord } from "@logtape/logtape";
import type { LogLevel } from "../node/mod.ts";
import type { Terminal } from "./terminal.ts";

/** Sends log records at or above `level` to stderr, one line each. */
export async function startLog(level: LogLevel, terminal: Terminal): Promise<void> {
  if (level === "off") return;
  await configure({
    reset: true,
    sinks: { terminal: (record: LogRecord) => terminal.talk(lineOf(record)) },
    loggers: [
      { category: ["moim"], lowestLevel: level, sinks: ["terminal"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: ["terminal"] },
    ],
  });
}

function lineOf(record: LogRecord): string {
  const time = new Date(record.timestamp).toISOString();
  const category = record.category.slice(1).join(".");
  const text = record.message.map((part) => typeof part === "string" ? part : shown(part)).join("");
  return `${time} ${record.level} ${category}: ${text}`;
}

function shown(part: unknown): string {
  return part instanceof Error ? part.stack ?? part.message : Deno.inspect(part, { depth: 3 });
}
