/**
 * A node's configuration: flags over MOIM_* environment over config.json over what was remembered
 * over what is built in.
 */
import { isAbsolute, join } from "node:path";
import { EXIT, messageOf, UserError } from "../base/errors.ts";
import { type NetworkChoice, readState, type RememberedState } from "./state.ts";
import {
  flagOf,
  parseNodeId,
  parseSetting,
  type SecretChoice,
  SETTING_NAMES,
  type SettingName,
  SETTINGS,
  type Settings,
} from "./settings.ts";

export type { NetworkChoice } from "./state.ts";
export type { HttpSetting, LogFormat, LogLevel } from "./settings.ts";

/** Where a value came from. */
export type Origin = "flag" | "environment" | "config.json" | "remembered" | "built in";

/** Everything that `openNode` and the commands need to know. */
export type NodeConfig =
  & Omit<Settings, "rendezvous" | "network" | "secretFile" | "port" | "peer">
  & {
    dataDir: string;
    networkChoice: NetworkChoice;
    /** The point to meet under, when it is not the network's name. */
    rendezvous: string | undefined;
    /** Whether the user named a network now, rather than it being remembered or built in. */
    networkRequested: boolean;
    /** The network's secret, as far as the user said anything of it now. */
    secret?: SecretChoice;
    /** P2P port; 0 picks a free one. */
    port: number;
    /** An unrequested port may move to the next free one, which is then remembered. */
    portRequested: boolean;
    peers: string[];
    /** Where an invitation says that a member was: tried, but not kept as `peers` are. */
    hints?: string[];
    origins: Record<string, Origin>;
  };

/** Texts given on the command line, by setting; `dataDir` beside them. */
export type Flags =
  & {
    [Name in SettingName | "dataDir"]?: string | string[] | boolean | undefined;
  }
  & {
    /** The secret itself, which a command has asked for; false to leave the remembered one. */
    secret?: string | false | undefined;
  };

/** What configuration is made of; tests hand in their own. */
export type ConfigSources = {
  flags: Flags;
  env: Record<string, string | undefined>;
  /** Text of a file, or undefined where there is none. */
  readText: (path: string) => string | undefined;
  os: "windows" | "darwin" | "linux" | string;
};

/** P2P port when nothing else is said (the tutorial's first NODE_ID). */
export const DEFAULT_PORT = 3000;
/** The phrase of a folder that has not seen another. */
export const DEFAULT_PHRASE = "moim";

/** Reads configuration from this machine. Throws `UserError` (usage, failed or damaged). */
export function loadConfig(flags: Flags): NodeConfig {
  return resolveConfig({
    flags,
    env: Deno.env.toObject(),
    readText: readTextSync,
    os: Deno.build.os,
  });
}

/** Merges the sources. Throws `UserError` for a wrong value or an unknown key, naming its place. */
export function resolveConfig(sources: ConfigSources): NodeConfig {
  const nodeId = nodeIdOf(sources.env);
  const dataDir = dataDirOf(sources, nodeId);
  const file = readConfigFile(join(dataDir, "config.json"), sources.readText);
  const state = readState(dataDir, sources.readText);
  const origins: Record<string, Origin> = {};
  const levels = [
    { origin: "flag", of: (name) => textsOf(sources.flags[name]), label: flagOf },
    {
      origin: "environment",
      of: (name) => envTexts(name, sources.env, nodeId),
      label: (name) => envLabel(name, sources.env),
    },
    { origin: "config.json", of: (name) => file[name], label: (name) => `config.json "${name}"` },
  ] satisfies Level[];

  function pick<Name extends SettingName>(name: Name): Settings[Name] {
    for (const level of levels) {
      const texts = level.of(name);
      if (texts === undefined) continue;
      origins[name] = level.origin;
      return parseSetting(name, texts, level.label(name));
    }
    origins[name] = "built in";
    return SETTINGS[name].builtIn as Settings[Name];
  }

  const settings = Object.fromEntries(SETTING_NAMES.map((name) => [name, pick(name)])) as Settings;
  const { rendezvous: _phrase, network: _network, secretFile, port, peer, ...rest } = settings;
  const secret = chooseSecret(sources, secretFile, origins, dataDir);
  const choice = chooseNetwork(levels, dataDir, state, origins);
  if (port === undefined && state.port !== undefined) origins.port = "remembered";
  return {
    ...rest,
    ...choice,
    ...(secret && { secret }),
    dataDir,
    port: port ?? state.port ?? DEFAULT_PORT,
    portRequested: port !== undefined,
    peers: peer,
    origins,
  };
}

