/** A node as a class would have it: payments, a fork, several minters, peers of every kind. */
import type {
  BlockInfo,
  ForkBlock,
  HistoryEntry,
  NodeApi,
  PeerInfo,
  TransactionInfo,
} from "../../../../lib/node/api.ts";
import { EXIT, UserError } from "../../../../lib/base/mod.ts";
import { sha256 } from "../../../../lib/primitives/hash.ts";
import { encodeAddress } from "../../../../lib/primitives/address.ts";
import { asLock } from "../../../../lib/primitives/ids.ts";
import { utf8 } from "../../../../lib/base/bytes.ts";
import { genesisBlock } from "../../../../lib/consensus/genesis.ts";
import { networkFromPhrase } from "../../../../lib/consensus/network.ts";
import { fakeNode } from "../../../support/fake_node.ts";

export const NOW_MS = Date.UTC(2026, 10, 23, 3, 0, 0);
export const TIP = 1234;
export const PHRASE = "점심 모임";
const GENESIS_ID = genesisBlock(networkFromPhrase(PHRASE)).id;

/** The id under which a thing named `name` stands. */
export function idOf(name: string): string {
  return sha256(utf8(name)).toHex();
}

export function addressOf(name: string): string {
  return encodeAddress(asLock(sha256(utf8(name)).subarray(0, 20)));
}

const MINTERS = ["minji", "haneul", "seojun", "dana"];

function spacingMs(height: number): number {
  return 4000 + (height * 7919 % 97) * 260;
}

function timeMs(height: number): number {
  let time = NOW_MS - 9000;
  for (let at = TIP; at > height; at--) time -= spacingMs(at);
  return time;
}

export function minterAt(height: number): string {
  return MINTERS[(height * 7 + (height >> 2)) % (height % 3 === 0 ? 4 : 2)]!;
}

/** A payment of the block at `height`, or a pending one without. */
export function payment(name: string, height?: number): TransactionInfo {
  return {
    id: idOf(name),
    kind: "payment",
    bytes: 226,
    fee: 226,
    memo: "점심값 🍜",
    memoHex: utf8("점심값 🍜").toHex(),
    ...(height === undefined
      ? { state: "pending", confirmations: 0, settled: false }
      : confirmation(height)),
    spends: [{
      address: addressOf("minji"),
      name: "민지의 비밀 키",
      publicKey: idOf("key"),
      coins: [{ txId: idOf("coin"), index: 1, amount: 20_000_000 }],
    }],
    outputs: [
      { index: 0, amount: 2_500_000, address: addressOf("haneul"), spent: false },
      { index: 1, amount: 17_499_774, address: addressOf("minji"), name: "w1", spent: true },
    ],
    signaturesValid: true,
  };
}

function confirmation(height: number) {
  return {
    state: "confirmed" as const,
    confirmations: TIP - height + 1,
    settled: height < TIP - 6,
    blockId: idOf(`block ${height}`),
    height,
    position: 1,
    timeMs: timeMs(height),
  };
}

function coinbase(height: number): TransactionInfo {
  return {
    ...confirmation(height),
    id: idOf(`coinbase ${height}`),
    kind: "coinbase",
    position: 0,
    bytes: 41,
    memoHex: "00" + utf8("모임 2026").toHex(),
    spends: [],
    outputs: [{ index: 0, amount: 20_000_226, address: addressOf(minterAt(height)) }],
    signaturesValid: true,
  };
}

/** A block with `payments` payments. */
export function block(height: number, payments = height % 3): BlockInfo {
  return {
    id: idOf(`block ${height}`),
    height,
    previous: idOf(`block ${height - 1}`),
    timeMs: timeMs(height),
    bits: 0x1e40_0000,
    nonce: "81985529216486895",
    bytes: 140 + 226 * payments,
    transactions: payments + 1,
    minter: addressOf(minterAt(height)),
    minterName: "민지의 비밀 키",
    minted: 20_000_226,
    paid: 2_500_000 * payments,
    proofOfWorkValid: true,
    signaturesValid: true,
    settled: height < TIP - 6,
    version: 1,
    merkleRoot: idOf(`root ${height}`),
    merkleRootValid: true,
    work: "262144",
    totalWork: String(262_144 * height),
    confirmations: TIP - height + 1,
    onMainChain: true,
    ...(height < TIP && { next: idOf(`block ${height + 1}`) }),
    details: [
      coinbase(height),
      ...Array.from({ length: payments }, (_, at) => payment(`payment ${height} ${at}`, height)),
    ],
  };
}

