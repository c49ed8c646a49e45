/** New blocks in compact form: what a node does with them, whom it believes, and whom it blames. */
import assert from "node:assert/strict";
import { concatBytes } from "../../../lib/base/bytes.ts";
import { genesisBlock } from "../../../lib/consensus/genesis.ts";
import { amount } from "../../../lib/primitives/amount.ts";
import { type Block, encodeHeader, HEADER_BYTES } from "../../../lib/primitives/block.ts";
import type { Transaction } from "../../../lib/primitives/transaction.ts";
import { makeCompact } from "../../../lib/sync/compact_block.ts";
import { SYNC_LIMITS, type SyncLimits } from "../../../lib/sync/limits.ts";
import type { Message, MessageOf } from "../../../lib/wire/messages.ts";
import { FLAG_COMPACT_BLOCKS } from "../../../lib/wire/version.ts";
import { EASY_NETWORK, grind, mint, mintBranch } from "../../support/easy_chain.ts";
import { EASY_FEE, easyKey, payment } from "../../support/easy_payment.ts";
import { honest, type ScriptedPeer, versionOf } from "../../support/scripted_peer.ts";
import { settle, type SyncNode, until, withNode } from "../../support/sync_node.ts";

const KEY = easyKey(1);
const CHAIN = mintBranch(10, { lock: KEY.lock });
const TIP = CHAIN[9]!.context;
const VERSION = { ...versionOf(CHAIN), flags: FLAG_COMPACT_BLOCKS };
const LARGE: SyncLimits = { ...SYNC_LIMITS, compactWholeBytes: 0, compactPlacedBytes: 0 };

const PAYMENTS = CHAIN.slice(0, 4).map(({ block }) => {
  const [coinbase] = block.transactions;
  const coin = { amount: coinbase!.outputs[0]!.amount, outPoint: { txId: coinbase!.id, index: 0 } };
  const genesisId = genesisBlock(EASY_NETWORK).id;
  return payment({ key: KEY, coins: [coin], to: KEY.lock, pays: amount(1_000_000), genesisId });
});
const FEES = amount(PAYMENTS.length * EASY_FEE);
const NEW = mint(TIP, { transactions: PAYMENTS, fees: FEES });
const { block: BLOCK } = NEW;
/** Right but for the coinbase, which takes more than it may. */
const { block: GREEDY } = mint(TIP, { transactions: PAYMENTS, fees: amount(FEES + 1) });

const compact = (block: Block, limits = LARGE): MessageOf<"compactblock"> => ({
  type: "compactblock",
  ...makeCompact(block, 7n, () => false, limits),
});
const answer = (block: Block, { id, indexes }: MessageOf<"getblocktxn">) => ({
  type: "blocktxn" as const,
  id,
  transactions: indexes.map((index) => block.transactions[index]!.bytes),
});
const answering = (block: Block) => (message: Message) =>
  message.type === "getblocktxn" ? [answer(block, message)] : [];

const withTen = (
  test: (node: SyncNode) => Promise<void>,
  setup: { pool?: readonly Transaction[]; limits?: Partial<SyncLimits> } = {},
) =>
  withNode({ blocks: CHAIN, ...(setup.limits && { limits: setup.limits }) }, async (node) => {
    for (const each of setup.pool ?? []) await node.mempool.accept(each);
    await test(node);
  });

const connect = (node: SyncNode, name: string, answers = honest(CHAIN)) =>
  node.hub.connect(name, VERSION, answers);
const isHere = (node: SyncNode) => () => node.chain.tip().id === BLOCK.id;
const told = (peer: ScriptedPeer) => peer.got("compactblock").map(({ header }) => header.id);
const asked = (peer: ScriptedPeer) => peer.got("getblocktxn").map(({ indexes }) => indexes);

Deno.test("a small block comes whole, asks for nothing, and is passed on in the same form", () =>
  withTen(async (node) => {
    const [sender, reader] = ["sender", "reader"].map((name) => connect(node, name));
    const plain = node.hub.connect("plain", versionOf(CHAIN));
    await sender!.say(compact(BLOCK, SYNC_LIMITS));
    await until(isHere(node));
    assert.deepEqual([told(sender!), told(reader!), told(plain)], [[], [BLOCK.id], []]);
    assert.equal(reader!.got("compactblock")[0]!.placed.length, BLOCK.transactions.length);
    assert.deepEqual(plain.got("headers").map(({ headers }) => headers[0]!.id), [BLOCK.id]);
    assert.equal(sender!.got("getblocktxn").length + sender!.got("getdata").length, 0);
    assert.equal(sender!.isUseful, true);
  }));