type Level = {
  origin: Origin;
  of: (name: SettingName) => string[] | undefined;
  label: (name: SettingName) => string;
};

/** The highest level that names a network or a phrase decides both. */
function chooseNetwork(
  levels: Level[],
  dataDir: string,
  state: RememberedState,
  origins: Record<string, Origin>,
): Pick<NodeConfig, "networkChoice" | "rendezvous" | "networkRequested"> {
  for (const level of levels) {
    const phraseTexts = level.of("rendezvous");
    const networkTexts = level.of("network");
    if (phraseTexts === undefined && networkTexts === undefined) continue;
    origins.network = level.origin;
    const phrase = phraseTexts &&
      parseSetting("rendezvous", phraseTexts, level.label("rendezvous"));
    const name = networkTexts && parseSetting("network", networkTexts, level.label("network"));
    if (name === undefined) {
      return {
        networkChoice: { kind: "phrase", phrase: phrase! },
        rendezvous: undefined,
        networkRequested: true,
      };
    }
    const base = level.origin === "config.json" ? dataDir : "";
    const networkChoice: NetworkChoice = name === "dev"
      ? { kind: "dev" }
      : { kind: "file", path: base === "" ? name : join(base, name) };
    return { networkChoice, rendezvous: phrase, networkRequested: true };
  }
  origins.network = state.network === undefined ? "built in" : "remembered";
  return {
    networkChoice: state.network ?? { kind: "phrase", phrase: DEFAULT_PHRASE },
    rendezvous: state.rendezvous,
    networkRequested: false,
  };
}

/** A secret by name stands above a file of the same level; config.json can name a file only. */
function chooseSecret(
  { flags, env }: ConfigSources,
  secretFile: string | undefined,
  origins: Record<string, Origin>,
  dataDir: string,
): SecretChoice | undefined {
  const origin = origins.secretFile;
  if (flags.secret === false) return { kind: "none" };
  if (flags.secret !== undefined) return { kind: "text", text: flags.secret, given: "--secret" };
  if (env.MOIM_SECRET && origin !== "flag") {
    return { kind: "text", text: env.MOIM_SECRET, given: "MOIM_SECRET" };
  }
  if (secretFile === undefined) return undefined;
  const isOfFolder = origin === "config.json" && !isAbsolute(secretFile);
  return {
    kind: "file",
    path: isOfFolder ? join(dataDir, secretFile) : secretFile,
    given: secretLabel(origin),
  };
}

function secretLabel(origin: string | undefined): string {
  if (origin === "flag") return flagOf("secretFile");
  return origin === "environment" ? SETTINGS.secretFile.env : 'config.json "secretFile"';
}

function nodeIdOf(env: ConfigSources["env"]): number | undefined {
  const text = env.NODE_ID;
  if (text === undefined || text === "") return undefined;
  try {
    return parseNodeId(text);
  } catch (error) {
    throw new UserError(EXIT.usage, `Cannot use NODE_ID "${text}": ${messageOf(error)}`);
  }
}

