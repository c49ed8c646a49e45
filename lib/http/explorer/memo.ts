/** Memos: up to 256 bytes that somebody put into a transaction. */
import { ByteReader, CodecError, fromHex, fromUtf8 } from "../../base/mod.ts";
import type { TransactionInfo } from "../../node/mod.ts";

/** A memo as text where its bytes are UTF-8, else as hex; undefined when there is none to show. */
export type ShownMemo = { text: string } | { hex: string } | undefined;

/** What to show of a transaction's memo: of a coinbase's, what follows the block's height. */
export function shownMemo(
  { memoHex, kind }: Pick<TransactionInfo, "memoHex" | "kind">,
): ShownMemo {
  if (memoHex === "") return undefined;
  try {
    const reader = new ByteReader(fromHex(memoHex));
    if (kind === "coinbase") reader.varint();
    const bytes = reader.take(reader.remaining);
    return bytes.length === 0 ? undefined : { text: fromUtf8(bytes) };
  } catch (error) {
    if (error instanceof CodecError) return { hex: memoHex };
    throw error;
  }
}
