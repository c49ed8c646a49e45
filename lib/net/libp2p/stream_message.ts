/** Messages of a libp2p protocol that puts their length in front. */
import type { Stream } from "@libp2p/interface";
import { concatBytes } from "../../base/bytes.ts";
import { takeFrame } from "./protobuf.ts";

/**
 * One message after the other, for as long as the stream lasts. Throws `CodecError` for one of more
 * than `bytesMax`, `Error` when `signal` is aborted, which ends the stream.
 */
export async function* readMessages(
  stream: Stream,
  signal: AbortSignal,
  bytesMax?: number,
): AsyncGenerator<Uint8Array, void, void> {
  const onAbort = () => stream.abort(new Error("The other side did not answer in time"));
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    let received: Uint8Array = new Uint8Array();
    for await (const chunk of stream) {
      received = concatBytes(received, chunk.subarray());
      for (let message; (message = takeFrame(received, bytesMax)) !== undefined;) {
        received = received.subarray(message.byteOffset - received.byteOffset + message.length);
        yield message;
      }
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/**
 * The first message alone. Throws as `readMessages` does, and `Error` when the stream ends before it
 * is whole.
 */
export async function readMessage(
  stream: Stream,
  signal: AbortSignal,
  bytesMax?: number,
): Promise<Uint8Array> {
  for await (const message of readMessages(stream, signal, bytesMax)) return message;
  throw new Error("The other side closed the stream without an answer");
}
