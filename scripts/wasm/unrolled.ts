/** The AssemblyScript that is written by a program: hash functions with all rounds written out. */
import * as ripemd160 from "./ripemd160.ts";
import * as sha256 from "./sha256.ts";
import { SCALAR, varying, type Word, Writer } from "./symbols.ts";

/** Module `./unrolled` of the hashing module. */
export function scalarFunctions(): string {
  const state = words(8, (at) => `load<u32>(state, ${4 * at})`);
  const block = words(16, (at) => `bswap<u32>(load<u32>(block, ${4 * at}))`);
  return [
    written("compress(state: usize, block: usize)", (to) => {
      const from = named(to, state);
      return sha256.sha256Compression(to, from, named(to, block));
    }),
    written("ripemd160OfDigest(state: usize)", (to) => {
      const digest = named(to, words(8, (at) => `load<u32>(state, ${4 * at})`));
      const block = [...digest, ...ripemd160.AFTER_DIGEST];
      return ripemd160.ripemd160Compression(to, ripemd160.INITIAL_STATE, block);
    }),
  ].join("\n");
}

/** A function that puts the words of a result back to where `state` points. */
function written(signature: string, body: (to: Writer) => Word[]): string {
  const to = new Writer(SCALAR);
  const stores = body(to).map((word, at) => `store<u32>(state, ${word.code}, ${4 * at});`);
  const lines = [...to.prelude, ...to.body, ...stores];
  return `export function ${signature}: void {\n  ${lines.join("\n  ")}\n}\n`;
}

function words(count: number, code: (at: number) => string): Word[] {
  return Array.from({ length: count }, (_, at) => varying(code(at)));
}

function named(to: Writer, words: Word[]): Word[] {
  return words.map((word) => to.name(word));
}
