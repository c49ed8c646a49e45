/** `goodbye`: why the sender ends the session, for the other side's user to read. */
import { type Codec, readText, writeText } from "./codec.ts";

/** Names of the reasons; an unknown number is shown as `other`. */
export const GOODBYE_CODES = {
  other: 0,
  /** The node stops. */
  stopping: 1,
  /** The other side's genesis differs. */
  network: 2,
  /** No slot is free. */
  full: 3,
  /** There is a better stream between the two. */
  duplicate: 4,
  /** The session was only to see whether the peer is there. */
  probe: 5,
  /** The peer is not wanted for a while. */
  discouraged: 6,
  /** The network asks for a secret that the other side did not prove. */
  secret: 7,
} as const;

export type GoodbyeCode = keyof typeof GOODBYE_CODES;

/** Two network names of 200 bytes and a sentence fit. */
export const MAX_GOODBYE_TEXT_BYTES = 768;
/** The code, the text's length, the text. */
export const MAX_GOODBYE_BYTES = 8 + 2 + MAX_GOODBYE_TEXT_BYTES;

const NAMES = new Map(
  Object.entries(GOODBYE_CODES).map(([name, code]) => [code as number, name as GoodbyeCode]),
);

export interface GoodbyeBody {
  readonly code: GoodbyeCode;
  readonly text: string;
}

export const goodbyeCodec: Codec<GoodbyeBody> = {
  read: (reader) => ({
    code: NAMES.get(reader.varint()) ?? "other",
    text: readText(reader, MAX_GOODBYE_TEXT_BYTES),
  }),
  write(writer, { code, text }) {
    writer.varint(GOODBYE_CODES[code]);
    writeText(writer, text, MAX_GOODBYE_TEXT_BYTES);
  },
};
