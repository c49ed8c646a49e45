/**
 * An invitation: what brings somebody into a group. Short, six words (`invitation_words.ts`); long,
 * a link, which also says where a member is and which network it must be.
 *
 *     moim:1+words=…+peer=ID+at=ADDRESS+genesis=…+hash=…+check=…
 *
 * in this order, without a character that means something to a shell. 1 is the version. What names
 * the group is `words`, joined by hyphens, or `phrase` (percent-encoded) and, for a phrase with a
 * secret, `key`: the master key. `peer` and up to four `at` say where a member was. `genesis` is the
 * id of the genesis block and `hash` the SHA-256 of the parameters' canonical JSON. `check` begins
 * the SHA-256 of all before it. Bytes are in Base64 for URLs without padding (RFC 4648 §5). A link
 * has one spelling: whatever is read must come out the same when it is written, so what is twice,
 * unknown or out of order is refused.
 */
import { base58, base64urlnopad } from "@scure/base";
import { fromHex, toHex, utf8 } from "../base/bytes.ts";
import { EXIT, UserError } from "../base/errors.ts";
import { canonicalParameters } from "../consensus/network_json.ts";
import { type Network, normalizeName } from "../consensus/network.ts";
import { addressClass, bareAddress, isRelayedAddress } from "../peers/address_class.ts";
import { sha256 } from "../primitives/hash.ts";
import { asBlockId, type BlockId } from "../primitives/ids.ts";
import { readWords, splitWords } from "./invitation_words.ts";

/** The link's version that this program writes and reads. */
export const LINK_VERSION = 1;
/** Above what any link takes: 200 bytes of phrase at three characters each, four long addresses. */
export const LINK_CHARACTERS_MAX = 2_048;
export const LINK_ADDRESSES_MAX = 4;
/** Of one kind, so that one kind does not take all places. */
const ADDRESSES_OF_A_KIND_MAX = 2;
const KEY_BYTES = 32;
/** 36 bits: of 10^10 damaged links one passes. */
const CHECK_CHARACTERS = 6;
/** Nodes of ours have Ed25519 identities: 36 bytes as they are, of which 32 are the key. */
const PEER_ID_START = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
const PEER_ID_BYTES = 38;
const RELAY_ID = /\/p2p\/([^/]+)\/p2p-circuit$/;
const ANY_LINK = /^moim:/i;
const VERSIONED = /^moim:([0-9]{1,6})(?![0-9])(.*)$/is;
const CHECK = "+check=";

/** What names a group. */
export type GroupName =
  | { kind: "words"; words: string[]; entropy: Uint8Array }
  /** Made by a phrase; public unless there is a key. */
  | { kind: "phrase"; phrase: string; masterKey?: Uint8Array };

/** Which network a link is of, and where a member was when it was made. */
export type LinkDetails = {
  peerId?: string;
  /** Multiaddrs without the peer's id, at most four; none without `peerId`. */
  addresses: string[];
  genesisId: BlockId;
  /** See `parametersHash`. */
  parametersHash: Uint8Array;
};

/** What somebody was given: words or a link. */
export type Invitation = { group: GroupName; details?: LinkDetails };

/** SHA-256 of the canonical form. */
export function parametersHash(network: Network): Uint8Array {
  return sha256(canonicalParameters(network));
}

/** Whether the text means to be a link, however damaged. */
function looksLikeLink(text: string): boolean {
  return ANY_LINK.test(text.trim());
}

/** Reads words or a link. Throws `UserError` (usage), one line that says what is wrong. */
export function readInvitation(text: string): Invitation {
  if (looksLikeLink(text)) return readLink(text);
  return { group: { kind: "words", ...readWords(text) } };
}

/** The link of a group. */
export function writeLink(group: GroupName, details: LinkDetails): string {
  const fields: [name: string, value: string][] = group.kind === "words"
    ? [["words", group.words.join("-")]]
    : [["phrase", percentEncode(group.phrase)]];
  if (group.kind === "phrase" && group.masterKey !== undefined) {
    fields.push(["key", base64urlnopad.encode(group.masterKey)]);
  }
  if (details.peerId !== undefined) fields.push(["peer", details.peerId]);
  for (const address of details.addresses) fields.push(["at", address]);
  fields.push(["genesis", base64urlnopad.encode(fromHex(details.genesisId))]);
  fields.push(["hash", base64urlnopad.encode(details.parametersHash)]);
  const link = `moim:${LINK_VERSION}` + fields.map(([name, value]) => `+${name}=${value}`).join("");
  return link + CHECK + checkOf(link);
}

/**
 * Reads a link; white space in it (a mail that broke it over lines) is passed over.
 * Throws `UserError` (usage): too long, of another version, damaged, or with a wrong field.
 */
