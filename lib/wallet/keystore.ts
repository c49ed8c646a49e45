/** The keystore: named keys of one mnemonic, and keys brought in from elsewhere, in one file. */
import { fromHex, toHex } from "../base/bytes.ts";
import { EXIT, UserError } from "../base/errors.ts";
import { readTextIfThere, writeFileAtomic } from "../base/files.ts";
import { SerialQueue } from "../base/serial_queue.ts";
import {
  AddressError,
  decodeAddress,
  encodeAddress,
  lockOf,
  looksLikeAddress,
} from "../primitives/address.ts";
import type { Lock } from "../primitives/ids.ts";
import { publicKeyOf, SEED_BYTES } from "../primitives/signature.ts";
import {
  deriveKeySeed,
  newMnemonic,
  normalizeMnemonic,
  pathOf,
  seedOfMnemonic,
} from "./derivation.ts";
import {
  checkKeyName,
  formatKeystore,
  type KeyEntry,
  type KeystoreContent,
  parseKeystore,
} from "./keystore_file.ts";

/** How many unused keys in a row end the search of a restore (BIP44's gap limit). */
const RESTORE_GAP = 20;

/** A key of the keystore, without its secret. */
export interface WalletKey {
  name: string;
  lock: Lock;
  address: string;
  publicKey: Uint8Array;
  /** m/44'/n'/i' of a key of the mnemonic; absent for an imported one. */
  path?: string;
}

/** Whom a name or an address means. */
export interface Owner {
  lock: Lock;
  address: string;
  /** Present when the keystore holds the key. */
  key?: WalletKey;
}

interface KeyWithSeed extends WalletKey {
  seed: Uint8Array;
}

/**
 * Nothing of the file is ever lost: it is replaced atomically and only by more than it held, a
 * name is taken once, and making or restoring a mnemonic refuses where there is one.
 */
export class Keystore {
  readonly path: string;
  #content: KeystoreContent | undefined;
  #keys = new Map<string, KeyWithSeed>();
  readonly #writes = new SerialQueue();

  private constructor(path: string, content: KeystoreContent | undefined) {
    this.path = path;
    this.#adopt(content);
  }

  /** Opens the file at `path`, which need not exist yet. Throws `UserError` when it is damaged. */
  static async open(path: string): Promise<Keystore> {
    const text = await readTextIfThere(path);
    return new Keystore(path, text === undefined ? undefined : parseKeystore(text, path));
  }

  /** All keys in the order they were made. */
  keys(): WalletKey[] {
    return [...this.#keys.values()].map(withoutSeed);
  }

  /** The key that opens `lock`, if it is here. */
  keyOf(lock: Lock): WalletKey | undefined {
    const key = [...this.#keys.values()].find((candidate) => candidate.lock === lock);
    return key && withoutSeed(key);
  }

  /** The secret of a public key that is here. Throws when it is not: callers know their keys. */
  seedOf(publicKey: Uint8Array): Uint8Array {
    const hex = toHex(publicKey);
    for (const key of this.#keys.values()) if (toHex(key.publicKey) === hex) return key.seed;
    throw new Error(`Cannot sign: no key ${hex} in the keystore`);
  }

  /** Whom a name or an address means. Throws `UserError` (not found, or usage). */
  resolve(nameOrAddress: string): Owner {
    const named = this.#keys.get(nameOrAddress.normalize("NFC"));
    if (named !== undefined) {
      return { lock: named.lock, address: named.address, key: withoutSeed(named) };
    }
    if (!looksLikeAddress(nameOrAddress)) throw unknownName(nameOrAddress);
    const lock = addressLock(nameOrAddress);
    const key = this.keyOf(lock);
    return { lock, address: encodeAddress(lock), ...(key && { key }) };
  }

  /** As `resolve`, but its key must be here: someone who signs. */
  resolveOwn(nameOrAddress: string): WalletKey {
    const owner = this.resolve(nameOrAddress);
    if (owner.key !== undefined) return owner.key;
    throw new UserError(
      EXIT.notFound,
      `Cannot spend from ${owner.address}: its key is not in this keystore; ` +
        `see moim wallet list, or bring it in with moim wallet import`,
    );
  }

  /**
   * Makes the next key; without a name, the first free of w1, w2, … The mnemonic comes along only
   * when the keystore is made by this call: it is shown once. Throws `UserError` for a taken name.
   */
  newKey(alias?: string): Promise<{ key: WalletKey; mnemonic?: string }> {
    return this.#writes.run(async () => {
      const name = alias?.normalize("NFC") ?? this.#freeName("w");
      this.#checkFree(name);
      const isNew = this.#content === undefined;
      const content = this.#content ?? emptyContent(newMnemonic());
      await this.#replace({
        ...content,
        nextIndex: content.nextIndex + 1,
        keys: [...content.keys, { name, index: content.nextIndex }],
      });
      return { key: this.#key(name), ...(isNew && { mnemonic: content.mnemonic }) };
    });
  }