function dataDirOf(sources: ConfigSources, nodeId: number | undefined): string {
  const { flags, env } = sources;
  const given = textsOf(flags.dataDir)?.at(-1) ?? (env.MOIM_DATA_DIR || undefined);
  if (given === "") throw new UserError(EXIT.usage, "Cannot use --data-dir: give a folder");
  const base = given ?? platformDataDir(sources);
  return nodeId === undefined ? base : join(base, String(nodeId));
}

/** The platform's usual place for a program's data, with `moim` in it. */
function platformDataDir({ env, os }: ConfigSources): string {
  if (os === "windows" && env.APPDATA) return join(env.APPDATA, "moim");
  const home = env.HOME || env.USERPROFILE;
  if (os === "darwin" && home) return join(home, "Library", "Application Support", "moim");
  if (env.XDG_DATA_HOME) return join(env.XDG_DATA_HOME, "moim");
  if (home) return join(home, ".local", "share", "moim");
  throw new UserError(
    EXIT.failed,
    "Cannot find a home folder: give --data-dir FOLDER or set MOIM_DATA_DIR",
  );
}

/** NODE_ID stands for the port where MOIM_PORT is not set. */
function envTexts(
  name: SettingName,
  env: ConfigSources["env"],
  nodeId: number | undefined,
): string[] | undefined {
  const text = env[SETTINGS[name].env];
  if (text === undefined || text === "") {
    return name === "port" && nodeId !== undefined ? [String(nodeId)] : undefined;
  }
  return SETTINGS[name].isList ? text.split(/[\s,]+/).filter((part) => part !== "") : [text];
}

function envLabel(name: SettingName, env: ConfigSources["env"]): string {
  return name === "port" && !env.MOIM_PORT ? "NODE_ID" : SETTINGS[name].env;
}

function textsOf(value: string | string[] | boolean | undefined): string[] | undefined {
  if (value === undefined) return undefined;
  if (typeof value === "boolean") return [value ? "on" : "off"];
  return typeof value === "string" ? [value] : value;
}

/** Throws `UserError` (damaged) for broken JSON, (usage) for unknown keys and wrong types. */
function readConfigFile(
  path: string,
  readText: ConfigSources["readText"],
): { [Name in SettingName]?: string[] } {
  const text = readText(path);
  if (text === undefined) return {};
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw new UserError(
      EXIT.damaged,
      `Cannot read ${path}: it is not JSON (${messageOf(error)}); correct or remove it`,
    );
  }
  if (typeof content !== "object" || content === null || Array.isArray(content)) {
    throw new UserError(EXIT.usage, `Cannot use ${path}: it must hold one JSON object`);
  }
  const result: { [Name in SettingName]?: string[] } = {};
  for (const [key, value] of Object.entries(content)) {
    const name = SETTING_NAMES.find((known) => known === key);
    if (key === "secret") {
      throw new UserError(
        EXIT.usage,
        `Cannot use ${path}: a secret does not belong into it; name its file as "secretFile"`,
      );
    }
    if (name === undefined) {
      throw new UserError(
        EXIT.usage,
        `Cannot use ${path}: unknown key "${key}"; known are ${SETTING_NAMES.join(", ")}`,
      );
    }
    result[name] = jsonTexts(value, path, key);
  }
  return result;
}

function jsonTexts(value: unknown, path: string, key: string): string[] {
  const items = Array.isArray(value) ? value : [value];
  return items.map((item) => {
    if (typeof item === "boolean") return item ? "on" : "off";
    if (typeof item === "string" || typeof item === "number") return String(item);
    throw new UserError(EXIT.usage, `Cannot use ${path}: "${key}" must be text, number or boolean`);
  });
}

/** Text of a file, undefined where there is none. Throws `UserError` (failed) if unreadable. */
export function readTextSync(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    // A file in place of a folder: the opening that follows says so with its path.
    if (error instanceof Deno.errors.NotADirectory) return undefined;
    throw new UserError(EXIT.failed, `Cannot read ${path}: ${messageOf(error)}`);
  }
}
