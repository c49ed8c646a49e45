import assert from "node:assert/strict";
import fc from "fast-check";
import { CodecError, fromHex, utf8 } from "../../../lib/base/bytes.ts";
import {
  decodeAnswer,
  encodeAddProvider,
  encodeGetProviders,
} from "../../../lib/net/dht/messages.ts";
import { takeFrame } from "../../../lib/net/libp2p/protobuf.ts";
import { providerKey } from "../../../lib/net/dht/provider_key.ts";

Deno.test("providerKey is the CIDv1 (raw, sha2-256) of the phrase", () => {
  // The well-known CID of no bytes at all, as `ipfs add --raw-leaves --cid-version=1` prints it.
  assert.equal(
    providerKey("").toString(),
    "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku",
  );
  assert.equal(
    providerKey("hello world").toString(),
    "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e",
  );
});

Deno.test("GET_PROVIDERS has the bytes of kad-dht's dht.proto", () => {
  // Frame length, field 1 (type) = 3, field 2 (key) of two bytes.
  assert.deepEqual(encodeGetProviders(fromHex("1220")), fromHex("06" + "0803" + "12021220"));
});

Deno.test("ADD_PROVIDER has the bytes of kad-dht's dht.proto", () => {
  const provider = { id: fromHex("aa"), addresses: [fromHex("0401"), fromHex("0402")] };
  const peer = "0a01aa" + "12020401" + "12020402";
  assert.deepEqual(
    encodeAddProvider(fromHex("1220"), provider),
    fromHex("13" + "0802" + "12021220" + "4a0b" + peer),
  );
});

Deno.test("decodeAnswer reads providers and nearer servers and skips all other fields", () => {
  const peer = "0a01aa" + "12020401" + "1801";
  const closer = "42" + "03" + "0a01bb";
  const negativeLevel = "50" + "ffffffffffffffffff01";
  const message = fromHex("0803" + "12021220" + closer + negativeLevel + "4a09" + peer);
  assert.deepEqual(decodeAnswer(message), {
    providers: [{ id: fromHex("aa"), addresses: [fromHex("0401")] }],
    closer: [{ id: fromHex("bb"), addresses: [] }],
  });
});

Deno.test("decodeAnswer fails on any other bytes with a codec error only", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
    try {
      decodeAnswer(bytes);
    } catch (error) {
      assert(error instanceof CodecError);
    }
  }));
});

Deno.test("takeFrame waits for the whole message and refuses a huge one", () => {
  const frame = encodeGetProviders(utf8("x".repeat(200)));
  for (let length = 0; length < frame.length; length++) {
    assert.equal(takeFrame(frame.subarray(0, length)), undefined);
  }
  assert.equal(takeFrame(frame)!.length, frame.length - 2);
  assert.throws(() => takeFrame(fromHex("ffffff7f")), CodecError);
  assert.throws(() => takeFrame(fromHex("ffffffff")), CodecError);
});
