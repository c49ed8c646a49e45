/** What a node tells its peers, and when: blocks, transactions, answers. */
import assert from "node:assert/strict";
import { amount } from "../../../lib/primitives/amount.ts";
import { asBlockId } from "../../../lib/primitives/ids.ts";
import { encodeTransaction, type Transaction } from "../../../lib/primitives/transaction.ts";
import type { InvItem } from "../../../lib/wire/inventory.ts";
import { EASY_NETWORK, mint, mintBranch } from "../../support/easy_chain.ts";
import { easyKey, payment } from "../../support/easy_payment.ts";
import { honest, type ScriptedPeer, versionOf } from "../../support/scripted_peer.ts";
import { settle, type SyncNode, until, withNode } from "../../support/sync_node.ts";
import { genesisBlock } from "../../../lib/consensus/genesis.ts";

const KEY = easyKey(1);
const FRIEND = easyKey(2);
const CHAIN = mintBranch(20, { lock: KEY.lock });
const GENESIS_ID = genesisBlock(EASY_NETWORK).id;
const ELSE = asBlockId("ee".repeat(32));
const SHORT = versionOf(CHAIN.slice(0, 10));

/** A payment of the coin that the block at `height` made. */
function paymentOf(height: number, pays = 1_000_000, fee?: number): Transaction {
  const [coinbase] = CHAIN[height - 1]!.block.transactions;
  const coin = { amount: coinbase!.outputs[0]!.amount, outPoint: { txId: coinbase!.id, index: 0 } };
  return payment({
    key: KEY,
    coins: [coin],
    to: FRIEND.lock,
    pays: amount(pays),
    genesisId: GENESIS_ID,
    ...(fee !== undefined && { fee: amount(fee) }),
  });
}

const announced = (peer: ScriptedPeer, kind: "tx" | "block") =>
  peer.got("inv").flatMap(({ items }) => items).filter((item) => item.kind === kind)
    .map((item) => item.id as string);
const announcedHeaders = (peer: ScriptedPeer) =>
  peer.got("headers").flatMap(({ headers }) => headers).map((header) => header.id);

const items = (kind: "tx" | "block", ids: string[]) => ids.map((id) => ({ kind, id }) as InvItem);
const inv = (kind: "tx" | "block", ...ids: string[]) =>
  ({ type: "inv", items: items(kind, ids) }) as const;
const getData = (kind: "tx" | "block", ...ids: string[]) =>
  ({ type: "getdata", items: items(kind, ids) }) as const;

const withTen = (test: (node: SyncNode) => Promise<void>) =>
  withNode({ blocks: CHAIN.slice(0, 10) }, test);

Deno.test("who asks for headers before early news is connected is told of it again", () =>
  withTen(async (node) => {
    const connecting = Promise.withResolvers<void>();
    const acceptMany = node.chain.acceptMany.bind(node.chain);
    node.chain.acceptMany = async (blocks) => {
      await connecting.promise;
      return await acceptMany(blocks);
    };
    const follower = node.hub.connect("follower", SHORT);
    const longer = CHAIN.slice(0, 11);
    node.hub.connect("source", versionOf(longer), honest(longer));
    const { id } = CHAIN[10]!.block;
    await until(() => announcedHeaders(follower).includes(id), "the early news");
    await follower.say({ type: "getheaders", locator: [CHAIN[9]!.block.id] });
    await until(() => follower.got("headers").at(-1)!.headers.length === 0, "an empty answer");
    connecting.resolve();
    await until(() => follower.got("headers").at(-1)!.headers.at(-1)?.id === id, "the news again");
  }));

Deno.test("a new block is told by its header to who knows the parent, else by its id", () =>
  withTen(async (node) => {
    const follower = node.hub.connect("follower", SHORT);
    const stranger = node.hub.connect("stranger", { ...SHORT, totalWork: 1n << 99n, tipId: ELSE });
    await node.take([CHAIN[10]!]);
    const { id } = CHAIN[10]!.block;
    assert.deepEqual(announcedHeaders(follower), [id]);
    assert.deepEqual(announced(stranger, "block"), [id]);
    await node.take([CHAIN[11]!]);
    assert.deepEqual(announcedHeaders(stranger), [CHAIN[11]!.block.id]);
  }));

Deno.test("a block is not told back to who has it", () =>
  withTen(async (node) => {
    const minter = node.hub.connect("minter", SHORT, honest(CHAIN.slice(0, 11)));
    const other = node.hub.connect("other", SHORT);
    await minter.say({ type: "headers", headers: [CHAIN[10]!.block.header] });
    await until(() => node.chain.tip().height === 11);
    assert.deepEqual(announcedHeaders(minter), []);
    assert.deepEqual(announcedHeaders(other), [CHAIN[10]!.block.id]);
  }));

