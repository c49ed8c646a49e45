/** `getheaders` and `headers`: how a chain is compared and followed without its bodies. */
import { CodecError } from "../base/bytes.ts";
import { type BlockHeader, HEADER_BYTES, readHeader } from "../primitives/block.ts";
import { asBlockId, type BlockId, HASH_BYTES, idBytes } from "../primitives/ids.ts";
import { type Codec, readList, writeList } from "./codec.ts";

/** 10 dense ids, then doubling steps: 2^32 heights need 42 ids and genesis. */
export const MAX_LOCATOR_IDS = 64;
export const MAX_HEADERS = 2000;
/** Count, ids, the flag of `stop` and `stop`. */
export const MAX_GETHEADERS_BYTES = 1 + MAX_LOCATOR_IDS * HASH_BYTES + 1 + HASH_BYTES;
export const MAX_HEADERS_BYTES = 2 + MAX_HEADERS * HEADER_BYTES;

export interface GetHeadersBody {
  /** Ids of the asker's main chain, newest first, ending with genesis. */
  readonly locator: readonly BlockId[];
  /** The last header wanted; without it, as many as fit. */
  readonly stop?: BlockId;
}

export interface HeadersBody {
  /** Ascending, each the parent of the next; an empty list says that there are no more. */
  readonly headers: readonly BlockHeader[];
}

export const getHeadersCodec: Codec<GetHeadersBody> = {
  read(reader) {
    const locator = readList(reader, MAX_LOCATOR_IDS, (from) => asBlockId(from.take(HASH_BYTES)));
    const hasStop = reader.u8();
    if (hasStop > 1) throw new CodecError("Cannot decode getheaders: stop is neither 0 nor 1");
    return hasStop === 0 ? { locator } : { locator, stop: asBlockId(reader.take(HASH_BYTES)) };
  },
  write(writer, { locator, stop }) {
    writeList(writer, MAX_LOCATOR_IDS, locator, (to, id) => to.bytes(idBytes(id)));
    writer.u8(stop === undefined ? 0 : 1);
    if (stop !== undefined) writer.bytes(idBytes(stop));
  },
};

export const headersCodec: Codec<HeadersBody> = {
  read: (reader) => ({ headers: readList(reader, MAX_HEADERS, readHeader) }),
  write(writer, { headers }) {
    writeList(writer, MAX_HEADERS, headers, (to, header) => to.bytes(header.bytes));
  },
};
