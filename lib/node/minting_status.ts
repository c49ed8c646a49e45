/** What the minter does, for people: its state as it changes, and its hash rate. */
import { type Cancel, type Clock, every } from "../base/clock.ts";
import type { Grinder, Minter, MinterState, MintWhen } from "../minter/mod.ts";
import type { NodeStatus, OnEvent } from "./api.ts";

const SAMPLE_EVERY_MS = 1_000;

export interface MintingStatusParts {
  minter: Minter;
  grinder: Grinder;
  clock: Clock;
  onEvent: OnEvent;
  /** Called every second. */
  onSample: () => void;
  /** Whom the coins go to. */
  name: string;
  when: MintWhen;
}

export class MintingStatus {
  readonly #parts: MintingStatusParts;
  readonly #cancel: Cancel;
  #told: MinterState | undefined;
  #hashes = 0;
  #hashesPerSecond = 0;
  #sampledMs: number;

  constructor(parts: MintingStatusParts) {
    this.#parts = parts;
    this.#sampledMs = parts.clock.monotonicMs();
    this.#cancel = every(parts.clock, SAMPLE_EVERY_MS, () => this.#sample());
    this.#sample();
  }

  status(): NonNullable<NodeStatus["minter"]> {
    const { name, when, minter } = this.#parts;
    const rate = Math.round(this.#hashesPerSecond);
    return { name, when, state: minter.state, ...(rate > 0 && { hashesPerSecond: rate }) };
  }

  stop(): void {
    this.#cancel();
  }

  #sample(): void {
    const { minter, grinder, clock, onEvent, name } = this.#parts;
    const nowMs = clock.monotonicMs();
    const seconds = Math.max(1, nowMs - this.#sampledMs) / 1000;
    this.#parts.onSample();
    this.#hashesPerSecond = (grinder.hashes - this.#hashes) / seconds;
    this.#hashes = grinder.hashes;
    this.#sampledMs = nowMs;
    // Minting itself is told by the blocks that come of it.
    if (minter.state === this.#told || minter.state === "minting") return;
    this.#told = minter.state;
    onEvent({ kind: "minting", text: `minting for ${name}: ${minter.state}` });
  }
}
