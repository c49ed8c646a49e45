/**
 * Asks known peers and bootstraps how things are, for some seconds, without listening and without
 * telling anybody where we are: what the doctor does where no node runs.
 */
import type { Connection, IdentifyResult } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import { parsePeerArgument } from "./addresses.ts";
import { Host } from "./libp2p/host.ts";
import { Libp2pStream } from "./libp2p/stream.ts";
import type { Prover } from "./membership/membership.ts";
import { Observed } from "./reach/observed.ts";
import { type LocalVersion, Session } from "./session.ts";
import { PROTOCOL } from "./transport.ts";
import { Witness } from "./witness.ts";

/** Dialled at once; those that wait behind them would not get their turn within the time. */
const TARGETS_MAX = 16;
const STOP_MS = 300;

export type InquiryOptions = {
  /** Ed25519 seed of the node's identity: to peers it is the node itself that asks. */
  identitySeed: Uint8Array;
  agent: string;
  /** Multiaddrs, `host:port`; peer ids alone lead nowhere here. */
  targets: readonly string[];
  /** One more, that is only asked who it is. */
  stranger?: string | undefined;
  /** What is said to peers of ours. */
  local: LocalVersion;
  proverOf: (ownPeerId: string) => Promise<Prover | undefined>;
  clock: Clock;
  random: Random;
  /** No longer than this in all, however few have answered. */
  limitMs: number;
};

/** Who has answered at an address. */
export type InquiryAnswer = { target: string; agent: string; protocols: string[] };

export type InquiryResult = {
  answers: InquiryAnswer[];
  /** Peers of our network that said `version`. */
  members: number;
  secretMismatches: number;
  witness: Witness;
  observed: { ip: string; peers: number }[];
};

export async function inquire(options: InquiryOptions): Promise<InquiryResult> {
  const { identitySeed, agent, clock, limitMs } = options;
  const host = await Host.create({ identitySeed, announce: [], agent });
  const signal = AbortSignal.timeout(limitMs);
  const inquiry = new Inquiry(host, options, signal);
  try {
    await inquiry.run();
    return inquiry.result();
  } finally {
    await host.stop(clock, STOP_MS);
  }
}

class Inquiry {
  readonly #host: Host;
  readonly #options: InquiryOptions;
  readonly #signal: AbortSignal;
  readonly #observed: Observed;
  readonly #witness = new Witness();
  readonly #identifying = new Map<Connection, PromiseWithResolvers<IdentifyResult>>();
  readonly #answers: InquiryAnswer[] = [];
  readonly #members = new Set<string>();
  #secretMismatches = 0;
  #prover: Prover | undefined;

  constructor(host: Host, options: InquiryOptions, signal: AbortSignal) {
    this.#host = host;
    this.#options = options;
    this.#signal = signal;
    this.#observed = new Observed(host);
    host.node.addEventListener("peer:identify", ({ detail }) => {
      this.#identified(detail.connection).resolve(detail);
    });
  }

  async run(): Promise<void> {
    this.#prover = await this.#options.proverOf(this.#host.peerId);
    const { targets, stranger } = this.#options;
    const asking = targets.slice(0, TARGETS_MAX).map((target) => this.#ask(target));
    if (stranger !== undefined) asking.push(this.#identify(stranger).then(() => {}));
    const over = new Promise<void>((resolve) => {
      this.#signal.addEventListener("abort", () => resolve(), { once: true });
    });
    // Whoever has not answered by then counts as silent.
    await Promise.race([over, Promise.allSettled(asking)]);
  }

  result(): InquiryResult {
    return {
      answers: this.#answers,
      members: this.#members.size,
      secretMismatches: this.#secretMismatches,
      witness: this.#witness,
      observed: this.#observed.own(),
    };
  }

  async #ask(target: string): Promise<void> {
    const connection = await this.#identify(target);
    if (connection === undefined) return;
    const stream = await connection.newStream(PROTOCOL, { signal: this.#signal });
    await this.#greet(new Libp2pStream(stream, connection, "us"));
  }

  /** A connection to who speaks our protocol at the address; undefined for anybody else. */
  async #identify(target: string): Promise<Connection | undefined> {
    const [address] = parsePeerArgument(target).addresses;
    if (address === undefined) return undefined;
    const connection = await this.#host.dialAddress(multiaddr(address), this.#signal);
    const { agentVersion = "", protocols } = await this.#identified(connection).promise;
    this.#answers.push({ target, agent: agentVersion, protocols });
    return protocols.includes(PROTOCOL) ? connection : undefined;
  }

  /** What the peer says of itself: it may come before the connection is handed to us. */
  #identified(connection: Connection): PromiseWithResolvers<IdentifyResult> {
    let known = this.#identifying.get(connection);
    if (known === undefined) {
      known = Promise.withResolvers();
      this.#identifying.set(connection, known);
    }
    return known;
  }

  #greet(stream: Libp2pStream): Promise<void> {
    const { local, clock, random } = this.#options;
    const over = Promise.withResolvers<void>();
    const session = new Session({
      stream,
      found: "known",
      clock,
      local,
      nonce: new DataView(random.bytes(8).buffer).getBigUint64(0),
      ...(this.#prover && { membership: this.#prover }),
      hooks: {
        onReady: (ready) => {
          this.#members.add(ready.peerId);
          this.#witness.noteClock(ready);
          ready.close("probe", "only asking how things are");
        },
        onForeign: (foreign, remote) => {
          this.#witness.noteForeign({ peerId: foreign.peerId, remote });
          foreign.close("probe", "only asking how things are");
        },
        onSecretMismatch: () => {
          this.#secretMismatches++;
        },
        onMessage: () => {},
        onRefused: () => {},
        onInvalid: () => {},
        onEnd: (_ended, end) => {
          if (end.kind === "goodbye" && end.code === "secret") this.#secretMismatches++;
          over.resolve();
        },
      },
    });
    session.start();
    return over.promise;
  }
}
