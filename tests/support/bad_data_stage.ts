/** A real node, one honest peer that stays with it, and strangers who come to do one wrong thing. */
import assert from "node:assert/strict";
import { ByteWriter } from "../../lib/base/bytes.ts";
import { yieldToOthers } from "../../lib/base/clock.ts";
import { systemRandom } from "../../lib/base/random.ts";
import { genesisBlock } from "../../lib/consensus/genesis.ts";
import { DEV_NETWORK } from "../../lib/consensus/network.ts";
import { parsePeerArgument } from "../../lib/net/addresses.ts";
import { Libp2pTransport } from "../../lib/net/libp2p/transport.ts";
import type { Refusal } from "../../lib/net/session.ts";
import type { DialTarget } from "../../lib/net/transport.ts";
import type { Transaction } from "../../lib/primitives/transaction.ts";
import type { Codec } from "../../lib/wire/codec.ts";
import { type Message, MESSAGES, type MessageType } from "../../lib/wire/messages.ts";
import type { Attack } from "./attack.ts";
import { OWNER, payFirstCoin } from "./bad_chain_data.ts";
import { mint, mintBranch, type Minted } from "./easy_chain.ts";
import { EXAMPLES } from "./messages.ts";
import { MoimNode, until } from "./moim.ts";
import { honest, versionOf } from "./scripted_peer.ts";
import { type PeerIdentity, WirePeer } from "./wire_peer.ts";

/** What a node of the dev network says of itself. */
export const US = { genesisId: genesisBlock(DEV_NETWORK).id, networkName: DEV_NETWORK.name };
/** Blocks that the honest peer has at the beginning. */
const BLOCKS = 4;
/** Messages that a flooding peer sends at once. */
const FLOOD_MESSAGES = 500;

/** A message that is right, sent too often. */
export interface Flooding {
  readonly type: MessageType;
  readonly frame: Uint8Array;
}

/** Who attacks, with an identity of its own. */
interface Stranger {
  readonly attack: Attack;
  readonly transport: Libp2pTransport;
}

type Counters = Partial<Record<Refusal, number>>;

export class BadDataStage {
  /** What the node must have counted up to now. */
  expected: Counters = {};
  /** The honest chain, and the block that comes after it. */
  readonly chain: Minted[] = mintBranch(BLOCKS, { network: DEV_NETWORK, lock: OWNER.lock });
  readonly next: Minted = mint(this.chain.at(-1)!.context, { network: DEV_NETWORK });

  #honest!: WirePeer;

  private constructor(
    readonly node: MoimNode,
    private readonly dir: string,
    private readonly target: DialTarget,
    private readonly transport: Libp2pTransport,
    private readonly address: string,
  ) {}

  /** Starts the node and gives it the honest chain. */
  static async open(dir: string): Promise<BadDataStage> {
    const args = ["start", "--network", "dev", "--port", "0"];
    const node = await MoimNode.start(args, { dataDir: `${dir}/node` });
    const [address] = await node.waitFor(/\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\/\w+/);
    const transport = await newTransport();
    const stage = new BadDataStage(node, dir, parsePeerArgument(address), transport, address);
    await stage.#meetHonest();
    return stage;
  }

  /** A payment that any node takes. */
  pay(): Transaction {
    return payFirstCoin(this.chain);
  }

