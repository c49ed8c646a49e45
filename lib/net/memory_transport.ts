/**
 * A simulated network for many nodes in one process: the transport port over a clock and a random
 * source that are handed in. Latency, lost connections, partitions and hosts that cannot be reached
 * from outside are set by the test; the same seed gives the same run.
 */
import { fromUtf8, toHex, utf8 } from "../base/bytes.ts";
import type { Clock } from "../base/clock.ts";
import type { Random } from "../base/random.ts";
import { sha256 } from "../primitives/hash.ts";
import {
  DialError,
  type DialTarget,
  type PeerRecordContent,
  type PeerStream,
  type Transport,
} from "./transport.ts";

/** What may lie unread at the receiver before bytes stay with the sender. */
const WINDOW_BYTES = 256 * 1024;
/** A host that does not answer at all is given up after this. */
const DEAD_DIAL_MS = 5_000;

export interface SimNetworkOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** One-way delay of every message, drawn evenly from this range. */
  readonly latencyMs?: { readonly min: number; readonly max: number };
}

/** Where a node lives and what it can do. */
export interface SimHost {
  readonly peerId: string;
  /** Multiaddr it listens on, such as `/ip4/10.0.0.7/tcp/3000`. */
  readonly address: string;
  /** Behind a NAT that lets nobody in: it can dial, but not be dialled. */
  readonly isUnreachable?: boolean;
  /** False for a peer that speaks other protocols only, such as a DHT server. */
  readonly hasProtocol?: boolean;
}

/** The network between `MemoryTransport`s. */
export class SimNetwork {
  readonly clock: Clock;
  readonly random: Random;
  readonly #latencyMs: { readonly min: number; readonly max: number };
  readonly #nodes = new Map<string, MemoryTransport>();
  readonly #links = new Set<Link>();
  #islandOf: (peerId: string) => unknown = () => 0;
  #canMeet: (one: string, other: string) => boolean = () => true;
  /** Whether what these open now goes through a third peer. */
  areRelayed: (one: string, other: string) => boolean = () => false;
  #nextPort = 40_000;

  constructor(options: SimNetworkOptions) {
    this.clock = options.clock;
    this.random = options.random;
    this.#latencyMs = options.latencyMs ?? { min: 5, max: 20 };
  }

  /** Brings a node up. Of two on one address the later one answers. */
  join(host: SimHost): MemoryTransport {
    const node = new MemoryTransport(this, host);
    this.#nodes.set(host.address, node);
    return node;
  }

