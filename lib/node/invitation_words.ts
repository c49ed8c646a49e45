/**
 * Six words of the English BIP39 list that name a group: 64 bits drawn by chance and 2 bits that
 * notice typing errors.
 *
 * The bits lie as in BIP39, whose shortest form has twelve words: the 8 bytes of entropy, most
 * significant bit first, then the first 2 bits of their SHA-256; every 11 bits are a word's number
 * in the list. The list's words differ in their first four letters, so those are enough.
 */
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { EXIT, UserError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { sha256 } from "../primitives/hash.ts";

/** Words of an invitation. */
export const WORDS = 6;
export const ENTROPY_BYTES = 8;
const CHECK_BITS = 2n;
const WORD_BITS = 11n;
/** Letters that tell two words of the list apart. */
const PREFIX_LETTERS = 4;
/** Words named beside a mistyped one, and how far from it they may be. */
const NEAREST = 3;
const NEAREST_EDITS_MAX = 3;
/** A typed word longer than this is cut where it is shown; the list's longest has 8 letters. */
const SHOWN_LETTERS = 20;
/** What people put between words, and what machines make of it. */
const SEPARATORS = /[\s,;._\-\u2010-\u2015\u2212]+/u;

/** Six new words. */
export function newWords(random: Random): string[] {
  return wordsOfEntropy(random.bytes(ENTROPY_BYTES));
}

/** The words of 8 bytes. */
export function wordsOfEntropy(entropy: Uint8Array): string[] {
  const number = (entropyNumber(entropy) << CHECK_BITS) | checkOf(entropy);
  return Array.from({ length: WORDS }, (_, at) => {
    const shift = BigInt(WORDS - 1 - at) * WORD_BITS;
    return wordlist[Number((number >> shift) & ((1n << WORD_BITS) - 1n))]!;
  });
}

/** Words as somebody typed them, apart: capitals, commas, hyphens and line ends are forgiven. */
export function splitWords(text: string): string[] {
  return text.normalize("NFKD").toLowerCase().split(SEPARATORS).filter((word) => word !== "");
}

/** Six words in full, and their entropy. */
export type ReadWords = { words: string[]; entropy: Uint8Array };

/**
 * Reads six words. Throws `UserError` (usage): another number of them, one that is not in the list
 * (with its place and the nearest that are), or a wrong checksum.
 */
export function readWords(text: string): ReadWords {
  const typed = splitWords(text);
  const unknown = typed.findIndex((word) => fullWord(word) === undefined);
  if (typed.length !== WORDS) {
    const count = `${typed.length} ${typed.length === 1 ? "was" : "were"}`;
    throw refuse(
      `it has six words and ${count} given; give all six, or a phrase to start --rendezvous`,
    );
  }
  if (unknown >= 0) throw refuse(unknownWord(typed[unknown]!, unknown));
  const words = typed.map((word) => fullWord(word)!);
  const number = words.reduce(
    (sum, word) => (sum << WORD_BITS) | BigInt(wordlist.indexOf(word)),
    0n,
  );
  const entropy = entropyBytes(number >> CHECK_BITS);
  if (checkOf(entropy) !== (number & ((1n << CHECK_BITS) - 1n))) {
    throw refuse(
      "one of these words is wrong or two are exchanged; compare them with whoever invited you",
    );
  }
  return { words, entropy };
}

/** The list's words nearest to what was typed, best first. */
export function nearestWords(typed: string): string[] {
  const word = typed.slice(0, SHOWN_LETTERS);
  const candidates = wordlist
    .map((candidate) => ({ candidate, edits: editsBetween(word, candidate) }))
    .sort((a, b) => a.edits - b.edits);
  // A word that is much farther off than the best is no help beside it.
  const editsMax = Math.min(NEAREST_EDITS_MAX, candidates[0]!.edits + 1);
  return candidates
    .slice(0, NEAREST)
    .filter(({ edits }) => edits <= editsMax)
    .map(({ candidate }) => candidate);
}

/** The word itself, or the one of which at least the four telling letters were typed. */
function fullWord(typed: string): string | undefined {
  if (wordlist.includes(typed)) return typed;
  if (typed.length < PREFIX_LETTERS) return undefined;
  return wordlist.find((word) => word.startsWith(typed));
}

function unknownWord(typed: string, at: number): string {
  const near = nearestWords(typed);
  const hint = near.length === 0 ? "" : `; did you mean ${either(near)}?`;
  // deno-lint-ignore no-control-regex
  const shown = typed.slice(0, SHOWN_LETTERS).replace(/[\x00-\x1f\x7f-\x9f]/g, "·");
  return `word ${at + 1}, "${shown}", is not one of the list${hint}`;
}

function either(words: string[]): string {
  return words.length === 1 ? words[0]! : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

function refuse(why: string): UserError {
  return new UserError(EXIT.usage, `Cannot use this invitation: ${why}`);
}

function checkOf(entropy: Uint8Array): bigint {
  return BigInt(sha256(entropy)[0]!) >> (8n - CHECK_BITS);
}

function entropyNumber(entropy: Uint8Array): bigint {
  return entropy.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function entropyBytes(number: bigint): Uint8Array {
  const bytes = new Uint8Array(ENTROPY_BYTES);
  new DataView(bytes.buffer).setBigUint64(0, number);
  return bytes;
}

/**
 * Letters to insert, delete, replace, or exchange with a neighbour to make one word the other (the
 * restricted Damerau-Levenshtein distance).
 */
function editsBetween(a: string, b: string): number {
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      let edits = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + (isSame ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        edits = Math.min(edits, before[j - 2]! + 1);
      }
      row.push(edits);
    }
    before = last;
    last = row;
  }
  return last[b.length]!;
}
