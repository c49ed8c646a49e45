/** The command that brings another machine onto this node's network. */
import { genesisBlock } from "../../consensus/genesis.ts";
import { DEV_NETWORK, networkFromPhrase } from "../../consensus/network.ts";
import type { NetworkInfo, NodeStatus } from "../../node/mod.ts";

/** By phrase alone, and with an address for where nothing finds it; both for a POSIX shell. */
export type JoinCommands = { command: string; withPeer: string | undefined };

export function joinCommands(network: NetworkInfo, status: NodeStatus): JoinCommands {
  const command = commandOf(network);
  const peer = status.addresses.find((address) =>
    !/^\/(ip4\/127\.|ip6\/::1\/|ip6\/fe80)/.test(address)
  );
  return { command, withPeer: peer && `${command} --peer ${peer}` };
}

/** A secret and the words of an invitation are never shown on a wall. */
function commandOf(network: NetworkInfo): string {
  if (network.access === "words") return "moim join WORDS";
  return `moim start ${networkOption(network)}${network.access === "secret" ? " --secret" : ""}`;
}

/** Only a genesis that follows from the phrase is joined by the phrase. */
function networkOption({ name, rendezvous, genesisId }: NetworkInfo): string {
  if (genesisIdOf(() => networkFromPhrase(rendezvous)) === genesisId) {
    return `--rendezvous ${quoted(rendezvous)}`;
  }
  if (genesisIdOf(() => DEV_NETWORK) === genesisId) return "--network dev";
  return `--network ${quoted(`${name}.json`)}`;
}

function genesisIdOf(network: () => typeof DEV_NETWORK): string | undefined {
  try {
    return genesisBlock(network()).id;
  } catch {
    return undefined;
  }
}

function quoted(text: string): string {
  const isPlain = /^[\p{L}\p{N}._/:][\p{L}\p{N}._/:-]*$/u.test(text);
  return isPlain ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** An address of the explorer that other machines can open too. */
export function sharedUrl(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined;
  return /^(?:localhost|127\..*|\[::1\])$/.test(new URL(url).hostname) ? undefined : url;
}
