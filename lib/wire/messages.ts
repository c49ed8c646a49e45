/**
 * The one table of messages: type byte, largest body, quota a peer, codec. All else derives from
 * it.
 */
import { addrCodec, MAX_ADDR_BYTES } from "./addr.ts";
import type { Codec, Quota } from "./codec.ts";
import {
  blockTxnCodec,
  compactBlockCodec,
  getBlockTxnCodec,
  MAX_BLOCK_TXN_BYTES,
  MAX_COMPACT_BLOCK_BYTES,
  MAX_GET_BLOCK_TXN_BYTES,
} from "./compact.ts";
import { goodbyeCodec, MAX_GOODBYE_BYTES } from "./goodbye.ts";
import {
  getHeadersCodec,
  headersCodec,
  MAX_GETHEADERS_BYTES,
  MAX_HEADERS_BYTES,
} from "./headers.ts";
import { getDataCodec, invCodec, MAX_GETDATA_BYTES, MAX_INV_BYTES } from "./inventory.ts";
import { confirmCodec, SHARE_BYTES, shareCodec, TAG_BYTES } from "./membership.ts";
import { MAX_NETWORK_BYTES, networkCodec } from "./network.ts";
import { MAX_BLOCK_MESSAGE_BYTES, MAX_TX_MESSAGE_BYTES, payloadCodec } from "./payload.ts";
import { versionCodec } from "./version.ts";

export interface MessageKind<Body> {
  /** The type byte in a frame. A number is never used again for another message. */
  readonly code: number;
  /** Most bytes of a body; known before the body is buffered. */
  readonly bytesMax: number;
  /**
   * What a peer may send unasked. An answer to what we asked for costs nothing, so these bound
   * requests and announcements only.
   */
  readonly quota: Quota;
  readonly codec: Codec<Body>;
}

const define = <Body>(kind: MessageKind<Body>): MessageKind<Body> => kind;
const noBody: Codec<object> = { read: () => ({}), write: () => {} };

export const MESSAGES = {
  version: define({
    code: 0x01,
    bytesMax: 512,
    quota: { count: 1, everyMs: 60_000 }, // A second one ends the session anyway.
    codec: versionCodec,
  }),
  getaddr: define({
    code: 0x02,
    bytesMax: 0,
    quota: { count: 6, everyMs: 60_000 }, // Asked at the start and twice a minute by lonely nodes.
    codec: noBody,
  }),
  addr: define({
    code: 0x03,
    bytesMax: MAX_ADDR_BYTES,
    quota: { count: 30, everyMs: 60_000 }, // News of one record each, besides answers.
    codec: addrCodec,
  }),
  getheaders: define({
    code: 0x04,
    bytesMax: MAX_GETHEADERS_BYTES,
    quota: { count: 200, everyMs: 10_000 }, // 40,000 headers a second.
    codec: getHeadersCodec,
  }),
  headers: define({
    code: 0x05,
    bytesMax: MAX_HEADERS_BYTES,
    quota: { count: 2000, everyMs: 10_000 }, // A fast series on `--network dev` announces each.
    codec: headersCodec,
  }),
  inv: define({
    code: 0x06,
    bytesMax: MAX_INV_BYTES,
    quota: { count: 200, everyMs: 10_000 }, // Batches leave five times a second.
    codec: invCodec,
  }),
  getdata: define({
    code: 0x07,
    bytesMax: MAX_GETDATA_BYTES,
    quota: { count: 10_000, everyMs: 10_000 }, // A first sync of small blocks asks this fast.
    codec: getDataCodec,
  }),
  notfound: define({
    code: 0x08,
    bytesMax: MAX_GETDATA_BYTES,
    quota: { count: 100, everyMs: 10_000 },
    codec: getDataCodec,
  }),
  block: define({
    code: 0x09,
    bytesMax: MAX_BLOCK_MESSAGE_BYTES,
    quota: { count: 20, everyMs: 10_000 }, // Unasked blocks are not our way to relay.
    codec: payloadCodec,
  }),
  tx: define({
    code: 0x0a,
    bytesMax: MAX_TX_MESSAGE_BYTES,
    quota: { count: 200, everyMs: 10_000 },
    codec: payloadCodec,
  }),
  goodbye: define({
    code: 0x0b,
    bytesMax: MAX_GOODBYE_BYTES,
    quota: { count: 1, everyMs: 60_000 },
    codec: goodbyeCodec,
  }),
  compactblock: define({
    code: 0x0c,
    bytesMax: MAX_COMPACT_BLOCK_BYTES,
    quota: { count: 2000, everyMs: 10_000 }, // As for headers: it takes the place of one.
    codec: compactBlockCodec,
  }),
  getblocktxn: define({
    code: 0x0d,
    bytesMax: MAX_GET_BLOCK_TXN_BYTES,
    quota: { count: 200, everyMs: 10_000 }, // Each may cost a whole block's bytes.
    codec: getBlockTxnCodec,
  }),
  blocktxn: define({
    code: 0x0e,
    bytesMax: MAX_BLOCK_TXN_BYTES,
    quota: { count: 20, everyMs: 10_000 }, // An answer that came too late.
    codec: blockTxnCodec,
  }),
  share: define({
    code: 0x0f,
    bytesMax: SHARE_BYTES,
    quota: { count: 1, everyMs: 60_000 }, // A second one ends the session anyway.
    codec: shareCodec,
  }),
  confirm: define({
    code: 0x10,
    bytesMax: TAG_BYTES,
    quota: { count: 1, everyMs: 60_000 },
    codec: confirmCodec,
  }),
  getnetwork: define({
    code: 0x11,
    bytesMax: 0,
    quota: { count: 1, everyMs: 60_000 },
    codec: noBody,
  }),
  network: define({
    code: 0x12,
    bytesMax: MAX_NETWORK_BYTES,
    quota: { count: 1, everyMs: 60_000 },
    codec: networkCodec,
  }),
} as const;

export type MessageType = keyof typeof MESSAGES;

type BodyOf<Type extends MessageType> = (typeof MESSAGES)[Type] extends MessageKind<infer Body>
  ? Body
  : never;

/** One message by its type, such as `MessageOf<"headers">`. */
export type MessageOf<Type extends MessageType> = { readonly type: Type } & BodyOf<Type>;

/** Any message, told apart by `type`. */
export type Message = { [Type in MessageType]: MessageOf<Type> }[MessageType];

export const MESSAGE_TYPES = Object.keys(MESSAGES) as MessageType[];

const TYPE_OF_CODE = new Map(MESSAGE_TYPES.map((type) => [MESSAGES[type].code as number, type]));

/** The message that has this type byte, if one has. */
export function typeOfCode(code: number): MessageType | undefined {
  return TYPE_OF_CODE.get(code);
}
