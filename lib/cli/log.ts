/** What goes to stderr, the diagnostic log and talk: lines for people, or one JSON object a line. */
import { type Gravity, type LogRecord, sendLogTo } from "../base/log.ts";
import type { LogFormat, LogLevel } from "../node/mod.ts";
import type { Terminal } from "./terminal.ts";

export class LogOutput {
  format: LogFormat = "text";
  /** The terminal whose talk has the log's form, and no colours where that is JSON. */
  readonly terminal: Terminal;
  readonly #terminal: Terminal;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.terminal = {
      isScreen: terminal.isScreen,
      out: (line) => terminal.out(line),
      talk: (line) => this.#tell("info", line),
      style: (style, text) => this.format === "json" ? text : terminal.style(style, text),
    };
  }

  /** Sends log records at or above `level` to stderr, one line each. */
  start(level: LogLevel): void {
    if (level === "off") return;
    sendLogTo(level, (record) => {
      this.#terminal.talk(this.format === "json" ? jsonOf(record) : textOf(record));
    });
  }

  /** The line that a failed command ends with. */
  complain(line: string): void {
    this.#tell("error", line);
  }

  #tell(level: Gravity, line: string): void {
    const record = { level, category: ["cli"], message: line, values: {} };
    this.#terminal.talk(this.format === "json" ? jsonOf(record) : line);
  }
}

function textOf(record: LogRecord): string {
  const { level, category } = record;
  return `${new Date().toISOString()} ${level} ${category.join(".")}: ${messageOf(record)}`;
}

/** The message as people read it, and beside it the values that it was made of. */
function jsonOf(record: LogRecord): string {
  const { level, category, values } = record;
  const plain = Object.entries(values).map(([name, value]) =>
    [name, isPlain(value) ? value : shown(value)] as const
  );
  return JSON.stringify({
    time: new Date().toISOString(),
    level,
    category: category.join("."),
    message: messageOf(record),
    ...(plain.length > 0 && { values: Object.fromEntries(plain) }),
  });
}

function messageOf({ message, values }: LogRecord): string {
  return message.replace(/\{(\w+)\}/g, (_, name: string) => shown(values[name]));
}

function isPlain(value: unknown): boolean {
  return ["string", "number", "boolean"].includes(typeof value) || value === null;
}

function shown(value: unknown): string {
  if (typeof value === "string") return value;
  return value instanceof Error ? value.stack ?? value.message : Deno.inspect(value, { depth: 3 });
}
