/** From arguments to an exit code: the one place where commands begin and errors are told. */
import { Command, CommanderError, Help, type Option } from "@commander-js/extra-typings";
import { EXIT, type ExitCode, messageOf, UserError } from "../base/errors.ts";
import type { ServeApi } from "../node/mod.ts";
import { refuseSecret, withCommand, withDoubleDashes } from "./argv.ts";
import { Cli, COMMON_FLAGS } from "./cli.ts";
import { type CommandEntry, COMMANDS } from "./commands.ts";
import { printable } from "./format.ts";
import { OutputClosed, systemTerminal, type Terminal } from "./terminal.ts";

/** What main.ts hands in: rooms that the command line may not import. */
export type RunOptions = { serveApi: ServeApi; terminal?: Terminal };

/** What comes first without being a command of the table. */
const BUILT_IN = new Set(["help", "-h", "--help"]);

/** Runs the command that `args` name and gives its exit code; prints its own errors. */
export async function run(args: readonly string[], options: RunOptions): Promise<ExitCode> {
  const cli = new Cli(options.terminal ?? systemTerminal(), options.serveApi);
  const named = withCommand(args);
  const entry = COMMANDS.find(({ name }) => name === named[0]);
  try {
    const program = await buildProgram(entry, cli);
    const takesValue = flagsWithValue(program);
    const { args: ready, notes } = withDoubleDashes(named, takesValue);
    refuseSecret(ready, takesValue);
    for (const note of notes) cli.terminal.talk(note);
    const isMistyped = entry === undefined && !BUILT_IN.has(ready[0]!);
    // What follows an unknown command means nothing yet, not even --help.
    await program.parseAsync(isMistyped ? ready.slice(0, 1) : ready, { from: "user" });
    return cli.exitCode;
  } catch (error) {
    return tell(error, cli, entry?.name);
  }
}

/** The program with the named command's options; the others are known by name only. */
async function buildProgram(wanted: CommandEntry | undefined, cli: Cli): Promise<Command> {
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
  for (const entry of COMMANDS) {
    const command = program.command(entry.name).summary(entry.summary).description(entry.summary);
    if (entry === wanted) (await entry.load()).declare(command, cli);
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
  moim demo                                     see it all in 20 seconds`;

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

function tell(error: unknown, cli: Cli, command: string | undefined): ExitCode {
  if (error instanceof OutputClosed) return EXIT.ok;
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok;
  if (error instanceof CommanderError) {
    cli.complain(usageLine(error, command));
    return EXIT.usage;
  }
  if (cli.isDebug && error instanceof Error && error.stack) cli.complain(error.stack);
  if (error instanceof UserError) {
    cli.complain(cli.terminal.style("red", printable(oneLine(error.message))));
    return error.exitCode;
  }
  const line = `Failed: ${oneLine(messageOf(error))}; --log-level debug tells more`;
  cli.complain(cli.terminal.style("red", line));
  return EXIT.failed;
}

/** Commander's message in the project's grammar, on one line. */
function usageLine(error: CommanderError, command: string | undefined): string {
  if (error.code === "commander.help") return `Name a subcommand; moim help ${command} lists them`;
  const text = oneLine(error.message)
    .replace(/^error: /, "")
    .replace(/ \(Did you mean one of (.*)\?\)$/, "; did you mean one of $1?")
    .replace(/ \(Did you mean (.*)\?\)$/, "; did you mean $1?")
    .replaceAll("'", '"')
    .replace(/\.$/, "");
  const next = text.endsWith("?")
    ? ""
    : `; see moim ${command === undefined ? "" : `${command} `}--help`;
  return text.charAt(0).toUpperCase() + text.slice(1) + next;
}

function oneLine(text: string): string {
  return text.replace(/\s*[\r\n]+\s*/g, " ").trim();
}
