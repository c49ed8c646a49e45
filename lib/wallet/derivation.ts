/** From twelve words to keys: BIP39, then SLIP-0010 for Ed25519. */
import { createHmac, pbkdf2Sync } from "node:crypto";
import { generateMnemonic, validateMnemonic } from "@scure/bip39";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { concatBytes, utf8 } from "../base/bytes.ts";

const MASTER_KEY = utf8("ed25519 seed");
const HARDENED = 0x80000000;
/** BIP44's purpose, and a coin type that nobody registered: the letters "moim". */
const PURPOSE = 44;
const COIN_TYPE = 0x6d6f696d;

/** Twelve new words (128 bits) of the English BIP39 list. */
export function newMnemonic(): string {
  return generateMnemonic(wordlist, 128);
}

/** The words in the form they are kept in; undefined when they are not a BIP39 mnemonic. */
export function normalizeMnemonic(text: string): string | undefined {
  const words = text.normalize("NFKD").trim().toLowerCase().split(/\s+/).join(" ");
  return validateMnemonic(words, wordlist) ? words : undefined;
}

/** The path of key `index`, as wallets write it. */
export function pathOf(index: number): string {
  return `m/${PURPOSE}'/${COIN_TYPE}'/${index}'`;
}

/**
 * The 64-byte seed of valid words (BIP39, no passphrase). The platform's PBKDF2 takes a few
 * milliseconds where JavaScript takes a tenth of a second, at every start of a command.
 */
export function seedOfMnemonic(mnemonic: string): Uint8Array {
  return pbkdf2Sync(mnemonic.normalize("NFKD"), "mnemonic", 2048, 64, "sha512");
}

/** The 32-byte Ed25519 seed of key `index` under a mnemonic's seed. */
export function deriveKeySeed(mnemonicSeed: Uint8Array, index: number): Uint8Array {
  return deriveSlip10(mnemonicSeed, [PURPOSE, COIN_TYPE, index]);
}

/** SLIP-0010 for Ed25519: every step is hardened; `indexes` are written without the mark. */
export function deriveSlip10(seed: Uint8Array, indexes: readonly number[]): Uint8Array {
  let node = hmacSha512(MASTER_KEY, seed);
  for (const index of indexes) {
    const step = new Uint8Array(4);
    new DataView(step.buffer).setUint32(0, index + HARDENED);
    node = hmacSha512(
      node.subarray(32),
      concatBytes(Uint8Array.of(0), node.subarray(0, 32), step),
    );
  }
  return node.slice(0, 32);
}

/** The platform's, as PBKDF2 above: JavaScript's takes milliseconds until it is compiled. */
function hmacSha512(key: Uint8Array, message: Uint8Array): Uint8Array {
  return createHmac("sha512", key).update(message).digest();
}
