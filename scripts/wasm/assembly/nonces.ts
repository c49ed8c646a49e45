/**
 * The search for a header's nonce, with four at a time in WebAssembly's 128-bit lanes.
 * AssemblyScript; `./lanes` is written by `../lanes.ts`.
 *
 * A header of 92 bytes is two SHA-256 blocks, and only the second holds the nonce: its low half in
 * word 5, its high half in word 6, both little endian.
 */
export { search } from "./lanes";

/** The state after the first block, 32 bytes, big endian. */
export const MIDSTATE: usize = 0;
/** The header's last 28 bytes. */
export const TAIL: usize = 32;
/** The largest hash that is good, 32 bytes, big endian. */
export const TARGET: usize = 64;
/** The hashes of four nonces: first the four first words, then the second ones. */
export const HASHES: usize = 128;
/** What is the same for all nonces of a call. */
export const TABLE: usize = 256;

/** Four numbers as words of a message that has them in little endian. */
export function bigEndianLanes(numbers: v128): v128 {
  return v128.shuffle<u8>(numbers, numbers, 3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12);
}

/** The first lane of `HASHES` whose hash is at most the target; 4 if none is. */
export function firstMeeting(): u32 {
  for (let lane: u32 = 0; lane < 4; lane++) if (meetsTarget(lane)) return lane;
  return 4;
}

function meetsTarget(lane: u32): bool {
  for (let word: u32 = 0; word < 8; word++) {
    const hash = load<u32>(HASHES + 16 * word + 4 * lane);
    const target = bswap<u32>(load<u32>(TARGET + 4 * word));
    if (hash != target) return hash < target;
  }
  return true;
}
