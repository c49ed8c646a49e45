/** From arguments to an exit code: the one place where commands begin and errors are told. */
import { Command, CommanderError, Help, type Option } from "@commander-js/extra-typings";
import { EXIT, type ExitCode, messageOf, UserError } from "../base/errors.ts";
import type { ServeApi } from "../node/mod.ts";
import { withCommand, withDoubleDashes } from "./argv.ts";
import { Cli, COMMON_FLAGS } from "./cli.ts";
import { COMMANDS } from "./commands.ts";
import { OutputClosed, systemTerminal, type Terminal } from "./terminal.ts";

/** What main.ts hands in: rooms that the command line may not import. */
export type RunOptions = { serveApi: ServeApi; terminal?: Terminal };

/** Runs the command that `args` name and gives its exit code; prints its own errors. */
export async function run(args: readonly string[], options: RunOptions): Promise<ExitCode> {
  const terminal = options.terminal ?? systemTerminal();
  const cli = new Cli(terminal, options.serveApi);
  try {
    const named = withCommand(args);
    const program = await buildProgram(named, cli);
    const { args: ready, notes } = withDoubleDashes(named, flagsWithValue(program));
    for (const note of notes) terminal.talk(note);
    await program.parseAsync(ready, { from: "user" });
    return cli.exitCode;
  } catch (error) {
    return tell(error, cli);
  }
}

/** The program with the named command's options; the others are known by name only. */
async function buildProgram(args: string[], cli: Cli): Promise<Command> {
  const program = new Command("moim");
  program
    .description("Your group's own blockchain with no server: everyone types the same phrase.")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => cli.terminal.out(text.trimEnd()),
      writeErr: () => {},
      outputError: () => {},
    })
    .configureHelp({ visibleOptions: ownOptionsFirst })
    .helpOption("-h, --help", "show help")
    .helpCommand("help [command]", "show help of a command")
    .option("-V, --version", "show the version")
    .addHelpText("after", () => PROGRAM_HELP);
  const wanted = args[0] === "help" ? args[1] : args[0];
  for (const entry of COMMANDS) {
    const command = program.command(entry.name).summary(entry.summary).description(entry.summary);
    if (entry.name === wanted) (await entry.load()).declare(command, cli);
  }
  return program;
}

const PROGRAM_HELP = `
Without a command, or with an option first: start.
Examples:
  moim start --rendezvous tuto                  join (or found) the network of a phrase
  moim wallet new --alias w1                    make a key
  moim mint --minter w1                         make a block; its coins go to w1
  moim send --from w1 --to moim1… --amount 5    pay
  moim demo                                     see it all in 20 seconds (--fast: in a few)`;

/** What a command alone has stands above what every command has. */
function ownOptionsFirst(this: Help, command: Parameters<Help["visibleOptions"]>[0]): Option[] {
  const options = Help.prototype.visibleOptions.call(this, command);
  const isCommon = (option: Option) => COMMON_FLAGS.has(option.long ?? "");
  return [...options.filter((option) => !isCommon(option)), ...options.filter(isCommon)];
}

/** Long names of every option that takes a value, of the program and all that is below it. */
function flagsWithValue(program: Command): Set<string> {
  const flags = new Set<string>();
  const pending = [program as { options: Command["options"]; commands: Command["commands"] }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const option of next.options) {
      if (option.required && option.long) flags.add(option.long);
    }
    pending.push(...next.commands);
  }
  return flags;
}

function tell(error: unknown, cli: Cli): ExitCode {
  if (error instanceof OutputClosed) return EXIT.ok;
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
  if (error instanceof CommanderError) {
    cli.terminal.talk(usageLine(error));
    return EXIT.usage;
  }
  if (cli.isDebug && error instanceof Error && error.stack) cli.terminal.talk(error.stack);
  if (error instanceof UserError) {
    cli.terminal.talk(cli.terminal.style("red", oneLine(error.message)));
    return error.exitCode;
  }
  const line = `Failed: ${oneLine(messageOf(error))}; --log-level debug tells more`;
  cli.terminal.talk(cli.terminal.style("red", line));
  return EXIT.failed;
}

/** Commander's message in the project's grammar, on one line. */
function usageLine(error: CommanderError): string {
  if (error.code === "commander.help") return "Name a subcommand; moim help COMMAND lists them";
  const text = oneLine(error.message)
    .replace(/^error: /, "")
    .replace(/ \(Did you mean one of (.*)\?\)$/, "; did you mean one of $1?")
    .replace(/ \(Did you mean (.*)\?\)$/, "; did you mean $1?")
    .replaceAll("'", '"')
    .replace(/\.$/, "");
  const next = text.endsWith("?") ? "" : "; see moim --help";
  return text.charAt(0).toUpperCase() + text.slice(1) + next;
}

function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, " ").trim();
}
