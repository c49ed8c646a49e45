/** Loads libp2p piece by piece, so that a node that has just started answers in between. */
import { yieldToOthers } from "../../base/clock.ts";

/**
 * About a third of all files each. Loaded in one go, these hundreds of files would hold up everything
 * else for more than a tenth of a second; more and smaller pieces make the whole take longer.
 */
const PIECES: readonly (() => Promise<unknown>)[] = [
  () => import("@chainsafe/libp2p-yamux"),
  () => import("@chainsafe/libp2p-noise"),
  () => import("libp2p"),
];

/** Turns of the event loop that it takes to accept a request, to read it and to answer it. */
const TURNS = 3;

/** Afterwards importing the transport takes no time worth mentioning. */
export async function loadLibp2p(): Promise<void> {
  for (const load of PIECES) {
    for (let turn = 0; turn < TURNS; turn++) await yieldToOthers();
    await load();
  }
}
