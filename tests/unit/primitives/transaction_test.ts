import assert from "node:assert/strict";
import fc from "fast-check";
import { CodecError, concatBytes, fromHex, toHex } from "../../../lib/base/bytes.ts";
import { amount } from "../../../lib/primitives/amount.ts";
import { sha256d } from "../../../lib/primitives/hash.ts";
import { asBlockId, asLock, asTxId, idBytes } from "../../../lib/primitives/ids.ts";
import { verify } from "../../../lib/primitives/signature.ts";
import {
  decodeTransaction,
  encodeDraft,
  encodeTransaction,
  signedMessage,
  type Transaction,
} from "../../../lib/primitives/transaction.ts";
import golden from "../../vectors/transaction.json" with { type: "json" };
import { alice, bob, output, TestChain } from "../consensus/builder.ts";
import { someTransaction } from "./arbitraries.ts";

const KEY = "11".repeat(32);
const ID = "22".repeat(32);
const LOCK = "33".repeat(20);
const SIGNATURE = "44".repeat(64);

/** Hex of the parts of a small payment, in order; a test replaces one. */
const PARTS = {
  version: "01",
  spends: "01",
  lockType: "01",
  key: KEY,
  coins: "01",
  txId: ID,
  index: "00",
  outputs: "01",
  amount: "05",
  lock: LOCK,
  memo: "00",
  signatures: SIGNATURE,
};

function hexOf(changes: Partial<typeof PARTS> = {}): string {
  return Object.values({ ...PARTS, ...changes }).join("");
}

function decodeHex(changes: Partial<typeof PARTS> = {}): Transaction {
  return decodeTransaction(fromHex(hexOf(changes)));
}

Deno.test("decodeTransaction: the layout, field by field", () => {
  const transaction = decodeHex();
  assert.deepEqual(transaction.spends, [{
    publicKey: fromHex(KEY),
    coins: [{ txId: asTxId(ID), index: 0 }],
  }]);
  assert.deepEqual(transaction.outputs, [{ amount: amount(5), lock: asLock(LOCK) }]);
  assert.equal(transaction.memo.length, 0);
  assert.deepEqual(transaction.signatures, [fromHex(SIGNATURE)]);
  assert.equal(toHex(transaction.unsignedBytes), hexOf({ signatures: "" }));
  assert.equal(transaction.id, toHex(sha256d(fromHex(hexOf()))));
});

const REFUSED: [string, Partial<typeof PARTS>][] = [
  ["version 0", { version: "00" }],
  ["version 2", { version: "02" }],
  ["a version that is not minimal", { version: "8100" }],
  ["more spends than there are", { spends: "02" }],
  ["a count past the end", { spends: "ffffffffffffff0f" }],
  ["another lock type", { lockType: "00" }],
  ["a spend without coins", { coins: "00", txId: "", index: "" }],
  ["an index that is not minimal", { index: "8000" }],
  ["an index of 2^53", { index: "8080808080808010" }],
  ["an output of nothing", { amount: "00" }],
  ["an amount that is not minimal", { amount: "8500" }],
  ["an amount of 2^53", { amount: "8080808080808010" }],
  ["a short lock", { lock: "33".repeat(19) }],
  ["a memo of 257 bytes", { memo: "8102" + "55".repeat(257) }],
  ["a memo length that is not minimal", { memo: "8000" }],
  ["a missing signature", { signatures: "" }],
  ["a short signature", { signatures: "44".repeat(63) }],
  ["a byte left over", { signatures: SIGNATURE + "00" }],
  ["a signature too many", { signatures: SIGNATURE + SIGNATURE }],
];

for (const [about, changes] of REFUSED) {
  Deno.test(`decodeTransaction: refuses ${about}`, () => {
    assert.throws(() => decodeHex(changes), CodecError);
  });
}

Deno.test("decodeTransaction: the largest memo and amount pass", () => {
  assert.equal(decodeHex({ memo: "8002" + "55".repeat(256) }).memo.length, 256);
  assert.equal(decodeHex({ amount: "ffffffffffffff0f" }).outputs[0]!.amount, 2 ** 53 - 1);
});

