import assert from "node:assert/strict";
import fc from "fast-check";
import { CodecError, concatBytes, fromHex, toHex } from "../../../lib/base/bytes.ts";
import {
  type Block,
  blockOf,
  coinbaseMemo,
  decodeBlock,
  decodeHeader,
  encodeBlock,
  encodeHeader,
  HEADER_BYTES,
  type HeaderFields,
  NONCE_OFFSET,
  transactionsRoot,
} from "../../../lib/primitives/block.ts";
import { sha256, sha256d } from "../../../lib/primitives/hash.ts";
import { asBlockId, asHash, idBytes } from "../../../lib/primitives/ids.ts";
import { encodeTransaction } from "../../../lib/primitives/transaction.ts";
import golden from "../../vectors/block.json" with { type: "json" };
import { bytesOf, someHeader, someTransaction } from "./arbitraries.ts";

const FIELDS: HeaderFields = {
  version: 1,
  height: 0x04030201,
  previous: asBlockId("aa".repeat(32)),
  merkleRoot: asHash("bb".repeat(32)),
  timeMs: 0x07060504030201,
  bits: 0x1e40_0000,
  nonce: 0x0807_0605_0403_0201n,
};

Deno.test("encodeHeader: 92 bytes, little endian, in the order of the rules", () => {
  const header = encodeHeader(FIELDS);
  assert.equal(
    toHex(header.bytes),
    "01000000" + "01020304" + "aa".repeat(32) + "bb".repeat(32) + "0102030405060700" +
      "0000401e" + "0102030405060708",
  );
  assert.equal(header.bytes.length, HEADER_BYTES);
  assert.equal(header.id, toHex(sha256d(header.bytes)));
  assert.equal(new DataView(header.bytes.buffer).getBigUint64(NONCE_OFFSET, true), FIELDS.nonce);
});

Deno.test("decodeHeader: comes back as it was, for any header", () => {
  fc.assert(fc.property(someHeader, (fields) => {
    const { id, bytes, ...decoded } = decodeHeader(encodeHeader(fields).bytes);
    assert.deepEqual(decoded, fields);
    assert.equal(id, asBlockId(sha256d(bytes)));
  }));
});

Deno.test("decodeHeader: random bytes: 92 with a time below 2^53 are a header, all else is refused", () => {
  fc.assert(fc.property(fc.oneof(bytesOf(92), fc.uint8Array({ maxLength: 200 })), (bytes) => {
    const time = bytes.length < 80 ? 0n : new DataView(bytes.buffer, bytes.byteOffset)
      .getBigUint64(72, true);
    if (bytes.length === HEADER_BYTES && time < 2n ** 53n) {
      assert.deepEqual(decodeHeader(bytes).bytes, bytes);
    } else {
      assert.throws(() => decodeHeader(bytes), CodecError);
    }
  }));
});

const someBlock = fc.record({
  header: someHeader,
  transactions: fc.array(someTransaction.map(encodeTransaction), { maxLength: 4 }),
});

Deno.test("decodeBlock: comes back as it was; bytes left over or missing are refused", () => {
  fc.assert(fc.property(someBlock, (parts) => {
    const block = encodeBlock(parts);
    assert.deepEqual(block.transactions, parts.transactions);
    assert.deepEqual(decodeBlock(block.bytes), block);
    assert.equal(block.id, block.header.id);
    assert.throws(() => decodeBlock(concatBytes(block.bytes, Uint8Array.of(0))), CodecError);
    assert.throws(() => decodeBlock(block.bytes.subarray(0, -1)), CodecError);
  }));
});

Deno.test("decodeBlock: a count that is not minimal or not true is refused", () => {
  const { bytes } = encodeBlock({ header: FIELDS, transactions: [] });
  const withCount = (hex: string) => concatBytes(bytes.subarray(0, HEADER_BYTES), fromHex(hex));
  assert.equal(decodeBlock(withCount("00")).transactions.length, 0);
  for (const count of ["8000", "01", "ffffffffffffff0f", "8080808080808010", ""]) {
    assert.throws(() => decodeBlock(withCount(count)), CodecError, count);
  }
});

Deno.test("decodeBlock: changed and random bytes fail with CodecError or encode back", () => {
  const change = fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) });
  const changed = fc.tuple(someBlock, fc.array(change, { maxLength: 4 })).map(
    ([parts, changes]) => {
      const bytes = Uint8Array.from(encodeBlock(parts).bytes);
      for (const { at, to } of changes) bytes[at % bytes.length] = to;
      return bytes;
    },
  );
  fc.assert(
    fc.property(fc.oneof(changed, fc.uint8Array({ maxLength: 400 })), (bytes) => {
      let block: Block;
      try {
        block = decodeBlock(bytes);
      } catch (error) {
        assert.ok(error instanceof CodecError, String(error));
        return;
      }
      assert.deepEqual(encodeBlock(block).bytes, bytes);
    }),
    { numRuns: 300 },
  );
});

Deno.test("transactionsRoot: the Merkle root over the ids; of one, the hash of its leaf", () => {
  const one = encodeTransaction({ spends: [], outputs: [], memo: coinbaseMemo(1), signatures: [] });
  assert.equal(
    transactionsRoot([one]),
    toHex(sha256(concatBytes(Uint8Array.of(0), idBytes(one.id)))),
  );
});

Deno.test("coinbaseMemo: the height as a varint, then the rest", () => {
  assert.equal(toHex(coinbaseMemo(0)), "00");
  assert.equal(toHex(coinbaseMemo(300, Uint8Array.of(9))), "ac0209");
});

Deno.test("golden block: bytes and id never change", () => {
  const block = decodeBlock(fromHex(golden.bytes));
  assert.equal(block.id, golden.id);
  assert.equal(block.header.merkleRoot, golden.merkleRoot);
  assert.equal(transactionsRoot(block.transactions), golden.merkleRoot);
  assert.deepEqual(block.transactions.map((transaction) => transaction.id), golden.transactions);
  assert.deepEqual(encodeBlock(block).bytes, fromHex(golden.bytes));
});

Deno.test("blockOf: as encoding and decoding, for any block", () => {
  fc.assert(
    fc.property(someHeader, fc.array(someTransaction, { maxLength: 5 }), (header, drafts) => {
      const transactions = drafts.map(encodeTransaction);
      const block = blockOf({ header, transactions });
      assert.deepEqual(block, decodeBlock(block.bytes));
      assert.deepEqual(block, encodeBlock({ header, transactions }));
    }),
  );
});
