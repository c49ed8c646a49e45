/**
 * The keys of a group that is among itself. A secret or the words of an invitation give a master
 * key; that gives the key under which members meet and the one by which they know each other.
 * Cheap to import: nothing of libp2p or of the chain is behind it.
 */
import { createHmac, hkdfSync, scrypt } from "node:crypto";
import { join } from "node:path";
import { fromHex, toHex, utf8 } from "../base/bytes.ts";
import { EXIT, messageOf, UserError } from "../base/errors.ts";
import { writeFileAtomic } from "../base/files.ts";

/** What members of a group share, 32 bytes each. */
export type GroupKeys = {
  /** Hides the phrase: only who has it finds the point to meet under. */
  readonly rendezvousKey: Uint8Array;
  /** The password of the proof between two members. */
  readonly membership: Uint8Array;
};

/** What a network's folder remembers of its group. */
export type Membership = {
  readonly masterKey: Uint8Array;
  /** Whether a member has proven the same key: it was no typing error. */
  readonly isAccepted?: boolean;
  /** The words of the invitation that made the group, where words did. */
  readonly words?: string;
  /** What the members of a group by words meet under, whatever the network's name is. */
  readonly meetingPhrase?: string;
};

const KEY_BYTES = 32;
/** Memory 128 · N · r: 32 MiB, and about 100 ms of one core (RFC 7914, section 2). */
const SCRYPT = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
export const MEMBERSHIP_FILE = "membership.json";

/** The keys that a master key of 32 bytes gives (HKDF-SHA-256, RFC 5869, without a salt). */
export function groupKeys(masterKey: Uint8Array): GroupKeys {
  const derive = (info: string) =>
    new Uint8Array(hkdfSync("sha256", masterKey, new Uint8Array(), utf8(info), KEY_BYTES));
  return { rendezvousKey: derive("moim rendezvous"), membership: derive("moim membership") };
}

/**
 * The master key of a secret that people type. Slow on purpose, off the main thread. The phrase
 * is part of the salt, so that one guess costs its time for each network anew.
 */
export function masterKeyOfSecret(secret: string, phrase: string): Promise<Uint8Array> {
  const salt = `moim secret\n${phrase.normalize("NFC").trim()}`;
  return stretch(utf8(normalizeSecret(secret)), utf8(salt));
}

/** The master key of the entropy that an invitation's words stand for. */
export function masterKeyOfWords(entropy: Uint8Array): Promise<Uint8Array> {
  return stretch(entropy, utf8("moim words"));
}

/** What the DHT key and the name on the local network are made of: 64 hex digits. */
export function rendezvousOf(keys: GroupKeys, phrase: string): string {
  return toHex(createHmac("sha256", keys.rendezvousKey).update(utf8(phrase)).digest());
}

/** The same secret typed on two systems gives the same bytes: NFC, trimmed, case kept. */
export function normalizeSecret(secret: string): string {
  return secret.normalize("NFC").trim();
}

/** Who may take part in a network of which the folder remembers this. */
export function accessOf(membership: Membership | undefined): "open" | "secret" | "words" {
  if (membership === undefined) return "open";
  return membership.words === undefined ? "secret" : "words";
}

/** What the folder of a network remembers; undefined for a public one. Throws `UserError`. */
export function readMembership(networkFolder: string): Membership | undefined {
  const path = join(networkFolder, MEMBERSHIP_FILE);
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new UserError(EXIT.failed, `Cannot read ${path}: ${messageOf(error)}`);
  }
  try {
    return checkMembership(JSON.parse(text));
  } catch {
    throw new UserError(
      EXIT.damaged,
      `Cannot read ${path}: it is damaged; remove it and give the secret again (--secret)`,
    );
  }
}

/** Remembers a membership in the folder of a network, which exists. The owner alone may read it. */
export async function writeMembership(
  networkFolder: string,
  membership: Membership,
): Promise<void> {
  const content = { ...membership, masterKey: toHex(membership.masterKey) };
  const text = JSON.stringify(content, null, 2) + "\n";
  await writeFileAtomic(join(networkFolder, MEMBERSHIP_FILE), text);
}

/** Forgets the membership; harmless where there is none. */
export async function removeMembership(networkFolder: string): Promise<void> {
  await Deno.remove(join(networkFolder, MEMBERSHIP_FILE)).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

function checkMembership(content: unknown): Membership {
  const { masterKey, isAccepted, words, meetingPhrase } = content as Record<string, unknown>;
  const key = fromHex(String(masterKey));
  if (key.length !== KEY_BYTES) throw new Error("No key");
  return {
    masterKey: key,
    ...(isAccepted === true && { isAccepted }),
    ...(typeof words === "string" && { words }),
    ...(typeof meetingPhrase === "string" && { meetingPhrase }),
  };
}

function stretch(password: Uint8Array, salt: Uint8Array): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, KEY_BYTES, SCRYPT, (error, key) => {
      if (error) reject(error);
      else resolve(new Uint8Array(key));
    });
  });
}