Deno.test("a new peer with equal work and another tip is told of ours, and asked for its own", () =>
  withTen(async (node) => {
    const rival = mintBranch(10, { mark: "rival" });
    const peer = node.hub.connect("rival", versionOf(rival), honest(rival));
    const [ours, theirs] = [CHAIN[9]!.block.id, rival[9]!.block.id];
    assert.deepEqual(announced(peer, "block"), [ours]);
    await settle();
    assert.equal(node.chain.tip().id, ours < theirs ? ours : theirs);
  }));

Deno.test("a block is told before it is checked, and served only when it is good", () =>
  withTen(async (node) => {
    const good = CHAIN[10]!;
    const bad = mint(CHAIN[9]!.context, { fees: amount(5) });
    for (const each of [bad, good]) {
      const sender = node.hub.connect(`sender of ${each.block.id}`, SHORT);
      const reader = node.hub.connect(`reader of ${each.block.id}`, SHORT);
      await sender.say({ type: "headers", headers: [each.block.header] });
      const isTold = sender.say({ type: "block", bytes: each.block.bytes });
      await isTold;
      assert.deepEqual(announcedHeaders(reader), [each.block.id]);
      await reader.say(getData("block", each.block.id));
      await until(() => reader.got("block").length + reader.got("notfound").length > 0);
      assert.equal(reader.got("block").length, each === good ? 1 : 0);
      assert.equal(sender.faults.length, each === good ? 0 : 1);
    }
  }));

Deno.test("getheaders is answered from the fork on, and always", () =>
  withTen(async (node) => {
    const peer = node.hub.connect("peer", SHORT);
    const ask = async (locator: string[], stop?: string) => {
      const before = peer.got("headers").length;
      const ids = { locator: locator.map(asBlockId), ...(stop && { stop: asBlockId(stop) }) };
      await peer.say({ type: "getheaders", ...ids });
      await until(() => peer.got("headers").length > before);
      return peer.got("headers").at(-1)!.headers.map((header) => header.height);
    };
    assert.deepEqual(await ask([CHAIN[6]!.block.id]), [8, 9, 10]);
    assert.deepEqual(await ask(["ff".repeat(32), CHAIN[6]!.block.id], CHAIN[8]!.block.id), [8, 9]);
    assert.deepEqual(await ask([CHAIN[9]!.block.id]), []);
  }));

Deno.test("getdata is answered with what is there and notfound for the rest", () =>
  withTen(async (node) => {
    const payment = paymentOf(1);
    await node.mempool.accept(payment);
    const peer = node.hub.connect("peer", SHORT);
    const side = mint(CHAIN[8]!.context, { mark: "side" });
    await node.chain.accept(side.block);
    const isBeaten = node.chain.tip().id === CHAIN[9]!.block.id;
    const beaten = isBeaten ? side.block.id : CHAIN[9]!.block.id;
    await peer.say(getData("block", CHAIN[1]!.block.id, beaten));
    await peer.say(getData("tx", payment.id, "ee".repeat(32)));
    await until(() => peer.got("notfound").length === 2);
    assert.deepEqual(peer.got("block").map((each) => each.bytes), [CHAIN[1]!.block.bytes]);
    assert.deepEqual(peer.got("tx").map((each) => each.bytes), [payment.bytes]);
    // A block beside the main chain may be a bad one: it is not passed on.
    const missing = peer.got("notfound").flatMap((each) => each.items).map((item) => item.id);
    assert.deepEqual(missing, [beaten, "ee".repeat(32)]);
  }));

Deno.test("who asks for more than can be sent is let go", () =>
  withNode({ blocks: CHAIN.slice(0, 10), limits: { servedPerPeer: 20 } }, async (node) => {
    const peer = node.hub.connect("greedy", SHORT);
    const ids = Array.from({ length: 21 }, () => CHAIN[1]!.block.id);
    await peer.say(getData("block", ...ids));
    assert.equal(peer.isOpen, false);
  }));

Deno.test("transactions are told in batches every 200 ms to those who do not have them", () =>
  withTen(async (node) => {
    const [sender, other] = ["sender", "other"].map((name) => node.hub.connect(name, SHORT));
    const payments = [1, 2, 3].map((height) => paymentOf(height));
    for (const each of payments) await sender!.say({ type: "tx", bytes: each.bytes });
    await node.clock.advance(199);
    assert.equal(other!.got("inv").length, 0);
    await node.clock.advance(1);
    assert.equal(other!.got("inv").length, 1);
    assert.deepEqual(announced(other!, "tx"), payments.map((each) => each.id));
    assert.deepEqual(announced(sender!, "tx"), []);
    await node.clock.advance(60_000);
    assert.equal(other!.got("inv").length, 1);
  }));

