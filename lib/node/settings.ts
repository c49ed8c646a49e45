/**
 * The table of settings: each one's name in config.json, its environment variable, how its text is
 * read, and its built-in value. The flag is the name in kebab case (`dhtProtocol`: `--dht-protocol`).
 */
import { EXIT, UserError } from "../base/errors.ts";
import { checkPeerAddress } from "./peer_address.ts";

/** How log lines look: for people, or one JSON object a line. */
export type LogFormat = "text" | "json";

/**
 * Where the secret of a network comes from; `none` leaves the one that is remembered. `given` names
 * what brought it, such as MOIM_SECRET.
 */
export type SecretChoice =
  | { kind: "text"; text: string; given: string }
  | { kind: "file"; path: string; given: string }
  | { kind: "none" };

export type LogLevel = "off" | "error" | "warning" | "info" | "debug";

/** Where the HTTP API listens; without a port: the P2P port + 5000, or a free one. */
export type HttpSetting = { kind: "off" } | { kind: "on"; host: string; port?: number };

/** The value of every setting, by name. */
export type Settings = {
  rendezvous: string | undefined;
  network: string | undefined;
  secretFile: string | undefined;
  port: number | undefined;
  peer: string[];
  dht: "public" | "private" | "off";
  dhtProtocol: string | undefined;
  lan: boolean;
  gossip: boolean;
  mapPort: boolean;
  relay: boolean;
  announce: string[];
  minter: string | undefined;
  mintWhen: "pending" | "always";
  mintThreads: number;
  solo: boolean;
  http: HttpSetting;
  logLevel: LogLevel;
  logFormat: LogFormat;
};

export type SettingName = keyof Settings;

type Setting<Value> = {
  env: string;
  isList?: true;
  /** Throws `Error` with what would be right; the caller adds the setting's name and text. */
  parse: (text: string) => Value;
  builtIn: Value;
};

const MINT_THREADS_MAX = 64;

/** Longest phrase in bytes (consensus.md: a network's name). */
const RENDEZVOUS_BYTES_MAX = 200;

export const SETTINGS: { [Name in SettingName]: Setting<Settings[Name]> } = {
  rendezvous: { env: "MOIM_RENDEZVOUS", parse: parsePhrase, builtIn: undefined },
  network: { env: "MOIM_NETWORK", parse: parseText, builtIn: undefined },
  secretFile: { env: "MOIM_SECRET_FILE", parse: parseText, builtIn: undefined },
  port: { env: "MOIM_PORT", parse: parsePort, builtIn: undefined },
  peer: { env: "MOIM_PEER", isList: true, parse: (text) => [checkPeerAddress(text)], builtIn: [] },
  dht: { env: "MOIM_DHT", parse: oneOf("public", "private", "off"), builtIn: "public" },
  dhtProtocol: { env: "MOIM_DHT_PROTOCOL", parse: parseProtocol, builtIn: undefined },
  lan: { env: "MOIM_LAN", parse: parseSwitch, builtIn: true },
  gossip: { env: "MOIM_GOSSIP", parse: parseSwitch, builtIn: true },
  mapPort: { env: "MOIM_MAP_PORT", parse: parseSwitch, builtIn: true },
  relay: { env: "MOIM_RELAY", parse: parseSwitch, builtIn: true },
  announce: {
    env: "MOIM_ANNOUNCE",
    isList: true,
    parse: (text) => [checkPeerAddress(text)],
    builtIn: [],
  },
  minter: { env: "MOIM_MINTER", parse: parseText, builtIn: undefined },
  mintWhen: { env: "MOIM_MINT_WHEN", parse: oneOf("pending", "always"), builtIn: "pending" },
  mintThreads: {
    env: "MOIM_MINT_THREADS",
    parse: parseThreads,
    builtIn: Math.min(navigator.hardwareConcurrency, MINT_THREADS_MAX),
  },
  solo: { env: "MOIM_SOLO", parse: parseSwitch, builtIn: false },
  http: { env: "MOIM_HTTP", parse: parseHttp, builtIn: { kind: "on", host: "127.0.0.1" } },
  logLevel: {
    env: "MOIM_LOG_LEVEL",
    parse: oneOf("off", "error", "warning", "info", "debug"),
    builtIn: "error",
  },
  logFormat: { env: "MOIM_LOG_FORMAT", parse: oneOf("text", "json"), builtIn: "text" },
};

