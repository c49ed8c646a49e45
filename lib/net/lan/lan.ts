/**
 * Discovery on the local network by multicast DNS (RFC 6762), under a service name made from the
 * phrase, so that nodes of other networks are not even heard. The records are those of libp2p (its
 * specification `discovery/mdns.md`): any libp2p node that asks for the name understands them.
 */
import { toHex, utf8 } from "../../base/bytes.ts";
import type { Cancel, Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { type Random, systemRandom } from "../../base/random.ts";
import { addressClass, bareAddress } from "../../peers/address_class.ts";
import { sha256 } from "../../primitives/hash.ts";
import { isDialable, splitPeerId } from "../addresses.ts";
import type { DiscoveryState } from "../discovery.ts";
import { decodeMdns, encodeMdns, type MdnsMessage, TEXT_BYTES_MAX } from "./mdns_packet.ts";
import { Multicast } from "./multicast.ts";
import type { Candidate } from "../transport.ts";

/** Pauses between questions: each can be lost, and the other node may be starting too. */
const ASK_AGAIN_MS = [250, 250, 500, 1_000, 2_000, 4_000, 8_000, 15_000] as const;
/** Then each pause is twice as long, up to this: a newcomer asks and tells by itself. */
const ASK_PAUSE_MS_MAX = 300_000;
/** Who was found may need a moment before it is told of us: we dial it meanwhile. */
const TELL_AFTER_MS = 1_000;
/** RFC 6762 section 6: a record is not sent again within a second; those who ask now wait for it. */
const ANSWER_PAUSE_MS = 1_000;
const FOUND_IDS_MAX = 1_000;
/** Nodes that a question names as known, so that they need not answer (RFC 6762 section 7.1). */
const KNOWN_MAX = 16;
/** With all names this stays below the 1,500 bytes of a packet. */
const ADDRESSES_MAX = 8;
const PREFIX = "dnsaddr=";

export type LanOptions = {
  /** This node, as far as it is told to others. */
  self: { readonly peerId: string; addresses(): string[] };
  clock: Clock;
  rendezvous: string;
  /** IPv4 addresses of the interfaces to speak on, asked again when the network changes. */
  interfaces: () => string[];
  onCandidate: (candidate: Candidate) => void;
  /** A line for the user. */
  onNotice: (text: string) => void;
  /** The state has changed. */
  onChange: () => void;
  random?: Random;
};

/** The DNS-SD service name of a phrase: `_moim-` and 32 hex digits, well below a label's 63 bytes. */
export function lanServiceName(rendezvous: string): string {
  return `_moim-${toHex(sha256(utf8(rendezvous))).slice(0, 32)}._udp.local`;
}

export class LanDiscovery {
  readonly #options: LanOptions;
  readonly #name: string;
  /** Our own name below the service: of this run only, and of nobody's id. */
  readonly #instance: string;
  readonly #found = new Set<string>();
  /** Names of nodes that have answered on this network, the latest last. */
  readonly #known = new Set<string>();
  /**
   * Addresses of the interfaces spoken on. Kept, since in a class answers come all the time and the
   * system takes long to say them; a network that changes is another start.
   */
  #ownIps: ReadonlySet<string> = new Set();
  #multicast: Multicast | undefined;
  #cancelAsk: Cancel = () => {};
  #cancelTell: Cancel = () => {};
  #cancelAnswer: Cancel | undefined;
  #questions = 0;
  #answeredMs = -Infinity;
  #lastError: string | undefined;
  #isReady = false;
  #hasToldFailure = false;

  constructor(options: LanOptions) {
    this.#options = options;
    this.#name = lanServiceName(options.rendezvous);
    this.#instance = `${toHex((options.random ?? systemRandom).bytes(16))}.${this.#name}`;
  }

  /** Begins to ask and answer. Never throws: without multicast there is one notice, no more. */
  start(): void {
    try {
      const ips = this.#options.interfaces();
      this.#ownIps = new Set(ips);
      this.#multicast = new Multicast({
        ips,
        onMessage: (bytes) => this.#onMessage(bytes),
        onReady: () => this.#onReady(),
        onError: (error) => this.#fail(error),
      });
    } catch (error) {
      this.#fail(error);
    }
  }

  stop(): void {
    this.#cancelAsk();
    this.#cancelTell();
    this.#cancelAnswer?.();
    this.#cancelAnswer = undefined;
    this.#multicast?.close();
    this.#multicast = undefined;
  }

  /** Another network, or awake again: asks there, and tells that we are there. */
  onNetworkChanged(): void {
    this.stop();
    this.#lastError = undefined;
    this.#answeredMs = -Infinity;
    this.start();
  }

  /** A peer was lost, say: asks everybody again, unless that is going on anyway. */
  askSoon(): void {
    if (this.#questions < ASK_AGAIN_MS.length || this.#multicast === undefined) return;
    this.#begin();
  }

  state(): DiscoveryState {
    const found = `found ${this.#found.size} peer${this.#found.size === 1 ? "" : "s"}`;
    const common = { source: "lan", foundCount: this.#found.size } as const;
    if (this.#lastError !== undefined) {
      const text = `local network: not available (${this.#lastError})`;
      return { ...common, state: "failing", text, lastError: this.#lastError };
    }
    return this.#isReady
      ? { ...common, state: "advertised", text: `local network: asking and answering, ${found}` }
      : { ...common, state: "waiting", text: "local network: starting" };
  }

  #onReady(): void {
    this.#isReady = true;
    this.#begin();
    this.#cancelTell = this.#options.clock.after(TELL_AFTER_MS, () => this.#answer());
    this.#options.onChange();
  }

  #begin(): void {
    this.#questions = 0;
    this.#known.clear();
    this.#ask();
  }

  #ask(): void {
    // Our own name keeps us from answering ourselves.
    const names = [this.#instance, ...this.#known];
    this.#send({
      isResponse: false,
      questions: [this.#name],
      records: names.map((target) => ({ type: "PTR", name: this.#name, target })),
    });
    const doublings = Math.max(0, this.#questions + 1 - ASK_AGAIN_MS.length);
    const pauseMs = ASK_AGAIN_MS[this.#questions] ??
      Math.min(ASK_PAUSE_MS_MAX, ASK_AGAIN_MS.at(-1)! * 2 ** Math.min(doublings, 10));
    this.#questions++;
    this.#cancelAsk();
    this.#cancelAsk = this.#options.clock.after(pauseMs, () => this.#ask());
  }

  #onMessage(bytes: Uint8Array): void {
    const message = decodeMdns(bytes);
    if (message === undefined) return;
    if (message.isResponse) return this.#onResponse(message);
    if (!message.questions.includes(this.#name)) return;
    const isKnown = message.records.some((record) =>
      record.type === "PTR" && record.target === this.#instance
    );
    if (!isKnown) this.#answerSoon();
  }

  #answerSoon(): void {
    const { clock } = this.#options;
    const waitMs = this.#answeredMs + ANSWER_PAUSE_MS - clock.monotonicMs();
    if (waitMs <= 0) return this.#answer();
    this.#cancelAnswer ??= clock.after(waitMs, () => this.#answer());
  }

  #answer(): void {
    this.#cancelAnswer?.();
    this.#cancelAnswer = undefined;
    const texts = this.#options.self.addresses()
      .filter((address) => isDialable(address) && !address.includes("/p2p-circuit"))
      .map((address) => PREFIX + address)
      .filter((text) => utf8(text).length <= TEXT_BYTES_MAX)
      .slice(0, ADDRESSES_MAX);
    if (texts.length === 0) return;
    this.#answeredMs = this.#options.clock.monotonicMs();
    this.#send({
      isResponse: true,
      questions: [],
      records: [
        { type: "PTR", name: this.#name, target: this.#instance },
        { type: "TXT", name: this.#instance, texts },
      ],
    });
  }

  #onResponse({ records }: MdnsMessage): void {
    for (const record of records) {
      if (record.type !== "PTR" || record.name !== this.#name) continue;
      const { target } = record;
      if (target === this.#instance) continue;
      const texts = records.flatMap((each) =>
        each.type === "TXT" && each.name === target ? each.texts : []
      );
      const addresses = texts.filter((text) => text.startsWith(PREFIX))
        .map((text) => text.slice(PREFIX.length));
      if (this.#onNode(addresses)) this.#remember(target);
    }
  }

  #remember(name: string): void {
    this.#known.delete(name);
    this.#known.add(name);
    if (this.#known.size > KNOWN_MAX) this.#known.delete(this.#known.values().next().value!);
  }

  /** Whether the addresses are those of one other node that can be dialled. */
  #onNode(full: string[]): boolean {
    const { self, onCandidate, onChange } = this.#options;
    const peerId = splitPeerId(full[0] ?? "").peerId;
    if (peerId === undefined || peerId === self.peerId) return false;
    const own = full.filter((address) => address.endsWith(`/p2p/${peerId}`));
    const addresses = this.#usable(own.map((address) => splitPeerId(address).base));
    if (addresses.length === 0) return false;
    const isNew = !this.#found.has(peerId);
    if (this.#found.size < FOUND_IDS_MAX) this.#found.add(peerId);
    onCandidate({ peerId, addresses, source: "lan" });
    if (isNew) onChange();
    return true;
  }

  /** Loopback is kept only of a node on this machine: it shares an address with us, or has no other. */
  #usable(addresses: string[]): string[] {
    const bare = addresses.flatMap((address) => bareAddress(address) ?? []);
    const others = bare.filter((address) => addressClass(address) !== "loopback");
    const isHere = others.length === 0 ||
      others.some((address) => this.#ownIps.has(ipOf(address)));
    return isHere ? bare : others;
  }

  #send(message: MdnsMessage): void {
    this.#multicast?.send(encodeMdns(message));
  }

  #fail(error: unknown): void {
    this.stop();
    this.#lastError = messageOf(error).split("\n")[0]!.slice(0, 120);
    this.#options.onChange();
    if (this.#hasToldFailure) return;
    this.#hasToldFailure = true;
    this.#options.onNotice(
      `Cannot search the local network (${this.#lastError}); other ways to find peers go on`,
    );
  }
}

/** `192.0.2.7` of `/ip4/192.0.2.7/tcp/3000`. */
function ipOf(address: string): string {
  return address.split("/")[2] ?? "";
}
