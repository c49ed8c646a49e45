/**
 * From an invitation to a configuration that runs its network: by what the folder knows, by the
 * default parameters, by a file, or by asking a member.
 */
import { equalBytes } from "../base/bytes.ts";
import { EXIT, UserError } from "../base/errors.ts";
import { genesisBlock } from "../consensus/genesis.ts";
import { DEV_NETWORK, type Network } from "../consensus/network.ts";
import type { DataFolder } from "../store/folder.ts";
import type { NodeConfig } from "./config.ts";
import { groupKeys, masterKeyOfWords, type Membership, rendezvousOf } from "./group_keys.ts";
import {
  groupNameOf,
  knownNetworks,
  networkNamed,
  openFolder,
  refuseOtherMembers,
  rememberNetwork,
} from "./groups.ts";
import { type Invitation, type LinkDetails, parametersHash } from "./invitation.ts";
import { resolveNetwork } from "./network_choice.ts";
import type { FoundNetwork } from "./network_search.ts";
import { refuseOtherSecret } from "./secret.ts";

export type JoinOptions = {
  /** A network file of the user's, or dev: then nobody is asked for the parameters. */
  network?: string | undefined;
  /** Tells what is waited for, line by line. */
  onLine: (line: string) => void;
  /** Ends the search: `joinNetwork` then throws `UserError` (interrupted). */
  signal: AbortSignal;
};

/** What an invitation says, with its keys. */
type Group = {
  /** What members meet under, or the phrase it is made of. */
  meetingPhrase: string;
  membership: Membership | undefined;
  details: LinkDetails | undefined;
};

/**
 * The configuration that runs the invitation's network, whose parameters and key are remembered in
 * the folder by then. Searches until it has them. Throws `UserError`: usage when the invitation
 * contradicts itself or the secret given with it, rejected when members have other parameters than
 * the link says, failed when the folder has the network with others, interrupted.
 */
export async function joinNetwork(
  config: NodeConfig,
  invitation: Invitation,
  options: JoinOptions,
): Promise<NodeConfig> {
  const group = await groupOf(invitation);
  await refuseOtherSecret(config.secret, group);
  const network = networkAtHand(config, group, options.network);
  const hints = hintsOf(group.details);
  // The key that the invitation brings is remembered: no other is needed.
  const { secret: _same, ...rest } = config;
  const joined = { ...rest, networkRequested: true, hints };
  // Before anything is changed, and before anybody is looked for.
  if (network !== undefined) {
    refuseOtherMembers(config.dataDir, network, group.membership?.masterKey);
  }
  const folder = await openFolder(config.dataDir);
  try {
    const found = network === undefined
      ? await search(folder, joined, group, options)
      : { network, member: [] };
    const remembered = await remember(folder, found.network, group);
    return { ...joined, ...remembered, hints: [...new Set([...hints, ...found.member])] };
  } finally {
    folder.close();
  }
}

async function groupOf({ group, details }: Invitation): Promise<Group> {
  if (group.kind === "phrase") {
    const { phrase, masterKey } = group;
    return { meetingPhrase: phrase, membership: masterKey && { masterKey }, details };
  }
  const masterKey = await masterKeyOfWords(group.entropy);
  const meetingPhrase = groupNameOf(masterKey);
  const words = group.words.join(" ");
  return { meetingPhrase, membership: { masterKey, words, meetingPhrase }, details };
}

/** The parameters as far as nobody needs to be asked: from the user, the folder, or built in. */
function networkAtHand(
  { dataDir }: NodeConfig,
  { meetingPhrase, membership, details }: Group,
  file: string | undefined,
): Network | undefined {
  if (file !== undefined) {
    const choice = file === "dev"
      ? { kind: "dev" } as const
      : { kind: "file", path: file } as const;
    const given = resolveNetwork(choice, dataDir);
    if (details === undefined || isLinked(given, details)) return given;
    throw new UserError(
      EXIT.usage,
      `Cannot use network file "${file}": the link is of other parameters; leave out --network`,
    );
  }
  const known = knownNetworks(dataDir);
  const key = membership?.masterKey;
  const own = known.find((each) =>
    key !== undefined && each.membership && equalBytes(each.membership.masterKey, key)
  );
  if (details === undefined) return own?.network;
  const others = membership === undefined ? known.map(({ network }) => network) : [];
  const candidates = [
    ...own === undefined ? [] : [own.network],
    networkNamed(meetingPhrase),
    DEV_NETWORK,
    ...others,
  ];
  return candidates.find((network) => isLinked(network, details));
}

/**
 * Whether these are the link's parameters. Throws `UserError` (usage) when the link says another
 * genesis block than follows from them.
 */
export function isLinked(network: Network, details: LinkDetails): boolean {
  if (!equalBytes(parametersHash(network), details.parametersHash)) return false;
  if (genesisBlock(network).header.id === details.genesisId) return true;
  throw new UserError(
    EXIT.usage,
    "Cannot use this link: its genesis does not follow from its parameters; ask for a new one",
  );
}

async function search(
  folder: DataFolder,
  config: NodeConfig,
  { meetingPhrase, membership, details }: Group,
  { onLine, signal }: JoinOptions,
): Promise<FoundNetwork> {
  const keys = membership && groupKeys(membership.masterKey);
  const { fetchNetwork } = await import("./fetch_network.ts");
  return await fetchNetwork({
    config,
    identitySeed: await folder.identitySeed(),
    rendezvous: keys === undefined ? meetingPhrase : rendezvousOf(keys, meetingPhrase),
    membership: keys?.membership,
    details,
    onLine,
    signal,
  });
}

/** What of the configuration names the network, once the folder has what a restart needs. */
async function remember(
  folder: DataFolder,
  network: Network,
  { meetingPhrase, membership }: Group,
): Promise<Pick<NodeConfig, "networkChoice" | "rendezvous">> {
  if (membership !== undefined) {
    const name = await rememberNetwork(folder, network, membership);
    // What members by words meet under lies with their key; a phrase may differ from the name.
    const isByName = membership.words !== undefined || meetingPhrase === network.name;
    return {
      networkChoice: { kind: "folder", folder: name },
      rendezvous: isByName ? undefined : meetingPhrase,
    };
  }
  const { name } = network;
  const rendezvous = meetingPhrase === name ? undefined : meetingPhrase;
  if (isSame(network, DEV_NETWORK)) return { networkChoice: { kind: "dev" }, rendezvous };
  if (rendezvous === undefined && isSame(network, networkNamed(name))) {
    return { networkChoice: { kind: "phrase", phrase: name }, rendezvous };
  }
  const made = await rememberNetwork(folder, network, undefined);
  return { networkChoice: { kind: "folder", folder: made }, rendezvous };
}

function isSame(a: Network, b: Network): boolean {
  return equalBytes(parametersHash(a), parametersHash(b));
}

/** Where the link's maker was, as `--peer` spells it: tried, and not kept as the user's own. */
function hintsOf(details: LinkDetails | undefined): string[] {
  if (details?.peerId === undefined) return [];
  return details.addresses.length === 0
    ? [details.peerId]
    : details.addresses.map((address) => `${address}/p2p/${details.peerId}`);
}
