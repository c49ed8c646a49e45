/** The keystore's file: its form, and reading it without trusting it. */
import { fromHex } from "../base/bytes.ts";
import { EXIT, messageOf, UserError } from "../base/errors.ts";
import { SEED_BYTES } from "../primitives/signature.ts";
import { normalizeMnemonic } from "./derivation.ts";

/** One named key: made from the mnemonic at `index`, or brought in as a `secret` (hex). */
export type KeyEntry = { name: string; index: number } | { name: string; secret: string };

/** What the file holds. `protection` leaves room for a passphrase. */
export interface KeystoreContent {
  format: "moim-keystore";
  version: 1;
  protection: "none";
  mnemonic: string;
  /** The index that the next key takes; indexes are never used twice. */
  nextIndex: number;
  keys: KeyEntry[];
}

const NAME_LENGTH_MAX = 64;
/** Names go into command lines and tables: no spaces, controls or look-alikes of options. */
const NAME = /^[\p{L}\p{N}_][\p{L}\p{N}\p{M}._@+-]*$/u;

/** Throws `UserError` (usage) unless `name` can name a key. */
export function checkKeyName(name: string): void {
  if ([...name].length > NAME_LENGTH_MAX || !NAME.test(name)) {
    throw new UserError(
      EXIT.usage,
      `Cannot use "${name}" as a name: take up to ${NAME_LENGTH_MAX} letters, digits or . _ - @ +`,
    );
  }
  if (/^moim1/i.test(name)) {
    throw new UserError(EXIT.usage, `Cannot use "${name}" as a name: it looks like an address`);
  }
}

/** The content of a keystore's text. Throws `UserError` (damaged), naming `path`. */
export function parseKeystore(text: string, path: string): KeystoreContent {
  try {
    return checkContent(JSON.parse(text));
  } catch (error) {
    throw new UserError(
      EXIT.damaged,
      `Cannot read the keystore ${path}: ${messageOf(error)}; put a copy back, or move it away ` +
        `and run moim wallet restore`,
    );
  }
}

export function formatKeystore(content: KeystoreContent): string {
  return JSON.stringify(content, undefined, 2) + "\n";
}

function checkContent(value: unknown): KeystoreContent {
  const content = value as KeystoreContent;
  expect(typeof value === "object" && value !== null, "it is not a JSON object");
  expect(content.format === "moim-keystore", 'its "format" is not "moim-keystore"');
  expect(content.version === 1, `its version ${content.version} is not known here`);
  expect(content.protection === "none", "it is protected in a way not known here");
  expect(
    typeof content.mnemonic === "string" &&
      normalizeMnemonic(content.mnemonic) === content.mnemonic,
    'its "mnemonic" is damaged',
  );
  expect(isIndex(content.nextIndex), 'its "nextIndex" is damaged');
  expect(Array.isArray(content.keys), 'its "keys" are damaged');
  const names = new Set<string>();
  for (const key of content.keys) {
    checkEntry(key, content.nextIndex);
    expect(!names.has(key.name), `the name "${key.name}" stands in it twice`);
    names.add(key.name);
  }
  return content;
}

function checkEntry(key: KeyEntry, nextIndex: number): void {
  expect(typeof key === "object" && key !== null, 'its "keys" are damaged');
  expect(typeof key.name === "string" && key.name !== "", "a key has no name");
  if ("index" in key) {
    expect(isIndex(key.index) && key.index < nextIndex, `the index of "${key.name}" is damaged`);
  } else {
    const isSecret = typeof key.secret === "string" && /^[0-9a-f]+$/.test(key.secret) &&
      key.secret.length === 2 * SEED_BYTES && fromHex(key.secret).length === SEED_BYTES;
    expect(isSecret, `the secret of "${key.name}" is damaged`);
  }
}

function isIndex(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 31;
}

function expect(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}