Deno.test("a block of payments that are known comes together without a question", () =>
  withTen(async (node) => {
    const sender = connect(node, "sender");
    await sender.say(compact(BLOCK));
    await until(isHere(node));
    assert.equal(sender.got("getblocktxn").length + sender.got("getdata").length, 0);
    assert.equal(node.mempool.size, 0);
  }, { pool: PAYMENTS }));

Deno.test("what is missing of a block is asked for once, of its sender", () =>
  withTen(async (node) => {
    const sender = connect(node, "sender", answering(BLOCK));
    const other = connect(node, "other");
    await sender.say(compact(BLOCK));
    await until(isHere(node));
    assert.deepEqual(asked(sender), [[2, 4]]);
    assert.equal(other.got("getblocktxn").length + other.got("getdata").length, 0);
  }, { pool: [PAYMENTS[0]!, PAYMENTS[2]!] }));

Deno.test("a payment of ours with another's short id is replaced by the sender's", () =>
  withTen(async (node) => {
    // The sender names PAYMENTS[3] where the block has PAYMENTS[1], as a collision would.
    const names = compact(BLOCK);
    const shortIds = names.shortIds.with(1, names.shortIds[3]!).with(3, names.shortIds[1]!);
    const sender = connect(node, "sender", answering(BLOCK));
    await sender.say({ ...names, shortIds });
    await until(isHere(node));
    assert.deepEqual(asked(sender), [[1, 2, 3, 4]]);
    assert.deepEqual(sender.faults, []);
  }, { pool: PAYMENTS }));

Deno.test("transactions that are not the header's condemn who sent all of them", () =>
  withTen(async (node) => {
    const liar = connect(node, "liar", answering(GREEDY));
    const names = compact(BLOCK);
    const [coinbase] = GREEDY.transactions;
    await liar.say({ ...names, placed: [{ index: 0, bytes: coinbase!.bytes }] });
    await until(() => liar.faults.length > 0);
    assert.equal(liar.faults[0]!.fault, "invalid");
    // What was ours might have been the fault: the liar was asked for that too before.
    assert.deepEqual(asked(liar), [[1, 2, 3, 4]]);
    assert.equal(node.chain.isInvalid(BLOCK.id), false);
    const good = connect(node, "good", honest([...CHAIN, NEW]));
    await good.say({ type: "headers", headers: [BLOCK.header] });
    await until(isHere(node));
  }, { pool: PAYMENTS }));

Deno.test("bytes that are no transactions, and too few of them, condemn the sender", () =>
  withTen(async (node) => {
    const garbage = { index: 0, bytes: Uint8Array.of(9) };
    const first = connect(node, "garbage");
    await first.say({ ...compact(BLOCK), placed: [garbage] });
    const few = connect(node, "few", (message) => {
      if (message.type !== "getblocktxn") return [];
      return [answer(BLOCK, { ...message, indexes: message.indexes.slice(1) })];
    });
    await few.say(compact(BLOCK));
    await until(() => few.faults.length > 0);
    for (const peer of [first, few]) {
      assert.deepEqual(peer.faults.map(({ fault }) => fault), ["invalid"]);
    }
    const good = connect(node, "good", answering(BLOCK));
    await good.say(compact(BLOCK));
    await until(isHere(node));
  }));

Deno.test("a header that breaks a rule condemns the sender, and nobody is told", () =>
  withTen(async (node) => {
    const [liar, reader] = ["liar", "reader"].map((name) => connect(node, name));
    const { header } = BLOCK;
    const soon = encodeHeader(grind({ ...header, timeMs: TIP.timeMs - 1 }));
    await liar!.say({ ...compact(BLOCK, SYNC_LIMITS), header: soon });
    assert.equal(liar!.faults[0]?.fault, "invalid");
    await settle();
    assert.deepEqual(told(reader!), []);
    assert.equal(node.chain.header(soon.id), undefined);
  }));

