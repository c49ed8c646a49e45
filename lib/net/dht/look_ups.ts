/** Rounds of looking the phrase up, for as long as the node runs. */
import type { PeerId } from "@libp2p/interface";
import type { CID } from "multiformats/cid";
import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { getLogger } from "../../base/log.ts";
import type { DhtPeer } from "./exchange.ts";
import { type DhtKind, FIRST_WALKS_MS_MAX, LOOK_UP_MS_MAX } from "./kind.ts";
import type { Participation } from "./participation.ts";
import { Rounds } from "./rounds.ts";

/** network.md, "Finding each other". */
const AGAIN_MS = [500, 2_000, 5_000, 15_000] as const;
const MINUTE_MS = 60_000;
const ENOUGH_MS = 10 * MINUTE_MS;

/** Believed of one answer; an honest server of kad-dht has a hundred at most. */
const PROVIDERS_PER_ANSWER = 1_024;
/** Read of one provider; a signed record holds eight. */
const ADDRESSES_PER_PROVIDER = 16;

const log = getLogger("net", "dht");

export type LookUpsOptions = {
  clock: Clock;
  kind: DhtKind;
  key: CID;
  participation: Participation;
  /** How many peers were ever found. */
  foundCount: () => number;
  /** Whether more peers are wanted. */
  wantsPeers: () => boolean;
  /** Whether nobody is connected. */
  isAlone: () => boolean;
  /** What a server says; at most 1,024 providers with 16 addresses each. */
  onAnswer: (providers: DhtPeer[], server: PeerId) => void;
  /** A round has ended. */
  onChange: () => void;
};

export class LookUps {
  readonly #options: LookUpsOptions;
  readonly #rounds: Rounds;
  #count = 0;
  /** In a row, that brought nobody new. */
  #barren = 0;

  constructor(options: LookUpsOptions) {
    this.#options = options;
    this.#rounds = new Rounds(options.clock, (signal) => this.#lookUp(signal));
  }

  stop(): void {
    this.#rounds.stop();
  }

  /** At once: there is a table now. */
  onTable(): void {
    this.#count = 0;
    this.#rounds.due();
  }

  /** More peers are wanted at once: a session has ended, say. */
  soon(): void {
    this.#count = 0;
    this.#barren = 0;
    if (this.#options.participation.tablePeers > 0) this.#rounds.due(AGAIN_MS[0]);
  }

  async #lookUp(stop: AbortSignal): Promise<number | undefined> {
    const { participation, foundCount, kind, onChange } = this.#options;
    if (participation.service === undefined) return undefined;
    const foundBefore = foundCount();
    const limitMs = FIRST_WALKS_MS_MAX[this.#count] ?? LOOK_UP_MS_MAX[kind];
    try {
      await this.#walk(AbortSignal.any([stop, AbortSignal.timeout(limitMs)]));
    } catch (error) {
      if (!stop.aborted) log.info("A look-up ended early: {reason}", { reason: messageOf(error) });
    }
    if (stop.aborted) return undefined;
    onChange();
    this.#barren = foundCount() > foundBefore ? 0 : this.#barren + 1;
    return AGAIN_MS[this.#count++] ?? this.#pauseMs();
  }

  async #walk(signal: AbortSignal): Promise<void> {
    const { participation, key, onAnswer } = this.#options;
    for await (const event of participation.service?.findProviders(key, { signal }) ?? []) {
      if (event.name !== "PEER_RESPONSE") continue;
      const providers = event.providers.slice(0, PROVIDERS_PER_ANSWER);
      onAnswer(
        providers.map(({ id, multiaddrs }) => ({
          peerId: id.toString(),
          addresses: multiaddrs.slice(0, ADDRESSES_PER_PROVIDER).map(String),
        })),
        event.from,
      );
    }
  }

  /** A look-up among eight servers is 50 kB: where all are found, it is made ever more seldom. */
  #pauseMs(): number {
    const { wantsPeers, isAlone } = this.#options;
    if (!wantsPeers()) return ENOUGH_MS;
    if (isAlone()) return MINUTE_MS;
    return Math.min(ENOUGH_MS, MINUTE_MS * 2 ** Math.min(this.#barren, 10));
  }
}
