/** The AssemblyScript that is written by a program: the search for a nonce, four at a time. */
import * as sha256 from "./sha256.ts";
import { fixed, FOUR_LANES, varying, Writer } from "./symbols.ts";

/**
 * Module `./lanes` of the nonces module, with `search(low, count)`: it tries the low halves `low`,
 * `low + 1` and so on, and returns how many came before the first that is good, or -1.
 *
 * All that is the same for every nonce is computed once a call: the second block's rounds before
 * the nonce, most of its first scheduled words, and the sums of round constants and padding.
 */
export function nonceSearch(): string {
  const to = new Writer(FOUR_LANES, "TABLE");
  const state = Array.from({ length: 8 }, (_, at) => to.name(fixed(bigEndian("MIDSTATE", at))));
  const tail = [0, 1, 2, 3, 4, 5, 6].map((at) => to.name(fixed(bigEndian("TAIL", at))));
  // The header's last 28 bytes; of those, word 5 is the nonce's low half.
  tail[5] = varying("nonces");
  const padding = [0x80000000, 0, 0, 0, 0, 0, 0, 0, 92 * 8].map(fixed);
  const digest = sha256.sha256Compression(to, state, [...tail, ...padding]);
  const block = [...digest, ...sha256.AFTER_DIGEST];
  const hash = sha256.sha256Compression(to, sha256.INITIAL_STATE, block);
  return [
    'import { bigEndianLanes, firstMeeting, HASHES, MIDSTATE, TABLE, TAIL, TARGET } from "./nonces";',
    "export function search(low: u32, count: u32): i32 {",
    ...to.prelude,
    "const target = i32x4.splat(bswap<u32>(load<u32>(TARGET)));",
    "const four = i32x4.splat(4);",
    "let next = i32x4.add(i32x4.splat(low), i32x4(0, 1, 2, 3));",
    "for (let tried: u32 = 0; tried < count; tried += 4) {",
    "const nonces = bigEndianLanes(next);",
    "next = i32x4.add(next, four);",
    ...to.body,
    `if (v128.any_true(i32x4.le_u(${hash[0]!.code}, target))) {`,
    ...hash.map(({ code }, at) => `v128.store(HASHES, ${code}, ${16 * at});`),
    "const lane = firstMeeting();",
    "if (lane < min<u32>(4, count - tried)) return tried + lane;",
    "}",
    "}",
    "return -1;",
    "}",
  ].join("\n");
}

function bigEndian(address: string, word: number): string {
  return `bswap<u32>(load<u32>(${address}, ${4 * word}))`;
}
