/** A node all of whose strangers are hostile: what they may choose freely is chosen to do harm. */
import { utf8 } from "../../lib/base/bytes.ts";
import type {
  BlockInfo,
  HistoryEntry,
  NodeApi,
  NodeNews,
  NodeStatus,
  PeerInfo,
  TransactionInfo,
} from "../../lib/node/api.ts";
import { encodeAddress } from "../../lib/primitives/address.ts";
import { asLock } from "../../lib/primitives/ids.ts";
import { fakeNode } from "./fake_node.ts";

/** Turned around, hidden and joined characters, a zero byte and a bell among them. */
const UNSEEN = "a\u202Egnp.exe\u2066b\u200Bc\u200Dd\u0000\u0007\u2028e\uFEFFf\u00AD\u{E0041}";
/** What does something wherever a text is taken for HTML, an attribute, a script or a link. */
const HARM = [
  `<script>globalThis.harmed = "script"</script>`,
  `<img src=x onerror="globalThis.harmed='image'">`,
  `"><svg onload="globalThis.harmed='svg'">`,
  `' autofocus onfocus='globalThis.harmed="focus"`,
  `</title></textarea></style><script src="http://198.51.100.7/x.js"></script>`,
  `javascript:globalThis.harmed='link'`,
];

/** 256 bytes of anything: each as a memo of its own. */
export const MEMOS: readonly Uint8Array[] = [
  ...HARM.map(utf8),
  utf8(UNSEEN),
  utf8("W".repeat(256)),
  utf8("﷽".repeat(85)),
  utf8("e" + "\u0301\u0327\u0489".repeat(40)),
  utf8("\n".repeat(256)),
  Uint8Array.from({ length: 256 }, (_, at) => at),
  new Uint8Array(256).fill(0xff),
];

const ALL_HARM = HARM.join(" ") + UNSEEN;
const ID = "ab".repeat(32);
/** Well formed, and nobody's. */
export const ADDRESS = encodeAddress(asLock(new Uint8Array(20)));
const AMOUNT = 2 ** 53 - 1;
/** The latest time that a header can claim. */
const TIME_MS = 2 ** 53 - 1;

/** The id under which memo `number` lies in a transaction. */
export function memoTxId(number: number): string {
  return number.toString(16).padStart(64, "0");
}

/** All reading calls. */
export function hostileNode(): NodeApi {
  const calls: Partial<NodeApi> = {
    status: () => Promise.resolve(STATUS),
    network: () =>
      Promise.resolve({
        name: ALL_HARM,
        genesisId: ID,
        access: "words",
        rendezvous: HARM.join(" "),
        rendezvousCid: "bafk",
        parameters: { name: ALL_HARM, message: ALL_HARM },
        folder: "",
      }),
    peers: () => Promise.resolve([peer(true), peer(false)]),
    mempool: () =>
      Promise.resolve({
        transactions: 1,
        bytes: 500,
        entries: [{ txId: memoTxId(0), bytes: 500, fee: AMOUNT, addedMs: TIME_MS }],
      }),
    chain: () => Promise.resolve({ blocks: [BLOCK], height: BLOCK.height }),
    block: () => Promise.resolve(BLOCK),
    transaction: (id) => Promise.resolve(transaction(Number.parseInt(id, 16))),
    balance: () =>
      Promise.resolve({
        address: ADDRESS,
        name: ALL_HARM,
        confirmed: AMOUNT,
        maturing: AMOUNT,
        pendingIn: AMOUNT,
        pendingOut: AMOUNT,
        total: AMOUNT,
        height: 5,
      }),
    history: () =>
      Promise.resolve({
        address: ADDRESS,
        name: ALL_HARM,
        entries: MEMOS.map((_, number) => historyEntry(number)),
      }),
    coins: () =>
      Promise.resolve({
        address: ADDRESS,
        coins: [{
          txId: memoTxId(0),
          index: 0,
          amount: AMOUNT,
          height: 1,
          coinbase: true,
          mature: true,
        }],
        height: 5,
      }),
    forks: () =>
      Promise.resolve({
        tipId: ID,
        from: 1,
        blocks: [{
          id: ID,
          previous: "cd".repeat(32),
          height: 5,
          timeMs: TIME_MS,
          onMainChain: true,
          valid: true,
          minter: ADDRESS,
          minterName: ALL_HARM,
        }],
      }),
    spacing: () =>
      Promise.resolve({
        targetSpacingMs: 15_000,
        points: [0, 1, 2].map((height) => ({
          height,
          timeMs: height * 15_000,
          spacingMs: height === 1 ? -15_000 : TIME_MS,
          difficulty: height === 2 ? 2 ** 256 : 0,
          bits: 0x2001_0000,
        })),
      }),
    minters: () =>
      Promise.resolve([{ address: ADDRESS, name: ALL_HARM, blocks: 3, lastHeight: 5 }]),
    search: () => Promise.resolve({ kind: "none" }),
    events: () => Promise.resolve({ events: [], oldest: 0, next: 0 }),
    watch: ({ signal }) => silence(signal),
  };
  return fakeNode(calls);
}

