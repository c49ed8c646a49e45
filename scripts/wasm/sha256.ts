/** SHA-256's compression (FIPS 180-4, section 6.2.2), all rounds written out. */
import { fixed, type Word, type Writer } from "./symbols.ts";

const PRIMES = firstPrimes(64);
/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const ROUND_CONSTANTS = PRIMES.map((prime) => fixed(fractionBits(Math.cbrt(prime))));
/** The same of the square roots of the first 8. */
export const INITIAL_STATE = PRIMES.slice(0, 8).map((prime) =>
  fixed(fractionBits(Math.sqrt(prime)))
);

/** What follows the 8 words of a digest in the block that hashes it again: mark and bit count. */
export const AFTER_DIGEST = [0x80000000, 0, 0, 0, 0, 0, 0, 256].map(fixed);

/** The state after a block of 16 words. */
export function sha256Compression(to: Writer, state: Word[], block: Word[]): Word[] {
  const words = [...block];
  let [a, b, c, d, e, f, g, h] = state as [Word, Word, Word, Word, Word, Word, Word, Word];
  let bXorC = to.name(to.xor(b, c));
  for (let round = 0; round < 64; round++) {
    words[round] ??= scheduled(to, words, round);
    const sum1 = to.xor(...[6, 11, 25].map((bits) => to.rotateRight(e, bits)));
    const choice = to.select(e, f, g);
    // What is known last is added last: so the chain from round to round is shortest.
    const t1 = to.name(to.add(h, ROUND_CONSTANTS[round]!, words[round]!, choice, sum1));
    const sum0 = to.xor(...[2, 13, 22].map((bits) => to.rotateRight(a, bits)));
    // The majority of a, b and c, with one operation less for knowing b xor c.
    const aXorB = to.name(to.xor(a, b));
    const majority = to.xor(b, to.and(aXorB, bXorC));
    bXorC = aXorB;
    [h, g, f, e] = [g, f, e, to.name(to.add(d, t1))];
    [d, c, b, a] = [c, b, a, to.name(to.add(sum0, majority, t1))];
  }
  return [a, b, c, d, e, f, g, h].map((word, at) => to.name(to.add(state[at]!, word)));
}

function scheduled(to: Writer, words: Word[], at: number): Word {
  const [w2, w15] = [words[at - 2]!, words[at - 15]!];
  const s0 = to.xor(to.rotateRight(w15, 7), to.rotateRight(w15, 18), to.shiftRight(w15, 3));
  const s1 = to.xor(to.rotateRight(w2, 17), to.rotateRight(w2, 19), to.shiftRight(w2, 10));
  return to.name(to.add(words[at - 16]!, words[at - 7]!, s0, s1));
}

function fractionBits(root: number): number {
  return Math.floor((root - Math.floor(root)) * 2 ** 32);
}

function firstPrimes(count: number): number[] {
  const primes: number[] = [];
  for (let candidate = 2; primes.length < count; candidate++) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  }
  return primes;
}
