/**
 * `share` and `confirm`: the proof of a network's secret, before anything else is said. Their bytes
 * are for CPace (lib/primitives/cpace.ts) to judge; here they have their lengths only.
 */
import type { Codec } from "./codec.ts";

/** An encoded element of ristretto255. */
export const SHARE_BYTES = 32;
/** A tag of HMAC-SHA-512. */
export const TAG_BYTES = 64;

export interface ShareBody {
  readonly share: Uint8Array;
}

export interface ConfirmBody {
  readonly tag: Uint8Array;
}

export const shareCodec: Codec<ShareBody> = {
  read: (reader) => ({ share: reader.take(SHARE_BYTES) }),
  write: (writer, { share }) => void writer.bytes(share),
};

export const confirmCodec: Codec<ConfirmBody> = {
  read: (reader) => ({ tag: reader.take(TAG_BYTES) }),
  write: (writer, { tag }) => void writer.bytes(tag),
};
