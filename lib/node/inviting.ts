/** What joins the network of a data folder: its words or phrase, and its link. */
import { basename, join } from "node:path";
import { canonicalParameters, networkFromJson } from "../consensus/network_json.ts";
import { asBlockId } from "../primitives/ids.ts";
import { MAX_NETWORK_BYTES } from "../wire/network.ts";
import type { Access, NodeApi } from "./api.ts";
import { accessOf, readMembership } from "./group_keys.ts";
import {
  addressesForLink,
  type GroupName,
  type LinkDetails,
  parametersHash,
  writeLink,
} from "./invitation.ts";
import { readWords } from "./invitation_words.ts";

/** The peer id at the end of an address. */
const OWN_ID = /\/p2p\/([1-9A-HJ-NP-Za-km-z]+)$/;

/** An invitation, as `invite` shows it. All of it is secret but for a phrase's. */
export type InvitationInfo = {
  network: string;
  genesisId: string;
  /** By words, by a phrase with a secret, or by a phrase alone: open to whoever guesses it. */
  access: Access;
  words?: string;
  phrase?: string;
  link: string;
  /** The same with fewer addresses, down to none, for where room is short. */
  shorterLinks: string[];
  /** Whether a node runs here; else the link has no address. */
  running: boolean;
  addresses: string[];
  /** Whether the parameters are short enough to come from a member; else the file is needed. */
  parametersTravel: boolean;
};

/** Asks the node of `dataDir`, running or opened for this, and its network's folder. */
export async function invitationOf(node: NodeApi, dataDir: string): Promise<InvitationInfo> {
  const [info, status] = await Promise.all([node.network(), node.status()]);
  const network = networkFromJson(info.parameters);
  // The node may know its folder by a path that means something else here.
  const membership = readMembership(join(dataDir, "networks", basename(info.folder)));
  const group: GroupName = membership?.words === undefined
    ? {
      kind: "phrase",
      phrase: info.rendezvous,
      ...(membership && { masterKey: membership.masterKey }),
    }
    : { kind: "words", ...readWords(membership.words) };
  const addresses = addressesForLink(status.addresses.map((text) => text.replace(OWN_ID, "")));
  const link = (addressesMax: number) => {
    const details: LinkDetails = {
      ...(status.peerId !== undefined && { peerId: status.peerId }),
      addresses: status.peerId === undefined ? [] : addresses.slice(0, addressesMax),
      genesisId: asBlockId(info.genesisId),
      parametersHash: parametersHash(network),
    };
    return writeLink(group, details);
  };
  return {
    network: network.name,
    genesisId: info.genesisId,
    access: accessOf(membership),
    ...(group.kind === "words" ? { words: group.words.join(" ") } : { phrase: group.phrase }),
    link: link(addresses.length),
    shorterLinks: addresses.map((_, at) => link(addresses.length - 1 - at)),
    running: status.running,
    addresses,
    parametersTravel: canonicalParameters(network).length <= MAX_NETWORK_BYTES,
  };
}
