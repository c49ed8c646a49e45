/** What a stranger's bytes can do wrong. All of it is broken framing: the session ends. */

/** The kinds of broken framing; each is counted by this name. */
export type WireFault =
  | "bad-length" // the length in front is not a minimal varint, or is zero
  | "unknown-type" // no message has this type byte
  | "oversize" // more bytes than a message of this type may have
  | "truncated" // the stream ended inside a frame
  | "leftover" // the body goes on after its last field
  | "malformed"; // a field of the body cannot be what it says, or the body ends early

/** Bytes that are no frame of this protocol. */
export class WireError extends Error {
  constructor(readonly fault: WireFault, message: string) {
    super(message);
    this.name = "WireError";
  }
}