Deno.test("encodeTransaction: comes back as it was, for any transaction", () => {
  fc.assert(fc.property(someTransaction, (parts) => {
    const transaction = encodeTransaction(parts);
    const { spends, outputs, memo, signatures } = transaction;
    assert.deepEqual({ spends, outputs, memo, signatures }, parts);
    assert.deepEqual(decodeTransaction(transaction.bytes), transaction);
    assert.deepEqual(encodeDraft(parts), transaction.unsignedBytes);
    const leftOver = concatBytes(transaction.bytes, Uint8Array.of(0));
    assert.throws(() => decodeTransaction(leftOver), CodecError);
    assert.throws(() => decodeTransaction(transaction.bytes.subarray(0, -1)), CodecError);
  }));
});

Deno.test("decodeTransaction: one encoding only: what decodes from changed bytes encodes back", () => {
  const change = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) });
  fc.assert(fc.property(someTransaction, fc.array(change, { maxLength: 4 }), (parts, changes) => {
    const bytes = Uint8Array.from(encodeTransaction(parts).bytes);
    for (const { at, to } of changes) bytes[at % bytes.length] = to;
    let decoded: Transaction;
    try {
      decoded = decodeTransaction(bytes);
    } catch (error) {
      assert.ok(error instanceof CodecError, String(error));
      return;
    }
    assert.deepEqual(encodeTransaction(decoded).bytes, bytes);
  }));
});

Deno.test("decodeTransaction: random bytes are refused with CodecError and nothing else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        decodeTransaction(bytes);
      } catch (error) {
        assert.ok(error instanceof CodecError, String(error));
      }
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("signedMessage: tag, then the hash of genesis id and all before the signatures", () => {
  const transaction = decodeHex();
  const genesisId = asBlockId("66".repeat(32));
  const tag = new TextEncoder().encode("moim/transaction/1");
  const hash = sha256d(concatBytes(idBytes(genesisId), transaction.unsignedBytes));
  assert.deepEqual(signedMessage(transaction.unsignedBytes, genesisId), concatBytes(tag, hash));
});

Deno.test("signTransaction: one signature for each owner, in order, good for one chain", () => {
  const chain = new TestChain();
  const from = [alice, bob].map((owner) => ({
    owner,
    coins: [chain.give(owner, 3), chain.give(owner, 4)],
  }));
  const { signatures, unsignedBytes } = chain.pay({ from, to: [output(bob, 14)] });
  assert.equal(signatures.length, 2);
  const message = signedMessage(unsignedBytes, chain.genesis.id);
  assert.ok(verify(signatures[0]!, message, alice.publicKey));
  assert.ok(verify(signatures[1]!, message, bob.publicKey));
  const elsewhere = signedMessage(unsignedBytes, asBlockId("00".repeat(32)));
  assert.ok(!verify(signatures[0]!, elsewhere, alice.publicKey));
});

Deno.test("golden transaction: bytes and id never change", () => {
  const transaction = decodeTransaction(fromHex(golden.bytes));
  assert.equal(transaction.id, golden.id);
  assert.deepEqual(encodeTransaction(transaction).bytes, fromHex(golden.bytes));
  const message = signedMessage(transaction.unsignedBytes, asBlockId(golden.genesisId));
  assert.equal(toHex(message), golden.signedMessage);
  transaction.spends.forEach(({ publicKey }, at) => {
    assert.ok(verify(transaction.signatures[at]!, message, publicKey));
  });
});

Deno.test("encodeTransaction: refuses what cannot be decoded", () => {
  const base = decodeHex();
  assert.throws(() => encodeTransaction({ ...base, memo: new Uint8Array(257) }), CodecError);
  assert.throws(() => encodeTransaction({ ...base, signatures: [] }), CodecError);
  const spends = [{ publicKey: fromHex(KEY), coins: [] }];
  assert.throws(() => encodeTransaction({ ...base, spends }), CodecError);
});