Deno.test("answers that are late, missing or cut off make the block be fetched whole", async () => {
  const ends: Record<string, (node: SyncNode, sender: ScriptedPeer) => void | Promise<void>> = {
    late: (node) => node.clock.advance(1_500),
    missing: (_, sender) =>
      sender.say({ type: "notfound", items: [{ kind: "block", id: BLOCK.id }] }),
    gone: (_, sender) => sender.leave(),
  };
  for (const [name, end] of Object.entries(ends)) {
    await withTen(async (node) => {
      const sender = connect(node, "sender");
      const other = connect(node, "other", honest([...CHAIN, NEW]));
      await sender.say(compact(BLOCK));
      await other.say(compact(BLOCK));
      assert.equal(other.got("getdata").length + other.got("getblocktxn").length, 0, name);
      await end(node, sender);
      if (name === "missing") assert.equal(sender.got("getdata").length, 1, "it may have it whole");
      if (name === "missing") sender.leave();
      await until(isHere(node), name);
      assert.deepEqual(sender.faults, [], name);
    });
  }
});

Deno.test("a late answer, and one that nobody asked for, are passed over", () =>
  withTen(async (node) => {
    const sender = connect(node, "sender");
    await sender.say(compact(BLOCK));
    const other = connect(node, "other");
    const indexes = [1, 2, 3, 4];
    await other.say(answer(GREEDY, { type: "getblocktxn", id: BLOCK.id, indexes }));
    await sender.say(answer(BLOCK, { type: "getblocktxn", id: BLOCK.id, indexes }));
    await until(isHere(node));
    await sender.say(answer(BLOCK, { type: "getblocktxn", id: BLOCK.id, indexes: [1] }));
    assert.deepEqual([...sender.faults, ...other.faults], []);
  }));

Deno.test("a block is passed on before it is checked; if it is bad nobody is blamed for that", () =>
  withTen(async (node) => {
    const [sender, reader] = ["sender", "reader"].map((name) => connect(node, name));
    const isTold = sender!.say(compact(GREEDY, SYNC_LIMITS));
    await isTold;
    assert.deepEqual(told(reader!), [GREEDY.id]);
    assert.equal(node.chain.isInvalid(GREEDY.id), false, "nobody knows yet");
    const ask = { type: "getblocktxn", id: GREEDY.id, indexes: [0] } as const;
    await reader!.say(ask);
    await until(() => node.chain.isInvalid(GREEDY.id));
    await settle();
    assert.equal(reader!.got("blocktxn").length, 1);
    assert.deepEqual(sender!.faults, []);
    assert.equal(node.chain.tip().id, TIP.id);
    // Known to be bad: neither told again nor given.
    const late = connect(node, "late");
    await connect(node, "another").say(compact(GREEDY, SYNC_LIMITS));
    await reader!.say(ask);
    await reader!.say({ type: "getdata", items: [{ kind: "block", id: GREEDY.id }] });
    await until(() => reader!.got("notfound").length === 2);
    assert.deepEqual(told(late), []);
    // Who sends it after all this, whole and on its own, is not believed either.
    await late.say({ type: "block", bytes: GREEDY.bytes });
    assert.equal(node.chain.tip().id, TIP.id);
  }));

Deno.test("a bad block that a peer serves as checked still condemns it", () =>
  withTen(async (node) => {
    const bad = mint(TIP, { fees: amount(5) });
    const liar = connect(node, "liar", honest([...CHAIN, bad]));
    await liar.say({ type: "headers", headers: [bad.block.header] });
    await until(() => liar.faults.length > 0);
    assert.equal(liar.faults[0]!.fault, "invalid");
  }));

Deno.test("a block that no peer sent is passed on before it is checked, and served after", () =>
  withTen(async (node) => {
    const seen: boolean[] = [];
    const reader = connect(node, "reader", (message) => {
      if (message.type !== "compactblock") return [];
      const { id } = message.header;
      seen.push(node.chain.hasBlock(id) || node.chain.isInvalid(id));
      return [];
    });
    const plain = node.hub.connect("plain", versionOf(CHAIN), (message) => {
      if (message.type !== "headers") return [];
      return [{ type: "getdata", items: [{ kind: "block", id: message.headers[0]!.id }] }];
    });
    for (const block of [GREEDY, BLOCK]) {
      const outcome = await node.sync.offer(block.bytes);
      await until(() => plain.got("block").length + plain.got("notfound").length > 0);
      assert.equal(outcome.kind, block === BLOCK ? "connected" : "rejected");
      assert.equal(plain.got("block").length, block === BLOCK ? 1 : 0);
      plain.received.length = 0;
    }
    assert.deepEqual(told(reader), [GREEDY.id, BLOCK.id]);
    assert.deepEqual(seen, [false, false]);
  }));