Deno.test("a transaction is fetched once, from the next announcer if the first is late", () =>
  withTen(async (node) => {
    const wanted = paymentOf(1);
    const late = node.hub.connect("late", SHORT);
    const good = node.hub.connect(
      "good",
      SHORT,
      (message) => message.type === "getdata" ? [{ type: "tx", bytes: wanted.bytes }] : [],
    );
    await late.say(inv("tx", wanted.id));
    await good.say(inv("tx", wanted.id));
    assert.equal(late.got("getdata").length, 1);
    assert.equal(good.got("getdata").length, 0);
    await node.clock.advance(6_000);
    assert.equal(node.mempool.has(wanted.id), true);
    assert.equal(good.got("getdata").length, 1);
    await late.say(inv("tx", wanted.id));
    assert.equal(late.got("getdata").length, 1);
  }));

Deno.test("the parents of an orphan are asked of who sent it", () =>
  withTen(async (node) => {
    const parent = paymentOf(1);
    const child = payment({
      key: FRIEND,
      coins: [{ amount: amount(1_000_000), outPoint: { txId: parent.id, index: 0 } }],
      to: KEY.lock,
      pays: amount(500_000),
      genesisId: GENESIS_ID,
    });
    const peer = node.hub.connect("peer", SHORT, (message) =>
      message.type === "getdata" ? [{ type: "tx", bytes: parent.bytes }] : []);
    await peer.say({ type: "tx", bytes: child.bytes });
    await until(() =>
      node.mempool.has(child.id) && node.mempool.has(parent.id)
    );
  }));

Deno.test("an invalid transaction is punished, one against policy is not asked for again", () =>
  withTen(async (node) => {
    const cheap = paymentOf(1, 1_000_000, 0);
    const good = paymentOf(2);
    const forged = encodeTransaction({
      ...good,
      signatures: good.signatures.map((each) => each.map((byte) => byte ^ 1)),
    });
    const peer = node.hub.connect("peer", SHORT);
    await peer.say({ type: "tx", bytes: cheap.bytes });
    assert.equal(peer.faults.length, 0);
    await peer.say(inv("tx", cheap.id));
    assert.equal(peer.got("getdata").length, 0);
    await peer.say({ type: "tx", bytes: forged.bytes });
    assert.equal(peer.faults[0]?.fault, "invalid");
    assert.equal(node.mempool.size, 0);
    const other = node.hub.connect("other", SHORT);
    await other.say({ type: "tx", bytes: good.bytes.subarray(0, 40) });
    assert.equal(other.faults[0]?.fault, "invalid");
  }));

Deno.test("a new peer is told of the mempool, and own payments every ten minutes", () => {
  const own = paymentOf(1);
  const isOwn = (transaction: Transaction) => transaction.id === own.id;
  return withNode({ blocks: CHAIN.slice(0, 10), isOwn }, async (node) => {
    const foreign = paymentOf(2);
    for (const each of [own, foreign]) await node.mempool.accept(each);
    const peer = node.hub.connect("peer", SHORT);
    await node.clock.advance(200);
    assert.deepEqual(announced(peer, "tx"), [own.id, foreign.id]);
    await node.clock.advance(10 * 60_000 + 200);
    assert.deepEqual(announced(peer, "tx").slice(2), [own.id]);
  });
});

Deno.test("while far behind no transaction is asked for; afterwards it is", () =>
  withNode({ limits: { bulkBlocks: 2 } }, async (node) => {
    const wanted = paymentOf(1);
    const chain = honest(CHAIN);
    let isHolding = true;
    const peer = node.hub.connect(
      "peer",
      versionOf(CHAIN),
      (message) => message.type === "getdata" && isHolding ? [] : chain(message),
    );
    await settle();
    await peer.say(inv("tx", wanted.id));
    assert.equal(node.sync.state().phase, "blocks");
    const asked = () =>
      peer.got("getdata").flatMap((each) => each.items).filter((item) => item.kind === "tx");
    assert.equal(asked().length, 0);
    isHolding = false;
    await node.clock.advance(4_000);
    await until(() => node.chain.tip().height === 20);
    assert.deepEqual(asked().map((item) => item.id), [wanted.id]);
  }));
