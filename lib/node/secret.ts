/** Which secret a network is opened with: the one given now, or the one that its folder remembers. */
import { join } from "node:path";
import { equalBytes } from "../base/bytes.ts";
import { EXIT, UserError } from "../base/errors.ts";
import { readTextSync } from "./config.ts";
import {
  masterKeyOfSecret,
  type Membership,
  MEMBERSHIP_FILE,
  normalizeSecret,
  readMembership,
  removeMembership,
  writeMembership,
} from "./group_keys.ts";
import type { SecretChoice } from "./settings.ts";

/** What people choose below this length is in lists of passwords. */
const SHORT_CHARACTERS = 10;
/** Longer than any sentence; a file of this size is another file. */
const SECRET_CHARACTERS_MAX = 1_000;

export interface SecretParts {
  /** What the user said now; undefined for nothing. */
  readonly choice: SecretChoice | undefined;
  /** The network's folder, which exists. */
  readonly networkFolder: string;
  /** What the network's nodes meet under. */
  readonly phrase: string;
  /** Tells the user what has changed. */
  readonly onLine: (line: string) => void;
}

/**
 * The membership to go online with; undefined for a public network. Remembers what is new.
 * Throws `UserError`: usage for a secret that cannot be used here, damaged for a file that is.
 */
export async function chooseMembership(parts: SecretParts): Promise<Membership | undefined> {
  const { choice, networkFolder, phrase, onLine } = parts;
  const remembered = readMembership(networkFolder);
  if (choice === undefined) return remembered;
  const path = join(networkFolder, MEMBERSHIP_FILE);
  if (choice.kind === "none") {
    if (remembered === undefined) return undefined;
    if (remembered.words !== undefined) {
      throw new UserError(
        EXIT.usage,
        "Cannot leave this group: its words are its secret; name another network " +
          `(--rendezvous, --network), or remove ${path} to forget them`,
      );
    }
    await removeMembership(networkFolder);
    onLine("The secret of this network is forgotten here: from now on it is open to everyone");
    return undefined;
  }
  const text = secretText(choice);
  if (remembered?.words !== undefined) {
    throw new UserError(
      EXIT.usage,
      `Leave out ${choice.given}: this group's words are its secret (another group is named by ` +
        "--rendezvous or --network)",
    );
  }
  const masterKey = await masterKeyOfSecret(text, phrase);
  if (remembered !== undefined && equalBytes(remembered.masterKey, masterKey)) return remembered;
  if (remembered?.isAccepted) {
    throw new UserError(
      EXIT.usage,
      "Cannot use this secret: this network's members have accepted another one, which is " +
        `remembered; leave out ${choice.given}, or remove ${path} first`,
    );
  }
  if (remembered !== undefined) {
    onLine("This secret takes the place of the one remembered here, which nobody has accepted");
  }
  if ([...text].length < SHORT_CHARACTERS) {
    onLine(
      `This secret is short (${[...text].length} characters): others may guess it; ` +
        "moim invite --new makes six words that nobody guesses",
    );
  }
  const membership = { masterKey };
  await writeMembership(networkFolder, membership);
  return membership;
}

/**
 * For whoever joins: throws `UserError` (usage) when a secret is given that is not the one which
 * the invitation brings. A later `start` with it would be refused, or close an open network.
 */
export async function refuseOtherSecret(
  choice: SecretChoice | undefined,
  invited: { meetingPhrase: string; membership: Membership | undefined },
): Promise<void> {
  const { meetingPhrase, membership } = invited;
  if (choice === undefined || choice.kind === "none") return;
  if (membership !== undefined && membership.words === undefined) {
    const masterKey = await masterKeyOfSecret(secretText(choice), meetingPhrase);
    if (equalBytes(membership.masterKey, masterKey)) return;
  }
  const why = membership === undefined
    ? "this invitation is to a network that is open to everyone"
    : "this invitation brings its own secret";
  throw new UserError(EXIT.usage, `Leave out ${choice.given}: ${why}`);
}

/** Reads and checks it. Throws `UserError` (usage), which never shows the secret. */
function secretText(choice: Exclude<SecretChoice, { kind: "none" }>): string {
  const isFile = choice.kind === "file";
  const given = isFile ? readTextSync(choice.path) : choice.text;
  const what = isFile ? `secret file "${choice.path}"` : "this secret";
  if (given === undefined) {
    throw new UserError(EXIT.usage, `Cannot find ${what}: give a file with the secret in it`);
  }
  const text = normalizeSecret(given);
  if (text === "") throw new UserError(EXIT.usage, `Cannot use ${what}: it must not be empty`);
  if (/[\r\n]/.test(text) || text.length > SECRET_CHARACTERS_MAX || !text.isWellFormed()) {
    throw new UserError(
      EXIT.usage,
      `Cannot use ${what}: it must be one line of at most ${SECRET_CHARACTERS_MAX} characters`,
    );
  }
  return text;
}
