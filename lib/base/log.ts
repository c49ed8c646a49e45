/** Diagnostic log. The command line decides where it goes; without that it goes nowhere. */
import { getLogger as getCategoryLogger, type Logger } from "@logtape/logtape";

export type { Logger };

/** The logger of a room, such as `getLogger("sync")`. */
export function getLogger(...category: string[]): Logger {
  return getCategoryLogger(["moim", ...category]);
}
