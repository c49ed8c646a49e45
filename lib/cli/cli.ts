/** What every command has at hand: the terminal, its configuration, the node, its exit code. */
import type { Command } from "@commander-js/extra-typings";
import { EXIT, type ExitCode } from "../base/errors.ts";
import type {
  ConnectOptions,
  Flags,
  NodeConfig,
  NodeHandle,
  ServeApi,
  WalletHandle,
} from "../node/mod.ts";
import { LogOutput } from "./log.ts";
import type { Terminal } from "./terminal.ts";

/** Adds a command's options and what it does. */
export type Declare = (command: Command, cli: Cli) => void;

/** Options that every command takes. */
export type CommonOptions = {
  json?: true | undefined;
  dataDir?: string | undefined;
  rendezvous?: string | undefined;
  network?: string | undefined;
  logLevel?: string | undefined;
  logFormat?: string | undefined;
};

/** Flags of `withCommon` and help: listed last. */
export const COMMON_FLAGS: ReadonlySet<string> = new Set([
  "--json",
  "--data-dir",
  "--rendezvous",
  "--network",
  "--log-level",
  "--log-format",
  "--help",
]);

/** Adds the options that every reporting command takes. */
export function withCommon(command: Command) {
  return command
    .option("--json", "print JSON (amounts in grains: a millionth of a coin)")
    .option("--data-dir <folder>", "the node's data folder [MOIM_DATA_DIR]")
    .option("--rendezvous <phrase>", "the network everyone with this phrase is on")
    .option("--network <file>", "a network file, or dev")
    .option("--log-level <level>", "off, error, warning, info or debug")
    .option("--log-format <format>", "what stderr tells: text, or json (one object a line)");
}

/** `--mint-threads` of every command that mints. A running node that is asked has its own. */
export const MINT_THREADS_HELP = "threads that mint, 1 to 64 [MOIM_MINT_THREADS] (one a core)";

/** Examples under a command's help, one line each: what to type, what it does. */
export function examples(...lines: [command: string, does: string][]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  const shown = lines.map(([command, does]) => `  ${command.padEnd(width)}   ${does}`);
  return ["", "Examples:", ...shown].join("\n");
}

export class Cli {
  readonly #log: LogOutput;
  /** Where commands write: as the log's format has it. */
  readonly terminal: Terminal;
  readonly serveApi: ServeApi;
  exitCode: ExitCode = EXIT.ok;
  /** Whether errors are told with their stack. */
  isDebug = Deno.env.get("MOIM_LOG_LEVEL") === "debug";

  constructor(terminal: Terminal, serveApi: ServeApi) {
    this.#log = new LogOutput(terminal);
    this.terminal = this.#log.terminal;
    this.serveApi = serveApi;
    if (Deno.env.get("MOIM_LOG_FORMAT") === "json") this.#log.format = "json";
  }

  /** Tells the line that a failed command ends with. */
  complain(line: string): void {
    this.#log.complain(line);
  }

  /** Reads the configuration and starts the log. Throws `UserError`. */
  async configure(options: CommonOptions, more: Flags = {}): Promise<NodeConfig> {
    const { dataDir, rendezvous, network, logLevel, logFormat } = options;
    if (logLevel === "debug") this.isDebug = true;
    if (logFormat === "json") this.#log.format = "json";
    const { loadConfig } = await import("../node/mod.ts");
    const config = loadConfig({ dataDir, rendezvous, network, logLevel, logFormat, ...more });
    this.isDebug = config.logLevel === "debug";
    this.#log.format = config.logFormat;
    this.#log.start(config.logLevel);
    return config;
  }

  /** Runs `use` with the running node or the opened folder, which is closed afterwards. */
  async withNode<Result>(
    options: CommonOptions,
    use: (node: NodeHandle) => Promise<Result>,
    connectOptions: ConnectOptions & { flags?: Flags } = {},
  ): Promise<Result> {
    const config = await this.configure(options, connectOptions.flags);
    return await this.withNodeOf(config, use, connectOptions);
  }

  /** As `withNode`, where the configuration has been read already. */
  async withNodeOf<Result>(
    config: NodeConfig,
    use: (node: NodeHandle) => Promise<Result>,
    connectOptions: ConnectOptions = {},
  ): Promise<Result> {
    const { connect } = await import("../node/mod.ts");
    const node = await connect(config, connectOptions);
    try {
      return await use(node);
    } finally {
      await node.close();
    }
  }

  /** As `withNode`, for what needs only keys: no network is opened unless one is named. */
  async withWallet<Result>(
    options: CommonOptions,
    use: (wallet: WalletHandle) => Promise<Result>,
  ): Promise<Result> {
    const config = await this.configure(options);
    const { connectWallet } = await import("../node/mod.ts");
    const wallet = await connectWallet(config);
    try {
      return await use(wallet);
    } finally {
      await wallet.close();
    }
  }

  /** Prints a result: JSON when asked for, else lines made for people. */
  report(options: { json?: true | undefined }, result: unknown, lines: () => string[]): void {
    if (options.json) this.terminal.out(JSON.stringify(result, null, 2));
    else for (const line of lines()) this.terminal.out(line);
  }
}