export function readLink(text: string): Invitation & { details: LinkDetails } {
  if (text.length > 2 * LINK_CHARACTERS_MAX) throw refuse(tooLong(text.length));
  const link = text.replace(/\s+/g, "");
  if (link.length > LINK_CHARACTERS_MAX) throw refuse(tooLong(link.length));
  const [, version, rest] = VERSIONED.exec(link) ?? [];
  if (version !== undefined && version !== String(LINK_VERSION)) {
    throw refuse(
      `it is of version ${version} and this program reads version ${LINK_VERSION}; ` +
        "update moim, or ask for the six words",
    );
  }
  const whole = `moim:${LINK_VERSION}${rest}`;
  const checkAt = whole.lastIndexOf(CHECK);
  const body = whole.slice(0, checkAt);
  if (checkAt < 0 || checkOf(body) !== whole.slice(checkAt + CHECK.length)) {
    throw refuse("it is damaged; copy it whole, or ask for the six words");
  }
  const [, ...fields] = body.split("+");
  const read = readFields(fields);
  // What was read must be all that was there, in its one spelling.
  if (writeLink(read.group, read.details) !== whole) throw wrongField("fields");
  return read;
}

/**
 * Of a node's addresses (each with or without `/p2p/ID`) those that help somebody elsewhere: public
 * ones, ways through relays, then private ones, of which one is always there; loopback when there
 * is nothing else.
 */
export function addressesForLink(addresses: readonly string[]): string[] {
  const kinds = { outside: [] as string[], relayed: [] as string[], inside: [] as string[] };
  const loopback: string[] = [];
  for (const address of new Set(addresses.flatMap((text) => bareAddress(text) ?? []))) {
    const kind = addressClass(address);
    if (kind === "loopback") loopback.push(address);
    else if (kind === "link-local") continue; // Means something else on every machine.
    else if (isRelayedAddress(address)) kinds.relayed.push(address);
    else if (kind === "private") kinds.inside.push(address);
    else kinds.outside.push(address);
  }
  const far = [kinds.outside, kinds.relayed].flatMap((kind) =>
    kind.slice(0, ADDRESSES_OF_A_KIND_MAX)
  );
  const near = kinds.inside;
  const chosen = [...far.slice(0, LINK_ADDRESSES_MAX - Math.min(1, near.length)), ...near];
  return (chosen.length > 0 ? chosen : loopback).slice(0, LINK_ADDRESSES_MAX);
}

function readFields(fields: string[]): { group: GroupName; details: LinkDetails } {
  const values = new Map<string, string[]>();
  for (const field of fields) {
    const [, name, value] = /^([a-z]+)=(.*)$/s.exec(field) ?? [];
    if (name === undefined) throw wrongField("fields");
    values.set(name, [...values.get(name) ?? [], value!]);
  }
  const one = (name: string) => values.get(name)?.[0];
  const addresses = values.get("at") ?? [];
  const peerId = one("peer");
  if (peerId !== undefined && !isPeerId(peerId)) throw wrongField("peer");
  if (addresses.length > LINK_ADDRESSES_MAX || !addresses.every(isAddress)) throw wrongField("at");
  if (addresses.length > 0 && peerId === undefined) throw wrongField("peer");
  return {
    group: readGroup(one("words"), one("phrase"), one("key")),
    details: {
      ...(peerId !== undefined && { peerId }),
      addresses,
      genesisId: asBlockId(toHex(readBytes("genesis", one("genesis")))),
      parametersHash: readBytes("hash", one("hash")),
    },
  };
}

/** Whether it is in its one spelling, and the relay in it, if one is, can be a peer. */
function isAddress(address: string): boolean {
  const relay = RELAY_ID.exec(address)?.[1];
  return bareAddress(address) === address && (relay === undefined || isPeerId(relay));
}

/** Whether libp2p will take it: a damaged one must not end the node that dials it. */
function isPeerId(text: string): boolean {
  try {
    const bytes = base58.decode(text);
    return bytes.length === PEER_ID_BYTES && PEER_ID_START.every((byte, at) => bytes[at] === byte);
  } catch {
    return false;
  }
}

function readGroup(words?: string, phrase?: string, key?: string): GroupName {
  if (words !== undefined) {
    if (splitWords(words).join("-") !== words) throw wrongField("words");
    return { kind: "words", ...readWords(words) };
  }
  if (phrase === undefined) throw wrongField("words");
  const masterKey = key === undefined ? undefined : readBytes("key", key);
  let name: string;
  try {
    name = normalizeName(decodeURIComponent(phrase));
  } catch {
    throw wrongField("phrase");
  }
  return { kind: "phrase", phrase: name, ...(masterKey && { masterKey }) };
}

function readBytes(name: string, text: string | undefined): Uint8Array {
  try {
    const bytes = base64urlnopad.decode(text!);
    if (bytes.length === KEY_BYTES) return bytes;
  } catch {
    // Missing, of other characters or of another length: one thing to whoever was given it.
  }
  throw wrongField(name);
}

/** Only letters, digits and -._~ stay as they are (RFC 3986 §2.3). */
function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function checkOf(text: string): string {
  return base64urlnopad.encode(sha256(utf8(text))).slice(0, CHECK_CHARACTERS);
}

/** The check was right, so it was made like this. */
function wrongField(name: string): UserError {
  return refuse(`its ${name} cannot be right; ask for a new link, or for the six words`);
}

function tooLong(characters: number): string {
  return `it has ${characters} characters, a link has at most ${LINK_CHARACTERS_MAX}; ` +
    "ask for a new one";
}

function refuse(why: string): UserError {
  return new UserError(EXIT.usage, `Cannot use this link: ${why}`);
}
