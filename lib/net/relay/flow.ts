/**
 * How fast bytes go through a relay: all ways share what it gives, network by network in turn, so
 * that whoever fills many ways to the brim neither keeps the relay busy nor holds up anybody else.
 */
import type { Stream } from "@libp2p/interface";
import type { Clock } from "../../base/clock.ts";

/**
 * All ways together, both directions. More than most homes can send, and deciphering and enciphering
 * it takes a small part of one core.
 */
export const RELAYED_BYTES_PER_SECOND = 8 << 20;
/** What goes through a way before it waits for its next turn: blocks and payments never wait. */
export const TURN_BYTES = 256 << 10;
const TURN_MS = 1_000 * TURN_BYTES / RELAYED_BYTES_PER_SECOND;
/** Yamux would let a fast sender have 4 MB on the way, which lie here while it waits. */
const WINDOW_BYTES_MAX = 256 << 10;

/** Gives turns, one every `TURN_MS`, in rotation among networks and within each. */
export class Turns {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, (() => void)[]>();
  #isResting = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `begin` when it is the turn of somebody from `origin`: at once, if nobody else waits. */
  wait(origin: string, begin: () => void): void {
    const queue = this.#waiting.get(origin);
    if (queue === undefined) this.#waiting.set(origin, [begin]);
    else queue.push(begin);
    if (!this.#isResting) this.#next();
  }

  #next(): void {
    const [first] = this.#waiting;
    this.#isResting = first !== undefined;
    if (first === undefined) return;
    const [origin, queue] = first;
    const begin = queue.shift();
    this.#waiting.delete(origin);
    if (queue.length > 0) this.#waiting.set(origin, queue);
    this.#clock.after(TURN_MS, () => this.#next());
    begin?.();
  }
}

/**
 * Lets what comes from `from` pass to `to` in turns, and only as fast as `to` takes it. libp2p's
 * relay would read on, and keep the rest in memory.
 */
export function limitFlow(from: Stream, to: Stream, origin: string, turns: Turns): void {
  let left = TURN_BYTES;
  let isFull = false;
  const settle = () => {
    if (from.readStatus !== "readable" && from.readStatus !== "paused") return;
    if (isFull || left <= 0) from.pause();
    else from.resume();
  };
  const onTurn = () => {
    left += TURN_BYTES;
    if (left <= 0) turns.wait(origin, onTurn);
    settle();
  };
  const send = to.send.bind(to);
  to.send = (data) => {
    isFull = !send(data);
    const wasLeft = left;
    left -= data.byteLength;
    if (wasLeft > 0 && left <= 0) turns.wait(origin, onTurn);
    settle();
    return !isFull;
  };
  to.addEventListener("drain", () => {
    isFull = false;
    settle();
  });
  // What is held back came before the end, and whoever reads on does not ask for it afterwards.
  from.addEventListener("remoteCloseWrite", () => {
    if (from.readStatus === "paused") from.resume();
  });
  (from as { maxStreamWindowSize?: number }).maxStreamWindowSize = WINDOW_BYTES_MAX;
}
