/** Many payments from one peer: asked for in a pipeline, judged together, within bounds. */
import assert from "node:assert/strict";
import { genesisBlock } from "../../../lib/consensus/genesis.ts";
import { amount } from "../../../lib/primitives/amount.ts";
import type { TxId } from "../../../lib/primitives/ids.ts";
import { encodeTransaction, type Transaction } from "../../../lib/primitives/transaction.ts";
import { EASY_NETWORK, mintBranch } from "../../support/easy_chain.ts";
import { easyKey, payment } from "../../support/easy_payment.ts";
import { type ScriptedPeer, versionOf } from "../../support/scripted_peer.ts";
import { settle, type SyncNode, until, withNode } from "../../support/sync_node.ts";

const KEY = easyKey(1);
const COUNT = 40;
const CHAIN = mintBranch(COUNT, { lock: KEY.lock });
const GENESIS_ID = genesisBlock(EASY_NETWORK).id;

const PAYMENTS = CHAIN.slice(0, COUNT - 20).map(({ block }): Transaction => {
  const [coinbase] = block.transactions;
  return payment({
    key: KEY,
    coins: [{ amount: coinbase!.outputs[0]!.amount, outPoint: { txId: coinbase!.id, index: 0 } }],
    to: easyKey(2).lock,
    pays: amount(1_000),
    genesisId: GENESIS_ID,
  });
});

const inv = (payments: readonly Transaction[]) =>
  ({ type: "inv", items: payments.map(({ id }) => ({ kind: "tx" as const, id })) }) as const;

function asked(peer: ScriptedPeer): TxId[] {
  return peer.got("getdata").flatMap(({ items }) => items)
    .flatMap((item) => item.kind === "tx" ? [item.id] : []);
}

const withChain = (limits: Record<string, number>, test: (node: SyncNode) => Promise<void>) =>
  withNode({ blocks: CHAIN, limits }, test);

Deno.test("asked payments are judged together, while the next ones are read", () =>
  withChain({ transactionsInFlightPerPeer: 8 }, async (node) => {
    const { chain } = node;
    let lookups = 0;
    const lookup = chain.lookup.bind(chain);
    // A disk that answers when we say so.
    const gate = Promise.withResolvers<void>();
    chain.lookup = async (wanted) => {
      lookups++;
      await gate.promise;
      return await lookup(wanted);
    };
    const peer = node.hub.connect("peer", versionOf(CHAIN));
    await peer.say(inv(PAYMENTS));
    assert.equal(asked(peer).length, 8, "no more than the limit");
    for (const { bytes } of PAYMENTS.slice(0, 8)) await peer.say({ type: "tx", bytes });
    assert.equal(node.mempool.size, 0);
    assert.equal(asked(peer).length, 8, "what is being judged counts");
    gate.resolve();
    await until(() => node.mempool.size === 8 && asked(peer).length > 8);
    assert.ok(lookups < 8, `${lookups} look-ups for 8 payments`);
    for (let at = 8; at < PAYMENTS.length; at++) {
      await until(() => asked(peer).includes(PAYMENTS[at]!.id));
      await peer.say({ type: "tx", bytes: PAYMENTS[at]!.bytes });
    }
    await until(() => node.mempool.size === PAYMENTS.length);
    assert.equal(new Set(asked(peer)).size, asked(peer).length, "nothing is asked for twice");
  }));

Deno.test("without room to judge aside, the next message waits; so it does after an unasked one", () =>
  withChain({ transactionBytesAside: PAYMENTS[0]!.bytes.length }, async (node) => {
    const { chain } = node;
    const lookup = chain.lookup.bind(chain);
    const gate = Promise.withResolvers<void>();
    chain.lookup = async (wanted) => {
      await gate.promise;
      return await lookup(wanted);
    };
    const peer = node.hub.connect("peer", versionOf(CHAIN));
    const other = node.hub.connect("other", versionOf(CHAIN));
    await peer.say(inv(PAYMENTS.slice(0, 2)));
    await peer.say({ type: "tx", bytes: PAYMENTS[0]!.bytes });
    let handled = 0;
    const waiting = [
      peer.say({ type: "tx", bytes: PAYMENTS[1]!.bytes }),
      other.say({ type: "tx", bytes: PAYMENTS[2]!.bytes }),
    ].map((each) => each.then(() => handled++));
    await settle();
    assert.equal(handled, 0);
    gate.resolve();
    await Promise.all(waiting);
    await until(() => node.mempool.size === 3);
  }));

Deno.test("one forged payment among many condemns its sender, and nothing else is lost", () =>
  withChain({}, async (node) => {
    const [first, second, third] = PAYMENTS;
    const forged = encodeTransaction({
      ...second!,
      signatures: second!.signatures.map((each) => each.map((byte) => byte ^ 1)),
    });
    const peer = node.hub.connect("peer", versionOf(CHAIN));
    const all = [first!, forged, third!];
    await peer.say(inv(all));
    for (const { bytes } of all) await peer.say({ type: "tx", bytes });
    await until(() => node.mempool.size === 2 && peer.faults.length > 0);
    assert.equal(peer.faults.length, 1);
    assert.equal(peer.faults[0]!.fault, "invalid");
    assert.ok(node.mempool.has(first!.id) && node.mempool.has(third!.id));
  }));

Deno.test("a store that fails while a payment is judged aside ends the session", () =>
  withChain({}, async (node) => {
    node.chain.lookup = () => Promise.reject(new Error("on purpose"));
    const peer = node.hub.connect("peer", versionOf(CHAIN));
    await peer.say(inv(PAYMENTS.slice(0, 1)));
    await peer.say({ type: "tx", bytes: PAYMENTS[0]!.bytes });
    await until(() => !peer.isOpen);
    assert.equal(peer.faults.length, 0, "the fault is ours");
  }));