  /** Takes a node down as a crash does: its connections break, nobody answers at its address. */
  leave(node: MemoryTransport): void {
    if (this.#nodes.get(node.host.address) === node) this.#nodes.delete(node.host.address);
    for (const link of this.#links) {
      if (link.joins(node)) link.break();
    }
    node.isUp = false;
  }

  /** Splits the network: only peers of the same island reach each other. Broken until `heal`. */
  partition(islandOf: (peerId: string) => unknown): void {
    this.#islandOf = islandOf;
    for (const link of this.#links) {
      if (!this.areJoined(link.near.peerId, link.far.peerId)) link.break();
    }
  }

  /** From now on only these can reach each other, healed or not: gives the network a shape. */
  restrict(canMeet: (one: string, other: string) => boolean): void {
    this.#canMeet = canMeet;
  }

  /** From now on what these open goes through a third peer, for as long as nobody tells else. */
  relay(areRelayed: (one: string, other: string) => boolean): void {
    this.areRelayed = areRelayed;
  }

  heal(): void {
    this.#islandOf = () => 0;
  }

  /** Breaks each open connection with this probability. */
  loseConnections(probability: number): void {
    for (const link of [...this.#links]) {
      if (this.random.float() < probability) link.break();
    }
  }

  areJoined(one: string, other: string): boolean {
    return this.#islandOf(one) === this.#islandOf(other) && this.#canMeet(one, other);
  }

  /** Connections open now. */
  get connections(): number {
    return this.#links.size;
  }

  /** For `MemoryTransport`: the node that answers at `address` for `from`. */
  nodeAt(address: string, from: MemoryTransport): MemoryTransport | undefined {
    const node = this.#nodes.get(address);
    if (node === undefined || node === from || node.host.isUnreachable) return undefined;
    return this.areJoined(node.peerId, from.peerId) ? node : undefined;
  }

  /** For `MemoryTransport`: a connected pair of stream ends. */
  link(near: MemoryTransport, far: MemoryTransport, dialled: string): [SimStream, SimStream] {
    const ephemeral = near.host.address.replace(/\/tcp\/\d+$/, `/tcp/${this.#nextPort++}`);
    const link: Link = new Link(near, far, () => this.#links.delete(link));
    this.#links.add(link);
    const isRelayed = this.areRelayed(near.peerId, far.peerId);
    const ours = new SimStream(this, far.peerId, {
      remoteAddress: dialled,
      openedBy: "us",
      isRelayed,
    });
    const theirs = new SimStream(this, near.peerId, {
      remoteAddress: ephemeral,
      openedBy: "them",
      isRelayed,
    });
    link.connect(ours, theirs);
    return [ours, theirs];
  }

  /** A one-way delay. */
  drawLatencyMs(): number {
    const { min, max } = this.#latencyMs;
    return min + (max - min) * this.random.float();
  }
}

/** One stream's two ends and how they fall together. */
class Link {
  #ends: readonly SimStream[] = [];

  constructor(
    readonly near: MemoryTransport,
    readonly far: MemoryTransport,
    readonly onGone: () => void,
  ) {}

  connect(ours: SimStream, theirs: SimStream): void {
    this.#ends = [ours, theirs];
    ours.join(theirs, this.onGone);
    theirs.join(ours, this.onGone);
  }

  joins(node: MemoryTransport): boolean {
    return this.near === node || this.far === node;
  }

  break(): void {
    for (const end of this.#ends) end.onBroken();
    this.onGone();
  }
}

/** One end of a simulated stream. Chunks arrive in order, each after its delay. */
export class SimStream implements PeerStream {
  readonly remoteAddress: string;
  readonly openedBy: "us" | "them";
  readonly isRelayed: boolean;
  readonly incoming: AsyncIterable<Uint8Array>;
  readonly #network: SimNetwork;
  #other: SimStream | undefined;
  #onGone: () => void = () => {};
  #outQueue: Uint8Array[] = [];
  #outBytes = 0;
  #inQueue: Uint8Array[] = [];
  #unreadBytes = 0;
  #arrivesMs = 0;
  #inEnd: "open" | "ended" | "broken" = "open";
  #hasEndedOut = false;
  #wake: () => void = () => {};

  constructor(
    network: SimNetwork,
    readonly peerId: string,
    ends: Pick<PeerStream, "remoteAddress" | "openedBy" | "isRelayed">,
  ) {
    this.#network = network;
    this.remoteAddress = ends.remoteAddress;
    this.openedBy = ends.openedBy;
    this.isRelayed = ends.isRelayed;
    this.incoming = this.#read();
  }

  join(other: SimStream, onGone: () => void): void {
    this.#other = other;
    this.#onGone = onGone;
  }

  get bufferedBytes(): number {
    return this.#outBytes;
  }

  send(bytes: Uint8Array): void {
    if (this.#hasEndedOut || this.#inEnd === "broken") return;
    this.#outQueue.push(bytes.slice());
    this.#outBytes += bytes.length;
    this.#pump();
  }

  close(): Promise<void> {
    if (this.#hasEndedOut || this.#inEnd === "broken") return Promise.resolve();
    this.#hasEndedOut = true;
    const other = this.#other!;
    const rest = this.#outQueue;
    this.#outQueue = [];
    this.#outBytes = 0;
    for (const chunk of rest) this.#deliver(() => other.#arrive(chunk));
    this.#deliver(() => other.#end("ended"));
    this.#end("ended");
    this.#onGone();
    return Promise.resolve();
  }

  reset(): void {
    if (this.#inEnd === "broken") return;
    this.#deliver(() => this.#other!.onBroken());
    this.onBroken();
    this.#onGone();
  }

  /** The connection is gone, whatever was under way. */
  onBroken(): void {
    this.#hasEndedOut = true;
    this.#outQueue = [];
    this.#outBytes = 0;
    this.#end("broken");
  }

  /** Sends what fits in the receiver's window; the rest waits here, which the sender can see. */
  #pump(): void {
    const other = this.#other!;
    while (this.#outQueue.length > 0 && other.#unreadBytes < WINDOW_BYTES) {
      const chunk = this.#outQueue.shift()!;
      this.#outBytes -= chunk.length;
      other.#unreadBytes += chunk.length;
      this.#deliver(() => other.#arrive(chunk));
    }
  }

  /** Runs `action` at the other end after the delay, and never before what was sent earlier. */
  #deliver(action: () => void): void {
    const { clock } = this.#network;
    const nowMs = clock.monotonicMs();
    this.#arrivesMs = Math.max(this.#arrivesMs, nowMs + this.#network.drawLatencyMs());
    clock.after(this.#arrivesMs - nowMs, action);
  }

  #arrive(chunk: Uint8Array): void {
    if (this.#inEnd !== "open") return;
    this.#inQueue.push(chunk);
    this.#wake();
  }

  #end(how: "ended" | "broken"): void {
    if (this.#inEnd === "broken") return;
    this.#inEnd = how;
    if (how === "broken") this.#inQueue = [];
    this.#wake();
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    while (true) {
      const chunk = this.#inQueue.shift();
      if (chunk !== undefined) {
        this.#unreadBytes = Math.max(0, this.#unreadBytes - chunk.length);
        this.#other!.#pump();
        yield chunk;
      } else if (this.#inEnd === "ended") {
        return;
      } else if (this.#inEnd === "broken") {
        throw new Error("The connection broke");
      } else {
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
    }
  }
}

/** One node's view of a `SimNetwork`. */
export class MemoryTransport implements Transport {
  readonly peerId: string;
  isUp = true;
  readonly #network: SimNetwork;
  readonly #streamListeners = new Set<(stream: PeerStream) => void>();
  readonly #peerListeners = new Set<(peerId: string, addresses: string[]) => void>();
  readonly #streams = new Set<SimStream>();
  readonly #directListeners = new Set<(peerId: string) => void>();
  readonly #met = new Map<string, MemoryTransport>();
  #sequence: bigint;

  constructor(network: SimNetwork, readonly host: SimHost) {
    this.#network = network;
    this.peerId = host.peerId;
    this.#sequence = BigInt(Math.floor(network.clock.nowMs()));
  }

  addresses(): string[] {
    return [`${this.host.address}/p2p/${this.peerId}`];
  }

  async open(target: DialTarget, signal?: AbortSignal): Promise<PeerStream> {
    const wantedId = target.peerId;
    const met = wantedId === undefined ? undefined : this.#met.get(wantedId);
    const known = met === undefined || target.addresses.length > 0 ? [] : [met.host.address];
    for (const address of [...target.addresses, ...known]) {
      const dialled = address.replace(/\/p2p\/[^/]+$/, "");
      const node = this.#network.nodeAt(dialled, this);
      if (node === undefined || (wantedId !== undefined && node.peerId !== wantedId)) continue;
      await this.#wait(3 * this.#network.drawLatencyMs(), signal);
      if (this.#network.nodeAt(dialled, this) !== node || !this.isUp) continue;
      if (target.isDirectOnly && this.#network.areRelayed(node.peerId, this.peerId)) continue;
      if (node.host.hasProtocol === false) {
        throw new DialError("no-protocol", "It does not speak the protocol", node.peerId);
      }
      return this.#connect(node, dialled);
    }
    const isAnswered = target.addresses.length === 0;
    await this.#wait(isAnswered ? 1 : this.#network.random.float() * DEAD_DIAL_MS, signal);
    throw new DialError("unreachable", "Nobody answers there", wantedId);
  }

  onStream(listener: (stream: PeerStream) => void): void {
    this.#streamListeners.add(listener);
  }

  onProtocolPeer(listener: (peerId: string, addresses: string[]) => void): void {
    this.#peerListeners.add(listener);
  }

  onDirect(listener: (peerId: string) => void): void {
    this.#directListeners.add(listener);
  }

  disconnect(peerId: string): Promise<void> {
    for (const stream of this.#streams) {
      if (stream.peerId === peerId) stream.reset();
    }
    return Promise.resolve();
  }

  /** A "signed" record: JSON and a digest. Enough to tell a forged one in a simulation. */
  signedRecord(): Promise<Uint8Array> {
    return Promise.resolve(
      signRecord({
        peerId: this.peerId,
        addresses: [this.host.address],
        sequence: this.#sequence,
      }),
    );
  }

  async recordOf(peerId: string): Promise<Uint8Array | undefined> {
    return await this.#met.get(peerId)?.signedRecord();
  }

  openRecord(bytes: Uint8Array): Promise<PeerRecordContent> {
    return new Promise((resolve) => resolve(openRecord(bytes)));
  }

  /** Tells of a connection that was made by other means than `open`, as a DHT makes them. */
  meet(other: MemoryTransport): void {
    this.#meet(other);
    other.#meet(this);
  }

  /** Both are told that a direct connection has come up between them. */
  meetDirectly(other: MemoryTransport): void {
    this.#met.set(other.peerId, other);
    other.#met.set(this.peerId, this);
    this.#tellDirect(other.peerId);
    other.#tellDirect(this.peerId);
  }

  #tellDirect(peerId: string): void {
    for (const listener of this.#directListeners) listener(peerId);
  }

  #meet(other: MemoryTransport): void {
    this.#met.set(other.peerId, other);
    for (const listener of this.#peerListeners) listener(other.peerId, [other.host.address]);
  }

  #connect(node: MemoryTransport, dialled: string): PeerStream {
    this.#met.set(node.peerId, node);
    node.#met.set(this.peerId, this);
    const [ours, theirs] = this.#network.link(this, node, dialled);
    this.#streams.add(ours);
    node.#streams.add(theirs);
    if (!ours.isRelayed) {
      this.#tellDirect(node.peerId);
      node.#tellDirect(this.peerId);
    }
    for (const listener of node.#streamListeners) listener(theirs);
    return ours;
  }

  #wait(delayMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        cancel();
        reject(new DialError("aborted", "The dial was given up"));
      };
      const cancel = this.#network.clock.after(delayMs, () => {
        signal?.removeEventListener("abort", onAbort);
        resolve();
      });
      if (signal?.aborted) onAbort();
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }
}

/**
 * Makes a record that `MemoryTransport.openRecord` takes; for tests that forge all but the digest.
 */
export function signRecord(content: PeerRecordContent): Uint8Array {
  const { peerId, addresses, sequence } = content;
  const text = JSON.stringify({ peerId, addresses, sequence: String(sequence) });
  return utf8(toHex(sha256(utf8(text))) + text);
}

function openRecord(bytes: Uint8Array): PeerRecordContent {
  const text = fromUtf8(bytes);
  const body = text.slice(64);
  if (text.slice(0, 64) !== toHex(sha256(utf8(body)))) throw new Error("The record is not signed");
  const { peerId, addresses, sequence } = JSON.parse(body);
  return { peerId, addresses, sequence: BigInt(sequence) };
}
