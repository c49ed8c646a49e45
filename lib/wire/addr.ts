/** `getaddr` and `addr`: signed peer records, passed on as they were signed. */
import { type Codec, readBytes, readList, writeList } from "./codec.ts";

/** Records in one `addr`: checking each signature takes a quarter of a millisecond. */
export const MAX_ADDR_RECORDS = 100;
/** A record of 8 addresses has about 600 bytes; names and IPv6 make longer ones. */
export const MAX_RECORD_BYTES = 2048;
/** Count, then each record behind a length of at most two bytes. */
export const MAX_ADDR_BYTES = 1 + MAX_ADDR_RECORDS * (2 + MAX_RECORD_BYTES);

export interface AddrBody {
  /** libp2p's signed envelopes, not yet checked. */
  readonly records: readonly Uint8Array[];
}

export const addrCodec: Codec<AddrBody> = {
  read: (reader) => ({
    records: readList(reader, MAX_ADDR_RECORDS, (from) => readBytes(from, MAX_RECORD_BYTES)),
  }),
  write(writer, { records }) {
    writeList(writer, MAX_ADDR_RECORDS, records, (to, record) => {
      if (record.length > MAX_RECORD_BYTES) {
        throw new RangeError(`Cannot encode record: ${MAX_RECORD_BYTES} bytes are the most`);
      }
      to.varint(record.length).bytes(record);
    });
  },
};