Deno.test("a block that no peer sent is judged by the chain whatever is wrong with it", () =>
  withTen(async (node) => {
    const reader = connect(node, "reader");
    const { header } = BLOCK;
    const soon = encodeHeader(grind({ ...header, timeMs: TIP.timeMs - 1 }));
    const body = BLOCK.bytes.subarray(HEADER_BYTES);
    const [first, second] = mintBranch(2, { on: TIP, mark: "later" });
    const outcomes = [
      await node.sync.offer(concatBytes(soon.bytes, body)),
      await node.sync.offer(concatBytes(header.bytes, body.subarray(1))),
      await node.sync.offer(Uint8Array.of(1)),
      await node.sync.offer(CHAIN[9]!.block.bytes),
      await node.sync.offer(second!.block.bytes),
    ].map(({ kind }) => kind);
    assert.deepEqual(outcomes, ["rejected", "rejected", "rejected", "known", "orphan"]);
    assert.deepEqual(told(reader), []);
    assert.equal((await node.sync.offer(first!.block.bytes)).kind, "connected");
    await until(() => node.chain.tip().id === second!.block.id);
  }));

Deno.test("getblocktxn is answered for new blocks only, and for what they have", () =>
  withTen(async (node) => {
    const peer = connect(node, "peer");
    await node.take([NEW]);
    const ask = (id: Block["id"], ...indexes: number[]) =>
      peer.say({ type: "getblocktxn", id, indexes });
    await ask(BLOCK.id, 0, 3);
    await until(() => peer.got("blocktxn").length === 1);
    const [first, second] = peer.got("blocktxn")[0]!.transactions;
    assert.deepEqual([first, second], [0, 3].map((at) => BLOCK.transactions[at]!.bytes));
    await ask(CHAIN[2]!.block.id, 0);
    await until(() => peer.got("notfound").length === 1);
    assert.equal(peer.faults.length, 0);
    await ask(BLOCK.id, 5);
    await until(() => peer.faults.length > 0);
    assert.equal(peer.faults[0]!.fault, "invalid");
  }));

Deno.test("a peer is sent what it lacks of a larger block, and nothing it told of itself", () =>
  withTen(async (node) => {
    const knowing = connect(node, "knowing");
    const other = connect(node, "other");
    const items = PAYMENTS.slice(1).map(({ id }) => ({ kind: "tx" as const, id }));
    await knowing.say({ type: "inv", items });
    const first = connect(node, "first");
    await first.say({ type: "inv", items: [{ kind: "block", id: BLOCK.id }] });
    await node.take([NEW]);
    const placed = (peer: ScriptedPeer) =>
      peer.got("compactblock").map(({ placed }) => placed.map(({ index }) => index));
    assert.deepEqual(placed(knowing), [[0, 1]]);
    assert.deepEqual(placed(other), [[0, 1, 2, 3, 4]]);
    assert.deepEqual(told(first), []);
  }, { limits: { compactWholeBytes: 0 } }));

Deno.test("far behind, and for a block that is no better, nothing is put together", () =>
  withNode({ blocks: CHAIN.slice(0, 2), limits: { bulkBlocks: 3 } }, async (node) => {
    const silent = node.hub.connect(
      "silent",
      VERSION,
      (message) =>
        message.type === "getheaders"
          ? [{ type: "headers", headers: CHAIN.map(({ block }) => block.header) }]
          : [],
    );
    await settle();
    await silent.say(compact(BLOCK));
    assert.equal(silent.got("getblocktxn").length, 0);
    assert.equal(node.chain.bestHeader().id, BLOCK.id, "its header counts");
    await node.take(CHAIN.slice(2));
    await node.take([NEW]);
    const rival = mint(CHAIN[8]!.context, { mark: "rival" }).block;
    await silent.say(compact(rival));
    assert.equal(silent.got("getblocktxn").length, 0);
    assert.deepEqual(silent.faults, []);
  }));

Deno.test("no more than so many blocks are put together at a time", () =>
  withTen(async (node) => {
    const rivals = ["a", "b", "c"].map((mark) => mint(TIP, { mark, transactions: PAYMENTS }));
    const sender = connect(node, "sender");
    for (const { block } of rivals) await sender.say(compact(block));
    assert.equal(sender.got("getblocktxn").length, 2);
    await settle();
    // The third is fetched like any other block, if it is the best.
    const best = node.chain.bestHeader().id;
    const isFetched = sender.got("getdata").flatMap(({ items }) => items).some((each) =>
      each.id === best
    );
    assert.equal(isFetched, best === rivals[2]!.block.id);
  }, { limits: { rebuildsAtOnce: 2 } }));