  /** All strangers at once, while the honest peer is served. */
  async suffers(attacks: readonly Attack[]): Promise<void> {
    const refused: Counters = {};
    for (const { refusal } of attacks) refused[refusal] = (refused[refusal] ?? 0) + 1;
    const strangers = await Promise.all(attacks.map(async (attack) => {
      return { attack, transport: await newTransport() };
    }));
    try {
      await this.counts(refused, async () => {
        await Promise.all(strangers.map((stranger) => this.#suffer(stranger)));
      });
      await Promise.all(strangers.map((stranger) => this.#answers(stranger)));
    } finally {
      await Promise.all(strangers.map(({ transport }) => transport.stop()));
    }
  }

  /** Sends until the node ends it, which nobody is blamed for. */
  async suffersFlood({ type, frame }: Flooding): Promise<void> {
    const many = new ByteWriter();
    for (let number = 0; number < FLOOD_MESSAGES; number++) many.bytes(frame);
    const bytes = many.finish();
    await withTransport(async (transport) => {
      const peer = await WirePeer.connect(transport, this.target, US);
      while (peer.ended === "open") {
        peer.sendRaw(bytes);
        await yieldToOthers();
        const canGoOn = () => peer.ended !== "open" || peer.stream.bufferedBytes < bytes.length;
        await until(canGoOn, { what: `the reading of many ${type}` });
      }
      assert.match(peer.last("goodbye").text, new RegExp(`too many .* ${type}$`));
      assert.equal(await this.#welcome(transport), "version", type);
    });
  }

  /** Runs `action` as a peer of its own that stays in session. */
  async asStranger(
    action: (peer: WirePeer) => Promise<void>,
    identity: PeerIdentity = US,
  ): Promise<void> {
    await withTransport(async (transport) => {
      await action(await WirePeer.connect(transport, this.target, identity));
    });
  }

  /** `action` makes the counters of `status` rise by `refused` and no more; the honest is served. */
  async counts(refused: Counters, action: () => Promise<void>): Promise<void> {
    for (const [refusal, times] of Object.entries(refused) as [Refusal, number][]) {
      this.expected[refusal] = (this.expected[refusal] ?? 0) + times;
    }
    await Promise.all([action(), this.#isServed()]);
    let counted: Counters = {};
    await until(async () => {
      counted = (await this.node.get("status"))?.refused ?? {};
      return sorted(counted) === sorted(this.expected);
    }, { what: () => `counters: ${sorted(counted)} are not ${sorted(this.expected)}` });
    await this.#isServed();
  }

  /** The honest peer finds a block; the node takes it, and a new node gets all of them from it. */
  async goesOn(): Promise<void> {
    this.chain.push(this.next);
    this.#honest.send({ type: "inv", items: [{ kind: "block", id: this.next.block.id }] });
    await this.#hasTip(this.node);
    const args = ["start", "--network", "dev", "--port", "0", "--peer", this.address];
    await using another = await MoimNode.start(args, { dataDir: `${this.dir}/another` });
    await this.#hasTip(another);
    await this.#isServed();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.transport.stop();
    await this.node.kill();
  }

  async #meetHonest(): Promise<void> {
    const identity = { ...US, ...versionOf(this.chain) };
    this.#honest = await WirePeer.dial(this.transport, this.target);
    this.#honest.onMessage = (message) => {
      for (const answer of honest(this.chain)(message)) this.#honest.send(answer);
    };
    this.#honest.greet(identity);
    await this.#hasTip(this.node);
  }

  async #suffer({ attack, transport }: Stranger): Promise<void> {
    const peer = attack.isGreeted === false
      ? await WirePeer.dial(transport, this.target)
      : await WirePeer.connect(transport, this.target, US);
    await attack.send(peer, transport);
    await until(() => peer.ended !== "open", { what: `the end of "${attack.name}"` });
  }

  async #answers({ attack, transport }: Stranger): Promise<void> {
    const welcome = await this.#welcome(transport);
    assert.equal(welcome, attack.isForgiven ? "version" : "discouraged", attack.name);
  }

  /** What the node says to a peer that comes back: `version`, or why it says goodbye. */
  async #welcome(transport: Libp2pTransport): Promise<string> {
    return await until(async () => {
      await transport.disconnect(this.target.peerId!); // The node hangs up too; either may be first.
      try {
        const peer = await WirePeer.dial(transport, this.target);
        await peer.until((received) => received.length > 0);
        const [first] = peer.received;
        return first!.type === "goodbye" ? first!.code : first!.type;
      } catch {
        return undefined; // The hanging up of before met this connection.
      }
    }, { what: "an answer to who comes back" });
  }

  /** Headers from genesis, and the newest block. */
  async #isServed(): Promise<void> {
    const peer = this.#honest;
    const { block } = this.chain.at(-1)!;
    const before = { headers: peer.count("headers"), blocks: peer.count("block") };
    peer.send({ type: "getheaders", locator: [US.genesisId] });
    peer.send({ type: "getdata", items: [{ kind: "block", id: block.id }] });
    await until(
      () => peer.count("headers") > before.headers && peer.count("block") > before.blocks,
      {
        what: () => `answers to the honest peer (${peer.ended})`,
      },
    );
    const ids = peer.last("headers").headers.map((header) => header.id);
    assert.deepEqual(ids, this.chain.map((each) => each.block.id));
    assert.deepEqual(peer.last("block").bytes, block.bytes);
  }

  async #hasTip(node: MoimNode): Promise<void> {
    const { id } = this.chain.at(-1)!.block;
    await until(async () => (await node.get("status"))?.tipId === id, {
      what: () => `the tip ${id} of\n${node.output}`,
    });
  }
}

/** The body of the example of a message. */
export function bodyOf(type: MessageType): Uint8Array {
  const writer = new ByteWriter();
  (MESSAGES[type].codec as Codec<Message>).write(writer, EXAMPLES[type]);
  return writer.finish();
}

function newTransport(): Promise<Libp2pTransport> {
  return Libp2pTransport.start({
    identitySeed: systemRandom.bytes(32),
    port: 0,
    listenHost: "127.0.0.1",
    rendezvous: "dev",
  });
}

/** A new identity for the time of `use`. */
async function withTransport(use: (transport: Libp2pTransport) => Promise<void>): Promise<void> {
  const transport = await newTransport();
  try {
    await use(transport);
  } finally {
    await transport.stop();
  }
}

function sorted(counters: Counters): string {
  return JSON.stringify(Object.entries(counters).sort());
}
