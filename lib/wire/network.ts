/** `getnetwork` and `network`: the parameters of a network, for whoever comes without them. */
import type { Codec } from "./codec.ts";

/**
 * Parameters of a network file without allocations take below 1 KiB; what is left is room for some
 * 600 of them. A network with more is joined by its file.
 */
export const MAX_NETWORK_BYTES = 64 * 1024;

export interface NetworkBody {
  /** Canonical JSON, not yet checked; empty where the network's are too long to be sent. */
  readonly parameters: Uint8Array;
}

export const networkCodec: Codec<NetworkBody> = {
  read: (reader) => ({ parameters: reader.take(reader.remaining) }),
  write: (writer, { parameters }) => void writer.bytes(parameters),
};
