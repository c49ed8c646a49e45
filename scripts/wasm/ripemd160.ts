/** RIPEMD-160's compression (Dobbertin, Bosselaers and Preneel, 1996), all steps written out. */
import { fixed, type Word, type Writer } from "./symbols.ts";

const RHO = [7, 4, 13, 1, 10, 6, 15, 3, 12, 0, 9, 5, 2, 14, 11, 8];
const IDENTITY = RHO.map((_, at) => at);
/** How far a step rotates, by round and by the word it takes. */
const ROTATIONS = [
  [11, 14, 15, 12, 5, 8, 7, 9, 11, 13, 14, 15, 6, 7, 9, 8],
  [12, 13, 11, 15, 6, 9, 9, 7, 12, 15, 11, 13, 7, 8, 7, 7],
  [13, 15, 14, 11, 7, 7, 6, 8, 13, 14, 13, 12, 5, 5, 6, 9],
  [14, 11, 12, 14, 8, 6, 5, 5, 15, 12, 15, 14, 9, 9, 8, 6],
  [15, 12, 13, 13, 9, 5, 8, 6, 14, 11, 12, 11, 8, 6, 5, 5],
];
type Mix = (to: Writer, b: Word, c: Word, d: Word) => Word;
const MIXES: Mix[] = [
  (to, b, c, d) => to.xor(b, c, d),
  (to, b, c, d) => to.select(b, c, d),
  (to, b, c, d) => to.xor(to.or(b, to.not(c)), d),
  (to, b, c, d) => to.select(d, b, c),
  (to, b, c, d) => to.xor(b, to.or(c, to.not(d))),
];

interface Line {
  order: number[];
  mixes: Mix[];
  constants: number[];
}

const LEFT: Line = {
  order: IDENTITY,
  mixes: MIXES,
  constants: [0, 0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xa953fd4e],
};
const RIGHT: Line = {
  order: IDENTITY.map((at) => (9 * at + 5) % 16),
  mixes: MIXES.toReversed(),
  constants: [0x50a28be6, 0x5c4dd124, 0x6d703ef3, 0x7a6d76e9, 0],
};

export const INITIAL_STATE = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0].map(
  fixed,
);
/** What follows a SHA-256 digest's 8 words in the block that hashes it: mark and bit count. */
export const AFTER_DIGEST = [0x80, 0, 0, 0, 0, 0, 256, 0].map(fixed);

/** The state after a block of 16 words. */
export function ripemd160Compression(to: Writer, state: Word[], block: Word[]): Word[] {
  const left = steps(to, LEFT, state, block);
  const right = steps(to, RIGHT, state, block);
  return state.map((_, at) =>
    to.name(to.add(state[(at + 1) % 5]!, left[(at + 2) % 5]!, right[(at + 3) % 5]!))
  );
}

function steps(to: Writer, line: Line, state: Word[], block: Word[]): Word[] {
  let [a, b, c, d, e] = state as [Word, Word, Word, Word, Word];
  let { order } = line;
  for (let round = 0; round < 5; round++) {
    for (const at of order) {
      const mixed = line.mixes[round]!(to, b, c, d);
      const sum = to.name(to.add(a, mixed, block[at]!, fixed(line.constants[round]!)));
      const turned = to.rotateRight(sum, 32 - ROTATIONS[round]![at]!);
      [a, e, d, c, b] = [e, d, to.name(to.rotateRight(c, 22)), b, to.name(to.add(turned, e))];
    }
    order = order.map((at) => RHO[at]!);
  }
  return [a, b, c, d, e];
}