/** One piece of news, then nothing more. */
async function* silence(signal: AbortSignal): AsyncGenerator<NodeNews> {
  yield { kind: "peers", peers: 1 };
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve());
  });
}

const STATUS: NodeStatus = {
  version: ALL_HARM,
  running: true,
  network: ALL_HARM,
  genesisId: ID,
  access: "secret",
  height: 5,
  tipId: ID,
  tipTimeMs: TIME_MS,
  totalWork: "9".repeat(78),
  sync: { phase: "synced", height: 5, targetHeight: 2 ** 48 - 1 },
  peers: 1,
  peersKnown: 2,
  peerId: ALL_HARM,
  addresses: [ALL_HARM],
  reachability: ALL_HARM,
  discovery: [{ source: "dht", enabled: true, text: ALL_HARM }],
  mempool: { transactions: 1, bytes: 500 },
  indexes: { ready: true, height: 5 },
  refused: { [ALL_HARM]: 3 },
  startedMs: 0,
};

function peer(connected: boolean): PeerInfo {
  return {
    peerId: ALL_HARM,
    connected,
    found: "inbound",
    addresses: [ALL_HARM, "/dns4/" + "w".repeat(250) + "/tcp/1"],
    ...(connected && { address: ALL_HARM, direction: "inbound", connectedAtMs: 0 }),
    agent: ALL_HARM,
    height: 2 ** 48 - 1,
    latencyMs: 0,
    lastSeenMs: TIME_MS,
  };
}

function transaction(number: number): TransactionInfo {
  const memo = MEMOS[number % MEMOS.length]!;
  return {
    id: memoTxId(number),
    kind: "payment",
    state: "confirmed",
    confirmations: 1,
    settled: false,
    blockId: ID,
    height: 5,
    position: 1,
    timeMs: TIME_MS,
    bytes: 500,
    fee: AMOUNT,
    memo: new TextDecoder().decode(memo),
    memoHex: memo.toHex(),
    spends: [{
      address: ADDRESS,
      name: ALL_HARM,
      publicKey: ID,
      coins: [{ txId: memoTxId(1), index: 2 ** 32 - 1, amount: AMOUNT }],
    }],
    outputs: [{ index: 0, amount: AMOUNT, address: ADDRESS, name: ALL_HARM, spent: true }],
    signaturesValid: false,
  };
}

function historyEntry(number: number): HistoryEntry {
  const { memo = "", state, confirmations, settled, timeMs = 0 } = transaction(number);
  return {
    txId: memoTxId(number),
    kind: "received",
    amount: -AMOUNT,
    fee: 1,
    others: [ADDRESS],
    memo,
    state,
    confirmations,
    settled,
    timeMs,
    height: 5,
  };
}

const BLOCK: BlockInfo = {
  id: ID,
  height: 5,
  previous: "cd".repeat(32),
  timeMs: TIME_MS,
  bits: 0x2001_0000,
  nonce: String(2n ** 64n - 1n),
  bytes: 1_000_000,
  transactions: MEMOS.length,
  minter: ADDRESS,
  minterName: ALL_HARM,
  minted: AMOUNT,
  paid: AMOUNT,
  proofOfWorkValid: false,
  signaturesValid: false,
  settled: false,
  version: 2 ** 32 - 1,
  merkleRoot: ID,
  merkleRootValid: false,
  work: "9".repeat(78),
  totalWork: "9".repeat(78),
  confirmations: 1,
  onMainChain: true,
  details: MEMOS.map((_, number) => transaction(number)),
};
