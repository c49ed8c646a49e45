import assert from "node:assert/strict";
import type { Stream } from "@libp2p/interface";
import { concatBytes } from "../../../lib/base/bytes.ts";
import {
  decodeHolePunch,
  encodeHolePunch,
  nextHolePunch,
  readHolePunch,
} from "../../../lib/net/punch/messages.ts";

const CONNECT = {
  type: "connect" as const,
  addresses: ["/ip4/45.1.2.3/tcp/3000", "/ip6/2a00::1/tcp/9"],
};
const SYNC = { type: "sync" as const };

/** A stream that brings these chunks and ends. */
function streamOf(...chunks: Uint8Array[]): Stream {
  async function* read() {
    yield* chunks;
  }
  return { [Symbol.asyncIterator]: read, abort: () => {} } as unknown as Stream;
}

function reading(...chunks: Uint8Array[]): AsyncIterator<Uint8Array> {
  return readHolePunch(streamOf(...chunks), new AbortController().signal);
}

Deno.test("messages are those of the specification", () => {
  // Field 1 is the type as varint (100 is 0x64, 300 is 0xac 0x02), field 2 an address as bytes.
  assert.deepEqual(encodeHolePunch(SYNC), Uint8Array.of(3, 0x08, 0xac, 0x02));
  const connect = encodeHolePunch({ type: "connect", addresses: ["/ip4/45.1.2.3/tcp/3000"] });
  assert.deepEqual(
    connect,
    Uint8Array.of(12, 0x08, 0x64, 0x12, 8, 4, 45, 1, 2, 3, 6, 0x0b, 0xb8),
  );
  assert.deepEqual(decodeHolePunch(encodeHolePunch(CONNECT).subarray(1)), CONNECT);
});

Deno.test("what cannot be an address is left out, and there are never many", () => {
  const bad = Uint8Array.of(0x08, 0x64, 0x12, 2, 0xff, 0xff, 0x12, 8, 4, 45, 1, 2, 3, 6, 11, 184);
  assert.deepEqual(decodeHolePunch(bad), {
    type: "connect",
    addresses: ["/ip4/45.1.2.3/tcp/3000"],
  });
  const many = {
    type: "connect" as const,
    addresses: new Array(99).fill("/ip4/45.1.2.3/tcp/3000"),
  };
  const read = decodeHolePunch(encodeHolePunch(many).subarray(2));
  assert(read?.type === "connect" && read.addresses.length === 16);
  assert.equal(decodeHolePunch(Uint8Array.of(0x08, 7)), undefined);
});

Deno.test("messages come one after the other, however they are cut", async () => {
  const bytes = concatBytes(encodeHolePunch(CONNECT), encodeHolePunch(SYNC));
  const single = Array.from(bytes, (byte) => Uint8Array.of(byte));
  for (const chunks of [[bytes], single]) {
    const messages = reading(...chunks);
    assert.deepEqual(await nextHolePunch(messages, "connect"), CONNECT);
    assert.deepEqual(await nextHolePunch(messages, "sync"), SYNC);
    await assert.rejects(nextHolePunch(messages, "sync"), /ended the attempt/);
  }
  const withEmpty = reading(concatBytes(Uint8Array.of(0), encodeHolePunch(SYNC)));
  await assert.rejects(nextHolePunch(withEmpty, "sync"), /keep to the protocol/);
  assert.deepEqual(await nextHolePunch(withEmpty, "sync"), SYNC);
});

Deno.test("another message than expected, or one too long, ends the attempt", async () => {
  await assert.rejects(
    nextHolePunch(reading(encodeHolePunch(SYNC)), "connect"),
    /keep to the protocol/,
  );
  await assert.rejects(nextHolePunch(reading(Uint8Array.of(0xff, 0x7f)), "connect"), /too large/);
  await assert.rejects(
    nextHolePunch(reading(Uint8Array.of(2, 0x08, 7)), "connect"),
    /keep to the protocol/,
  );
});
