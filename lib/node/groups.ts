/**
 * Groups that are among themselves, in a data folder: made by words, found again, and remembered in
 * their network's folder so that a restart asks nothing.
 */
import { hkdfSync } from "node:crypto";
import { basename, join } from "node:path";
import { equalBytes, toHex, utf8 } from "../base/bytes.ts";
import { EXIT, messageOf, UserError } from "../base/errors.ts";
import { systemRandom } from "../base/random.ts";
import { genesisBlock } from "../consensus/genesis.ts";
import { DEFAULTS, type Network, NetworkError, normalizeName } from "../consensus/network.ts";
import { networkFromJson, networkToJson } from "../consensus/network_json.ts";
import { DataFolder, networkFolderName } from "../store/folder.ts";
import { type NodeConfig, readTextSync } from "./config.ts";
import { refuseSecondNode } from "./connect.ts";
import {
  masterKeyOfWords,
  type Membership,
  readMembership,
  writeMembership,
} from "./group_keys.ts";
import { newWords, readWords } from "./invitation_words.ts";
import { resolveNetwork } from "./network_choice.ts";
import { readState, writeState } from "./state.ts";

/** Of the digits in a group's name: enough that no two that somebody meets are alike. */
const NAME_BYTES = 4;
const GROUP_NAME = /^group [0-9a-f]{8}$/;
/** How long a command waits for another command to leave the folder. */
const LOCK_WAIT_MS = 5_000;

/** A network's folder below `networks`, as far as joining needs it. */
export type KnownNetwork = {
  /** Plain name of the folder. */
  folder: string;
  network: Network;
  membership: Membership | undefined;
};

/**
 * The name of a group made by words, such as "group 3f9a1c2e" (HKDF-SHA-256 of its master key):
 * what its members meet under, and its network's name unless that was given another.
 */
export function groupNameOf(masterKey: Uint8Array): string {
  const bytes = hkdfSync("sha256", masterKey, new Uint8Array(), utf8("moim name"), NAME_BYTES);
  return `group ${toHex(new Uint8Array(bytes))}`;
}

/** Whether a network is named as those are which `groupNameOf` names. */
export function isGroupName(name: string): boolean {
  return GROUP_NAME.test(name);
}

/** The default parameters under a name. Throws `UserError` (usage) for an unusable one. */
export function networkNamed(name: string, parameters: Omit<Network, "name"> = DEFAULTS): Network {
  try {
    return { ...parameters, name: normalizeName(name) };
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    throw new UserError(EXIT.usage, error.message);
  }
}

/** The networks of a data folder; what cannot be read is passed over, its own opening tells why. */
export function knownNetworks(dataDir: string): KnownNetwork[] {
  const parent = join(dataDir, "networks");
  return namesIn(parent).flatMap((folder) => {
    try {
      const text = readTextSync(join(parent, folder, "network.json"));
      if (text === undefined) return [];
      const network = networkFromJson(JSON.parse(text));
      return [{ folder, network, membership: readMembership(join(parent, folder)) }];
    } catch {
      return [];
    }
  });
}

/**
 * Makes the folder of a network, with its parameters and, unless it is public, its key; gives the
 * folder's plain name. Throws `UserError` (failed) when the network is there with other members.
 */
export async function rememberNetwork(
  folder: DataFolder,
  network: Network,
  membership: Membership | undefined,
): Promise<string> {
  refuseOtherMembers(folder.path, network, membership?.masterKey);
  const opened = await folder.openNetwork(networkToJson(network), genesisBlock(network).id);
  if (membership !== undefined) {
    await writeMembership(opened.path, { ...readMembership(opened.path), ...membership });
  }
  return basename(opened.path);
}

/**
 * Throws `UserError` (failed) when the folder has the network with another master key than this one
 * (none: a public network): one folder cannot serve both.
 */
export function refuseOtherMembers(
  dataDir: string,
  network: Network,
  masterKey: Uint8Array | undefined,
): void {
  const name = networkFolderName(network.name, genesisBlock(network).id);
  const known = knownNetworks(dataDir).find(({ folder }) => folder === name);
  if (known === undefined) return;
  const theirs = known.membership?.masterKey;
  if (theirs === undefined && masterKey === undefined) return;
  if (theirs !== undefined && masterKey !== undefined && equalBytes(theirs, masterKey)) return;
  throw new UserError(
    EXIT.failed,
    `Network "${network.name}" is in ${dataDir} already, ` +
      `${theirs === undefined ? "open to everyone" : "with another secret"}: ` +
      "give another --data-dir, or the new group another --name",
  );
}

/** What a new group is made of. */
export type NewGroup = {
  /** `--network`: a file, or dev; its parameters instead of the default ones. */
  network?: string | undefined;
  name?: string | undefined;
};

/**
 * Makes a group by new words in the data folder, which `start` runs from then on. Gives the
 * configuration that opens it. Throws `UserError`: inUse when a node runs there, usage for a wrong
 * network file or name.
 */
export async function makeGroup(config: NodeConfig, options: NewGroup): Promise<NodeConfig> {
  const words = newWords(systemRandom);
  const masterKey = await masterKeyOfWords(readWords(words.join(" ")).entropy);
  const meetingPhrase = groupNameOf(masterKey);
  const network = parametersOf(options, config.dataDir, meetingPhrase);
  await refuseRunningNode(config);
  const folder = await openFolder(config.dataDir);
  try {
    const membership = { masterKey, words: words.join(" "), meetingPhrase };
    const name = await rememberNetwork(folder, network, membership);
    const networkChoice = { kind: "folder" as const, folder: name };
    const state = readState(config.dataDir, readTextSync);
    await writeState(config.dataDir, { ...state, network: networkChoice, rendezvous: undefined });
    return { ...config, networkChoice, rendezvous: undefined, networkRequested: false };
  } finally {
    folder.close();
  }
}

/** The data folder, once another command has left it. Throws as `DataFolder.open`. */
export function openFolder(dataDir: string): Promise<DataFolder> {
  return DataFolder.open(dataDir, { waitMs: LOCK_WAIT_MS });
}

/** A running node keeps the network that it has. */
async function refuseRunningNode(config: NodeConfig): Promise<void> {
  await refuseSecondNode(config).catch((error) => {
    if (!(error instanceof UserError)) throw error;
    throw new UserError(
      error.exitCode,
      `A node runs in ${config.dataDir} and keeps its network: stop it first, ` +
        "or give another --data-dir",
    );
  });
}

function parametersOf(options: NewGroup, dataDir: string, groupName: string): Network {
  const { network, name } = options;
  if (network === undefined) return networkNamed(name ?? groupName);
  const isDev = network === "dev";
  const given = resolveNetwork(isDev ? { kind: "dev" } : { kind: "file", path: network }, dataDir);
  // Everybody's dev network is no name for a group.
  return networkNamed(name ?? (isDev ? groupName : given.name), given);
}

function namesIn(path: string): string[] {
  try {
    return [...Deno.readDirSync(path)].filter(({ isDirectory }) => isDirectory)
      .map(({ name }) => name).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw new UserError(EXIT.failed, `Cannot read ${path}: ${messageOf(error)}`);
  }
}
