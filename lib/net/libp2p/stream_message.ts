/** One message of a libp2p protocol that puts its length in front. */
import type { Stream } from "@libp2p/interface";
import { concatBytes } from "../../base/bytes.ts";
import { takeFrame } from "./protobuf.ts";

/**
 * Reads until the first message is whole. Throws `CodecError` for one of more than `bytesMax`, `Error`
 * when the stream ends before or `signal` is aborted.
 */
export async function readMessage(
  stream: Stream,
  signal: AbortSignal,
  bytesMax?: number,
): Promise<Uint8Array> {
  const onAbort = () => stream.abort(new Error("The other side did not answer in time"));
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    let received: Uint8Array = new Uint8Array();
    for await (const chunk of stream) {
      received = concatBytes(received, chunk.subarray());
      const message = takeFrame(received, bytesMax);
      if (message !== undefined) return message;
    }
    throw new Error("The other side closed the stream without an answer");
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
