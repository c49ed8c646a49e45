/**
 * What peers outside say of our public addresses: each is asked for a dial until one got through or
 * two in a row did not, and again from time to time. Knows nothing of how they are asked.
 */
import type { Cancel, Clock } from "../../base/clock.ts";
import { type Random, shuffled } from "../../base/random.ts";
import type { Verdict } from "./autonat.ts";

/** One failure may be the asked one's; and one liar must not be enough where there are others. */
const FAILURES_TO_CLOSE = 2;
const AFTER_FAILURE_MS = 2_000;
const AFTER_NO_ANSWER_MS = 5_000;
/** While nobody can tell, everybody is asked again this often. */
const UNDECIDED_MS = 60_000;
const OPEN_AGAIN_MS = 30 * 60_000;
/** A firewall that was opened is noticed sooner than one that was shut, which others notice too. */
const CLOSED_AGAIN_MS = 10 * 60_000;
/** Own addresses that are looked after: more are a machine of its own kind. */
const ADDRESSES_MAX = 8;

export type AddressChecksOptions = {
  clock: Clock;
  random: Random;
  /** Own public addresses that nobody vouches for. */
  addresses: () => readonly string[];
  /** Members outside that can be asked. */
  peers: () => readonly string[];
  ask: (peerId: string, address: string) => Promise<Verdict>;
  onChange: () => void;
};

type Check = {
  verdict: "open" | "closed" | undefined;
  failuresInARow: number;
  /** Asked since the last verdict; the others come first. */
  readonly asked: Set<string>;
  dueMs: number;
  isAsking: boolean;
};

export class AddressChecks {
  readonly #options: AddressChecksOptions;
  #checks = new Map<string, Check>();
  #cancel: Cancel = () => {};
  #hasStopped = false;

  constructor(options: AddressChecksOptions) {
    this.#options = options;
  }

  /** What others found last at this address of ours. */
  verdictOf(address: string): "open" | "closed" | undefined {
    return this.#checks.get(address)?.verdict;
  }

  stop(): void {
    this.#hasStopped = true;
    this.#cancel();
  }

  /** The network is another one: what was found in the former says nothing. */
  forget(): void {
    this.#checks = new Map();
  }

  /** Asks for what is due. Call it whenever addresses or peers are others. */
  kick(): void {
    if (this.#hasStopped) return;
    this.#cancel();
    const nowMs = this.#options.clock.monotonicMs();
    const addresses = this.#options.addresses().slice(0, ADDRESSES_MAX);
    for (const address of this.#checks.keys()) {
      if (!addresses.includes(address)) this.#checks.delete(address);
    }
    for (const address of addresses) {
      const check = this.#checks.get(address) ?? newCheck();
      this.#checks.set(address, check);
      if (!check.isAsking && check.dueMs <= nowMs) void this.#ask(address, check);
    }
    const dues = [...this.#checks.values()].filter(({ isAsking }) => !isAsking)
      .map(({ dueMs }) => dueMs).filter((dueMs) => dueMs > nowMs);
    if (dues.length === 0) return;
    const waitMs = Math.min(...dues) - nowMs;
    this.#cancel = this.#options.clock.after(waitMs, () => this.kick());
  }

  async #ask(address: string, check: Check): Promise<void> {
    const { clock, random, peers, ask, onChange } = this.#options;
    const all = shuffled(peers(), random);
    const peerId = all.find((id) => !check.asked.has(id)) ?? all[0];
    if (peerId === undefined) return; // Somebody will come, and then this is asked again.
    const wasAsked = check.asked.has(peerId);
    check.asked.add(peerId);
    check.isAsking = true;
    const verdict = await ask(peerId, address);
    check.isAsking = false;
    const former = check.verdict;
    note(check, verdict, wasAsked);
    check.dueMs += clock.monotonicMs();
    if (this.#checks.get(address) === check && check.verdict !== former) onChange();
    this.kick();
  }
}

function newCheck(): Check {
  return {
    verdict: undefined,
    failuresInARow: 0,
    asked: new Set(),
    dueMs: -Infinity,
    isAsking: false,
  };
}

/** Takes up an answer; `dueMs` is then the pause before the next question. */
function note(check: Check, verdict: Verdict, wasAsked: boolean): void {
  if (verdict === "undecided") {
    check.dueMs = wasAsked ? UNDECIDED_MS : AFTER_NO_ANSWER_MS;
    return;
  }
  if (verdict === "open") {
    check.failuresInARow = 0;
    check.verdict = "open";
    check.dueMs = OPEN_AGAIN_MS;
  } else if (++check.failuresInARow < FAILURES_TO_CLOSE) {
    check.dueMs = AFTER_FAILURE_MS;
    return;
  } else {
    check.verdict = "closed";
    check.dueMs = CLOSED_AGAIN_MS;
  }
  check.asked.clear();
}