  /** Adds a key by its secret, 64 hex digits. Throws `UserError` for a bad one or a taken name. */
  import(alias: string, secret: string): Promise<WalletKey> {
    return this.#writes.run(async () => {
      const name = alias.normalize("NFC");
      this.#checkFree(name);
      const hex = secret.trim().toLowerCase();
      if (!/^[0-9a-f]+$/.test(hex) || hex.length !== 2 * SEED_BYTES) {
        throw new UserError(
          EXIT.usage,
          `Cannot import: a secret key is ${2 * SEED_BYTES} hex digits`,
        );
      }
      const present = this.keyOf(lockOf(publicKeyOf(fromHex(hex))));
      if (present) {
        throw new UserError(EXIT.failed, `Cannot import: it is here already as "${present.name}"`);
      }
      const content = this.#content ?? emptyContent(newMnemonic());
      await this.#replace({ ...content, keys: [...content.keys, { name, secret: hex }] });
      return this.#key(name);
    });
  }

  /** The secret of a named key as hex. Throws `UserError` for an unknown name. */
  exportSecret(name: string): { key: WalletKey; secret: string } {
    const key = this.#keys.get(name.normalize("NFC"));
    if (key === undefined) throw unknownName(name);
    return { key: withoutSeed(key), secret: toHex(key.seed) };
  }

  /** The words that all keys but the imported ones come from. Throws `UserError` without any. */
  exportMnemonic(): string {
    if (this.#content !== undefined) return this.#content.mnemonic;
    throw new UserError(
      EXIT.notFound,
      "Cannot export: there is no keystore yet; make a key with moim wallet new --alias NAME",
    );
  }

  /**
   * Makes the keystore again from its words: keys up to the last one for which `isUsed` says yes,
   * looking 20 unused ones ahead, and at least the first. Names are not in the words: w1, w2, …
   * Throws `UserError` for bad words, or where a keystore is already.
   */
  restore(words: string, isUsed: (lock: Lock) => Promise<boolean>): Promise<WalletKey[]> {
    return this.#writes.run(async () => {
      const mnemonic = normalizeMnemonic(words);
      if (mnemonic === undefined) {
        throw new UserError(
          EXIT.usage,
          "Cannot restore: these are not the words of a mnemonic; check their order and spelling",
        );
      }
      if (this.#content !== undefined) {
        throw new UserError(
          EXIT.failed,
          `Cannot restore: a keystore is here already and is never overwritten; ` +
            `move ${this.path} away, or use another --data-dir`,
        );
      }
      const nextIndex = 1 + await lastUsedIndex(mnemonic, isUsed);
      const keys = Array.from({ length: nextIndex }, (_, index) => ({
        name: `w${index + 1}`,
        index,
      }));
      await this.#replace({ ...emptyContent(mnemonic), nextIndex, keys });
      return this.keys();
    });
  }

  async #replace(content: KeystoreContent): Promise<void> {
    await writeFileAtomic(this.path, formatKeystore(content));
    this.#adopt(content);
  }

  #adopt(content: KeystoreContent | undefined): void {
    this.#content = content;
    if (content === undefined) return;
    const seed = seedOfMnemonic(content.mnemonic);
    const known = this.#keys;
    this.#keys = new Map(
      content.keys.map((entry) => [entry.name, known.get(entry.name) ?? unfold(entry, seed)]),
    );
  }

  #key(name: string): WalletKey {
    return withoutSeed(this.#keys.get(name)!);
  }

  #freeName(prefix: string): string {
    for (let number = 1;; number++) {
      if (!this.#keys.has(`${prefix}${number}`)) return `${prefix}${number}`;
    }
  }

  #checkFree(name: string): void {
    checkKeyName(name);
    const taken = this.#keys.get(name);
    if (taken === undefined) return;
    throw new UserError(
      EXIT.failed,
      `Cannot make "${name}": the name is taken by ${taken.address}; choose another --alias`,
    );
  }
}

async function lastUsedIndex(
  mnemonic: string,
  isUsed: (lock: Lock) => Promise<boolean>,
): Promise<number> {
  let last = 0;
  const seed = seedOfMnemonic(mnemonic);
  for (let index = 0; index <= last + RESTORE_GAP; index++) {
    if (await isUsed(lockOf(publicKeyOf(deriveKeySeed(seed, index))))) last = index;
  }
  return last;
}

function emptyContent(mnemonic: string): KeystoreContent {
  return {
    format: "moim-keystore",
    version: 1,
    protection: "none",
    mnemonic,
    nextIndex: 0,
    keys: [],
  };
}

function unfold(entry: KeyEntry, mnemonicSeed: Uint8Array): KeyWithSeed {
  const seed = "index" in entry ? deriveKeySeed(mnemonicSeed, entry.index) : fromHex(entry.secret);
  const publicKey = publicKeyOf(seed);
  const lock = lockOf(publicKey);
  return {
    name: entry.name,
    lock,
    address: encodeAddress(lock),
    publicKey,
    seed,
    ...("index" in entry && { path: pathOf(entry.index) }),
  };
}

function withoutSeed({ seed: _seed, ...key }: KeyWithSeed): WalletKey {
  return key;
}

function unknownName(name: string): UserError {
  return new UserError(
    EXIT.notFound,
    `No key is named "${name}": make it with moim wallet new --alias ${name}`,
  );
}

function addressLock(text: string): Lock {
  try {
    return decodeAddress(text);
  } catch (error) {
    if (error instanceof AddressError) throw new UserError(EXIT.usage, error.message);
    throw error;
  }
}
