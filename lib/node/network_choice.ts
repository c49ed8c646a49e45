/** From what the user chose to the network's parameters. */
import { join } from "node:path";
import { EXIT, messageOf, UserError } from "../base/errors.ts";
import { genesisBlock } from "../consensus/genesis.ts";
import { DEV_NETWORK, type Network, networkFromPhrase } from "../consensus/network.ts";
import { networkFromJson, networkToJson } from "../consensus/network_json.ts";
import { providerKey } from "../net/dht/provider_key.ts";
import type { NetworkInfo } from "./api.ts";
import { networkFolderName } from "../store/folder.ts";
import { type NodeConfig, readTextSync } from "./config.ts";
import {
  accessOf,
  groupKeys,
  type Membership,
  readMembership,
  rendezvousOf,
} from "./group_keys.ts";
import type { NetworkChoice } from "./state.ts";

/**
 * The parameters of the chosen network.
 * Throws `UserError`: usage for a network file that is missing or wrong, damaged for a remembered
 * folder whose network.json is.
 */
export function resolveNetwork(choice: NetworkChoice, dataDir: string): Network {
  switch (choice.kind) {
    case "dev":
      return DEV_NETWORK;
    case "phrase":
      return networkFromPhrase(choice.phrase);
    case "file":
      return readNetworkFile(choice.path);
    case "folder":
      return readRemembered(join(dataDir, "networks", choice.folder, "network.json"));
  }
}

function readNetworkFile(path: string): Network {
  const text = readTextSync(path);
  if (text === undefined) {
    throw new UserError(
      EXIT.usage,
      `Cannot find network file "${path}": give a file, or dev; moim network make --out FILE makes one`,
    );
  }
  try {
    return networkFromJson(JSON.parse(text));
  } catch (error) {
    throw new UserError(EXIT.usage, `Cannot use network file "${path}": ${messageOf(error)}`);
  }
}

function readRemembered(path: string): Network {
  const text = readTextSync(path);
  const next = "name the network with --rendezvous or --network";
  if (text === undefined) throw new UserError(EXIT.damaged, `Cannot find ${path}: ${next}`);
  try {
    return networkFromJson(JSON.parse(text));
  } catch (error) {
    throw new UserError(
      EXIT.damaged,
      `Cannot use ${path}: it is damaged (${messageOf(error)}); ${next}`,
    );
  }
}

/** A network's parameters, genesis and meeting point. `folder` is where its chain is or would be. */
export function describeNetwork(
  network: Network,
  options: {
    rendezvous: string | undefined;
    folder: string;
    /** Of a private network. */
    membership?: Membership | undefined;
  },
): NetworkInfo {
  const { membership } = options;
  const rendezvous = options.rendezvous ?? network.name;
  const meetingPoint = membership === undefined
    ? rendezvous
    : rendezvousOf(groupKeys(membership.masterKey), rendezvous);
  return {
    name: network.name,
    genesisId: genesisBlock(network).header.id,
    access: accessOf(membership),
    rendezvous,
    rendezvousCid: providerKey(meetingPoint).toString(),
    parameters: { ...networkToJson(network) },
    folder: options.folder,
  };
}

/** What parameters, as a network file holds them, describe. Throws `UserError` (usage). */
export function networkFromParameters(parameters: Record<string, unknown>): NetworkInfo {
  try {
    return describeNetwork(networkFromJson(parameters), { rendezvous: undefined, folder: "" });
  } catch (error) {
    throw new UserError(EXIT.usage, messageOf(error));
  }
}

/** What `--network` and `--rendezvous` choose, without opening anything. */
export function chosenNetwork(config: NodeConfig): NetworkInfo {
  const network = resolveNetwork(config.networkChoice, config.dataDir);
  const folder = networkFolderName(network.name, genesisBlock(network).header.id);
  const membership = readMembership(join(config.dataDir, "networks", folder));
  return describeNetwork(network, {
    rendezvous: membership?.meetingPhrase ?? config.rendezvous,
    folder: config.dataDir,
    membership,
  });
}
