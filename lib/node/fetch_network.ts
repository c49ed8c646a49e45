/** Finds a member of a group on every way that a node has, and asks it for the parameters. */
import { equalBytes, fromUtf8 } from "../base/bytes.ts";
import { systemClock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import { systemRandom } from "../base/random.ts";
import type { Network } from "../consensus/network.ts";
import { canonicalParameters, networkFromJson } from "../consensus/network_json.ts";
import { parsePeerArgument } from "../net/addresses.ts";
import { loadLibp2p } from "../net/libp2p/load.ts";
import { Prover } from "../net/membership/membership.ts";
import type { Candidate } from "../net/transport.ts";
import type { NodeConfig } from "./config.ts";
import { type LinkDetails, parametersHash } from "./invitation.ts";
import { asCandidate, type FoundNetwork, NetworkSearch } from "./network_search.ts";
import { chooseP2pPort } from "./p2p_port.ts";
import { VERSION } from "./version.ts";

export type FetchOptions = {
  config: NodeConfig;
  identitySeed: Uint8Array;
  /** What the members' node meets under (`rendezvousOf`, or a public network's phrase). */
  rendezvous: string;
  /** `GroupKeys.membership`; absent for a network without a secret. */
  membership: Uint8Array | undefined;
  /** What a link says of the network; absent with words alone. */
  details: LinkDetails | undefined;
  onLine: (line: string) => void;
  signal: AbortSignal;
};

/** Searches until a member has told the parameters. Throws as `NetworkSearch.run` and `listen`. */
export async function fetchNetwork(options: FetchOptions): Promise<FoundNetwork> {
  const { config, membership, details, signal } = options;
  const port = chooseP2pPort(config);
  await loadLibp2p();
  const { listen } = await import("./listen.ts");
  const targets = [...config.peers, ...config.hints ?? []].map(parsePeerArgument);
  const later: { search?: NetworkSearch; early: Candidate[] } = { early: [] };
  options.onLine(`looking for somebody of this group: ${waysOf(config).join(", ")} …`);
  const transport = await listen(config, port, {
    identitySeed: options.identitySeed,
    announce: config.announce,
    dht: { mode: config.dht, ...(config.dhtProtocol && { protocol: config.dhtProtocol }) },
    bootstraps: targets.flatMap(({ addresses }) => addresses),
    lan: config.lan,
    // A search is too short for a way in to be worth asking a router for.
    mapPort: false,
    relay: false,
    rendezvous: options.rendezvous,
    agent: `moim/${VERSION}`,
    clock: systemClock,
    onCandidate: (candidate) => {
      if (later.search) later.search.found(candidate);
      else later.early.push(candidate);
    },
    onNotice: options.onLine,
  });
  try {
    const { peerId: ownPeerId } = transport;
    const search = new NetworkSearch({
      transport,
      clock: systemClock,
      random: systemRandom,
      membership: membership &&
        await Prover.load({ password: membership, ownPeerId, random: systemRandom }),
      check: (parameters) => checkParameters(parameters, details),
      onLine: options.onLine,
      lateLine: lateLine(details),
    });
    later.search = search;
    for (const target of targets) search.found(asCandidate(target));
    for (const candidate of later.early) search.found(candidate);
    return await search.run(signal);
  } finally {
    await transport.stop();
  }
}

/**
 * The network that a member's answer describes: canonical JSON within every bound of a network
 * file, and what the link says where there is one. Throws `Error` in words that follow the member's
 * name.
 */
export function checkParameters(
  parameters: Uint8Array,
  details: LinkDetails | undefined,
): Network {
  if (parameters.length === 0) {
    throw new Error(
      "has parameters too long to send (get the network file, and add --network FILE)",
    );
  }
  let network: Network;
  try {
    network = networkFromJson(JSON.parse(fromUtf8(parameters)));
  } catch (error) {
    throw new Error(`sent parameters that make no network (${messageOf(error)})`);
  }
  if (!equalBytes(canonicalParameters(network), parameters)) {
    throw new Error("sent parameters in another form than the one that is hashed");
  }
  if (details === undefined) return network;
  if (!equalBytes(parametersHash(network), details.parametersHash)) {
    throw new Error(`is of a network with other parameters than the link's`);
  }
  return network;
}

function waysOf({ peers, hints, lan, dht }: NodeConfig): string[] {
  const ways = [
    ...(hints ?? []).length > 0 ? ["the link's addresses"] : [],
    ...peers.length > 0 ? ["named peers"] : [],
    ...lan ? ["local network"] : [],
    ...dht === "off" ? [] : ["DHT"],
  ];
  return ways.length > 0 ? ways : ["waiting to be found, since --lan and --dht are off"];
}

function lateLine(details: LinkDetails | undefined): string {
  const doubt = details === undefined ? "the words may be wrong, or " : "";
  return `nobody found yet: ${doubt}nobody of this group is online, or none can be reached from ` +
    "here; still looking, Ctrl-C stops";
}
