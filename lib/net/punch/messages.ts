/** The messages of `/libp2p/dcutr` (libp2p specifications, relay/DCUtR.md, "RPC messages"). */
import type { Stream } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { ByteWriter } from "../../base/bytes.ts";
import { framed, readFields, writeBytes } from "../libp2p/protobuf.ts";
import { readMessages } from "../libp2p/stream_message.ts";

export const DCUTR_PROTOCOL = "/libp2p/dcutr";
/** DCUtR.md: "Implementations should refuse messages that are larger than 4 KiB". */
const MESSAGE_BYTES_MAX = 4_096;
const ADDRESSES_MAX = 16;
const FIELD = { type: 0x08, address: 0x12 } as const;
const TYPE = { connect: 100, sync: 300 } as const;

export type HolePunchMessage = { type: "connect"; addresses: string[] } | { type: "sync" };

/** With its length in front, as it is sent. */
export function encodeHolePunch(message: HolePunchMessage): Uint8Array {
  const writer = new ByteWriter().varint(FIELD.type).varint(TYPE[message.type]);
  const addresses = message.type === "connect" ? message.addresses : [];
  for (const address of addresses) writeBytes(writer, FIELD.address, multiaddr(address).bytes);
  return framed(writer.finish());
}

/** Addresses that cannot be read are left out. Throws `CodecError` on what is no such message. */
export function decodeHolePunch(bytes: Uint8Array): HolePunchMessage | undefined {
  let type = 0;
  const addresses: string[] = [];
  readFields(bytes, {
    onNumber: (field, value) => {
      if (field === FIELD.type) type = value;
    },
    onBytes: (field, value) => {
      if (field === FIELD.address && addresses.length < ADDRESSES_MAX) {
        addresses.push(...readAddress(value));
      }
    },
  });
  if (type === TYPE.connect) return { type: "connect", addresses };
  return type === TYPE.sync ? { type: "sync" } : undefined;
}

/** The messages of an attempt, as bytes, from a stream that `signal` cuts off. */
export function readHolePunch(stream: Stream, signal: AbortSignal): AsyncIterator<Uint8Array> {
  return readMessages(stream, signal, MESSAGE_BYTES_MAX);
}

/** The next message, which must be of this type. Throws for any other, or when the stream ends. */
export async function nextHolePunch<Type extends HolePunchMessage["type"]>(
  messages: AsyncIterator<Uint8Array>,
  type: Type,
): Promise<Extract<HolePunchMessage, { type: Type }>> {
  const { done, value } = await messages.next();
  if (done) throw new Error("The other side ended the attempt");
  const message = decodeHolePunch(value);
  if (message?.type !== type) throw new Error("The other side does not keep to the protocol");
  return message as Extract<HolePunchMessage, { type: Type }>;
}

function readAddress(bytes: Uint8Array): string[] {
  try {
    return [multiaddr(bytes).toString()];
  } catch {
    return [];
  }
}
