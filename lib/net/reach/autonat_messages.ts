/** The messages of autonat v1 (libp2p specifications, autonat/autonat-v1), by hand. */
import { ByteWriter } from "../../base/bytes.ts";
import { framed, readFields, writeBytes } from "../libp2p/protobuf.ts";

export const AUTONAT_PROTOCOL = "/libp2p/autonat/1.0.0";

/** A question names one peer and few addresses. */
export const AUTONAT_BYTES_MAX = 8_192;

/** What came of a dial, as `ResponseStatus` of the protocol numbers it. */
export const DIAL_STATUS = { ok: 0, failed: 100, refused: 101, badRequest: 200 } as const;

/** A question: can these addresses be dialled, and does this peer answer there? */
export type DialQuestion = { id: Uint8Array; addresses: Uint8Array[] };

const MESSAGE = { type: 0x08, dial: 0x12, response: 0x1a } as const;
const TYPE_RESPONSE = 1;
const DIAL_PEER = 0x0a;
const PEER = { id: 0x0a, address: 0x12 } as const;
const RESPONSE = { status: 0x08, text: 0x12, address: 0x1a } as const;

/** With its length in front, as it is sent. */
export function encodeDial({ id, addresses }: DialQuestion): Uint8Array {
  const peer = writeBytes(new ByteWriter(), PEER.id, id);
  for (const address of addresses) writeBytes(peer, PEER.address, address);
  const dial = writeBytes(new ByteWriter(), DIAL_PEER, peer.finish());
  // The type of a question is 0, which is left out.
  return framed(writeBytes(new ByteWriter(), MESSAGE.dial, dial.finish()).finish());
}

/** Throws `CodecError` for what is not protobuf; `undefined` for what is no question. */
export function decodeDial(message: Uint8Array): DialQuestion | undefined {
  let question: DialQuestion | undefined;
  const inPeer = (bytes: Uint8Array) => {
    const found: DialQuestion = { id: new Uint8Array(), addresses: [] };
    readFields(bytes, {
      onBytes: (field, value) => {
        if (field === PEER.id) found.id = value;
        if (field === PEER.address) found.addresses.push(value);
      },
    });
    question = found;
  };
  const inDial = (bytes: Uint8Array) =>
    readFields(bytes, { onBytes: (field, value) => field === DIAL_PEER && inPeer(value) });
  readFields(message, { onBytes: (field, value) => field === MESSAGE.dial && inDial(value) });
  return question;
}

/** With its length in front. `address` is the one that was dialled. */
export function encodeDialResponse(status: number, address?: Uint8Array): Uint8Array {
  const response = new ByteWriter().varint(RESPONSE.status).varint(status);
  if (address !== undefined) writeBytes(response, RESPONSE.address, address);
  const message = new ByteWriter().varint(MESSAGE.type).varint(TYPE_RESPONSE);
  return framed(writeBytes(message, MESSAGE.response, response.finish()).finish());
}

/** The status that a response tells. Throws `CodecError` for what is not protobuf. */
export function decodeDialResponse(message: Uint8Array): number | undefined {
  let status: number | undefined;
  const inResponse = (bytes: Uint8Array) => {
    // A status of 0 may be left out.
    status = DIAL_STATUS.ok;
    readFields(bytes, {
      onNumber: (field, value) => {
        if (field === RESPONSE.status) status = value;
      },
    });
  };
  readFields(message, {
    onBytes: (field, value) => field === MESSAGE.response && inResponse(value),
  });
  return status;
}