/** Every setting's name, in the table's order. */
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** `dhtProtocol` as a flag: `--dht-protocol`. */
export function flagOf(name: string): string {
  return "--" + name.replace(/[A-Z]/g, (letter) => "-" + letter.toLowerCase());
}

/**
 * Reads one setting's text (or texts, for a list).
 * Throws `UserError` (usage) naming `origin`, such as `--port` or `MOIM_PORT`.
 */
export function parseSetting<Name extends SettingName>(
  name: Name,
  texts: string[],
  origin: string,
): Settings[Name] {
  const setting = SETTINGS[name];
  const values = texts.map((text) => {
    try {
      return setting.parse(text);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new UserError(EXIT.usage, `Cannot use ${origin} "${shorten(text)}": ${why}`);
    }
  });
  if (setting.isList) return values.flat() as unknown as Settings[Name];
  return (values.at(-1) ?? setting.builtIn) as Settings[Name];
}

/** A text cut to what fits in an error line, control characters made visible. */
export function shorten(text: string, charactersMax = 80): string {
  // deno-lint-ignore no-control-regex
  const visible = text.replace(/[\x00-\x1f\x7f-\x9f]/g, "·");
  return visible.length <= charactersMax ? visible : visible.slice(0, charactersMax) + "…";
}

/**
 * The digits of a port number from 1 to 65535, as NODE_ID must be (it becomes a path).
 * Throws `Error` for anything else.
 */
export function parseNodeId(text: string): number {
  if (!/^[1-9][0-9]{0,4}$/.test(text) || Number(text) > 65535) {
    throw new Error("it must be a port number from 1 to 65535");
  }
  return Number(text);
}

function parseText(text: string): string {
  if (text.trim() === "") throw new Error("it must not be empty");
  return text;
}

function parsePhrase(text: string): string {
  const phrase = text.normalize("NFC").trim();
  if (phrase === "") throw new Error("the phrase must not be empty");
  if (new TextEncoder().encode(phrase).length > RENDEZVOUS_BYTES_MAX) {
    throw new Error(`the phrase must be at most ${RENDEZVOUS_BYTES_MAX} bytes long`);
  }
  return phrase;
}

function parsePort(text: string): number {
  if (!/^[0-9]{1,5}$/.test(text) || Number(text) > 65535) {
    throw new Error("give a port from 0 to 65535 (0 picks a free one)");
  }
  return Number(text);
}

function parseThreads(text: string): number {
  const threads = /^[0-9]{1,2}$/.test(text) ? Number(text) : 0;
  if (threads < 1 || threads > MINT_THREADS_MAX) {
    throw new Error(`give a number from 1 to ${MINT_THREADS_MAX}`);
  }
  return threads;
}

function parseSwitch(text: string): boolean {
  if (["on", "true", "yes", "1"].includes(text)) return true;
  if (["off", "false", "no", "0"].includes(text)) return false;
  throw new Error("give on or off");
}

function parseProtocol(text: string): string {
  if (!/^\/[\x21-\x7e]{1,99}$/.test(text)) {
    throw new Error("give a protocol id such as /ipfs/kad/1.0.0");
  }
  return text;
}

function parseHttp(text: string): HttpSetting {
  if (text === "off") return { kind: "off" };
  if (text === "on") return { kind: "on", host: "127.0.0.1" };
  const match = /^(?:(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):)?([0-9]{1,5})$/.exec(text);
  if (!match || Number(match[3]) > 65535) throw new Error("give PORT, HOST:PORT or off");
  return { kind: "on", host: match[1] ?? match[2] ?? "127.0.0.1", port: Number(match[3]) };
}

function oneOf<const Value extends string>(...choices: Value[]): (text: string) => Value {
  return (text) => {
    const found = choices.find((choice) => choice === text);
    if (found === undefined) {
      throw new Error(`give ${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`);
    }
    return found;
  };
}
