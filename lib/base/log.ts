/** Diagnostic log. The command line decides where it goes; without that it goes nowhere. */

/** How grave a record is, in rising order. */
export const LOG_LEVELS = ["debug", "info", "warning", "error"] as const;
export type Gravity = (typeof LOG_LEVELS)[number];

/** One line of the log; `{name}` in the message stands for the value of that name. */
export type LogRecord = {
  level: Gravity;
  category: readonly string[];
  message: string;
  values: Readonly<Record<string, unknown>>;
};

let lowest: number = LOG_LEVELS.length;
let sink: (record: LogRecord) => void = () => {};

/** Sends every record at or above `level` to `write`, which must not throw. */
export function sendLogTo(level: Gravity, write: (record: LogRecord) => void): void {
  lowest = LOG_LEVELS.indexOf(level);
  sink = write;
}

export class Logger {
  constructor(readonly category: readonly string[]) {}

  debug(message: string, values: LogRecord["values"] = {}): void {
    this.#write("debug", message, values);
  }

  info(message: string, values: LogRecord["values"] = {}): void {
    this.#write("info", message, values);
  }

  warn(message: string, values: LogRecord["values"] = {}): void {
    this.#write("warning", message, values);
  }

  error(message: string, values: LogRecord["values"] = {}): void {
    this.#write("error", message, values);
  }

  #write(level: Gravity, message: string, values: LogRecord["values"]): void {
    if (LOG_LEVELS.indexOf(level) < lowest) return;
    sink({ level, category: this.category, message, values });
  }
}

/** The logger of a room, such as `getLogger("sync")`. */
export function getLogger(...category: string[]): Logger {
  return new Logger(category);
}
