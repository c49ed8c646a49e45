/** One example of each message, rich enough to reach every field of its codec. */
import { utf8 } from "../../lib/base/bytes.ts";
import { encodeHeader } from "../../lib/primitives/block.ts";
import { asBlockId, asHash, asTxId } from "../../lib/primitives/ids.ts";
import { SHARE_BYTES, TAG_BYTES } from "../../lib/wire/membership.ts";
import type { Message, MessageType } from "../../lib/wire/messages.ts";

const id = (digit: string) => digit.repeat(64);

export const EXAMPLE_HEADERS = [1, 2].map((height) =>
  encodeHeader({
    version: 1,
    height,
    previous: asBlockId(id("a")),
    merkleRoot: asHash(id("b")),
    timeMs: 1_767_225_600_000 + 15_000 * height,
    bits: 0x1e400000,
    nonce: 0x0102030405060708n,
  })
);

export const EXAMPLES: { [Type in MessageType]: Extract<Message, { type: Type }> } = {
  version: {
    type: "version",
    protocol: 1,
    genesisId: asBlockId(id("1")),
    tipId: asBlockId(id("2")),
    tipHeight: 300,
    totalWork: 0x0102030405n,
    agent: "moim/0.1.0",
    timeMs: 1_767_225_600_000,
    nonce: 0xfffefdfcfbfaf9f8n,
    flags: 0,
    networkName: "모임",
  },
  getaddr: { type: "getaddr" },
  addr: { type: "addr", records: [Uint8Array.of(1, 2, 3), Uint8Array.of()] },
  getheaders: {
    type: "getheaders",
    locator: [asBlockId(id("3")), asBlockId(id("4"))],
    stop: asBlockId(id("5")),
  },
  headers: { type: "headers", headers: EXAMPLE_HEADERS },
  inv: {
    type: "inv",
    items: [{ kind: "tx", id: asTxId(id("6")) }, { kind: "block", id: asBlockId(id("7")) }],
  },
  getdata: { type: "getdata", items: [{ kind: "block", id: asBlockId(id("8")) }] },
  notfound: { type: "notfound", items: [{ kind: "tx", id: asTxId(id("9")) }] },
  block: { type: "block", bytes: Uint8Array.of(0xca, 0xfe) },
  tx: { type: "tx", bytes: Uint8Array.of(0xbe, 0xef) },
  goodbye: { type: "goodbye", code: "network", text: "안녕" },
  compactblock: {
    type: "compactblock",
    header: EXAMPLE_HEADERS[0]!,
    nonce: 0x1112131415161718n,
    shortIds: [0x060504030201, 0xfffefdfcfbfa],
    placed: [
      { index: 0, bytes: Uint8Array.of(0xc0, 0xff, 0xee) },
      { index: 3, bytes: Uint8Array.of(0xbe, 0xef) },
    ],
  },
  getblocktxn: { type: "getblocktxn", id: asBlockId(id("8")), indexes: [1, 2, 300] },
  blocktxn: {
    type: "blocktxn",
    id: asBlockId(id("8")),
    transactions: [Uint8Array.of(0xbe, 0xef), Uint8Array.of(0xca, 0xfe, 0x01)],
  },
  share: { type: "share", share: new Uint8Array(SHARE_BYTES).fill(0x5a) },
  confirm: { type: "confirm", tag: new Uint8Array(TAG_BYTES).fill(0xa5) },
  getnetwork: { type: "getnetwork" },
  network: { type: "network", parameters: utf8('{"name":"모임"}') },
};
