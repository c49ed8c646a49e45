/** The peers by which we enter the DHT: dialled at once, and again for as long as we run. */
import type { Cancel, Clock } from "../../base/clock.ts";
import { isDialable, splitPeerId } from "../addresses.ts";
import type { Dialer } from "../libp2p/dialer.ts";
import { DialError, type DialTarget } from "../transport.ts";
import type { Connection } from "@libp2p/interface";

/** Pauses after failures; the last one repeats. */
const RETRY_MS = [1_000, 2_000, 5_000, 15_000, 30_000, 60_000] as const;
/** How often a bootstrap that answered is looked after. */
const CHECK_MS = 60_000;
/** Known peers and `--peer` together; more would only be dialled for nothing. */
const BOOTSTRAPS_MAX = 64;

export type BootstrapsOptions = {
  dialer: Dialer;
  clock: Clock;
  /** Called with each connection that a bootstrap answered with. */
  onConnected: (connection: Connection) => void;
  /** Whether the DHT still needs bootstraps; asked before a bootstrap that worked is dialled again. */
  isNeeded: () => boolean;
  /** Called when every bootstrap has failed at least once and none has answered. */
  onNoneAnswers: (lastError: string) => void;
};

type Bootstrap = {
  target: DialTarget;
  failures: number;
  hasAnswered: boolean;
  isDialing: boolean;
  /** The one whose end is being listened for. */
  connection?: Connection;
  cancel: Cancel;
};

export class Bootstraps {
  readonly #options: BootstrapsOptions;
  readonly #byName = new Map<string, Bootstrap>();
  readonly #stopped = new AbortController();

  constructor(options: BootstrapsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byName.size;
  }

  /** Adds each address as a bootstrap and dials it now; those already known are left alone. */
  add(addresses: string[]): void {
    for (const address of addresses.filter(isDialable)) {
      const { base, peerId } = splitPeerId(address);
      // The id is part of the name: the public bootstraps share one host name.
      const name = peerId === undefined ? base : `${base}/p2p/${peerId}`;
      if (this.#byName.has(name) || this.#byName.size >= BOOTSTRAPS_MAX) continue;
      const target = peerId === undefined ? { addresses: [base] } : { peerId, addresses: [name] };
      const bootstrap: Bootstrap = {
        target,
        failures: 0,
        hasAnswered: false,
        isDialing: false,
        cancel: () => {},
      };
      this.#byName.set(name, bootstrap);
      void this.#dial(bootstrap);
    }
  }

  /** Forgets failures, and dials at once all that would wait: they were failures of another network. */
  retry(): void {
    for (const bootstrap of this.#byName.values()) {
      bootstrap.failures = 0;
      if (!bootstrap.isDialing) this.#again(bootstrap, 0);
    }
  }

  stop(): void {
    this.#stopped.abort();
    for (const bootstrap of this.#byName.values()) bootstrap.cancel();
  }

  async #dial(bootstrap: Bootstrap): Promise<void> {
    if (bootstrap.hasAnswered && !this.#options.isNeeded()) {
      return this.#again(bootstrap, CHECK_MS);
    }
    bootstrap.isDialing = true;
    try {
      const connection = await this.#options.dialer.connect(
        bootstrap.target,
        this.#stopped.signal,
      );
      if (this.#stopped.signal.aborted) return;
      bootstrap.failures = 0;
      bootstrap.hasAnswered = true;
      this.#again(bootstrap, CHECK_MS);
      this.#followEnd(bootstrap, connection);
      this.#options.onConnected(connection);
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      this.#again(bootstrap, RETRY_MS[Math.min(bootstrap.failures, RETRY_MS.length - 1)]!);
      bootstrap.failures++;
      this.#tellFailure(error);
    } finally {
      bootstrap.isDialing = false;
    }
  }

  /** Once a connection: it is looked after every minute, for as long as it lives. */
  #followEnd(bootstrap: Bootstrap, connection: Connection): void {
    if (bootstrap.connection === connection) return;
    bootstrap.connection = connection;
    connection.addEventListener("close", () => this.#again(bootstrap, RETRY_MS[0]), { once: true });
  }

  #again(bootstrap: Bootstrap, delayMs: number): void {
    bootstrap.cancel();
    if (this.#stopped.signal.aborted) return;
    bootstrap.cancel = this.#options.clock.after(delayMs, () => void this.#dial(bootstrap));
  }

  #tellFailure(error: unknown): void {
    const all = [...this.#byName.values()];
    if (all.some((bootstrap) => bootstrap.hasAnswered || bootstrap.failures === 0)) return;
    this.#options.onNoneAnswers(error instanceof DialError ? error.message : String(error));
  }
}
