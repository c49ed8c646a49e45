/** Rounds of advertising for as long as the node runs, and what they have come to. */
import type { Clock } from "../../base/clock.ts";
import type { Host } from "../libp2p/host.ts";
import { advertise, RECORD_SERVERS } from "./advertise.ts";
import { toldAddresses } from "./belief.ts";
import { ADVERTISE_WALK_MS_MAX, type DhtKind, FIRST_WALKS_MS_MAX } from "./kind.ts";
import type { Participation } from "./participation.ts";
import { Rounds } from "./rounds.ts";

/** network.md, "Finding each other". */
const RETRY_MS = [2_000, 5_000, 15_000] as const;
const RETRY_MS_MAX = 60_000;
const AGAIN_MS = 30 * 60_000;

export type AdvertisingOptions = {
  host: Host;
  clock: Clock;
  kind: DhtKind;
  protocol: string;
  /** The multihash under which we are provided. */
  key: Uint8Array;
  participation: Participation;
  /** Own addresses, as far as they are for those who are told. */
  addresses: () => string[];
  /** The state has changed. */
  onChange: () => void;
};

export class Advertising {
  readonly #options: AdvertisingOptions;
  readonly #rounds: Rounds;
  /** Servers that took our record directly, and in the last full round. */
  readonly #storedDirectly = new Set<string>();
  #storedInRound = new Set<string>();
  #failures = 0;
  /** Walks since there is a table. */
  #walks = 0;
  #storedAtMs: number | undefined;
  #lastError: string | undefined;

  constructor(options: AdvertisingOptions) {
    this.#options = options;
    this.#rounds = new Rounds(options.clock, (signal) => this.#advertise(signal));
  }

  stop(): void {
    this.#rounds.stop();
  }

  /** At once: there is a table now. */
  onTable(): void {
    this.#walks = 0;
    this.#rounds.due();
  }

  /** At once: our addresses are others now, so that what is stored must be replaced. */
  onAddressesChanged(): void {
    this.#storedDirectly.clear();
    this.#rounds.due();
  }

  /** At once: servers that did not answer may do so now. */
  onNetworkChanged(): void {
    this.#rounds.due();
  }

  /** A server has taken our record without a round. */
  onStoredAt(server: string): void {
    this.#storedDirectly.add(server);
    this.#onStored();
  }

  /** Why nobody can be told. */
  onNoneAnswers(reason: string): void {
    this.#lastError = reason;
    this.#options.onChange();
  }

  get state(): "advertised" | "failing" | "waiting" {
    if (this.#isStored()) return "advertised";
    return this.#failures > 0 ? "failing" : "waiting";
  }

  /** Servers that have our record. */
  get serverCount(): number {
    return this.#storedInRound.union(this.#storedDirectly).size;
  }

  /** When a server took our record last, by the wall clock. */
  get storedAtMs(): number | undefined {
    return this.#storedAtMs;
  }

  get lastError(): string | undefined {
    return this.#lastError;
  }

  /** Whether we have an address that servers of this DHT would keep. */
  get hasAddress(): boolean {
    const { kind, addresses } = this.#options;
    return toldAddresses(kind, addresses(), "loopback").length > 0;
  }

  /** Some server has our record of late, even if the last round reached none. */
  #isStored(): boolean {
    if (this.#storedAtMs === undefined) return false;
    const ageMs = this.#options.clock.nowMs() - this.#storedAtMs;
    return this.#failures === 0 || ageMs < AGAIN_MS;
  }

  async #advertise(stop: AbortSignal): Promise<number | undefined> {
    const { host, kind, protocol, key, addresses, participation, onChange } = this.#options;
    const dht = participation.service;
    // What is stored becomes stored again when we have an address.
    if (dht === undefined || !this.hasAddress) return undefined;
    const shortMs = FIRST_WALKS_MS_MAX[this.#walks++];
    const walkMs = shortMs ?? ADVERTISE_WALK_MS_MAX[kind];
    const round = await advertise({ dht, host, kind, protocol, addresses, key, walkMs, stop });
    const { stored, isPartial, lastError } = round;
    if (stop.aborted) return undefined;
    if (stored.size > 0) {
      this.#storedInRound = stored;
      this.#failures = 0;
      this.#onStored();
      const reachable = Math.min(participation.tablePeers, RECORD_SERVERS);
      if (isPartial && shortMs !== undefined) return RETRY_MS[0];
      return stored.size < reachable / 2 ? RETRY_MS_MAX : AGAIN_MS;
    }
    this.#lastError = lastError ?? "no server took the record";
    const next = RETRY_MS[this.#failures++] ?? RETRY_MS_MAX;
    onChange();
    return next;
  }

  #onStored(): void {
    this.#lastError = undefined;
    this.#storedAtMs = this.#options.clock.nowMs();
    this.#options.onChange();
  }
}
