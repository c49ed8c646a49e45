/**
 * The command line: one file a command, each a declaration and a handler, loaded when it is the one
 * that is asked for. Output and exit codes are decided here and nowhere below.
 * @module
 */
export { run, type RunOptions } from "./run.ts";
export type { Terminal } from "./terminal.ts";
