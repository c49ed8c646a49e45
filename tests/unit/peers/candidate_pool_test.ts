/** What to try of what DHT servers say, under lies, black holes and floods; in simulated time. */
import assert from "node:assert/strict";
import { seededRandom } from "../../../lib/base/random.ts";
import {
  CandidatePool,
  NAMES_MAX,
  NAMES_PER_TELLER,
  type Probe,
  PROBES_LONELY,
  PROBES_PER_HOST,
  PROBES_USUAL,
} from "../../../lib/peers/candidate_pool.ts";
import type { PeerSource } from "../../../lib/peers/peer_record.ts";

const TRUE_ADDRESS = "/ip4/45.7.7.7/tcp/3000";
const STEP_MS = 20;

/** How long a try takes where nobody answers rightly. */
type Deadness = "black hole" | "refuses" | "somebody else";
const ANSWER_MS: Record<Deadness, number> = {
  "black hole": Infinity,
  "refuses": 20,
  "somebody else": 150,
};

/** A pool with its dials, whose targets answer as the test says. */
class Stage {
  nowMs = 0;
  sessions = 0;
  freeSlots = 8;
  readonly pool: CandidatePool;
  readonly tried: string[] = [];
  readonly #running: {
    probe: Probe;
    endMs: number;
    isMet: boolean;
    isSilent: boolean;
  }[] = [];
  readonly #plans: { atMs: number; action: () => void }[] = [];
  metAtMs: number | undefined;
  maxRunning = 0;
  maxPerHost = 0;

  constructor(
    seed = 1,
    readonly deadness: (peerId: string) => Deadness = () => "black hole",
    /** Milliseconds until the true peer's stream is open. */
    readonly answerMs = 300,
  ) {
    this.pool = new CandidatePool(seededRandom(seed));
  }

  at(atMs: number, action: () => void): void {
    this.#plans.push({ atMs, action });
  }

  hear(
    peerId: string,
    addresses: readonly string[],
    toldBy = "liar",
    source: PeerSource = "dht",
  ): void {
    this.pool.hear({ peerId, addresses, source, toldBy }, this.nowMs);
  }

  /** Passes time until the true peer is met; false when it never was. */
  run(atMostMs: number): boolean {
    for (const endMs = this.nowMs + atMostMs; this.nowMs < endMs; this.nowMs += STEP_MS) {
      this.#step();
      if (this.metAtMs !== undefined) return true;
    }
    return false;
  }

  get running(): number {
    return this.#running.length;
  }

  #step(): void {
    for (const plan of this.#plans.splice(0)) {
      if (plan.atMs <= this.nowMs) plan.action();
      else this.#plans.push(plan);
    }
    for (const dial of this.#running.splice(0)) {
      if (dial.endMs > this.nowMs) this.#running.push(dial);
      else if (dial.isMet) this.#meet(dial.probe.peerId);
      else this.pool.failed(dial.probe.peerId, this.nowMs, dial.isSilent);
    }
    for (const probe of this.pool.draw(this.context())) this.#dial(probe);
    this.maxRunning = Math.max(this.maxRunning, this.#running.length);
    const perHost = new Map<string, number>();
    for (const host of this.#running.flatMap(({ probe }) => probe.addresses.map(hostOf))) {
      perHost.set(host, (perHost.get(host) ?? 0) + 1);
    }
    this.maxPerHost = Math.max(this.maxPerHost, ...perHost.values());
  }

  context() {
    const { nowMs, sessions, freeSlots } = this;
    const isBusy = (peerId: string) => this.#running.some(({ probe }) => probe.peerId === peerId);
    return { nowMs, sessions, freeSlots, isWanted: (peerId: string) => !isBusy(peerId) };
  }

  #dial(probe: Probe): void {
    this.tried.push(probe.peerId);
    const isTrue = probe.peerId === "true" && probe.addresses.includes(TRUE_ADDRESS);
    const answerMs = isTrue ? this.answerMs : ANSWER_MS[this.deadness(probe.peerId)];
    const tookMs = Math.min(probe.patienceMs, answerMs);
    const isSilent = answerMs > probe.patienceMs;
    const isMet = isTrue && !isSilent;
    this.#running.push({ probe, endMs: this.nowMs + tookMs, isMet, isSilent });
  }

  #meet(peerId: string): void {
    this.metAtMs = this.nowMs;
    this.pool.remove(peerId);
  }
}

function hostOf(address: string): string {
  return address.split("/")[2]!;
}

function fakeAddress(at: number): string {
  return `/ip4/45.${100 + at % 100}.${Math.floor(at / 250) % 250}.${1 + at % 250}/tcp/4001`;
}

/** Lies under new ids each time, and among them, at a place that chance picks, the truth. */
function answer(stage: Stage, options: { lies: number; generation?: number; hasTruth?: boolean }) {
  const { lies, generation = 0, hasTruth = true } = options;
  const place = (generation * 7_919 + 501) % (lies + 1);
  for (let at = 0; at <= lies; at++) {
    if (at === place && hasTruth) stage.hear("true", [TRUE_ADDRESS]);
    else stage.hear(`fake-${generation}-${at}`, [fakeAddress(at)]);
  }
}

Deno.test("one true peer among a thousand black holes is met within 25 seconds", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const stage = new Stage(seed);
    for (const atMs of [0, 500, 2_500, 7_500, 22_500]) {
      stage.at(atMs, () => answer(stage, { lies: 1_000 }));
    }
    assert.ok(stage.run(25_000), `seed ${seed}`);
    assert.ok(stage.maxRunning <= PROBES_LONELY);
  }
});

