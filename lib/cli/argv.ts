/**
 * What a user typed, made regular before the parser sees it: the tutorial's command names and
 * single-dash flags, and `start` where no command is named.
 */

import { EXIT, UserError } from "../base/errors.ts";

/** The tutorial's commands in today's words. */
const TUTORIAL_COMMANDS: Record<string, string[]> = {
  getbalance: ["balance"],
  printchain: ["chain", "--all"],
  createwallet: ["wallet", "new"],
  listaddresses: ["wallet", "list"],
  reindexutxo: ["reindex"],
  startp2p: ["start"],
};

/** Flags of the tutorial that mean nothing here: the transport is always encrypted. */
const IGNORED_FLAGS: Record<string, string> = {
  "--secio": "Ignoring -secio: connections are always encrypted (Noise)",
};

/** What a secret would follow: nothing may. */
const SECRET_FLAG = "--secret";

/** Names the command: today's name first, `start` where none is given. */
export function withCommand(args: readonly string[]): string[] {
  const first = args[0];
  if (first === undefined) return ["start"];
  if (first === "--version" || first === "-V") return ["version", ...args.slice(1)];
  if (first === "--help" || first === "-h") return [...args];
  if (first.startsWith("-")) return ["start", ...args];
  if (first === "help") {
    return args.length === 1 ? ["help"] : [...withCommand(args.slice(1)), "--help"];
  }
  const today = Object.hasOwn(TUTORIAL_COMMANDS, first) ? TUTORIAL_COMMANDS[first]! : [first];
  return [...today, ...args.slice(1)];
}

/**
 * Writes single-dash long flags (`-alias w1`) with two dashes and drops the tutorial's ignored ones.
 * Values are left alone: those of the flags in `takesValue`, and everything after `--`.
 */
export function withDoubleDashes(
  args: readonly string[],
  takesValue: ReadonlySet<string>,
): { args: string[]; notes: string[] } {
  const result: string[] = [];
  const notes: string[] = [];
  for (let at = 0; at < args.length; at++) {
    const argument = args[at]!;
    if (argument === "--") {
      result.push(...args.slice(at));
      break;
    }
    const flag = /^-[a-zA-Z][a-zA-Z0-9-]+(=|$)/.test(argument) ? `-${argument}` : argument;
    const note = IGNORED_FLAGS[flag.split("=")[0]!];
    if (note !== undefined && !takesValue.has(flag)) {
      notes.push(note);
      continue;
    }
    result.push(flag);
    const value = args[at + 1];
    if (takesValue.has(flag) && value !== undefined) {
      result.push(value);
      at++;
    }
  }
  return { args: result, notes };
}

/**
 * Throws `UserError` (usage) for a secret among the arguments, where every user of the machine and
 * the shell's history see it. `args` as `withDoubleDashes` gives them.
 */
export function refuseSecret(args: readonly string[], takesValue: ReadonlySet<string>): void {
  for (let at = 0; at < args.length && args[at] !== "--"; at++) {
    const argument = args[at]!;
    if (takesValue.has(argument)) {
      at++;
      continue;
    }
    const next = args[at + 1];
    const isFollowed = argument === SECRET_FLAG && next !== undefined && !next.startsWith("-");
    if (!isFollowed && !argument.startsWith(`${SECRET_FLAG}=`)) continue;
    throw new UserError(
      EXIT.usage,
      "Never put the secret on the command line, where others see it: --secret alone asks for " +
        "it, --secret-file FILE or MOIM_SECRET bring it",
    );
  }
}