/** The second passes on what the others send to this node, the third is connected through it. */
export const RELAY = 2;
export const RELAYED = 3;

export function peerId(number: number): string {
  return `12D3KooW${idOf(`peer ${number}`).slice(0, 44)}`;
}

function peer(number: number, connected: boolean): PeerInfo {
  const found = (["peer", "lan", "dht", "gossip", "inbound", "known"] as const)[number % 6]!;
  const direct = `/ip4/192.168.0.${10 + number}/tcp/3000`;
  const isRelayed = number === RELAYED;
  const address = isRelayed
    ? `/ip4/198.51.100.7/tcp/3000/p2p/${peerId(RELAY)}/p2p-circuit`
    : direct;
  return {
    peerId: peerId(number),
    connected,
    found,
    addresses: [address],
    ...(connected && {
      address,
      ...(isRelayed && { relayed: true }),
      direction: number % 2 === 0 ? "outbound" : "inbound",
      agent: "moim/0.1.0",
      height: TIP - number % 2,
      latencyMs: 3 + number * 7,
      connectedAtMs: NOW_MS - number * 400_000,
    }),
    lastSeenMs: NOW_MS - number * 3_600_000,
    failuresInARow: number % 4,
  };
}

function forkBlocks(): ForkBlock[] {
  const main = Array.from({ length: 60 }, (_, at) => forkBlock(TIP - at, `block ${TIP - at}`));
  const side = (height: number, name: string, previous: string): ForkBlock => ({
    ...forkBlock(height, name),
    previous: idOf(previous),
    onMainChain: false,
  });
  const sides = [
    side(TIP - 2, "side a", `block ${TIP - 3}`),
    side(TIP - 20, "side c", "side b"),
    side(TIP - 21, "side b", `block ${TIP - 22}`),
    { ...side(TIP - 21, "side d", `block ${TIP - 22}`), valid: false },
  ];
  return [...main, ...sides].sort((a, b) => b.height - a.height);
}

function forkBlock(height: number, name: string): ForkBlock {
  return {
    id: idOf(name),
    previous: idOf(`block ${height - 1}`),
    height,
    timeMs: timeMs(height),
    onMainChain: true,
    valid: true,
    minter: addressOf(minterAt(height)),
  };
}

const HISTORY: HistoryEntry[] = [
  { ...payment("pending"), txId: idOf("pending"), kind: "sent", amount: -2_500_226, others: [] },
  {
    ...confirmation(TIP),
    txId: idOf("received"),
    kind: "received",
    amount: 1_234_567,
    others: [addressOf("haneul"), addressOf("dana")],
    memo: "고마워요",
  },
  {
    ...confirmation(TIP - 30),
    txId: idOf("coinbase"),
    kind: "minted",
    amount: 20_000_000,
    others: [],
  },
];

function missing(what: string): UserError {
  return new UserError(EXIT.notFound, `Cannot find ${what}; look at moim chain`);
}

/** Answers what a reading page may ask; `more` comes before the story's own answers. */
export function busyNode(more: Partial<NodeApi> = {}): NodeApi {
  return fakeNode({ ...PLACES, ...LISTS, ...more });
}