Deno.test("lies that change with every answer are seen through at the second", () => {
  for (let seed = 1; seed <= 10; seed++) {
    const stage = new Stage(seed);
    for (const [generation, atMs] of [0, 500, 2_500, 7_500, 22_500, 82_500].entries()) {
      stage.at(atMs, () => answer(stage, { lies: 1_000, generation }));
    }
    // All 128 tries of the first half second may be lies, which end after 2.5 s.
    assert.ok(stage.run(6_000), `seed ${seed}`);
  }
});

Deno.test("a server that names thousands hides nobody whom another names", () => {
  const stage = new Stage();
  answer(stage, { lies: 1_000, hasTruth: false });
  for (let liar = 0; liar < 20; liar++) {
    for (let at = 0; at < 100; at++) {
      stage.hear(`fake-${liar}-${at}`, [fakeAddress(at)], `liar-${liar}`);
    }
  }
  stage.hear("true", [TRUE_ADDRESS], "honest");
  assert.ok(stage.run(3_000));
});

Deno.test("the own DHT has every second turn, however many servers of the other lie", () => {
  const stage = new Stage();
  for (let liar = 0; liar < 60; liar++) {
    for (let at = 0; at < 50; at++) {
      stage.hear(`fake-${liar}-${at}`, [fakeAddress(at)], `liar-${liar}`);
    }
  }
  stage.hear("true", [TRUE_ADDRESS], "member", "own-dht");
  stage.run(STEP_MS);
  assert.ok(stage.tried.slice(0, 2).includes("true"));
});

Deno.test("a true peer named with wrong addresses by others is tried at the right one too", () => {
  const stage = new Stage();
  for (let liar = 0; liar < 10; liar++) {
    const wrong = Array.from({ length: 8 }, (_, at) => fakeAddress(100 * liar + at));
    stage.hear("true", wrong, `liar-${liar}`);
  }
  stage.run(20);
  stage.hear("true", [TRUE_ADDRESS], "honest");
  assert.ok(stage.run(70_000));
});

Deno.test("a slow line is not taken for a dead one: the second try waits longer", () => {
  const stage = new Stage(1, () => "refuses", 4_000);
  answer(stage, { lies: 1_000 });
  assert.ok(stage.run(60_000));
});

Deno.test("a peer whose address comes to life later is met within the lonely rest", () => {
  const stage = new Stage(1, () => "refuses");
  stage.hear("true", [fakeAddress(1)]);
  assert.equal(stage.run(600_000), false);
  stage.hear("true", [fakeAddress(1), TRUE_ADDRESS]);
  assert.ok(stage.run(35_000));
});

Deno.test("names and tries stay bounded whatever is said", () => {
  const stage = new Stage(1, () => "refuses");
  for (let hour = 0; hour < 2; hour++) {
    for (let minute = 0; minute < 60; minute++) {
      for (let at = 0; at < 1_000; at++) {
        const toldBy = `liar-${(minute * 1_000 + at) % 97}`;
        stage.hear(`fake-${hour}-${minute}-${at}`, [fakeAddress(at)], toldBy);
      }
      stage.run(2_000);
      stage.nowMs += 58_000;
      assert.ok(stage.pool.size <= NAMES_MAX);
    }
  }
  // The stamina of 1,500, and four a second of the time that passed.
  assert.ok(stage.tried.length <= 1_500 + 4 * 7_200 + 100, `${stage.tried.length}`);
  const one = new Stage();
  for (let at = 0; at < 5_000; at++) one.hear(`fake-${at}`, [fakeAddress(at)]);
  assert.equal(one.pool.size, NAMES_PER_TELLER);
});

Deno.test("a host that a thousand lies name is not flooded", () => {
  const stage = new Stage();
  for (let at = 0; at < 1_000; at++) {
    stage.hear(`fake-${at}`, [`/ip4/45.9.9.9/tcp/${1_000 + at}`]);
  }
  stage.run(10_000);
  assert.equal(stage.maxPerHost, PROBES_PER_HOST);
});

Deno.test("with enough sessions few tries run, with full slots none", () => {
  const stage = new Stage();
  stage.sessions = 5;
  stage.freeSlots = 3;
  answer(stage, { lies: 100, hasTruth: false });
  stage.run(1_000);
  assert.equal(stage.maxRunning, 3);
  assert.ok(PROBES_USUAL >= 3);
  stage.freeSlots = 0;
  stage.run(10_000);
  assert.equal(stage.running, 0);
  assert.equal(stage.pool.nextDueMs(stage.context()), undefined);
});

Deno.test("peers without an address are searched for three at a time", () => {
  const stage = new Stage();
  for (let at = 0; at < 100; at++) stage.hear(`fake-${at}`, []);
  stage.hear("true", [TRUE_ADDRESS]);
  assert.ok(stage.run(1_000));
  assert.ok(stage.maxRunning <= 4);
});

Deno.test("what nobody repeats is forgotten after an hour", () => {
  const stage = new Stage(1, () => "refuses");
  answer(stage, { lies: 10, hasTruth: false });
  stage.run(1_000);
  assert.equal(stage.pool.size, 11);
  stage.nowMs += 3_700_000;
  stage.run(1_000);
  assert.equal(stage.pool.size, 0);
});