const PLACES: Partial<NodeApi> = {
  status: () =>
    Promise.resolve({
      version: "0.1.0",
      running: true,
      network: PHRASE,
      genesisId: GENESIS_ID,
      access: "open",
      height: TIP,
      tipId: idOf(`block ${TIP}`),
      tipTimeMs: timeMs(TIP),
      totalWork: "323485696",
      sync: { phase: "synced", height: TIP, targetHeight: TIP },
      peers: 5,
      peersKnown: 23,
      addresses: ["/ip4/127.0.0.1/tcp/3000/p2p/12D3", "/ip4/192.168.0.7/tcp/3000/p2p/12D3"],
      reachability: `reachable through …${peerId(RELAY).slice(-8)}, passing data on to it`,
      reach: {
        state: "relayed",
        relays: [peerId(RELAY)],
        addresses: [`/ip4/198.51.100.7/tcp/3000/p2p/${peerId(RELAY)}/p2p-circuit/p2p/12D3`],
      },
      discovery: [
        { source: "lan", enabled: true, text: "advertised; found 3" },
        { source: "dht", enabled: true, text: "advertised at 18 peers; found 2" },
        { source: "gossip", enabled: false, text: "off" },
      ],
      mempool: { transactions: 3, bytes: 678 },
      indexes: { ready: true, height: TIP },
    }),
  network: () =>
    Promise.resolve({
      name: PHRASE,
      genesisId: GENESIS_ID,
      access: "open",
      rendezvous: PHRASE,
      rendezvousCid: "bafk",
      parameters: {},
      folder: "/",
    }),
  block: (name) => {
    const height = /^[0-9]+$/.test(name) ? Number(name) : heightOf(name);
    if (height === undefined || height > TIP) return Promise.reject(missing(`block "${name}"`));
    return Promise.resolve(block(height, height === 1000 ? 120 : undefined));
  },
  transaction: (id) => {
    if (id === idOf("pending")) return Promise.resolve(payment("pending"));
    if (id === idOf("payment")) return Promise.resolve(payment("payment", TIP - 1));
    if (id === idOf("coinbase 5")) return Promise.resolve(coinbase(5));
    return Promise.reject(missing(`transaction "${id}"`));
  },
  balance: (address) =>
    Promise.resolve({
      address,
      confirmed: 1_234_567_890_123,
      maturing: 20_000_000,
      pendingIn: 17_499_774,
      pendingOut: 20_000_000,
      total: 1_234_585_389_897,
      height: TIP,
    }),
};

function heightOf(id: string): number | undefined {
  for (let height = TIP; height > TIP - 40; height--) {
    if (idOf(`block ${height}`) === id) return height;
  }
  return undefined;
}

const LISTS: Partial<NodeApi> = {
  chain: ({ before = TIP + 1, limit }) => {
    const top = Math.min(before, TIP + 1);
    const blocks = Array.from({ length: Math.min(limit, top) }, (_, at) => block(top - 1 - at));
    const next = top - blocks.length;
    return Promise.resolve({ blocks, height: TIP, ...(next > 0 && { next }) });
  },
  mempool: () =>
    Promise.resolve({
      transactions: 150,
      bytes: 33_900,
      entries: ["pending", "gone"].map((name, at) => {
        return { txId: idOf(name), bytes: 226, fee: 900 - at * 300, addedMs: NOW_MS - 70_000 };
      }),
    }),
  peers: () =>
    Promise.resolve([
      ...[1, 2, 3, 4, 5].map((number) => peer(number, true)),
      ...[6, 7, 8].map((number) => peer(number, false)),
    ]),
  history: (address, { before }) => {
    if (before === "bad") return Promise.reject(new UserError(EXIT.usage, "Bad cursor: leave it"));
    return Promise.resolve({ address, entries: HISTORY, next: "1200-1" });
  },
  coins: (address) =>
    Promise.resolve({
      address,
      coins: [0, 1].map((index) => {
        const amount = 20_000_000 - index * 19_999_999;
        return {
          txId: idOf("coin"),
          index,
          amount,
          height: TIP - index,
          coinbase: index === 0,
          mature: index === 1,
        };
      }),
      next: `1200-${idOf("coin")}-0`,
      height: TIP,
    }),
  forks: () =>
    Promise.resolve({ tipId: idOf(`block ${TIP}`), from: TIP - 59, blocks: forkBlocks() }),
  spacing: ({ blocks }) =>
    Promise.resolve({
      targetSpacingMs: 15_000,
      points: Array.from({ length: blocks }, (_, at) => {
        const height = TIP - blocks + 1 + at;
        return {
          height,
          timeMs: timeMs(height),
          spacingMs: spacingMs(height),
          difficulty: 262_144 * (2 + Math.sin(height / 23)),
          bits: 0x1e40_0000,
        };
      }),
    }),
  minters: () =>
    Promise.resolve(MINTERS.map((name, at) => {
      return { address: addressOf(name), blocks: 46 >> at, lastHeight: TIP - at };
    })),
  search: (text) => {
    if (text === "7") return Promise.resolve({ kind: "block", id: idOf("block 7"), height: 7 });
    if (text === "비밀") return Promise.resolve({ kind: "address", id: addressOf("minji") });
    return Promise.resolve({ kind: "none" });
  },
};
